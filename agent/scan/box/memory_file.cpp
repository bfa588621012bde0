// SPDX-License-Identifier: Apache-2.0
// memfd_create, seals, and the digest of a sealed file.
#include "agent/scan/box/memory_file.hpp"

#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <vector>

namespace bailiff::agent {
namespace {
constexpr int all_seals = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;

tl::unexpected<Error> no_memory() {
    return fail(Errc::unavailable, std::string("no memory for the file's content: ") + std::strerror(errno));
}
}  // namespace

Result<MemoryFile> MemoryFile::create() {
    Descriptor file(::memfd_create("content", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    if (!file) return no_memory();
    return MemoryFile(std::move(file));
}

Result<void> MemoryFile::append(std::span<const char> bytes) {
    while (!bytes.empty()) {
        const ssize_t n = ::write(file_.fd(), bytes.data(), bytes.size());
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return no_memory();
        bytes = bytes.subspan(static_cast<size_t>(n));
    }
    return {};
}

Result<void> MemoryFile::append_zeros(uint64_t count) {
    const off_t end = ::lseek(file_.fd(), static_cast<off_t>(count), SEEK_CUR);
    if (end < 0 || ::ftruncate(file_.fd(), end) != 0) return no_memory();
    return {};
}

Result<void> MemoryFile::seal() {
    if (::fcntl(file_.fd(), F_ADD_SEALS, all_seals) != 0) return no_memory();
    return {};
}

Result<uint64_t> sealed_size(int fd) {
    struct stat status {};
    const int seals = ::fcntl(fd, F_GET_SEALS);
    if (seals < 0 || (seals & all_seals) != all_seals || ::fstat(fd, &status) != 0 || !S_ISREG(status.st_mode))
        return fail(Errc::forbidden, "the reader handed over something that is no sealed memory file");
    return static_cast<uint64_t>(status.st_size);
}

std::string hex_of(const ContentDigest& digest) {
    static constexpr char digits[] = "0123456789abcdef";
    std::string out;
    for (const uint8_t byte : digest) {
        out += digits[byte >> 4];
        out += digits[byte & 15];
    }
    return out;
}

Result<ContentDigest> digest_of(int fd, uint64_t size) {
    // Found once: looking an algorithm up costs as much as hashing a small file.
    static const std::unique_ptr<EVP_MD, decltype(&EVP_MD_free)> sha256(EVP_MD_fetch(nullptr, "SHA256", nullptr), EVP_MD_free);
    const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
    if (!sha256 || !context || EVP_DigestInit_ex2(context.get(), sha256.get(), nullptr) != 1)
        return fail(Errc::unavailable, "OpenSSL has no SHA-256");
    std::vector<char> buffer(std::min<uint64_t>(size, 1U << 18));
    for (uint64_t at = 0; at < size;) {
        const ssize_t n = ::pread(fd, buffer.data(), buffer.size(), static_cast<off_t>(at));
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return fail(Errc::unavailable, "the content cannot be read back for its digest");
        EVP_DigestUpdate(context.get(), buffer.data(), static_cast<size_t>(n));
        at += static_cast<uint64_t>(n);
    }
    ContentDigest out{};
    EVP_DigestFinal_ex(context.get(), out.data(), nullptr);
    return out;
}

}  // namespace bailiff::agent
