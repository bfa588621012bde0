// SPDX-License-Identifier: Apache-2.0
// CRC-32C by table; SHA-256 by OpenSSL.
#include "agent/scan/btrfs_checksum.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <cassert>

namespace bailiff::agent {
namespace {

constexpr size_t checksum_size = 32;

/// The bits of Castagnoli's polynomial in reversed order, divided byte by byte.
constexpr std::array<uint32_t, 256> remainders = [] {
    std::array<uint32_t, 256> table{};
    for (uint32_t i = 0; i < table.size(); ++i) {
        uint32_t rest = i;
        for (int bit = 0; bit < 8; ++bit) rest = rest & 1 ? rest >> 1 ^ 0x82f63b78U : rest >> 1;
        table[i] = rest;
    }
    return table;
}();

}  // namespace

uint32_t crc32c(Bytes bytes) {
    uint32_t rest = ~0U;
    for (const uint8_t byte : bytes) rest = rest >> 8 ^ remainders[(rest ^ byte) & 0xff];
    return ~rest;
}

std::array<uint8_t, 32> sha256(Bytes bytes) {
    std::array<uint8_t, 32> out{};
    unsigned length = 0;
    const int done = EVP_Digest(bytes.data(), bytes.size(), out.data(), &length, EVP_sha256(), nullptr);
    assert(done == 1 && length == out.size());
    static_cast<void>(done);
    return out;
}

bool btrfs_checksum_holds(BtrfsChecksum kind, Bytes block) {
    if (block.size() <= checksum_size) return false;
    const Bytes body = block.subspan(checksum_size);
    switch (kind) {
        case BtrfsChecksum::crc32c: return crc32c(body) == little_endian<uint32_t>(block, 0);
        case BtrfsChecksum::sha256: {
            const auto digest = sha256(body);
            return std::equal(digest.begin(), digest.end(), block.begin());
        }
    }
    return false;
}

}  // namespace bailiff::agent
