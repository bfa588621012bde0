// SPDX-License-Identifier: Apache-2.0
// libext2fs over our own Image. Runs in the remover's role only.
#pragma once

#include "agent/scan/image/image.hpp"

#include <bailiff/result.hpp>

extern "C" {  // this header has no guard of its own
#include <et/com_err.h>
}
#include <ext2fs/ext2fs.h>

#include <cstdint>
#include <map>
#include <vector>

namespace bailiff::agent {

/// Where in the image the filesystem lies, in bytes. It must stay where it is while the filesystem is open.
struct ExtTarget {
    Image* image;
    uint64_t start, size;
    /// Single blocks that were written and are not yet on the image, by their offset: libext2fs writes a map of blocks again for
    /// each block that it adds, and each write would be a round trip to qemu-nbd. io_channel_flush writes them.
    std::map<uint64_t, std::vector<uint8_t>> held{};
};

errcode_t open_ext(ExtTarget& target, ext2_filsys* out);

/// A sentence for libext2fs's code.
tl::unexpected<Error> ext_failure(const char* what, errcode_t code, Errc kind = Errc::unavailable);

}  // namespace bailiff::agent
