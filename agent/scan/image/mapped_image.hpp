// SPDX-License-Identifier: Apache-2.0
// A logical volume as a row of bytes: which bytes of which image stand behind it.
#pragma once

#include "agent/scan/image/image.hpp"

#include <cstdint>
#include <memory>
#include <vector>

namespace bailiff::agent {

/// Where one stripe of a segment lies. Legs may lie in different images: a volume group spans disks, arrays, other groups.
struct MappedLeg {
    std::shared_ptr<Image> image;
    uint64_t start = 0;  ///< bytes within `image`
};

/// A piece of the logical volume. With several legs its bytes go round them, `stripe_size` at a time.
struct MappedSegment {
    uint64_t length = 0;       ///< bytes, over all legs
    uint64_t stripe_size = 0;  ///< bytes; only looked at when there are several legs
    std::vector<MappedLeg> legs;
};

/// Reads and writes go straight through, so nothing is copied, and a volume of a terabyte costs a few numbers. The images
/// behind it are kept alive. An image behind a leg that is too short makes a read fail, never wrong.
class MappedImage : public Image {
  public:
    /// Segments follow each other from byte 0. Nothing when one has no length, no leg, or stripes that do not fill it.
    static std::shared_ptr<MappedImage> create(std::vector<MappedSegment> segments);

    uint64_t size() const override { return size_; }
    bool read(uint64_t offset, std::span<uint8_t> out) override;
    bool places(uint64_t offset, uint64_t length, const TakePlace& take) const override;
    bool write(uint64_t offset, Bytes bytes) override;
    bool flush() override;

  private:
    struct Place {
        Image* image;
        uint64_t offset;
        uint64_t length;  // bytes that follow each other there
    };
    MappedImage() = default;
    Place place(uint64_t offset) const;
    std::vector<MappedSegment> segments_;
    std::vector<uint64_t> starts_;  // of segments_, ascending
    uint64_t size_ = 0;
};

}  // namespace bailiff::agent
