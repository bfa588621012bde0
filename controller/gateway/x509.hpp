// SPDX-License-Identifier: Apache-2.0
// The few things of OpenSSL that a small CA is made of, as owners and whole steps.
#pragma once

#include <bailiff/result.hpp>
#include <bailiff/time.hpp>

#include <memory>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <string>
#include <utility>
#include <vector>

namespace bailiff {

struct OpensslDeleter {
    void operator()(EVP_PKEY* p) const { EVP_PKEY_free(p); }
    void operator()(X509* p) const { X509_free(p); }
    void operator()(X509_REQ* p) const { X509_REQ_free(p); }
};
using KeyPointer = std::unique_ptr<EVP_PKEY, OpensslDeleter>;
using CertificatePointer = std::unique_ptr<X509, OpensslDeleter>;
using RequestPointer = std::unique_ptr<X509_REQ, OpensslDeleter>;

/// What a certificate says besides its key. `extensions` in the words of openssl.cnf.
struct CertificatePlan {
    std::string common_name;
    Instant begins{}, ends{};
    std::vector<std::pair<int, std::string>> extensions;
};

/// ECDSA on P-256.
KeyPointer make_key();
std::string key_pem(EVP_PKEY* key);
KeyPointer read_key(const std::string& pem);
std::string certificate_pem(X509* certificate);
CertificatePointer read_certificate(const std::string& pem);
/// SHA-256 of the DER, 64 hex digits: what a person compares and a token carries.
std::string certificate_sha256(X509* certificate);
std::string certificate_serial(X509* certificate);
std::pair<Instant, Instant> certificate_life(X509* certificate);
/// Whether the certificate is for exactly this key.
bool belongs(X509* certificate, EVP_PKEY* key);

/// A request whose signature proves that its sender has the key; only P-256, P-384 and Ed25519 keys are taken.
Result<RequestPointer> read_request(const std::string& pem);

/// Signs; `issuer` null makes it self-signed. The serial is 127 random bits.
CertificatePointer make_certificate(const CertificatePlan& plan, EVP_PKEY* subject_key, X509* issuer, EVP_PKEY* issuer_key);

}  // namespace bailiff
