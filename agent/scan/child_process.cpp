// SPDX-License-Identifier: Apache-2.0
// fork, a clean table of descriptors, exec.
#include "agent/scan/child_process.hpp"

#include "agent/scan/path_text.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace bailiff::agent {
namespace {

constexpr size_t most_text = 1U << 20;
constexpr int least_spare = 64;  // the child's own numbers stay below

/// Output goes into memory files rather than pipes: nobody has to read along, so nobody can block.
Descriptor scratch(const std::string& content = "") {
    Descriptor file(::memfd_create("text", MFD_CLOEXEC));
    if (file && !content.empty()) {
        [[maybe_unused]] const ssize_t n = ::pwrite(file.fd(), content.data(), content.size(), 0);
    }
    return file;
}

std::string text_of(const Descriptor& file) {
    if (!file) return {};
    std::string out(most_text, '\0');
    const ssize_t n = ::pread(file.fd(), out.data(), out.size(), 0);
    out.resize(n > 0 ? static_cast<size_t>(n) : 0);
    return out;
}

std::string find_program(const std::string& name) {
    if (name.find('/') != name.npos) return name;
    for (const char* folder : {"/usr/bin/", "/usr/sbin/", "/bin/", "/sbin/"})
        if (::access((folder + name).c_str(), X_OK) == 0) return folder + name;
    return {};
}

/// The child's half, between fork and exec: only calls that are safe there.
[[noreturn]] void become(const ChildSpec& spec, const char* program, char* const* argv, int input, int output, int errors,
                         int spare, pid_t parent) {
    static char path[] = "PATH=/usr/bin:/usr/sbin:/bin:/sbin", language[] = "LC_ALL=C.UTF-8";
    static char* const environment[] = {path, language, nullptr};
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(127);
    ::signal(SIGPIPE, SIG_DFL);
    ::setsid();
    sigset_t none;
    sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    // First everything up and out of the way, then down to the wanted numbers.
    int next = spare;
    for (const int fd : {input, output, errors}) ::dup3(fd, next++, O_CLOEXEC);
    for (const auto& [ours, theirs] : spec.descriptors) ::dup3(ours, next++, O_CLOEXEC);
    for (int i = 0; i < 3; ++i) ::dup2(spare + i, i);
    int largest = 2, from = spare + 3;
    for (const auto& [ours, theirs] : spec.descriptors) {
        ::dup2(from++, theirs);
        largest = std::max(largest, theirs);
    }
    for (int fd = 3; fd <= largest; ++fd) {
        bool wanted = false;
        for (const auto& [ours, theirs] : spec.descriptors) wanted |= theirs == fd;
        if (!wanted) ::close(fd);
    }
    ::close_range(static_cast<unsigned>(largest) + 1, ~0U, 0);
    if (spec.cpu_seconds) {
        const rlimit cpu{spec.cpu_seconds, spec.cpu_seconds};
        ::setrlimit(RLIMIT_CPU, &cpu);
    }
    const rlimit core{0, 0};
    ::setrlimit(RLIMIT_CORE, &core);
    ::execve(program, argv, environment);
    ::_exit(127);
}

}  // namespace

Result<ChildProcess> ChildProcess::start(const ChildSpec& spec) {
    const std::string program = find_program(spec.arguments.at(0));
    if (program.empty()) return fail(Errc::unavailable, "the program '" + spec.arguments[0] + "' is not installed");
    std::vector<char*> argv;
    for (const auto& argument : spec.arguments) argv.push_back(const_cast<char*>(argument.c_str()));
    argv.push_back(nullptr);
    const Descriptor null(::open("/dev/null", O_RDWR | O_CLOEXEC)), input = scratch(spec.input);
    ChildProcess child;
    child.output_ = scratch();
    child.errors_ = scratch();
    if (!null || !input || !child.output_ || !child.errors_)
        return fail(Errc::unavailable, std::string("no descriptors to start a program with: ") + std::strerror(errno));
    int spare = std::max({least_spare, null.fd() + 1, input.fd() + 1, child.output_.fd() + 1, child.errors_.fd() + 1});
    for (const auto& [ours, theirs] : spec.descriptors) spare = std::max(spare, ours + 1);
    const pid_t parent = ::getpid();
    child.pid_ = ::fork();
    if (child.pid_ == 0)
        become(spec, program.c_str(), argv.data(), spec.input.empty() ? null.fd() : input.fd(),
               spec.keep_output ? child.output_.fd() : null.fd(), child.errors_.fd(), spare, parent);
    if (child.pid_ < 0) return fail(Errc::unavailable, std::string("a program cannot be started: ") + std::strerror(errno));
    return child;
}

ChildProcess::ChildProcess(ChildProcess&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)), status_(other.status_), output_(std::move(other.output_)), errors_(std::move(other.errors_)) {}

ChildProcess& ChildProcess::operator=(ChildProcess&& other) noexcept {
    if (this != &other) {
        kill();
        pid_ = std::exchange(other.pid_, -1);
        status_ = other.status_;
        output_ = std::move(other.output_);
        errors_ = std::move(other.errors_);
    }
    return *this;
}

ChildProcess::~ChildProcess() { kill(); }

bool ChildProcess::alive() {
    if (pid_ < 0) return false;
    int status = 0;
    if (::waitpid(pid_, &status, WNOHANG) != pid_) return true;
    status_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    pid_ = -1;
    return false;
}

void ChildProcess::kill() {
    if (pid_ < 0) return;
    // The child leads its own session, so helpers that it started go with it.
    ::kill(-pid_, SIGKILL);
    ::kill(pid_, SIGKILL);
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    status_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    pid_ = -1;
}

ChildExit ChildProcess::wait(std::chrono::milliseconds limit) {
    ChildExit out;
    const timespec nap{0, 2'000'000};
    auto left = limit;
    for (; alive() && left.count() > 0; left -= std::chrono::milliseconds(2)) ::nanosleep(&nap, nullptr);
    if (alive()) {
        out.timed_out = true;
        kill();
    }
    out.status = status_;
    out.output = text_of(output_);
    out.errors = text_of(errors_);
    return out;
}

std::string ChildProcess::errors_so_far() const {
    std::string text = text_of(errors_).substr(0, 500);
    while (!text.empty() && text.back() == '\n') text.pop_back();
    std::replace(text.begin(), text.end(), '\n', ' ');
    return escape_path(text);
}

Result<ChildExit> run_child(const ChildSpec& spec, std::chrono::milliseconds limit) {
    auto child = ChildProcess::start(spec);
    if (!child) return fail(child.error());
    return child->wait(limit);
}

}  // namespace bailiff::agent
