// SPDX-License-Identifier: Apache-2.0
// The first bytes of a disk that a guest wrote: the qcow2 gate, its bitmaps, partition tables, filesystems told by their marks.

#include "agent/scan/image/qcow2_bitmap.hpp"
#include "agent/scan/image/qcow2_header.hpp"
#include "agent/scan/image/used_bytes.hpp"
#include "agent/scan/image/volume.hpp"

#include <algorithm>
#include <cstdlib>

using namespace bailiff::agent;

namespace {

/// The fuzzer's bytes at the start of a disk that is larger than they are.
class Disk : public Image {
  public:
    Disk(const uint8_t* data, size_t size) : data_(data), size_(size) {}
    uint64_t size() const override { return 4 << 20; }   // small: the search for marks reads it all
    bool read(uint64_t offset, std::span<uint8_t> out) override {
        if (offset > size() || out.size() > size() - offset) return false;
        std::fill(out.begin(), out.end(), uint8_t{0});
        if (offset < size_) std::copy_n(data_ + offset, std::min<size_t>(out.size(), size_ - offset), out.begin());
        return true;
    }

  private:
    const uint8_t* data_;
    size_t size_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    Qcow2Expectation none;
    // Nothing but the image itself may ever be opened: a header that names another file must not pass.
    if (const auto header = check_qcow2_header({data, size}, size, none); header && !header->backing_path.empty()) std::abort();
    Disk disk(data, size);
    (void)qcow2_bitmap_problem(disk, "b0");
    const auto volumes = find_volumes(disk);
    if (volumes.empty()) std::abort();
    for (const Volume& volume : volumes)
        if (used_bytes(volume.on(disk), volume) > volume.size) std::abort();
    return 0;
}
