// SPDX-License-Identifier: Apache-2.0
// No shell, no environment, no descriptors but one socket, which is the worker's standard input and output.
#include "controller/parsing/worker_process.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <memory>
#include <poll.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace bailiff {
namespace {

using std::chrono::milliseconds;

std::string length_of(size_t size) {
    std::string out;
    for (const int shift : {24, 16, 8, 0}) out += char(uint8_t(size >> shift));
    return out;
}

/// What posix_spawn wants, freed whatever happens.
struct SpawnPlan {
    posix_spawn_file_actions_t files;
    posix_spawnattr_t how;
    SpawnPlan() {
        posix_spawn_file_actions_init(&files);
        posix_spawnattr_init(&how);
    }
    ~SpawnPlan() {
        posix_spawn_file_actions_destroy(&files);
        posix_spawnattr_destroy(&how);
    }
    SpawnPlan(const SpawnPlan&) = delete;
    SpawnPlan& operator=(const SpawnPlan&) = delete;
};

}  // namespace

WorkerProcess::WorkerProcess(std::vector<std::string> argv, const Clock& clock, const std::atomic<bool>& giving_up)
    : argv_(std::move(argv)), clock_(clock), giving_up_(giving_up) {}

WorkerProcess::~WorkerProcess() { end(); }

Result<void> WorkerProcess::start(milliseconds patience) {
    end();
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
        return fail(Errc::unavailable, std::string("no socket for bailiff-intake: ") + std::strerror(errno));
    SpawnPlan plan;
    posix_spawn_file_actions_adddup2(&plan.files, pair[1], 0);
    posix_spawn_file_actions_adddup2(&plan.files, pair[1], 1);
    posix_spawn_file_actions_addclosefrom_np(&plan.files, 3);
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&plan.how, &none);
    posix_spawnattr_setsigdefault(&plan.how, &all);
    posix_spawnattr_setflags(&plan.how, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    std::vector<char*> argv;
    for (const auto& word : argv_) argv.push_back(const_cast<char*>(word.c_str()));
    argv.push_back(nullptr);
    char* environment[] = {nullptr};
    const int error = posix_spawn(&pid_, argv_.front().c_str(), &plan.files, &plan.how, argv.data(), environment);
    close(pair[1]);
    if (error != 0) {
        close(pair[0]);
        pid_ = -1;
        return fail(Errc::unavailable, argv_.front() + " cannot be started: " + std::strerror(error) +
                                           "; it lies beside bailiff-controller, or name it with --intake");
    }
    socket_ = pair[0];
    std::string shut;
    if (receive(4, shut, clock_.monotonic() + patience) != Wait::ready || shut != length_of(0))
        return fail(Errc::unavailable, argv_.front() + " did not get ready: " + end());
    return {};
}

WorkerProcess::Wait WorkerProcess::wait_for(short events, milliseconds until) {
    for (;;) {
        if (giving_up_) return Wait::late;
        const auto left = until - clock_.monotonic();
        if (left.count() <= 0) return Wait::late;
        pollfd one{socket_, events, 0};
        const int ready = poll(&one, 1, int(std::min(left, milliseconds(100)).count()));
        if (ready < 0 && errno != EINTR) return Wait::closed;
        if (ready > 0) return Wait::ready;
    }
}

WorkerProcess::Wait WorkerProcess::send_all(std::string_view bytes, milliseconds until) {
    while (!bytes.empty()) {
        if (const Wait wait = wait_for(POLLOUT, until); wait != Wait::ready) return wait;
        const ssize_t sent = send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno != EAGAIN && errno != EINTR) return Wait::closed;
        if (sent > 0) bytes.remove_prefix(size_t(sent));
    }
    return Wait::ready;
}

WorkerProcess::Wait WorkerProcess::receive(size_t count, std::string& out, milliseconds until) {
    out.clear();
    char piece[64 * 1024];
    while (out.size() < count) {
        if (const Wait wait = wait_for(POLLIN, until); wait != Wait::ready) return wait;
        const ssize_t got = recv(socket_, piece, std::min(sizeof piece, count - out.size()), MSG_DONTWAIT);
        if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) return Wait::closed;
        if (got > 0) out.append(piece, size_t(got));
    }
    return Wait::ready;
}

WorkerProcess::Answer WorkerProcess::ask(std::string_view bytes, milliseconds patience) {
    const auto until = clock_.monotonic() + patience;
    const auto failed = [&](Wait wait) {
        const std::string how = end();
        return wait == Wait::late ? Answer{Fate::late, "it was not done within " + std::to_string(patience.count() / 1000) + " s"} : Answer{Fate::ended, how};
    };
    if (!running()) return {Fate::ended, "it does not run"};
    if (const Wait wait = send_all(length_of(bytes.size()), until); wait != Wait::ready) return failed(wait);
    if (const Wait wait = send_all(bytes, until); wait != Wait::ready) return failed(wait);
    std::string head;
    if (const Wait wait = receive(4, head, until); wait != Wait::ready) return failed(wait);
    size_t size = 0;
    for (const char c : head) size = size << 8 | uint8_t(c);
    if (size > largest_answer_of_worker) return end(), Answer{Fate::babbled, "it said too much"};
    Answer answer{Fate::said, {}};
    if (const Wait wait = receive(size, answer.text, until); wait != Wait::ready) return failed(wait);
    return answer;
}

std::string WorkerProcess::end() {
    if (socket_ >= 0) close(socket_);
    socket_ = -1;
    if (pid_ <= 0) return "it does not run";
    // What has ended by itself says how; a kill changes nothing about it.
    int status = 0;
    pid_t gone = 0;
    for (int i = 0; i < 20 && gone == 0; ++i) {
        gone = waitpid(pid_, &status, WNOHANG);
        if (gone == 0) poll(nullptr, 0, i < 10 ? 1 : 10);
    }
    if (gone == 0) {
        kill(pid_, SIGKILL);
        while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {}
    }
    pid_ = -1;
    if (gone == 0) return "it had to be killed";
    if (WIFSIGNALED(status)) return std::string("it was ended by a signal: ") + sigabbrev_np(WTERMSIG(status));
    return "it ended with code " + std::to_string(WEXITSTATUS(status));
}

}  // namespace bailiff
