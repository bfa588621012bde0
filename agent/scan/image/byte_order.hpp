// SPDX-License-Identifier: Apache-2.0
// Bounds-checked reading of integers from untrusted bytes; past the end everything is zero.
#pragma once

#include <cstdint>
#include <span>

namespace bailiff::agent {

using Bytes = std::span<const uint8_t>;

/// The unsigned integer of sizeof(T) bytes at `offset`, most significant byte first.
template <class T>
T big_endian(Bytes bytes, uint64_t offset) {
    uint64_t value = 0;
    for (uint64_t i = 0; i < sizeof(T); ++i)
        value = value << 8 | (offset + i < bytes.size() ? bytes[offset + i] : 0);
    return static_cast<T>(value);
}

/// The same, least significant byte first.
template <class T>
T little_endian(Bytes bytes, uint64_t offset) {
    uint64_t value = 0;
    for (uint64_t i = sizeof(T); i-- > 0;) value = value << 8 | (offset + i < bytes.size() ? bytes[offset + i] : 0);
    return static_cast<T>(value);
}

}  // namespace bailiff::agent
