// SPDX-License-Identifier: Apache-2.0
// A walk over XFS whose metadata a guest forged. Bytes at random would not get past the superblock, so the input changes
// a filesystem that holds one of everything, and its checksums are made to fit again, as an attacker would.

#include "agent/scan/box/memory_file.hpp"
#include "agent/scan/xfs/walk.hpp"
#include "tests/unit/scan/xfs_image.hpp"

#include <cstdlib>
#include <set>

using namespace bailiff::agent;
using bailiff::test::XfsImage;

namespace {

class Checked : public WalkSink {
  public:
    explicit Checked(const WalkLimits& limits) : limits_(limits) {}
    void file(const std::string& path, uint64_t size, int memory_file) override {
        const Descriptor descriptor(memory_file);
        const auto sealed = sealed_size(descriptor.fd());
        if (!sealed || *sealed != size || size > limits_.file_size) std::abort();
        check(path);
    }
    void skipped(const std::string& path, SkipReason /*reason*/, const std::string& detail, uint64_t /*size*/) override {
        if (!path.empty()) check(path);
        if (detail.empty()) std::abort();
    }

  private:
    void check(const std::string& path) {
        if (path.empty() || path[0] != '/' || path.size() > limits_.path + 1 || path.find('\0') != path.npos || ++calls_ > 4 * limits_.entries)
            std::abort();
    }
    const WalkLimits& limits_;
    uint64_t calls_ = 0;
};

struct Place {
    uint64_t offset;
    size_t length, checksum_at;
};

/// Where the sampler keeps its metadata.
std::vector<Place> metadata() {
    std::vector<Place> out{{0, 512, 224}};
    for (uint64_t number = 16; number <= 30; ++number) out.push_back({XfsImage::inode_offset(number), 512, 100});
    for (const uint64_t block : {XfsImage::second_group + 2, uint64_t{40}, uint64_t{42}, uint64_t{70}}) out.push_back({XfsImage::offset(block), 1024, 4});
    for (const uint64_t block : {50U, 51U, 52U, 71U}) out.push_back({XfsImage::offset(block), 1024, 64});
    out.push_back({XfsImage::offset(XfsImage::log_block), 1024, 0});
    return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    static const std::vector<Place> places = metadata();
    static const XfsImage samples[] = {bailiff::test::xfs_sampler(false), bailiff::test::xfs_sampler(true)};
    if (size == 0) return 0;
    const bool checksums = data[0] & 1, forged = data[0] & 2;
    XfsImage disk = samples[checksums];
    // Each change: which place, where in it, and the new byte.
    std::set<size_t> touched;
    for (size_t at = 1; at + 4 <= size; at += 4) {
        const size_t which = data[at] % places.size();
        disk.raw()[places[which].offset + big_endian<uint16_t>({data, size}, at + 1) % places[which].length] = data[at + 3];
        touched.insert(which);
    }
    if (checksums && forged)
        for (const size_t which : touched)
            if (places[which].checksum_at) disk.seal(places[which].offset, places[which].length, places[which].checksum_at);
    if (find_volumes(disk).empty()) std::abort();
    WalkLimits limits;
    limits.file_size = 1U << 20;
    limits.entries = 2000;
    Volume volume;
    volume.size = disk.size();
    Checked sink(limits);
    (void)walk_xfs(disk, volume, limits, sink);
    return 0;
}
