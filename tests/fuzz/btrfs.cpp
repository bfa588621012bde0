// SPDX-License-Identifier: Apache-2.0
// A btrfs filesystem that a guest made to break its reader. The fuzzer's bytes are patches to a sound one, and checksums are
// made true afterwards: an enemy can do that too, and without it no input would come past them.

#include "agent/scan/btrfs/superblock.hpp"
#include "agent/scan/btrfs/walk.hpp"
#include "tests/unit/scan/btrfs_image.hpp"

#include <array>
#include <cstdlib>
#include <set>
#include <unistd.h>

using namespace bailiff;
using test::BtrfsImage;

namespace {

class Closing : public agent::WalkSink {
  public:
    void file(const std::string& path, uint64_t, int memory_file) override {
        ::close(memory_file);
        if (path.empty() || path.size() > 4096) std::abort();
    }
    void skipped(const std::string&, agent::SkipReason, const std::string&, uint64_t) override {}
};

constexpr uint64_t sub = 260, top = BtrfsImage::top, root = BtrfsImage::root_directory;
constexpr std::array<uint64_t, 6> blocks{BtrfsImage::superblock_at, BtrfsImage::leaf_of(BtrfsImage::chunk_tree), BtrfsImage::leaf_of(BtrfsImage::root_tree),
                                         BtrfsImage::leaf_of(top), BtrfsImage::leaf_of(sub), BtrfsImage::content};

/// One of each thing that a walk meets.
BtrfsImage sound() {
    BtrfsImage disk;
    disk.file(top, root, "file", 257, "body");
    disk.subvolume(sub);
    disk.hang(top, root, "sub", sub);
    disk.file(sub, root, "inner", 257, "more");
    disk.inode(sub, 300, 0, 040755);
    disk.name(sub, root, "folder", 300);
    const uint64_t at = disk.data(std::string(4096, 'x'));
    for (const uint8_t kind : {uint8_t{0}, uint8_t{1}, uint8_t{2}, uint8_t{3}}) {
        disk.name(top, root, std::string(1, static_cast<char>('a' + kind)), 260U + kind);
        disk.inode(top, 260U + kind, 9000);
        disk.extent(top, 260U + kind, 4096, at, 4096, 0, 4096, 4096, kind);
    }
    disk.build();
    return disk;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    static BtrfsImage clean = sound();
    static BtrfsImage disk = clean;
    const agent::Bytes input(data, size);
    std::set<uint64_t> touched;
    // A patch: which block, where in it, how many bytes, the bytes.
    for (size_t at = 0; at + 4 < size;) {
        const uint64_t block = blocks[input[at] % blocks.size()];
        touched.insert(block);
        const uint64_t offset = agent::little_endian<uint16_t>(input, at + 1) % BtrfsImage::node_size;
        const size_t length = std::min<size_t>({input[at + 3] % 64U + 1U, size - at - 4, BtrfsImage::node_size - offset});
        std::copy_n(data + at + 4, length, disk.image.raw().begin() + static_cast<std::ptrdiff_t>(block + offset));
        at += 4 + length;
    }
    agent::WalkLimits limits;
    limits.file_size = 1 << 16;
    limits.entries = 1000;
    agent::Volume volume;
    volume.size = disk.image.size();
    for (const uint64_t block : touched)
        if (block != BtrfsImage::content) disk.seal(block);
    Closing sink;
    static_cast<void>(agent::walk_btrfs(disk.image, volume, limits, sink));
    if (touched.contains(BtrfsImage::superblock_at)) agent::recognise_btrfs(disk.image, volume);
    for (const uint64_t block : touched)
        std::copy_n(clean.image.raw().begin() + static_cast<std::ptrdiff_t>(block), BtrfsImage::node_size,
                    disk.image.raw().begin() + static_cast<std::ptrdiff_t>(block));
    return 0;
}
