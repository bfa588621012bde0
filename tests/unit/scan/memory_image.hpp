// SPDX-License-Identifier: Apache-2.0
// A disk in memory, and writers for the integers that tables of disks are made of.
#pragma once

#include "agent/scan/image/image.hpp"

#include <algorithm>
#include <cstring>
#include <string_view>
#include <vector>

namespace bailiff::test {

class MemoryImage : public agent::Image {
  public:
    explicit MemoryImage(size_t size) : bytes_(size) {}
    uint64_t size() const override { return bytes_.size(); }
    bool read(uint64_t offset, std::span<uint8_t> out) override {
        if (offset > bytes_.size() || out.size() > bytes_.size() - offset) return false;
        std::copy_n(bytes_.begin() + static_cast<std::ptrdiff_t>(offset), out.size(), out.begin());
        return true;
    }
    void put(uint64_t offset, std::string_view text) { std::memcpy(bytes_.data() + offset, text.data(), text.size()); }
    void little(uint64_t offset, uint64_t value, size_t size) {
        for (size_t i = 0; i < size; ++i) bytes_[offset + i] = static_cast<uint8_t>(value >> (8 * i));
    }
    void big(uint64_t offset, uint64_t value, size_t size) {
        for (size_t i = 0; i < size; ++i) bytes_[offset + i] = static_cast<uint8_t>(value >> (8 * (size - 1 - i)));
    }
    std::vector<uint8_t>& raw() { return bytes_; }
    const std::vector<uint8_t>& raw() const { return bytes_; }

  private:
    std::vector<uint8_t> bytes_;
};

}  // namespace bailiff::test
