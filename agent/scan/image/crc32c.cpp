// SPDX-License-Identifier: Apache-2.0
// Eight tables, so that eight bytes are divided at a time: a directory of a million entries is checked as fast as it is read.
#include "agent/scan/image/crc32c.hpp"

#include <array>

namespace bailiff::agent {
namespace {

/// The bits of the polynomial in reversed order.
constexpr auto checksum_table = [] {
    std::array<std::array<uint32_t, 256>, 8> table{};
    for (uint32_t i = 0; i < 256; ++i) {
        uint32_t value = i;
        for (int bit = 0; bit < 8; ++bit) value = value & 1 ? value >> 1 ^ 0x82f63b78U : value >> 1;
        table[0][i] = value;
    }
    for (size_t k = 1; k < 8; ++k)
        for (size_t i = 0; i < 256; ++i) table[k][i] = table[k - 1][i] >> 8 ^ table[0][table[k - 1][i] & 0xff];
    return table;
}();

}  // namespace

uint32_t crc32c_step(uint32_t value, Bytes bytes) {
    for (; bytes.size() >= 8; bytes = bytes.subspan(8)) {
        const uint32_t low = little_endian<uint32_t>(bytes.first(4), 0) ^ value;
        value = checksum_table[7][low & 0xff] ^ checksum_table[6][low >> 8 & 0xff] ^ checksum_table[5][low >> 16 & 0xff] ^
                checksum_table[4][low >> 24] ^ checksum_table[3][bytes[4]] ^ checksum_table[2][bytes[5]] ^
                checksum_table[1][bytes[6]] ^ checksum_table[0][bytes[7]];
    }
    for (const uint8_t byte : bytes) value = value >> 8 ^ checksum_table[0][(value ^ byte) & 0xff];
    return value;
}

uint32_t crc32c(Bytes bytes) { return ~crc32c_step(~0U, bytes); }

}  // namespace bailiff::agent
