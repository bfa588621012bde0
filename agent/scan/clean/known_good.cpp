// SPDX-License-Identifier: Apache-2.0
// See known_good.hpp. Each part of a path is opened on its own, so that no part can be a symbolic link; openat2 would do it in
// one call, but not on every kernel and not in every sandbox.
#include "agent/scan/clean/known_good.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace bailiff::agent {
namespace {

constexpr uint64_t largest_known_good = uint64_t{2} << 30;

/// The names between the slashes; nothing when one of them is none that a folder can hold.
std::optional<std::vector<std::string>> parts_of(const std::string& path) {
    std::vector<std::string> out;
    if (path.empty() || path[0] != '/' || path.find('\0') != path.npos) return std::nullopt;
    for (size_t at = 1; at <= path.size();) {
        const size_t end = std::min(path.find('/', at), path.size());
        out.push_back(path.substr(at, end - at));
        if (out.back().empty() || out.back() == "." || out.back() == ".." || out.back().size() > 255) return std::nullopt;
        at = end + 1;
    }
    if (out.empty()) return std::nullopt;
    return out;
}

/// The opened regular file, or an empty descriptor with errno when there is none.
Descriptor open_below(const std::string& tree, const std::vector<std::string>& parts) {
    Descriptor at(::open(tree.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    for (size_t i = 0; at && i + 1 < parts.size(); ++i) at.reset(::openat(at.fd(), parts[i].c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!at) return at;
    // Looked at before it is opened: to open a device or a pipe can be an act of its own.
    struct stat status {};
    if (::fstatat(at.fd(), parts.back().c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) return Descriptor();
    if (!S_ISREG(status.st_mode)) return errno = ENOENT, Descriptor();
    return Descriptor(::openat(at.fd(), parts.back().c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
}

Result<KnownGood> read_known_good(int file, const std::string& name) {
    const auto unread = [&](const char* why) { return fail(Errc::unavailable, "the known-good file '" + name + "' cannot be read: " + why); };
    struct stat status {};
    if (::fstat(file, &status) != 0 || !S_ISREG(status.st_mode)) return unread("it is no regular file any more");
    if (static_cast<uint64_t>(status.st_size) > largest_known_good) return fail(Errc::invalid, "the known-good file '" + name + "' is larger than two gigabytes");
    auto memory = MemoryFile::create();
    if (!memory) return fail(memory.error());
    std::vector<char> buffer(1U << 18);
    uint64_t size = 0;
    for (;;) {
        const ssize_t got = ::read(file, buffer.data(), buffer.size());
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return unread(std::strerror(errno));
        if (got == 0) break;
        size += static_cast<uint64_t>(got);
        if (size > largest_known_good) return unread("it grows while it is read");
        if (const auto added = memory->append({buffer.data(), static_cast<size_t>(got)}); !added) return fail(added.error());
    }
    if (const auto sealed = memory->seal(); !sealed) return fail(sealed.error());
    const auto digest = digest_of(memory->fd(), size);
    if (!digest) return fail(digest.error());
    return KnownGood{std::move(*memory), size, *digest, name, static_cast<int64_t>(status.st_mtime)};
}

}  // namespace

Result<std::optional<KnownGood>> find_known_good(const std::vector<std::string>& trees, const std::string& path) {
    const auto parts = parts_of(path);
    if (!parts) return std::optional<KnownGood>();
    for (const std::string& tree : trees) {
        const Descriptor file = open_below(tree, *parts);
        if (!file && (errno == ENOENT || errno == ENOTDIR || errno == ELOOP)) continue;
        const std::string name = tree + path;
        if (!file) return fail(Errc::unavailable, "the known-good file '" + name + "' cannot be opened: " + std::strerror(errno));
        auto found = read_known_good(file.fd(), name);
        if (!found) return fail(found.error());
        return std::optional<KnownGood>(std::move(*found));
    }
    return std::optional<KnownGood>();
}

}  // namespace bailiff::agent
