// SPDX-License-Identifier: Apache-2.0
#include "controller/dialler/program_run.hpp"

#include <bailiff/clean_text.hpp>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace bailiff {
namespace {

using std::chrono::milliseconds;

constexpr size_t most_said = 2000;

/// Closes what it holds.
class Descriptor {
  public:
    explicit Descriptor(int fd = -1) : fd_(fd) {}
    ~Descriptor() { close(); }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    int get() const { return fd_; }
    void close() {
        if (fd_ >= 0) ::close(fd_);
        fd_ = -1;
    }

  private:
    int fd_;
};

/// A file without a name that holds the whole input: no pipe to feed, so no deadlock and no SIGPIPE.
int file_of(std::string_view input) {
    const int fd = ::memfd_create("bailiff-dial", MFD_CLOEXEC);
    while (fd >= 0 && !input.empty()) {
        const ssize_t written = ::write(fd, input.data(), input.size());
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) {
            ::close(fd);
            return -1;
        }
        input.remove_prefix(size_t(written));
    }
    if (fd >= 0) ::lseek(fd, 0, SEEK_SET);
    return fd;
}

bool cap(int resource, rlim_t most) {
    rlimit now{};
    if (::getrlimit(__rlimit_resource_t(resource), &now) != 0) return false;
    const rlim_t value = std::min(most, now.rlim_max);
    const rlimit both{value, value};
    return ::setrlimit(__rlimit_resource_t(resource), &both) == 0;
}

/// Between fork and exec: another thread's lock on the heap may be held for ever, so that nothing here may allocate.
[[noreturn]] void become(const char* program, char* const* argv, char* const* environment, int input, int nowhere, int said, int status) {
    ::setsid();
    ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    for (const int signal : {SIGPIPE, SIGTERM, SIGINT, SIGHUP, SIGCHLD, SIGQUIT}) ::signal(signal, SIG_DFL);
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    // Moved up first: a source may stand where a target belongs.
    const int high_status = ::fcntl(status, F_DUPFD_CLOEXEC, 10), high_input = ::fcntl(input, F_DUPFD_CLOEXEC, 10), high_out = ::fcntl(nowhere, F_DUPFD_CLOEXEC, 10),
              high_said = ::fcntl(said, F_DUPFD_CLOEXEC, 10);
    const bool ready = high_status >= 0 && high_input >= 0 && high_out >= 0 && high_said >= 0 && ::dup2(high_input, 0) == 0 && ::dup2(high_out, 1) == 1 &&
                       ::dup2(high_said, 2) == 2 && ::close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) == 0 && cap(RLIMIT_CPU, 10) && cap(RLIMIT_NOFILE, 64) &&
                       cap(RLIMIT_DATA, 1 << 30) && cap(RLIMIT_CORE, 0) && cap(RLIMIT_FSIZE, 64 << 20) && ::chdir("/") == 0;
    if (ready) ::execve(program, argv, environment);
    const int error = errno;
    (void)!::write(high_status >= 0 ? high_status : status, &error, sizeof error);
    ::_exit(127);
}

}  // namespace

ProgramEnd run_program(const std::vector<std::string>& argv, std::string_view input, milliseconds patience, const Clock& clock, const std::atomic<bool>& giving_up) {
    ProgramEnd out;
    const auto failed = [&](int error) {
        out.said = (argv.empty() ? std::string("a program without a name") : argv.front()) + " could not be started: " + std::strerror(error);
        return out;
    };
    int said_ends[2] = {-1, -1}, status_ends[2] = {-1, -1};
    if (argv.empty() || ::pipe2(said_ends, O_CLOEXEC) != 0) return failed(argv.empty() ? EINVAL : errno);
    Descriptor said_read(said_ends[0]), said_write(said_ends[1]);
    if (::pipe2(status_ends, O_CLOEXEC) != 0) return failed(errno);
    Descriptor status_read(status_ends[0]), status_write(status_ends[1]);
    const Descriptor standard_input(file_of(input)), nowhere(::open("/dev/null", O_WRONLY | O_CLOEXEC));
    if (standard_input.get() < 0 || nowhere.get() < 0) return failed(errno);
    std::vector<char*> arguments;
    for (const auto& word : argv) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    char path[] = "PATH=/usr/bin:/bin", language[] = "LANG=C.UTF-8";
    char* environment[] = {path, language, nullptr};
    const pid_t pid = ::fork();
    if (pid == 0) become(argv.front().c_str(), arguments.data(), environment, standard_input.get(), nowhere.get(), said_write.get(), status_write.get());
    if (pid < 0) return failed(errno);
    said_write.close();
    status_write.close();
    int error = 0;
    ssize_t told;
    while ((told = ::read(status_read.get(), &error, sizeof error)) < 0 && errno == EINTR) {}
    if (told > 0) {
        while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {}
        return failed(error);
    }
    out.started = true;
    ::fcntl(said_read.get(), F_SETFL, O_NONBLOCK);
    const auto until = clock.monotonic() + patience;
    int status = 0;
    pid_t gone = 0;
    bool talks = true;
    // It is gone when it is gone, not when it closes its output: a child that it left behind may hold that open for ever.
    while (gone == 0) {
        char piece[1024];
        pollfd one{talks ? said_read.get() : -1, POLLIN, 0};
        (void)::poll(&one, 1, 50);
        for (ssize_t got = 1; talks && got > 0;) {
            got = ::read(said_read.get(), piece, sizeof piece);
            if (got > 0 && out.said.size() < most_said) out.said.append(piece, size_t(got));
            if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) talks = false;
        }
        gone = ::waitpid(pid, &status, WNOHANG);
        if (gone == 0 && (giving_up || clock.monotonic() >= until)) {
            out.in_time = false;
            ::kill(-pid, SIGKILL);
            while ((gone = ::waitpid(pid, &status, 0)) < 0 && errno == EINTR) {}
        }
    }
    // What it started and left behind goes with it.
    ::kill(-pid, SIGKILL);
    if (WIFEXITED(status)) out.code = WEXITSTATUS(status);
    out.said = clean_line(out.said, most_said);
    return out;
}

}  // namespace bailiff
