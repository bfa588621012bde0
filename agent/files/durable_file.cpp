// SPDX-License-Identifier: Apache-2.0
// Writes, renames and removes with the syncs that make each step survive a power cut.
#include "agent/files/durable_file.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

namespace bailiff::agent {
namespace {

/// Closes on every way out; -1 is none.
class Descriptor {
  public:
    explicit Descriptor(int fd) : fd_(fd) {}
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    ~Descriptor() {
        if (fd_ >= 0) ::close(fd_);
    }
    int fd() const { return fd_; }

  private:
    int fd_;
};

tl::unexpected<Error> failed(const std::string& what, const std::string& path, int error) {
    return fail(error == ENOENT ? Errc::not_found : Errc::unavailable,
                "Cannot " + what + " " + path + ": " + std::strerror(error) + ".");
}

std::string folder_of(const std::string& path) {
    const size_t slash = path.rfind('/');
    return slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace

Result<void> sync_path(const std::string& path) {
    const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (file.fd() < 0 || ::fsync(file.fd()) != 0) return failed("sync", path, errno);
    return {};
}

Result<void> write_durably(const std::string& path, std::string_view content, mode_t mode) {
    const std::string part = path + ".part";
    {
        ::unlink(part.c_str());
        const Descriptor file(
            ::open(part.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
        if (file.fd() < 0) return failed("create", part, errno);
        while (!content.empty()) {
            const ssize_t n = ::write(file.fd(), content.data(), content.size());
            if (n < 0 && errno == EINTR) continue;
            if (n <= 0) {
                const int error = errno;
                ::unlink(part.c_str());
                return failed("write", part, error);
            }
            content.remove_prefix(size_t(n));
        }
        // The mode last: a start gate must not be executable before it is whole.
        if (::fchmod(file.fd(), mode) != 0 || ::fsync(file.fd()) != 0) return failed("sync", part, errno);
    }
    return rename_durably(part, path);
}

Result<void> rename_durably(const std::string& from, const std::string& to) {
    if (::rename(from.c_str(), to.c_str()) != 0) return failed("rename", from, errno);
    if (folder_of(from) != folder_of(to))
        if (auto synced = sync_path(folder_of(from)); !synced) return synced;
    return sync_path(folder_of(to));
}

Result<void> remove_durably(const std::string& path) {
    if (::unlink(path.c_str()) != 0) {
        if (errno == ENOENT) return {};
        return failed("remove", path, errno);
    }
    return sync_path(folder_of(path));
}

Result<void> make_folder(const std::string& path, mode_t mode) {
    struct stat found {};
    if (::stat(path.c_str(), &found) == 0 && S_ISDIR(found.st_mode)) return {};
    if (const std::string parent = folder_of(path); parent != path && parent != ".")
        if (auto made = make_folder(parent, 0755); !made) return made;
    if (::mkdir(path.c_str(), mode) != 0 && errno != EEXIST) return failed("make the folder", path, errno);
    // mkdir's mode is narrowed by the umask.
    if (::chmod(path.c_str(), mode) != 0) return failed("set the mode of", path, errno);
    return sync_path(folder_of(path));
}

Result<void> make_folder_of_mode(const std::string& path, mode_t mode) {
    if (auto made = make_folder(path, mode); !made) return made;
    if (::chmod(path.c_str(), mode) != 0) return failed("set the mode of", path, errno);
    return {};
}

Result<std::string> read_file(const std::string& path, size_t cap_bytes) {
    const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (file.fd() < 0) return failed("open", path, errno);
    std::string out;
    char buffer[65536];
    while (true) {
        const ssize_t n = ::read(file.fd(), buffer, sizeof buffer);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return failed("read", path, errno);
        if (n == 0) return out;
        out.append(buffer, size_t(n));
        if (out.size() > cap_bytes)
            return fail(Errc::invalid, path + " is longer than the " + std::to_string(cap_bytes) +
                                           " bytes that it may have.");
    }
}

std::vector<std::string> names_in(const std::string& folder) {
    std::vector<std::string> names;
    const std::unique_ptr<DIR, int (*)(DIR*)> stream(::opendir(folder.c_str()), ::closedir);
    if (!stream) return names;
    while (const dirent* entry = ::readdir(stream.get())) {
        const std::string_view name(entry->d_name);
        if (name != "." && name != "..") names.emplace_back(name);
    }
    std::sort(names.begin(), names.end());
    return names;
}

}  // namespace bailiff::agent
