// SPDX-License-Identifier: Apache-2.0
// Forks and execs a child with exactly the descriptors, environment, limits and identity it was given.
#include "agent/process/spawn.hpp"

#include <fcntl.h>
#include <grp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cerrno>
#include <csignal>
#include <cstring>

namespace bailiff::agent {
namespace {

struct Pipe {
    int read = -1;
    int write = -1;
    Pipe() {
        int ends[2];
        if (::pipe2(ends, O_CLOEXEC) == 0) {
            read = ends[0];
            write = ends[1];
        }
    }
    Pipe(const Pipe&) = delete;
    Pipe& operator=(const Pipe&) = delete;
    ~Pipe() {
        if (read >= 0) ::close(read);
        if (write >= 0) ::close(write);
    }
    int take_read() { return std::exchange(read, -1); }
    void close_write() {
        ::close(write);
        write = -1;
    }
};

/// A file without a name that holds the child's whole input: no pipe to feed, so no deadlock and no SIGPIPE.
int input_descriptor(const std::string& input) {
    if (input.empty()) return ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    const int fd = ::memfd_create("bailiff-input", MFD_CLOEXEC);
    size_t done = 0;
    while (fd >= 0 && done < input.size()) {
        const ssize_t n = ::write(fd, input.data() + done, input.size() - done);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) {
            ::close(fd);
            return -1;
        }
        done += size_t(n);
    }
    if (fd >= 0) ::lseek(fd, 0, SEEK_SET);
    return fd;
}

std::string find_program(const std::string& name, const ProcessOptions& options) {
    if (name.find('/') != std::string::npos) return ::access(name.c_str(), X_OK) == 0 ? name : "";
    for (const std::string& variable : options.environment) {
        if (!variable.starts_with("PATH=")) continue;
        std::string_view rest = std::string_view(variable).substr(5);
        while (!rest.empty()) {
            const size_t colon = std::min(rest.find(':'), rest.size());
            const std::string candidate = std::string(rest.substr(0, colon)) + "/" + name;
            if (::access(candidate.c_str(), X_OK) == 0) return candidate;
            rest.remove_prefix(std::min(colon + 1, rest.size()));
        }
    }
    return "";
}

std::vector<char*> pointers(const std::vector<std::string>& texts) {
    std::vector<char*> out;
    out.reserve(texts.size() + 1);
    for (const std::string& text : texts) out.push_back(const_cast<char*>(text.c_str()));
    out.push_back(nullptr);
    return out;
}

/// All that the child needs, made before the fork: afterwards another thread's lock on the heap may be held
/// for ever.
struct Plan {
    const char* program;
    char* const* argv;
    char* const* environment;
    const char* directory;
    const char* cgroup;   ///< its cgroup.procs; "" = none
    int input, out, err, status;
    const ProcessOptions* options;
    std::vector<InheritedDescriptor> moved;
    pid_t parent;
};

bool limit(int resource, const std::optional<uint64_t>& value) {
    if (!value) return true;
    const rlimit both{rlim_t(*value), rlim_t(*value)};
    return ::setrlimit(__rlimit_resource_t(resource), &both) == 0;
}

/// Gives the child its descriptors and closes all others. The sources are moved out of the way first, since a
/// target number may be another one's source.
bool arrange_descriptors(Plan& plan) {
    int highest = 2;
    for (const InheritedDescriptor& wanted : plan.moved) highest = std::max(highest, wanted.as);
    const int high = highest + 1;
    const int status = ::fcntl(plan.status, F_DUPFD_CLOEXEC, high);
    const int input = ::fcntl(plan.input, F_DUPFD_CLOEXEC, high);
    const int out = ::fcntl(plan.out, F_DUPFD_CLOEXEC, high);
    const int err = ::fcntl(plan.err, F_DUPFD_CLOEXEC, high);
    if (status < 0 || input < 0 || out < 0 || err < 0) return false;
    plan.status = status;
    for (InheritedDescriptor& wanted : plan.moved)
        if ((wanted.descriptor = ::fcntl(wanted.descriptor, F_DUPFD_CLOEXEC, high)) < 0) return false;
    if (::dup2(input, 0) < 0 || ::dup2(out, 1) < 0 || ::dup2(err, 2) < 0) return false;
    for (int fd = 3; fd <= highest; ++fd) ::close(fd);
    for (const InheritedDescriptor& wanted : plan.moved)
        if (::dup2(wanted.descriptor, wanted.as) < 0) return false;
    // Everything from here up is ours alone; the status pipe must live until exec closes it.
    return ::close_range(unsigned(high), ~0U, CLOSE_RANGE_CLOEXEC) == 0;
}

/// While it is still root.
bool join_cgroup(const char* members) {
    if (!*members) return true;
    const int fd = ::open(members, O_WRONLY | O_CLOEXEC);
    const bool joined = fd >= 0 && ::write(fd, "0", 1) == 1;
    const int error = errno;
    if (fd >= 0) ::close(fd);
    errno = error;
    return joined;
}

bool prepare_child(Plan& plan) {
    const ProcessOptions& options = *plan.options;
    ::setsid();
    if (options.die_with_parent) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (::getppid() != plan.parent) return false;
    }
    if (!join_cgroup(plan.cgroup) || !arrange_descriptors(plan)) return false;
    for (const int signal : {SIGPIPE, SIGTERM, SIGINT, SIGHUP, SIGCHLD, SIGQUIT}) ::signal(signal, SIG_DFL);
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    const ProcessLimits& limits = options.limits;
    if (!limit(RLIMIT_AS, limits.address_space_bytes) || !limit(RLIMIT_FSIZE, limits.file_size_bytes) ||
        !limit(RLIMIT_CPU, limits.cpu_seconds) || !limit(RLIMIT_NOFILE, limits.open_files) ||
        !limit(RLIMIT_CORE, 0))
        return false;
    if (options.gid && (::setgroups(0, nullptr) != 0 || ::setgid(*options.gid) != 0)) return false;
    if (options.uid && ::setuid(*options.uid) != 0) return false;
    return ::chdir(plan.directory) == 0;
}

