// SPDX-License-Identifier: Apache-2.0
// See dsse.hpp.
#include <bailiff/dsse.hpp>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdexcept>

namespace bailiff {

std::string base64(std::string_view bytes) {
    std::string out(4 * ((bytes.size() + 2) / 3), '\0');
    EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()), reinterpret_cast<const unsigned char*>(bytes.data()),
                    int(bytes.size()));
    return out;
}

Result<std::string> unbase64(std::string_view text) {
    if (text.size() % 4) return fail(Errc::invalid, "base64 comes in groups of four characters");
    for (size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        const bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '/';
        const bool pad = c == '=' && i + 2 >= text.size() && (i + 1 == text.size() || text[i + 1] == '=');
        if (!letter && !pad) return fail(Errc::invalid, "a character that is not base64");
    }
    std::string out(text.size() / 4 * 3, '\0');
    const int size = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                                     reinterpret_cast<const unsigned char*>(text.data()), int(text.size()));
    if (size < 0) return fail(Errc::invalid, "not base64");
    size_t padding = 0;
    while (padding < 2 && padding < text.size() && text[text.size() - 1 - padding] == '=') ++padding;
    out.resize(size_t(size) - padding);
    if (base64(out) != text) return fail(Errc::invalid, "base64 with stray bits at its end");
    return out;
}

std::string sha256_hex(std::string_view bytes) {
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    if (EVP_Digest(bytes.data(), bytes.size(), digest, &size, EVP_sha256(), nullptr) != 1)
        throw std::runtime_error("OpenSSL computes no SHA-256");
    static constexpr char digits[] = "0123456789abcdef";
    std::string out;
    for (unsigned i = 0; i < size; ++i) {
        out += digits[digest[i] >> 4];
        out += digits[digest[i] & 15];
    }
    return out;
}

std::string dsse_pae(std::string_view type, std::string_view body) {
    return "DSSEv1 " + std::to_string(type.size()) + " " + std::string(type) + " " + std::to_string(body.size()) + " " +
           std::string(body);
}

namespace {

std::string text_of(BIO* bio) {
    char* data = nullptr;
    const long size = BIO_get_mem_data(bio, &data);
    return std::string(data, size_t(size));
}

}  // namespace

SignatureKey::SignatureKey(EVP_PKEY* key) : key_(key, EVP_PKEY_free) {}

SignatureKey SignatureKey::from_seed(std::string_view seed) {
    EVP_PKEY* key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr,
                                                 reinterpret_cast<const unsigned char*>(seed.data()), seed.size());
    if (!key) throw std::runtime_error("an Ed25519 seed has 32 bytes");
    return SignatureKey(key);
}

std::string SignatureKey::public_pem() const {
    const std::unique_ptr<BIO, decltype(&BIO_free)> bio(BIO_new(BIO_s_mem()), BIO_free);
    if (PEM_write_bio_PUBKEY(bio.get(), key_.get()) != 1) throw std::runtime_error("OpenSSL writes no public key");
    return text_of(bio.get());
}

std::string SignatureKey::private_pem() const {
    const std::unique_ptr<BIO, decltype(&BIO_free)> bio(BIO_new(BIO_s_mem()), BIO_free);
    if (PEM_write_bio_PrivateKey(bio.get(), key_.get(), nullptr, nullptr, 0, nullptr, nullptr) != 1)
        throw std::runtime_error("OpenSSL writes no private key");
    return text_of(bio.get());
}

std::string SignatureKey::key_id() const {
    unsigned char raw[32];
    size_t size = sizeof raw;
    if (EVP_PKEY_get_raw_public_key(key_.get(), raw, &size) != 1) throw std::runtime_error("not an Ed25519 key");
    return sha256_hex(std::string_view(reinterpret_cast<const char*>(raw), size)).substr(0, 16);
}

