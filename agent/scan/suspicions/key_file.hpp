// SPDX-License-Identifier: Apache-2.0
// authorized_keys: whose they are, and what they let in.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace bailiff::agent {

/// What is odd about a file of keys; nothing for an account that people log in to, root's too, whatever keys it holds.
std::optional<std::string> odd_keys(std::string_view path, std::string_view content);

}  // namespace bailiff::agent
