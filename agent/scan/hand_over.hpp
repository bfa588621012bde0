// SPDX-License-Identifier: Apache-2.0
// The last step of every walk: one file's content into a sealed memory file, and that to the sink.
#pragma once

#include "agent/scan/box/memory_file.hpp"
#include "agent/scan/filesystem_walk.hpp"

#include <functional>

namespace bailiff::agent {

/// Appends the whole content. Its error is Errc::unavailable when memory failed, and any other when the disk is at fault.
using FillContent = std::function<Result<void>(MemoryFile&)>;

/// Says everything that the content depends on. False when that cannot be said in full: such a content is read each time.
using DescribeContent = std::function<bool(ContentPlace&)>;

/// Whether the content is known and untouched, and was told to the sink as such. `told_by` gets its fingerprint, or none.
bool is_unchanged(const std::string& path, uint64_t size, WalkSink& sink, const DescribeContent& describe, Fingerprint& told_by);

/// What cannot be handed over is reported to the sink: larger than the limit as `size`, by the disk's fault as `unreadable`,
/// by ours as `error`. An empty file holds nothing to match and is passed over.
void hand_over(const std::string& path, uint64_t size, const WalkLimits& limits, WalkSink& sink, const FillContent& fill,
               const DescribeContent& describe = {});

}  // namespace bailiff::agent
