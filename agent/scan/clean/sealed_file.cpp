// SPDX-License-Identifier: Apache-2.0
// The format of sealed_file.hpp, by OpenSSL 3.
#include "agent/scan/clean/sealed_file.hpp"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <vector>

namespace bailiff::agent {
namespace {

constexpr size_t key_size = 32, nonce_size = 12;
constexpr size_t size_at = 16, digest_at = 24, recipient_at = 56, ephemeral_at = 88, wrapped_at = 120;
constexpr std::string_view key_info = "bailiff-sealed/1 key";
static_assert(sealed_magic.size() == size_at && wrapped_at + key_size + sealed_tag == sealed_header_size);

using Header = std::array<uint8_t, sealed_header_size>;
using Nonce = std::array<uint8_t, nonce_size>;

/// Key bytes that do not outlive their use.
struct Secret : std::array<uint8_t, key_size> {
    Secret() : std::array<uint8_t, key_size>{} {}
    ~Secret() { OPENSSL_cleanse(data(), size()); }
    Secret(const Secret&) = delete;
    Secret& operator=(const Secret&) = delete;
};

tl::unexpected<Error> no_openssl(const char* what) { return fail(Errc::unavailable, std::string("OpenSSL cannot ") + what); }

Nonce nonce_of(uint64_t chunk, bool last) {
    Nonce out{};
    for (size_t i = 0; i < 8; ++i) out[nonce_size - 2 - i] = static_cast<uint8_t>(chunk >> (8 * i));
    out[nonce_size - 1] = last ? 1 : 0;
    return out;
}

/// ChaCha20-Poly1305 under one key, for many pieces.
class Cipher {
  public:
    enum class Way { seal, open };
    Cipher(const Secret& key, Way way) : context_(EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free), way_(way) {
        if (!context_ || EVP_CipherInit_ex2(context_.get(), EVP_chacha20_poly1305(), key.data(), nullptr, way == Way::seal, nullptr) != 1) context_.reset();
    }
    /// The tag stands behind the text. False when it does not fit, or when OpenSSL fails.
    bool run(const Nonce& nonce, Bytes aad, Bytes in, uint8_t* out) {
        EVP_CIPHER_CTX* c = context_.get();
        int n = 0, end = 0;
        const size_t text = way_ == Way::seal ? in.size() : in.size() - sealed_tag;
        if (!c || EVP_CipherInit_ex2(c, nullptr, nullptr, nonce.data(), -1, nullptr) != 1) return false;
        if (way_ == Way::open && EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, sealed_tag, const_cast<uint8_t*>(in.data() + text)) != 1) return false;
        if (EVP_CipherUpdate(c, nullptr, &n, aad.data(), static_cast<int>(aad.size())) != 1) return false;
        if (text > 0 && EVP_CipherUpdate(c, out, &n, in.data(), static_cast<int>(text)) != 1) return false;
        if (EVP_CipherFinal_ex(c, out + text, &end) != 1) return false;
        return way_ == Way::open || EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, sealed_tag, out + text) == 1;
    }

  private:
    std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)> context_;
    Way way_;
};

/// The key that wraps the file's key; `header` holds both public keys already.
bool wrapping_key(EVP_PKEY* ours, EVP_PKEY* theirs, const Header& header, Secret& out) {
    Secret shared;
    size_t size = shared.size();
    const std::unique_ptr<EVP_PKEY_CTX, decltype(&EVP_PKEY_CTX_free)> exchange(EVP_PKEY_CTX_new(ours, nullptr), EVP_PKEY_CTX_free);
    // OpenSSL refuses a result of zeros, as public keys of small order give it.
    if (!exchange || EVP_PKEY_derive_init(exchange.get()) != 1 || EVP_PKEY_derive_set_peer(exchange.get(), theirs) != 1 ||
        EVP_PKEY_derive(exchange.get(), shared.data(), &size) != 1 || size != shared.size())
        return false;
    const std::unique_ptr<EVP_KDF, decltype(&EVP_KDF_free)> hkdf(EVP_KDF_fetch(nullptr, "HKDF", nullptr), EVP_KDF_free);
    const std::unique_ptr<EVP_KDF_CTX, decltype(&EVP_KDF_CTX_free)> context(EVP_KDF_CTX_new(hkdf.get()), EVP_KDF_CTX_free);
    char digest[] = "SHA256";
    const OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, shared.data(), shared.size()),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, const_cast<uint8_t*>(header.data() + recipient_at), wrapped_at - recipient_at),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, const_cast<char*>(key_info.data()), key_info.size()), OSSL_PARAM_construct_end()};
    return context && EVP_KDF_derive(context.get(), out.data(), out.size(), parameters) == 1;
}

