// SPDX-License-Identifier: Apache-2.0
#include "agent/process/cgroup.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string_view>

namespace bailiff::agent {
namespace {

bool is_cgroup(const std::string& folder) { return ::access((folder + "/cgroup.procs").c_str(), W_OK) == 0; }

/// Where the file is there and takes it; a kernel without that controller has none.
void set_if_there(const std::string& file, std::string_view value) {
    const int fd = ::open(file.c_str(), O_WRONLY | O_CLOEXEC);
    if (fd < 0) return;
    (void)!::write(fd, value.data(), value.size());
    ::close(fd);
}

}  // namespace

Result<void> prepare_cgroup(const std::string& folder) {
    if (is_cgroup(folder)) return {};
    const std::string above = folder.substr(0, folder.rfind('/'));
    if (!is_cgroup(above))
        return fail(Errc::invalid, "'" + above + "' is no control group that this process may use; name a folder below one, such as that of a slice of systemd's");
    if (::mkdir(folder.c_str(), 0755) != 0 && errno != EEXIST)
        return fail(Errc::unavailable, "The control group '" + folder + "' cannot be made: " + std::strerror(errno) + ".");
    for (const char* file : {"/cpu.weight", "/io.weight"}) set_if_there(folder + file, "1");
    return {};
}

}  // namespace bailiff::agent
