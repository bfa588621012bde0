// SPDX-License-Identifier: Apache-2.0
// Files that are whole or absent, also after a power cut.
#pragma once

#include <bailiff/result.hpp>

#include <sys/types.h>
#include <string>
#include <string_view>
#include <vector>

namespace bailiff::agent {

/// Replaces `path` by a file with this content: written beside it as `.part`, synced, renamed, folder synced.
/// Errors: unavailable (full disk, no permission …) with the file still as it was.
Result<void> write_durably(const std::string& path, std::string_view content, mode_t mode);

/// Renames a synced file or folder within one file system, and syncs the folders on both sides.
Result<void> rename_durably(const std::string& from, const std::string& to);

/// Removes a file and syncs its folder. A file that is not there is success.
Result<void> remove_durably(const std::string& path);

/// Makes a folder with exactly this mode, and its parents with 0755. One that exists keeps its mode.
Result<void> make_folder(const std::string& path, mode_t mode);

/// The same for a folder of our own alone, which gets this mode also when it exists: a crash may have come between its making
/// and its mode.
Result<void> make_folder_of_mode(const std::string& path, mode_t mode);

/// Waits until the file's (or folder's) content is on the disk.
Result<void> sync_path(const std::string& path);

/// The whole file. Errors: not_found, invalid when longer than `cap_bytes`, unavailable.
Result<std::string> read_file(const std::string& path, size_t cap_bytes);

/// The names in a folder, sorted, without "." and ".."; empty when there is no such folder.
std::vector<std::string> names_in(const std::string& folder);

}  // namespace bailiff::agent
