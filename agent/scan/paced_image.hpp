// SPDX-License-Identifier: Apache-2.0
// Reads no faster than it is told, so that whoever else uses the disk keeps the rest of it.
#pragma once

#include "agent/scan/image/image.hpp"

#include <chrono>
#include <cstdint>
#include <memory>

namespace bailiff::agent {

/// A bucket of tokens, one for a byte: pure, the caller brings the time and does the waiting.
class ReadPace {
  public:
    using Time = std::chrono::nanoseconds;
    /// `rate` in bytes per second, at least 1. Pauses are saved up for at most a tenth of a second of reading.
    explicit ReadPace(uint64_t rate) : rate_(rate) {}
    /// How long to wait AFTER reading this much; what was read late is not made up for.
    Time after(uint64_t bytes, Time now);

  private:
    uint64_t rate_;
    Time free_at_{0};   ///< when all that was read is paid for
};

/// Another image, at most so many bytes a second.
class PacedImage : public Image {
  public:
    PacedImage(std::unique_ptr<Image> image, uint64_t rate) : image_(std::move(image)), pace_(rate) {}
    uint64_t size() const override { return image_->size(); }
    bool read(uint64_t offset, std::span<uint8_t> out) override;
    bool places(uint64_t offset, uint64_t length, const TakePlace& take) const override { return image_->places(offset, length, take); }
    Result<void> written(DirtyMap& map) override { return image_->written(map); }

  private:
    std::unique_ptr<Image> image_;
    ReadPace pace_;
};

}  // namespace bailiff::agent
