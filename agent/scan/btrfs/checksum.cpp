// SPDX-License-Identifier: Apache-2.0
// SHA-256 by OpenSSL.
#include "agent/scan/btrfs/checksum.hpp"

#include "agent/scan/image/crc32c.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <cassert>

namespace bailiff::agent {
namespace {

constexpr size_t checksum_size = 32;

}  // namespace

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
