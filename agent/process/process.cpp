// SPDX-License-Identifier: Apache-2.0
// Waits for a child while reading its output; ends its whole group when time is up.
#include "agent/process/process.hpp"

#include "agent/process/spawn.hpp"

#include <bailiff/system_clock.hpp>

#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>
#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <utility>

namespace bailiff::agent {

using std::chrono::milliseconds;

std::string ProcessResult::describe() const {
    std::string text = timed_out     ? "no answer in time"
                       : signal != 0 ? "ended by signal " + std::to_string(signal)
                                     : "exit code " + std::to_string(exit_code);
    std::string words = err;
    while (!words.empty() && (words.back() == '\n' || words.back() == ' ')) words.pop_back();
    // The end of what it said: programs put the cause last.
    if (words.size() > 600) words.erase(0, words.size() - 600);
    if (!words.empty()) text += ": " + words;
    return text;
}

Result<Process> Process::start(const std::vector<std::string>& argv, ProcessOptions options) {
    const Result<Spawned> child = spawn(argv, options);
    if (!child) return fail(child.error());
    return Process(child->pid, child->pidfd, child->out, child->err, std::move(options));
}

Result<ProcessResult> Process::run(const std::vector<std::string>& argv, ProcessOptions options) {
    const milliseconds timeout = options.timeout;
    Result<Process> child = start(argv, std::move(options));
    if (!child) return fail(child.error());
    return child->wait(timeout);
}

Process::Process(pid_t pid, int pidfd, int out, int err, ProcessOptions options)
    : pid_(pid), pidfd_(pidfd), out_(out), err_(err), options_(std::move(options)) {}

Process::Process(Process&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      pidfd_(std::exchange(other.pidfd_, -1)),
      out_(std::exchange(other.out_, -1)),
      err_(std::exchange(other.err_, -1)),
      ended_(other.ended_),
      options_(std::move(other.options_)),
      result_(std::move(other.result_)) {}

Process& Process::operator=(Process&& other) noexcept {
    if (this != &other) {
        if (pid_ > 0 && !ended_) stop();
        close_all();
        pid_ = std::exchange(other.pid_, -1);
        pidfd_ = std::exchange(other.pidfd_, -1);
        out_ = std::exchange(other.out_, -1);
        err_ = std::exchange(other.err_, -1);
        ended_ = other.ended_;
        options_ = std::move(other.options_);
        result_ = std::move(other.result_);
    }
    return *this;
}

Process::~Process() {
    if (pid_ > 0 && !ended_) stop();
    close_all();
}

void Process::close_all() noexcept {
    for (int* descriptor : {&pidfd_, &out_, &err_})
        if (*descriptor >= 0) ::close(std::exchange(*descriptor, -1));
}

bool Process::running() {
    if (!ended_) pump(milliseconds{0});
    return !ended_;
}

bool Process::wait_ended(milliseconds patience) {
    const SystemClock clock;
    const milliseconds deadline = clock.monotonic() + patience;
    for (milliseconds left = patience; !ended_ && left.count() > 0; left = deadline - clock.monotonic()) pump(left);
    return ended_;
}

ProcessResult Process::wait(milliseconds timeout) {
    const SystemClock clock;
    const milliseconds deadline = clock.monotonic() + timeout;
    while (!ended_) {
        const milliseconds left = deadline - clock.monotonic();
        if (left.count() <= 0) {
            result_.timed_out = true;
            return stop();
        }
        pump(left);
    }
    return result_;
}

ProcessResult Process::stop() {
    const SystemClock clock;
    const bool timed_out = result_.timed_out;
    for (const int signal : {SIGTERM, SIGKILL}) {
        if (ended_) break;
        ::kill(-pid_, signal);
        // SIGTERM waits for ever at a stopped process.
        if (signal == SIGTERM) ::kill(-pid_, SIGCONT);
        const milliseconds deadline =
            clock.monotonic() + (signal == SIGTERM ? options_.grace : milliseconds{10'000});
        while (!ended_ && clock.monotonic() < deadline) pump(deadline - clock.monotonic());
    }
    // What the child started itself may have outlived it.
    ::kill(-pid_, SIGKILL);
    result_.timed_out = timed_out;
    return result_;
}

/// Reads what there is and notices the end; returns after at most `timeout`.
bool Process::pump(milliseconds timeout) {
    std::array<pollfd, 3> entries{{{pidfd_, POLLIN, 0}, {out_, POLLIN, 0}, {err_, POLLIN, 0}}};
    const int wait = int(std::clamp<int64_t>(timeout.count(), 0, 3'600'000));
    const int ready = ::poll(entries.data(), entries.size(), wait);
    if (ready <= 0) return false;
    if (entries[1].revents != 0) read_stream(out_, result_.out, true);
    if (entries[2].revents != 0) read_stream(err_, result_.err, false);
    if (entries[0].revents != 0) reap();
    return true;
}

/// One read, at most; a closed stream's descriptor becomes -1, which poll ignores.
bool Process::read_stream(int& descriptor, std::string& into, bool live) {
    if (descriptor < 0) return false;
    std::array<char, 65536> buffer;
    const ssize_t n = ::read(descriptor, buffer.data(), buffer.size());
    if (n < 0) return false;
    if (n == 0) {
        ::close(std::exchange(descriptor, -1));
        return false;
    }
    const std::string_view piece(buffer.data(), size_t(n));
    if (live && options_.on_output) options_.on_output(piece);
    const size_t room = options_.output_cap_bytes - std::min(options_.output_cap_bytes, into.size());
    into.append(piece.substr(0, room));
    if (piece.size() > room) result_.truncated = true;
    return true;
}

void Process::reap() {
    siginfo_t info{};
    if (::waitid(P_PIDFD, id_t(pidfd_), &info, WEXITED | WNOHANG) != 0 || info.si_pid == 0) return;
    ended_ = true;
    if (info.si_code == CLD_EXITED)
        result_.exit_code = info.si_status;
    else
        result_.signal = info.si_status;
    // What is still in the pipes; not until their end, since a grandchild may hold them open.
    while (read_stream(out_, result_.out, true)) {
    }
    while (read_stream(err_, result_.err, false)) {
    }
}

Result<std::string> output_of(const std::vector<std::string>& argv, ProcessOptions options) {
    Result<ProcessResult> result = Process::run(argv, std::move(options));
    if (!result) return fail(result.error());
    if (!result->ok()) return fail(Errc::unavailable, "'" + argv[0] + "' failed: " + result->describe());
    if (result->truncated)
        return fail(Errc::unavailable, "'" + argv[0] + "' wrote more output than its reader accepts.");
    return std::move(result->out);
}

}  // namespace bailiff::agent