std::string SignatureKey::sign(std::string_view bytes) const {
    const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
    unsigned char signature[64];
    size_t size = sizeof signature;
    if (EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key_.get()) != 1 ||
        EVP_DigestSign(context.get(), signature, &size, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size()) != 1)
        throw std::runtime_error("OpenSSL does not sign; is this a private key?");
    return std::string(reinterpret_cast<char*>(signature), size);
}

bool SignatureKey::verify(std::string_view bytes, std::string_view signature) const {
    const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
    return EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key_.get()) == 1 &&
           EVP_DigestVerify(context.get(), reinterpret_cast<const unsigned char*>(signature.data()), signature.size(),
                            reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size()) == 1;
}

Result<SignatureKey> SignatureKey::from_pem(std::string_view pem, bool secret) {
    const std::unique_ptr<BIO, decltype(&BIO_free)> bio(BIO_new_mem_buf(pem.data(), int(pem.size())), BIO_free);
    EVP_PKEY* key = secret ? PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr)
                           : PEM_read_bio_PUBKEY(bio.get(), nullptr, nullptr, nullptr);
    if (!key || EVP_PKEY_get_id(key) != EVP_PKEY_ED25519) {
        EVP_PKEY_free(key);
        return fail(Errc::invalid, "this is no Ed25519 key in PEM; make one with `openssl genpkey -algorithm ed25519`");
    }
    return SignatureKey(key);
}

std::string seal(const SignatureKey& key, std::string_view type, std::string_view payload) {
    return dump_json(Json{{"payloadType", type},
                          {"payload", base64(payload)},
                          {"signatures", Json::array({Json{{"keyid", key.key_id()}, {"sig", base64(key.sign(dsse_pae(type, payload)))}}})}});
}

namespace {

struct Envelope {
    struct Signature { std::string key_id, bytes; };
    Opened content;
    std::vector<Signature> signatures;
};

tl::expected<Envelope, EnvelopeFault> read_envelope(std::string_view text, size_t largest) {
    const auto json = read_json(text, JsonLimits{largest, 4});
    if (!json)
        return tl::unexpected(json.error().kind == JsonFault::Kind::too_large ? EnvelopeFault::too_large : EnvelopeFault::malformed);
    std::vector<Mistake> mistakes;
    JsonReader read(*json, mistakes);
    Envelope out;
    out.content.type = read.text("payloadType", 200);
    auto payload = unbase64(read.text("payload", largest));
    read.each("signatures", true, 8, [&](const Json& item, const std::string& at) {
        JsonReader one(item, mistakes, at);
        auto bytes = unbase64(one.text("sig", 200));
        if (bytes) out.signatures.push_back({one.text("keyid", 64, false), std::move(*bytes)});
        else one.mistake("sig", "is no base64");
    });
    read.finish();
    if (!mistakes.empty() || !payload || out.signatures.empty()) return tl::unexpected(EnvelopeFault::malformed);
    out.content.payload = std::move(*payload);
    out.content.key_id = out.signatures.front().key_id;
    return out;
}

}  // namespace

tl::expected<Opened, EnvelopeFault> open_envelope(std::string_view text, const TrustedKeys& trusted, size_t largest) {
    auto envelope = read_envelope(text, largest);
    if (!envelope) return tl::unexpected(envelope.error());
    Opened& out = envelope->content;
    const std::string signed_bytes = dsse_pae(out.type, out.payload);
    bool known = false;
    for (const auto& signature : envelope->signatures) {
        const auto key = trusted.find(signature.key_id);
        if (key == trusted.end()) continue;
        known = true;
        if (!key->second.verify(signed_bytes, signature.bytes)) continue;
        out.key_id = signature.key_id;
        return std::move(out);
    }
    return tl::unexpected(known ? EnvelopeFault::bad_signature : EnvelopeFault::unknown_key);
}

tl::expected<Opened, EnvelopeFault> look_into_envelope(std::string_view text, size_t largest) {
    auto envelope = read_envelope(text, largest);
    if (!envelope) return tl::unexpected(envelope.error());
    return std::move(envelope->content);
}

}  // namespace bailiff
