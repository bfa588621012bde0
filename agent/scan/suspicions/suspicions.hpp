// SPDX-License-Identifier: Apache-2.0
// Rules over a file's path and the beginning of its content: what a person should look at. Pure; runs in the reader, on
// customers' bytes.
#pragma once

#include "agent/scan/scan_result.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace bailiff::agent {

/// So much of a content is looked at.
inline constexpr size_t suspicion_head = 64U << 10;
/// Bytes of a reason. It may carry hostile bytes of the content: escape before showing.
inline constexpr size_t longest_reason = 400;

struct Suspicion {
    SuspicionRule rule;
    std::string reason;
    friend bool operator==(const Suspicion&, const Suspicion&) = default;
};

/// Whether any rule wants to see the content of such a file.
bool asks_for_content(std::string_view path);

/// At most one for each rule. `path` is raw bytes from the root of its volume, `head` the first `suspicion_head` bytes of the
/// content, `mode` the file's mode (as stat has it), 0 when it has none or it is not known.
std::vector<Suspicion> suspicions_of(std::string_view path, std::string_view head, uint32_t mode = 0);

}  // namespace bailiff::agent
