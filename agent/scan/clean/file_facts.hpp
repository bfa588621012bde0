// SPDX-License-Identifier: Apache-2.0
// What a filesystem says of a file besides its content: for the record of changes, and for what takes its place.
#pragma once

#include <bailiff/json.hpp>

#include <cstdint>
#include <optional>

namespace bailiff::agent {

/// As the guest's filesystem has it, so nothing of it need be true. What the filesystem does not know is not set.
struct FileFacts {
    uint64_t inode = 0;                            ///< or the MFT record, or libtsk's number for a FAT file
    std::optional<int64_t> mode, uid, gid, links;  ///< `mode` without the file's type
    std::optional<int64_t> mtime, ctime, atime;    ///< seconds since 1970
    friend bool operator==(const FileFacts&, const FileFacts&) = default;
};

/// An object with the fields' names; `mode` as a number.
Json to_json(const FileFacts& facts);
/// Fields of other types are taken as not set.
FileFacts facts_of(const Json& json);

}  // namespace bailiff::agent