std::array<uint8_t, key_size> raw_public(EVP_PKEY* key) {
    std::array<uint8_t, key_size> out{};
    size_t size = out.size();
    if (EVP_PKEY_get_raw_public_key(key, out.data(), &size) != 1 || size != out.size()) throw std::runtime_error("not an X25519 key");
    return out;
}

bool read_exactly(int fd, uint64_t at, uint8_t* out, size_t size) {
    while (size > 0) {
        const ssize_t got = ::pread(fd, out, size, static_cast<off_t>(at));
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return false;
        out += got;
        at += static_cast<uint64_t>(got);
        size -= static_cast<size_t>(got);
    }
    return true;
}

bool write_exactly(int fd, Bytes bytes) {
    while (!bytes.empty()) {
        const ssize_t put = ::write(fd, bytes.data(), bytes.size());
        if (put < 0 && errno == EINTR) continue;
        if (put <= 0) return false;
        bytes = bytes.subspan(static_cast<size_t>(put));
    }
    return true;
}

/// Decrypts every chunk once; `take` sees each that is good. False for one that is not.
Result<bool> each_chunk(int sealed, const Header& header, const Secret& key, uint64_t size, const std::function<bool(Bytes)>& take) {
    Cipher cipher(key, Cipher::Way::open);
    std::vector<uint8_t> in(sealed_chunk + sealed_tag), out(sealed_chunk);
    const uint64_t chunks = std::max<uint64_t>((size + sealed_chunk - 1) / sealed_chunk, 1);
    for (uint64_t i = 0; i < chunks; ++i) {
        const size_t length = std::min<uint64_t>(sealed_chunk, size - i * sealed_chunk);
        if (!read_exactly(sealed, sealed_header_size + i * (sealed_chunk + sealed_tag), in.data(), length + sealed_tag))
            return fail(Errc::unavailable, "the sealed file cannot be read to its end");
        if (!cipher.run(nonce_of(i, i + 1 == chunks), header, Bytes(in).first(length + sealed_tag), out.data())) return false;
        if (!take(Bytes(out).first(length))) return fail(Errc::unavailable, "the content could not be passed on to its end");
    }
    return true;
}

}  // namespace

std::array<uint8_t, 32> SealingKey::raw() const { return raw_public(key_.get()); }

uint64_t sealed_length(uint64_t size) {
    return sealed_header_size + size + std::max<uint64_t>((size + sealed_chunk - 1) / sealed_chunk, 1) * sealed_tag;
}

Result<SealedHeader> read_sealed_header(Bytes bytes) {
    if (bytes.size() < sealed_header_size || !std::equal(sealed_magic.begin(), sealed_magic.end() - 1, bytes.begin(), [](char a, uint8_t b) { return static_cast<uint8_t>(a) == b; }))
        return fail(Errc::invalid, "this is no sealed file");
    if (bytes[size_at - 1] != static_cast<uint8_t>(sealed_magic.back()))
        return fail(Errc::invalid, "this sealed file is of another version; open it with the bailiff-clean that made it, or a newer one");
    SealedHeader out;
    out.size = big_endian<uint64_t>(bytes, size_at);
    std::copy_n(bytes.begin() + digest_at, out.sha256.size(), out.sha256.begin());
    std::copy_n(bytes.begin() + recipient_at, out.recipient.size(), out.recipient.begin());
    return out;
}

