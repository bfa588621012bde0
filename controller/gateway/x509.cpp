// SPDX-License-Identifier: Apache-2.0
#include "controller/gateway/x509.hpp"

#include <bailiff/dsse.hpp>

#include <ctime>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdexcept>

namespace bailiff {
namespace {

using Bio = std::unique_ptr<BIO, decltype(&BIO_free)>;

Bio reader(const std::string& text) { return {BIO_new_mem_buf(text.data(), int(text.size())), BIO_free}; }
Bio writer() { return {BIO_new(BIO_s_mem()), BIO_free}; }
std::string text_of(const Bio& bio) {
    char* data = nullptr;
    const long size = BIO_get_mem_data(bio.get(), &data);
    return {data, size_t(size)};
}

/// OpenSSL refusing a step that depends on nothing but memory and our own code.
void must(bool done, const char* what) {
    if (!done) throw std::runtime_error(std::string("OpenSSL cannot ") + what);
}

Instant instant_of(const ASN1_TIME* time) {
    std::tm parts{};
    must(ASN1_TIME_to_tm(time, &parts) == 1, "read a certificate's time");
    return Instant(Seconds(timegm(&parts)));
}

}  // namespace

KeyPointer make_key() {
    KeyPointer key(EVP_EC_gen("P-256"));
    must(key != nullptr, "make a P-256 key");
    return key;
}

std::string key_pem(EVP_PKEY* key) {
    const Bio bio = writer();
    must(PEM_write_bio_PKCS8PrivateKey(bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr) == 1, "write a private key");
    return text_of(bio);
}

KeyPointer read_key(const std::string& pem) { return KeyPointer(PEM_read_bio_PrivateKey(reader(pem).get(), nullptr, nullptr, nullptr)); }

std::string certificate_pem(X509* certificate) {
    const Bio bio = writer();
    must(PEM_write_bio_X509(bio.get(), certificate) == 1, "write a certificate");
    return text_of(bio);
}

CertificatePointer read_certificate(const std::string& pem) {
    return CertificatePointer(PEM_read_bio_X509(reader(pem).get(), nullptr, nullptr, nullptr));
}

std::string certificate_sha256(X509* certificate) {
    unsigned char* der = nullptr;
    const int size = i2d_X509(certificate, &der);
    must(size > 0, "write a certificate as DER");
    const std::string bytes(reinterpret_cast<char*>(der), size_t(size));
    OPENSSL_free(der);
    return sha256_hex(bytes);
}

std::string certificate_serial(X509* certificate) {
    const std::unique_ptr<BIGNUM, decltype(&BN_free)> number(ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), nullptr), BN_free);
    char* hex = BN_bn2hex(number.get());
    must(hex != nullptr, "print a serial");
    std::string out(hex);
    OPENSSL_free(hex);
    for (char& c : out) c = c >= 'A' && c <= 'F' ? char(c + 32) : c;
    return out;
}

std::pair<Instant, Instant> certificate_life(X509* certificate) {
    return {instant_of(X509_get0_notBefore(certificate)), instant_of(X509_get0_notAfter(certificate))};
}

bool belongs(X509* certificate, EVP_PKEY* key) { return X509_check_private_key(certificate, key) == 1; }

Result<RequestPointer> read_request(const std::string& pem) {
    if (pem.size() > 16 * 1024) return fail(Errc::invalid, "The certificate request is larger than 16 KiB.");
    RequestPointer request(PEM_read_bio_X509_REQ(reader(pem).get(), nullptr, nullptr, nullptr));
    if (!request) return fail(Errc::invalid, "This is no certificate request in PEM; make one with `bailiff-link enrol`.");
    EVP_PKEY* key = X509_REQ_get0_pubkey(request.get());
    char curve[32] = "";
    const int type = key ? EVP_PKEY_get_base_id(key) : 0;
    if (type == EVP_PKEY_EC) EVP_PKEY_get_group_name(key, curve, sizeof curve, nullptr);
    const std::string name = curve;
    if (type != EVP_PKEY_ED25519 && name != "prime256v1" && name != "secp384r1")
        return fail(Errc::invalid, "The request's key must be P-256, P-384 or Ed25519.");
    if (X509_REQ_verify(request.get(), key) != 1)
        return fail(Errc::invalid, "The request is not signed by the key it names; its sender must have the key.");
    return request;
}

CertificatePointer make_certificate(const CertificatePlan& plan, EVP_PKEY* subject_key, X509* issuer, EVP_PKEY* issuer_key) {
    CertificatePointer out(X509_new());
    X509* certificate = out.get();
    must(certificate && X509_set_version(certificate, X509_VERSION_3) == 1, "begin a certificate");

    unsigned char random[16];
    must(RAND_bytes(random, sizeof random) == 1, "give randomness");
    random[0] = static_cast<unsigned char>((random[0] & 0x7f) | 0x40);  // positive, and of one length
    const std::unique_ptr<BIGNUM, decltype(&BN_free)> serial(BN_bin2bn(random, sizeof random, nullptr), BN_free);
    must(BN_to_ASN1_INTEGER(serial.get(), X509_get_serialNumber(certificate)) != nullptr, "set a serial");

    X509_NAME* subject = X509_get_subject_name(certificate);
    must(X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, reinterpret_cast<const unsigned char*>(plan.common_name.data()),
                                    int(plan.common_name.size()), -1, 0) == 1, "name a certificate's subject");
    must(X509_set_issuer_name(certificate, issuer ? X509_get_subject_name(issuer) : subject) == 1, "name a certificate's issuer");
    must(ASN1_TIME_set(X509_getm_notBefore(certificate), plan.begins.time_since_epoch().count()) &&
             ASN1_TIME_set(X509_getm_notAfter(certificate), plan.ends.time_since_epoch().count()), "set a certificate's life");
    must(X509_set_pubkey(certificate, subject_key) == 1, "set a certificate's key");

    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer ? issuer : certificate, certificate, nullptr, nullptr, 0);
    X509V3_set_ctx_nodb(&context);
    for (const auto& [kind, value] : plan.extensions) {
        const std::unique_ptr<X509_EXTENSION, decltype(&X509_EXTENSION_free)> extension(
            X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str()), X509_EXTENSION_free);
        must(extension && X509_add_ext(certificate, extension.get(), -1) == 1, "add a certificate's extension");
    }
    must(X509_sign(certificate, issuer_key, EVP_sha256()) > 0, "sign a certificate");
    return out;
}

}  // namespace bailiff
