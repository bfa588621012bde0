// SPDX-License-Identifier: Apache-2.0
// OpenSSL's SHA-256.
#include "agent/evidence/sha256.hpp"

#include <fcntl.h>
#include <openssl/evp.h>
#include <unistd.h>
#include <algorithm>
#include <array>
#include <cassert>
#include <cerrno>
#include <cstring>
#include <vector>

namespace bailiff::agent {

void Sha256::Free::operator()(evp_md_ctx_st* context) const { EVP_MD_CTX_free(context); }

Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
    const int ready = EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr);
    assert(ready == 1);
    (void)ready;
}

void Sha256::add(std::string_view bytes) { EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()); }

void Sha256::add_zeros(uint64_t count) {
    static const std::vector<char> zeros(size_t{1} << 20, '\0');
    while (count > 0) {
        const size_t piece = size_t(std::min<uint64_t>(count, zeros.size()));
        EVP_DigestUpdate(context_.get(), zeros.data(), piece);
        count -= piece;
    }
}

std::string Sha256::hex() {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
    unsigned size = 0;
    EVP_DigestFinal_ex(context_.get(), digest.data(), &size);
    static constexpr char digits[] = "0123456789abcdef";
    std::string out;
    for (unsigned i = 0; i < size; ++i) {
        out += digits[digest[i] >> 4];
        out += digits[digest[i] & 15];
    }
    return out;
}

std::string sha256_of(std::string_view text) {
    Sha256 hash;
    hash.add(text);
    return hash.hex();
}

Result<std::string> sha256_of_file(const std::string& path, const std::function<void(uint64_t)>& progress) {
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return fail(errno == ENOENT ? Errc::not_found : Errc::unavailable,
                    "Cannot open " + path + ": " + std::strerror(errno) + ".");
    Sha256 hash;
    std::vector<char> buffer(size_t{4} << 20);
    uint64_t done = 0;
    while (true) {
        const ssize_t n = ::read(fd, buffer.data(), buffer.size());
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) {
            const int error = errno;
            ::close(fd);
            return fail(Errc::unavailable, "Cannot read " + path + ": " + std::strerror(error) + ".");
        }
        if (n == 0) break;
        hash.add({buffer.data(), size_t(n)});
        done += uint64_t(n);
        if (progress) progress(done);
    }
    ::close(fd);
    return hash.hex();
}

}  // namespace bailiff::agent