[[noreturn]] void run_child(Plan& plan) {
    if (prepare_child(plan)) ::execve(plan.program, plan.argv, plan.environment);
    const int error = errno;
    (void)!::write(plan.status, &error, sizeof error);
    ::_exit(127);
}

}  // namespace

Result<Spawned> spawn(const std::vector<std::string>& argv, const ProcessOptions& options) {
    if (argv.empty()) return fail(Errc::invalid, "There is no program to run in an empty argument list.");
    const std::string program = find_program(argv[0], options);
    if (program.empty())
        return fail(Errc::not_found,
                    "The program '" + argv[0] + "' is not installed; install the package that has it.");
    Pipe out, err, status;
    const int input = input_descriptor(options.input);
    const std::string cgroup = options.cgroup.empty() ? "" : options.cgroup + "/cgroup.procs";
    const std::vector<char*> arguments = pointers(argv), environment = pointers(options.environment);
    Plan plan{program.c_str(), arguments.data(),    environment.data(), options.directory.c_str(), cgroup.c_str(),
              input,           out.write,           err.write,          status.write,
              &options,        options.descriptors, ::getpid()};
    const auto failed = [&](int error) {
        return fail(Errc::unavailable, "The program '" + argv[0] + "' could not be started: " +
                                           std::string(::strerror(error)) + ". It is tried again later.");
    };
    if (input < 0 || out.read < 0 || err.read < 0 || status.read < 0) {
        const int error = errno;
        if (input >= 0) ::close(input);
        return failed(error);
    }
    const pid_t pid = ::fork();
    if (pid == 0) run_child(plan);
    const int fork_error = errno;
    ::close(input);
    if (pid < 0) return failed(fork_error);
    out.close_write();
    err.close_write();
    status.close_write();
    int error = 0;
    ssize_t n;
    while ((n = ::read(status.read, &error, sizeof error)) < 0 && errno == EINTR) {
    }
    // glibc 2.36 declares pidfd_open without extern "C".
    const int pidfd = n == 0 ? int(::syscall(SYS_pidfd_open, pid, 0)) : -1;
    if (pidfd < 0) {
        if (n == 0) error = errno;
        ::kill(pid, SIGKILL);
        ::waitpid(pid, nullptr, 0);
        return failed(error);
    }
    const int out_end = out.take_read(), err_end = err.take_read();
    for (const int fd : {out_end, err_end}) ::fcntl(fd, F_SETFL, O_NONBLOCK);
    return Spawned{pid, pidfd, out_end, err_end};
}

}  // namespace bailiff::agent
