// SPDX-License-Identifier: Apache-2.0
// See keep.hpp.
#include "agent/scan/clean/keep.hpp"

#include "agent/files/durable_file.hpp"
#include "agent/scan/box/descriptor.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace bailiff::agent {
namespace {

/// Whether a whole sealed file of this content is there: its rename came after its sync, so its header and length tell.
bool is_kept(const std::string& path, uint64_t size, const ContentDigest& sha256) {
    const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    std::array<uint8_t, sealed_header_size> bytes{};
    struct stat status {};
    if (!file || ::fstat(file.fd(), &status) != 0 || !S_ISREG(status.st_mode) || static_cast<uint64_t>(status.st_size) != sealed_length(size)) return false;
    if (::pread(file.fd(), bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) return false;
    const auto header = read_sealed_header(bytes);
    return header && header->size == size && header->sha256 == sha256;
}

}  // namespace

Result<std::string> keep_content(int content, uint64_t size, const ContentDigest& sha256, const SealingKey& key, const std::string& folder,
                                 const std::function<void(uint64_t)>& progress) {
    const std::string path = folder + "/" + hex_of(sha256) + std::string(sealed_suffix), part = path + ".part";
    if (is_kept(path, size, sha256)) return path;
    const auto failed = [&](const std::string& why) {
        ::unlink(part.c_str());
        return fail(Errc::unavailable, "the content cannot be kept in '" + folder + "': " + why);
    };
    ::unlink(part.c_str());
    const Descriptor out(::open(part.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0400));
    if (!out) return failed(std::strerror(errno));
    if (const auto sealed = seal_content(content, size, sha256, key, out.fd(), progress); !sealed) return failed(sealed.error().text);
    if (::fsync(out.fd()) != 0) return failed(std::strerror(errno));
    if (const auto renamed = rename_durably(part, path); !renamed) return failed(renamed.error().text);
    return path;
}

Result<SealedHeader> unseal_file(const std::string& path, const UnsealingKey& key, int out) {
    if (::isatty(out) == 1) return fail(Errc::invalid, "the content may be malware and may steer a terminal; send it to a file: > OUT");
    const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (!file) return fail(errno == ENOENT ? Errc::not_found : Errc::unavailable, "'" + path + "' cannot be opened: " + std::strerror(errno));
    return unseal_content(file.fd(), key, [out](Bytes bytes) {
        while (!bytes.empty()) {
            const ssize_t put = ::write(out, bytes.data(), bytes.size());
            if (put < 0 && errno == EINTR) continue;
            if (put <= 0) return false;
            bytes = bytes.subspan(static_cast<size_t>(put));
        }
        return true;
    });
}

}  // namespace bailiff::agent
