// SPDX-License-Identifier: Apache-2.0
// DSSE v1 envelopes with Ed25519 signatures (github.com/secure-systems-lab/dsse, protocol.md), by OpenSSL 3.
// What is signed is PAE(type, body): the bytes as they are, never a re-serialisation.
#pragma once

#include <bailiff/json.hpp>
#include <bailiff/result.hpp>

#include <map>
#include <memory>
#include <string>
#include <string_view>

struct evp_pkey_st;   // OpenSSL's EVP_PKEY

namespace bailiff {

std::string base64(std::string_view bytes);

/// Strict: the standard alphabet with padding, and exactly one text for the same bytes (RFC 4648 §3.5), so that an
/// envelope cannot be changed without its content changing.
Result<std::string> unbase64(std::string_view text);

/// SHA-256 as 64 lower-case hex digits.
std::string sha256_hex(std::string_view bytes);

/// Pre-authentication encoding: what is really signed.
std::string dsse_pae(std::string_view type, std::string_view body);

/// An Ed25519 key, private or public. Cheap to copy, immutable, usable from every thread.
class SignatureKey {
  public:
    /// 32 bytes: for tests and for keys made from a port's randomness.
    static SignatureKey from_seed(std::string_view seed);
    static Result<SignatureKey> from_private_pem(std::string_view pem) { return from_pem(pem, true); }
    static Result<SignatureKey> from_public_pem(std::string_view pem) { return from_pem(pem, false); }

    std::string public_pem() const;
    /// Unencrypted PKCS#8; the file's mode protects it.
    std::string private_pem() const;
    /// The first 16 hex digits of the SHA-256 of the raw public key. A hint, never a proof.
    std::string key_id() const;
    std::string sign(std::string_view bytes) const;
    bool verify(std::string_view bytes, std::string_view signature) const;

  private:
    explicit SignatureKey(evp_pkey_st* key);
    static Result<SignatureKey> from_pem(std::string_view pem, bool secret);
    std::shared_ptr<evp_pkey_st> key_;
};

/// The keys a receiver trusts for one purpose, by key id.
using TrustedKeys = std::map<std::string, SignatureKey>;

/// An opened envelope: `payload` are exactly the verified bytes.
struct Opened {
    std::string type;
    std::string payload;
    std::string key_id;
};

/// Why an envelope does not open.
enum class EnvelopeFault { too_large, malformed, unknown_key, bad_signature };

std::string seal(const SignatureKey& key, std::string_view type, std::string_view payload);

/// The largest envelope of an order, a job or a statement, in bytes.
inline constexpr size_t usual_envelope = 32 * 1024;

/// Opens an envelope when at least one signature by a trusted key fits. The key id only selects which key to try.
tl::expected<Opened, EnvelopeFault> open_envelope(std::string_view text, const TrustedKeys& trusted, size_t largest = usual_envelope);
/// What an envelope holds, with NO signature looked at: to show what nobody here can vouch for. `key_id` is its first one.
tl::expected<Opened, EnvelopeFault> look_into_envelope(std::string_view text, size_t largest = usual_envelope);

}  // namespace bailiff
