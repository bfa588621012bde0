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

/// Starts the walk of an image: `export_name` is set when `image` is a connected NBD socket.
Result<RoleProcess> start_reader(int image, const std::optional<std::string>& export_name, const WalkLimits& limits);

/// The role's own main. Arguments: raw or nbd, the export's name, the largest file, the most entries, files or leftovers.
int run_reader(const std::vector<std::string>& arguments);

}  // namespace bailiff::agent
