// SPDX-License-Identifier: Apache-2.0
// The reader: the role that finds volumes, walks them, and hands over contents.
#pragma once

#include "agent/scan/box/role.hpp"
#include "agent/scan/filesystem_walk.hpp"

#include <bailiff/result.hpp>

#include <optional>
#include <string>
#include <vector>

namespace bailiff::agent {

/// What may wait unread between reader and engines.
inline constexpr size_t most_files_ahead = 32;
inline constexpr uint64_t most_bytes_ahead = 128U << 20;

/// Starts the walk of an image: `export_name` is set when `image` is a connected NBD socket. With `dirty_bitmap` (a name, or ""
/// for none) the reader first sends `changes` and waits for a packet with the fingerprints of what it need not read.
Result<RoleProcess> start_reader(int image, const std::optional<std::string>& export_name, const WalkLimits& limits,
                                 const std::optional<std::string>& dirty_bitmap = std::nullopt);

/// The role's own main. Arguments: raw or nbd, the export's name, the largest file, the most entries, files or leftovers, the
/// bytes per second, and for a scan that goes by what changed the dirty bitmap's name.
int run_reader(const std::vector<std::string>& arguments);

}  // namespace bailiff::agent
