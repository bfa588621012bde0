// SPDX-License-Identifier: Apache-2.0
// Another content for a file of ext2/3/4: in an inode of its own, which takes the old one's place when it is whole.
#pragma once

#include "agent/scan/clean/cleaner.hpp"
#include "agent/scan/clean/ext_image_io.hpp"

#include <bailiff/result.hpp>

#include <string>

namespace bailiff::agent {

/// One name of a file.
struct ExtName {
    ext2_ino_t folder = 0, inode = 0;
    std::string name;  ///< bytes
};

/// Makes a regular file with the replacement's content and the old inode's mode, owner, project and extended attributes, and
/// has the name mean it. Attributes of chattr are not taken over: malware likes to be immutable. The old inode is left for the
/// caller to release; other names of it stay what they are.
/// All of it is allocated before anything that is in use is written. Errors: unavailable (no space, too few inodes: nothing was
/// changed); unknown_outcome (the filesystem may be unsound now).
Result<void> replace_ext_file(ext2_filsys fs, const ExtName& old, const Replacement& replacement);

/// The number of blocks that a content of this size takes, without those of its map.
uint64_t ext_blocks_of(ext2_filsys fs, uint64_t size);

}  // namespace bailiff::agent
