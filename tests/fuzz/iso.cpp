// SPDX-License-Identifier: Apache-2.0
// An ISO 9660 image that a guest made to break its reader. Nothing in it has a checksum, so the fuzzer's bytes are patches to
// an image that holds one of everything.

#include "agent/scan/iso/walk.hpp"
#include "tests/unit/scan/iso_image.hpp"

#include <cstdlib>
#include <set>

using namespace bailiff;
using test::IsoImage;

namespace {

constexpr uint64_t first = 16, metadata_sectors = 26, largest = 64U << 10;

class Checked : public agent::WalkSink {
  public:
    explicit Checked(const agent::WalkLimits& limits) : limits_(limits) {}
    void file(const std::string& path, uint64_t size, int memory_file) override {
        const agent::Descriptor descriptor(memory_file);
        const auto sealed = agent::sealed_size(descriptor.fd());
        if (!sealed || *sealed != size || size > limits_.file_size) std::abort();
        check(path);
    }
    void skipped(const std::string& path, agent::SkipReason /*reason*/, const std::string& detail, uint64_t /*size*/) override {
        if (!path.empty()) check(path);
        if (detail.empty()) std::abort();
    }

  private:
    void check(const std::string& path) {
        // What stands behind a path tells what it is of ("/", " (associated)").
        if (path.empty() || path[0] != '/' || path.size() > limits_.path + 16 || path.find('\0') != path.npos || ++calls_ > 8 * limits_.entries) std::abort();
    }
    const agent::WalkLimits& limits_;
    uint64_t calls_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    static const IsoImage sound = test::iso_sampler();
    static IsoImage disk = sound;
    const agent::Bytes input(data, size);
    std::set<uint64_t> touched;
    // A patch: which sector (0: the partition table), where in it, how many bytes, the bytes.
    for (size_t at = 0; at + 4 < size;) {
        const uint64_t which = input[at] % (metadata_sectors + 1), sector = which == metadata_sectors ? 0 : first + which;
        const uint64_t offset = agent::little_endian<uint16_t>(input, at + 1) % IsoImage::sector;
        const size_t length = std::min<size_t>({input[at + 3] % 48U + 1U, size - at - 4, IsoImage::sector - offset});
        std::copy_n(data + at + 4, length, disk.raw().begin() + static_cast<std::ptrdiff_t>(sector * IsoImage::sector + offset));
        touched.insert(sector);
        at += 4 + length;
    }
    agent::WalkLimits limits;
    limits.file_size = largest;
    limits.entries = 500;
    const auto volumes = agent::find_volumes(disk);
    if (volumes.empty()) std::abort();
    agent::Volume whole;
    whole.size = disk.size();
    whole.also_at = volumes.front().also_at;
    Checked sink(limits);
    static_cast<void>(agent::walk_iso(disk, whole, limits, sink));
    for (const uint64_t sector : touched)
        std::copy_n(sound.raw().begin() + static_cast<std::ptrdiff_t>(sector * IsoImage::sector), IsoImage::sector,
                    disk.raw().begin() + static_cast<std::ptrdiff_t>(sector * IsoImage::sector));
    return 0;
}
