// SPDX-License-Identifier: Apache-2.0
// From inside the box: nothing opens, nothing connects, nothing is executed; what is open stays usable.
#include "agent/scan/box/sandbox.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <functional>

namespace bailiff::agent {
namespace {

/// Runs `act` in a child inside the box; answers its wait status.
int in_box(const std::function<int()>& act, const SandboxProfile& profile = {}) {
    const pid_t pid = ::fork();
    if (pid == 0) {
        if (!enter_sandbox(profile)) ::_exit(99);
        ::_exit(act());
    }
    int status = 0;
    ::waitpid(pid, &status, 0);
    return status;
}

bool killed(int status) { return WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS; }
bool ended(int status, int code) { return WIFEXITED(status) && WEXITSTATUS(status) == code; }

TEST(Sandbox, NoFileOpens) {
    EXPECT_TRUE(ended(in_box([] { return ::open("/etc/passwd", O_RDONLY) < 0 && errno != 0 ? 7 : 1; }), 7));
    EXPECT_TRUE(ended(in_box([] { return ::open("/tmp/x", O_RDWR | O_CREAT, 0600) < 0 ? 7 : 1; }), 7));
    EXPECT_TRUE(ended(in_box([] { return ::access("/etc/passwd", F_OK) != 0 ? 7 : 1; }), 7));
}

TEST(Sandbox, SocketsExecAndPtraceKill) {
    EXPECT_TRUE(killed(in_box([] { return ::socket(AF_INET, SOCK_STREAM, 0); })));
    EXPECT_TRUE(killed(in_box([] { return ::socket(AF_UNIX, SOCK_STREAM, 0); })));
    EXPECT_TRUE(killed(in_box([] { return ::execl("/bin/true", "true", nullptr); })));
    EXPECT_TRUE(killed(in_box([] { return static_cast<int>(::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr)); })));
    EXPECT_TRUE(killed(in_box([] { return ::unshare(CLONE_NEWUSER); })));
}

TEST(Sandbox, NoChildNoSignalNoExecutableMemory) {
    EXPECT_TRUE(ended(in_box([] { return ::fork() < 0 ? 7 : 1; }), 7));
    const pid_t us = ::getpid();
    EXPECT_TRUE(ended(in_box([us] { return ::kill(us, 0) != 0 ? 7 : 1; }), 7));
    EXPECT_TRUE(ended(in_box([] {
                          void* page = ::mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
                          return page == MAP_FAILED ? 7 : 1;
                      }), 7));
}

TEST(Sandbox, WhatIsOpenStaysUsable) {
    EXPECT_TRUE(ended(in_box([] {
                          const int file = ::memfd_create("x", MFD_CLOEXEC | MFD_ALLOW_SEALING);
                          if (file < 0 || ::write(file, "abc", 3) != 3) return 1;
                          if (::fcntl(file, F_ADD_SEALS, F_SEAL_WRITE) != 0 || ::write(file, "d", 1) != -1) return 2;
                          char text[3];
                          return ::pread(file, text, 3, 0) == 3 && text[2] == 'c' ? 7 : 3;
                      }), 7));
}

TEST(Sandbox, LimitsHold) {
    SandboxProfile profile;
    profile.largest_file = 4096;
    const int status = in_box([] {
        const int file = ::memfd_create("x", MFD_CLOEXEC);
        return ::ftruncate(file, 8192) == 0 ? 1 : 7;
    }, profile);
    EXPECT_TRUE(ended(status, 7) || (WIFSIGNALED(status) && WTERMSIG(status) == SIGXFSZ));
}

TEST(Sandbox, AWorkerForksNoMore) {
    SandboxProfile profile;
    profile.may_fork = true;
    EXPECT_TRUE(ended(in_box([] {
                          const pid_t pid = ::fork();
                          if (pid == 0) ::_exit(3);
                          int status = 0;
                          return ::waitpid(pid, &status, 0) == pid && ended(status, 3) ? 7 : 1;
                      }, profile), 7));
    EXPECT_TRUE(killed(in_box([] { return forbid_fork() ? ::fork() : 1; }, profile)));
}

}  // namespace
}  // namespace bailiff::agent