Result<void> seal_content(int content, uint64_t size, const ContentDigest& sha256, const SealingKey& key, int out,
                          const std::function<void(uint64_t)>& progress) {
    Header header{};
    std::copy(sealed_magic.begin(), sealed_magic.end(), header.begin());
    for (size_t i = 0; i < 8; ++i) header[size_at + i] = static_cast<uint8_t>(size >> (56 - 8 * i));
    std::copy(sha256.begin(), sha256.end(), header.begin() + digest_at);
    const auto recipient = key.raw();
    std::copy(recipient.begin(), recipient.end(), header.begin() + recipient_at);
    const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> ephemeral(EVP_PKEY_Q_keygen(nullptr, nullptr, "X25519"), EVP_PKEY_free);
    if (!ephemeral) return no_openssl("make a key");
    const auto own = raw_public(ephemeral.get());
    std::copy(own.begin(), own.end(), header.begin() + ephemeral_at);
    Secret wrap, file;
    if (RAND_priv_bytes(file.data(), key_size) != 1 || !wrapping_key(ephemeral.get(), key.handle(), header, wrap)) return no_openssl("make a key");
    if (!Cipher(wrap, Cipher::Way::seal).run({}, Bytes(header).first(wrapped_at), file, header.data() + wrapped_at)) return no_openssl("wrap a key");

    const auto unwritten = [] { return fail(Errc::unavailable, std::string("the sealed file cannot be written: ") + std::strerror(errno)); };
    if (!write_exactly(out, header)) return unwritten();
    Cipher cipher(file, Cipher::Way::seal);
    std::vector<uint8_t> in(sealed_chunk), sealed(sealed_chunk + sealed_tag);
    for (uint64_t at = 0, chunk = 0; chunk == 0 || at < size; ++chunk) {
        const size_t length = std::min<uint64_t>(sealed_chunk, size - at);
        if (!read_exactly(content, at, in.data(), length)) return fail(Errc::unavailable, "the content cannot be read back");
        at += length;
        if (!cipher.run(nonce_of(chunk, at == size), header, Bytes(in).first(length), sealed.data())) return no_openssl("encrypt");
        if (!write_exactly(out, Bytes(sealed).first(length + sealed_tag))) return unwritten();
        if (progress) progress(at);
    }
    return {};
}

Result<SealedHeader> unseal_content(int sealed, const UnsealingKey& key, const std::function<bool(Bytes)>& take) {
    Header bytes{};
    struct stat status {};
    if (::fstat(sealed, &status) != 0 || !S_ISREG(status.st_mode)) return fail(Errc::invalid, "this is no plain file");
    if (!read_exactly(sealed, 0, bytes.data(), bytes.size())) return fail(Errc::invalid, "this is no sealed file");
    const auto header = read_sealed_header(bytes);
    if (!header) return header;
    const auto refuse = [] { return fail(Errc::invalid, "the sealed file was changed or is damaged; nothing of it is given out"); };
    // A length that overflows is none that this file could have.
    if (header->size > (uint64_t{1} << 62) || static_cast<uint64_t>(status.st_size) != sealed_length(header->size)) return refuse();
    if (key.public_half().raw() != header->recipient)
        return fail(Errc::forbidden, "the file is sealed for another key, whose public half is " + hex_of(header->recipient));
    const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> ephemeral(
        EVP_PKEY_new_raw_public_key_ex(nullptr, "X25519", nullptr, bytes.data() + ephemeral_at, key_size), EVP_PKEY_free);
    Secret wrap, file;
    if (!ephemeral || !wrapping_key(key.public_half().handle(), ephemeral.get(), bytes, wrap)) return refuse();
    if (!Cipher(wrap, Cipher::Way::open).run({}, Bytes(bytes).first(wrapped_at), Bytes(bytes).subspan(wrapped_at), file.data())) return refuse();

    const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> hash(EVP_MD_CTX_new(), EVP_MD_CTX_free);
    if (!hash || EVP_DigestInit_ex2(hash.get(), EVP_sha256(), nullptr) != 1) return no_openssl("compute SHA-256");
    const auto good = each_chunk(sealed, bytes, file, header->size, [&](Bytes chunk) { return EVP_DigestUpdate(hash.get(), chunk.data(), chunk.size()) == 1; });
    if (!good) return fail(good.error());
    ContentDigest digest{};
    if (!*good || EVP_DigestFinal_ex(hash.get(), digest.data(), nullptr) != 1 || digest != header->sha256) return refuse();
    const auto passed = each_chunk(sealed, bytes, file, header->size, take);
    if (!passed) return fail(passed.error());
    if (!*passed) return refuse();
    return header;
}

}  // namespace bailiff::agent
