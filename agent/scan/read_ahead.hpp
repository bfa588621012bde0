// SPDX-License-Identifier: Apache-2.0
// Reads ahead where an image is read in order, so that a thousand small files cost one request and not a thousand.
#pragma once

#include "agent/scan/image/image.hpp"

#include <cstdint>
#include <memory>
#include <vector>

namespace bailiff::agent {

/// Another image behind a window of two megabytes. A read that begins shortly behind the last one's end fills the window;
/// any other goes through as it is, since what lies around it is of no use. What is read is what lay there when the window
/// was filled: for images that do not change meanwhile.
class ReadAheadImage : public Image {
  public:
    explicit ReadAheadImage(std::unique_ptr<Image> image) : image_(std::move(image)) {}
    uint64_t size() const override { return image_->size(); }
    bool read(uint64_t offset, std::span<uint8_t> out) override;
    bool places(uint64_t offset, uint64_t length, const TakePlace& take) const override { return image_->places(offset, length, take); }
    Result<void> written(DirtyMap& map) override { return image_->written(map); }

  private:
    std::unique_ptr<Image> image_;
    std::vector<uint8_t> window_;
    uint64_t start_ = 0;      ///< of the window
    uint64_t last_end_ = ~uint64_t{0};
};

}  // namespace bailiff::agent
