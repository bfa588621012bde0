// SPDX-License-Identifier: Apache-2.0
#include "agent/link/identity.hpp"

#include <cerrno>
#include <cstring>
#include <ctime>
#include <fcntl.h>
#include <filesystem>
#include <memory>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <sys/stat.h>
#include <stdexcept>
#include <unistd.h>

namespace bailiff::agent {
namespace {

using Bio = std::unique_ptr<BIO, decltype(&BIO_free)>;

std::string text_of(const Bio& bio) {
    char* data = nullptr;
    const long size = BIO_get_mem_data(bio.get(), &data);
    return {data, size_t(size)};
}

void must(bool done, const char* what) {
    if (!done) throw std::runtime_error(std::string("OpenSSL cannot ") + what);
}

}  // namespace

KeyAndRequest make_key_and_request() {
    const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(EVP_EC_gen("P-256"), EVP_PKEY_free);
    const std::unique_ptr<X509_REQ, decltype(&X509_REQ_free)> request(X509_REQ_new(), X509_REQ_free);
    must(key && request, "make a key");
    must(X509_REQ_set_pubkey(request.get(), key.get()) == 1 && X509_REQ_sign(request.get(), key.get(), EVP_sha256()) > 0, "sign a request");
    const Bio key_out(BIO_new(BIO_s_mem()), BIO_free), request_out(BIO_new(BIO_s_mem()), BIO_free);
    must(PEM_write_bio_PKCS8PrivateKey(key_out.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) == 1, "write a key");
    must(PEM_write_bio_X509_REQ(request_out.get(), request.get()) == 1, "write a request");
    return {text_of(key_out), text_of(request_out)};
}

Result<CertificateLife> certificate_life(const std::string& file) {
    const Bio in(BIO_new_file(file.c_str(), "r"), BIO_free);
    const std::unique_ptr<X509, decltype(&X509_free)> certificate(in ? PEM_read_bio_X509(in.get(), nullptr, nullptr, nullptr) : nullptr, X509_free);
    if (!certificate) return fail(Errc::not_found, "There is no certificate in " + file + "; enrol this host with `bailiff-link enrol`.");
    std::tm begins{}, ends{};
    must(ASN1_TIME_to_tm(X509_get0_notBefore(certificate.get()), &begins) == 1 && ASN1_TIME_to_tm(X509_get0_notAfter(certificate.get()), &ends) == 1,
         "read a certificate's time");
    return CertificateLife{Instant(Seconds(timegm(&begins))), Instant(Seconds(timegm(&ends)))};
}

Result<void> write_whole(const std::string& path, const std::string& text, mode_t mode) {
    const std::string fresh = path + ".new";
    unlink(fresh.c_str());
    const int file = open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    bool done = file >= 0 && fchmod(file, mode) == 0 && write(file, text.data(), text.size()) == ssize_t(text.size()) && fsync(file) == 0;
    if (file >= 0) done = close(file) == 0 && done;
    done = done && rename(fresh.c_str(), path.c_str()) == 0;
    if (!done) return fail(Errc::unavailable, "Cannot write " + path + " (" + std::strerror(errno) + "); check space and permissions.");
    const int folder = open(std::filesystem::path(path).parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder >= 0) {
        fsync(folder);
        close(folder);
    }
    return {};
}

}  // namespace bailiff::agent
