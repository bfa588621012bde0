// SPDX-License-Identifier: Apache-2.0
// X25519 keys as PEM, as `openssl genpkey -algorithm x25519` makes them.
#include "agent/scan/clean/sealed_file.hpp"

#include <openssl/evp.h>
#include <openssl/pem.h>

#include <stdexcept>

namespace bailiff::agent {
namespace {

using Bio = std::unique_ptr<BIO, decltype(&BIO_free)>;
using SharedKey = std::shared_ptr<EVP_PKEY>;

SharedKey owned(EVP_PKEY* key) { return key ? SharedKey(key, EVP_PKEY_free) : SharedKey(); }
bool is_x25519(const SharedKey& key) { return key && EVP_PKEY_get_id(key.get()) == EVP_PKEY_X25519; }
Bio reading(std::string_view text) { return {BIO_new_mem_buf(text.data(), static_cast<int>(text.size())), BIO_free}; }

std::string written(const Bio& bio) {
    char* data = nullptr;
    const long size = BIO_get_mem_data(bio.get(), &data);
    return {data, static_cast<size_t>(size)};
}

}  // namespace

Result<SealingKey> SealingKey::from_public_pem(std::string_view pem) {
    if (pem.find("PRIVATE KEY-----") != pem.npos)
        return fail(Errc::invalid, "this is the private half of a key; keep it where the contents are read, and name here what `openssl pkey -in PRIVATE.pem "
                                   "-pubout` prints");
    auto key = owned(PEM_read_bio_PUBKEY(reading(pem).get(), nullptr, nullptr, nullptr));
    if (!is_x25519(key))
        return fail(Errc::invalid, "this is no X25519 public key in PEM; make a pair with `openssl genpkey -algorithm x25519 -out PRIVATE.pem` and `openssl pkey "
                                   "-in PRIVATE.pem -pubout -out PUBLIC.pem`");
    return SealingKey(std::move(key));
}

std::string SealingKey::public_pem() const {
    const Bio bio(BIO_new(BIO_s_mem()), BIO_free);
    if (PEM_write_bio_PUBKEY(bio.get(), key_.get()) != 1) throw std::runtime_error("OpenSSL writes no public key");
    return written(bio);
}

UnsealingKey UnsealingKey::make() {
    auto key = owned(EVP_PKEY_Q_keygen(nullptr, nullptr, "X25519"));
    if (!key) throw std::runtime_error("OpenSSL makes no X25519 key");
    return UnsealingKey(std::move(key));
}

Result<UnsealingKey> UnsealingKey::from_private_pem(std::string_view pem) {
    auto key = owned(PEM_read_bio_PrivateKey(reading(pem).get(), nullptr, nullptr, nullptr));
    if (!is_x25519(key)) return fail(Errc::invalid, "this is no X25519 private key in PEM, as `openssl genpkey -algorithm x25519` makes it");
    return UnsealingKey(std::move(key));
}

std::string UnsealingKey::private_pem() const {
    const Bio bio(BIO_new(BIO_s_mem()), BIO_free);
    if (PEM_write_bio_PrivateKey(bio.get(), key_.get(), nullptr, nullptr, 0, nullptr, nullptr) != 1) throw std::runtime_error("OpenSSL writes no private key");
    return written(bio);
}

}  // namespace bailiff::agent
