// SPDX-License-Identifier: Apache-2.0
// Contents that were taken out of a disk, encrypted for a key whose private half need not be on this host.
#pragma once

#include "agent/scan/box/memory_file.hpp"
#include "agent/scan/image/byte_order.hpp"

#include <bailiff/result.hpp>

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

struct evp_pkey_st;   // OpenSSL's EVP_PKEY

namespace bailiff::agent {

// A sealed file, version 1. Numbers are big endian, lengths in bytes.
//
//     0  16  "bailiff-sealed/1"
//    16   8  length of the content
//    24  32  SHA-256 of the content
//    56  32  the recipient's X25519 public key
//    88  32  an X25519 public key made for this file alone
//   120  48  the file's key, wrapped
//   168      the content in chunks of 65536, the last one shorter or as long; each is followed by its tag of 16.
//            An empty content is one chunk of nothing.
//
// wrapping key = HKDF-SHA-256(secret = X25519 of both keys, salt = bytes 56 to 119, info = "bailiff-sealed/1 key")
// bytes 120 to 167 = ChaCha20-Poly1305(wrapping key, nonce = 12 zeros, aad = bytes 0 to 119, the file's key: 32 random bytes)
// a chunk = ChaCha20-Poly1305(the file's key, nonce, aad = bytes 0 to 167, at most 65536 bytes of content)
// nonce = the chunk's number from 0 in 11 bytes, then 1 for the last chunk and 0 for each other, as in STREAM (Hoang,
// Reyhanitabar, Rogaway, Vizár, "Online Authenticated-Encryption and its Nonce-Reuse Misuse-Resistance", 2015) and age: what was
// cut off, added, exchanged or changed is refused.
inline constexpr std::string_view sealed_magic = "bailiff-sealed/1";
inline constexpr size_t sealed_header_size = 168, sealed_chunk = 65536, sealed_tag = 16;
inline constexpr std::string_view sealed_suffix = ".sealed";

/// The public half: seals. Cheap to copy, immutable.
class SealingKey {
  public:
    /// Refuses a private key: it does not belong on the host.
    static Result<SealingKey> from_public_pem(std::string_view pem);
    std::string public_pem() const;
    std::array<uint8_t, 32> raw() const;
    evp_pkey_st* handle() const { return key_.get(); }

  private:
    friend class UnsealingKey;
    explicit SealingKey(std::shared_ptr<evp_pkey_st> key) : key_(std::move(key)) {}
    std::shared_ptr<evp_pkey_st> key_;
};

/// The private half: opens what its public half sealed.
class UnsealingKey {
  public:
    static UnsealingKey make();
    static Result<UnsealingKey> from_private_pem(std::string_view pem);
    /// Unencrypted PKCS#8; the file's mode protects it.
    std::string private_pem() const;
    SealingKey public_half() const { return SealingKey(key_); }

  private:
    explicit UnsealingKey(std::shared_ptr<evp_pkey_st> key) : key_(std::move(key)) {}
    std::shared_ptr<evp_pkey_st> key_;
};

/// What stands in the clear at a sealed file's beginning.
struct SealedHeader {
    uint64_t size = 0;   ///< of the content
    ContentDigest sha256{};
    std::array<uint8_t, 32> recipient{};
};

/// How long the sealed form of so many bytes is.
uint64_t sealed_length(uint64_t size);

/// Errors: invalid when these bytes begin no sealed file of this version.
Result<SealedHeader> read_sealed_header(Bytes bytes);

/// Seals `size` bytes of `content` (from its beginning) into the empty file `out`; `progress` hears of the bytes done. The
/// digest is the caller's word, and is compared when the file is opened. Errors: unavailable (a full disk).
Result<void> seal_content(int content, uint64_t size, const ContentDigest& sha256, const SealingKey& key, int out,
                          const std::function<void(uint64_t)>& progress = {});

/// Opens the file `sealed`. The whole is verified before `take` sees its first byte; `take` answers false to stop. Errors:
/// invalid (no sealed file; cut short, changed or damaged), forbidden (another key), unavailable.
Result<SealedHeader> unseal_content(int sealed, const UnsealingKey& key, const std::function<bool(Bytes)>& take);

}  // namespace bailiff::agent
