// SPDX-License-Identifier: Apache-2.0
// What is left to a process inside of the worker's box: tried, not believed.
#include "controller/parsing/worker_box.hpp"

#include <gtest/gtest.h>

#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <functional>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace bailiff::test {
namespace {

constexpr int no_box = 99;

/// Runs `probe` in a process inside of the box; its exit code, or minus the signal that ended it.
int inside(const std::function<int()>& probe) {
    const pid_t child = fork();
    if (child == 0) {
        if (!shut_worker_box()) _exit(no_box);
        _exit(probe());
    }
    int status = 0;
    waitpid(child, &status, 0);
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

TEST(WorkerBox, lets_nothing_out) {
    EXPECT_EQ(inside([] { return 7; }), 7) << "the box can be shut here";
    EXPECT_EQ(inside([] { return open("/etc/passwd", O_RDONLY) < 0 ? errno : 0; }), EPERM);
    EXPECT_EQ(inside([] { return open("/tmp/bailiff-escaped", O_WRONLY | O_CREAT, 0600) < 0 ? errno : 0; }), EPERM);
    EXPECT_EQ(inside([] { return unlink("/tmp/bailiff-escaped") < 0 ? errno : 0; }), EPERM);
    EXPECT_EQ(inside([] { return kill(getppid(), SIGTERM) < 0 ? errno : 0; }), EPERM);
    EXPECT_EQ(inside([] { return mmap(nullptr, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? errno : 0; }), EPERM);
    EXPECT_EQ(inside([] { return socket(AF_INET, SOCK_STREAM, 0); }), -SIGSYS);
    EXPECT_EQ(inside([] { return socket(AF_UNIX, SOCK_STREAM, 0); }), -SIGSYS);
    EXPECT_EQ(inside([] {
                  char program[] = "/bin/true";
                  char* argv[] = {program, nullptr};
                  return execv(program, argv);
              }),
              -SIGSYS);
    EXPECT_EQ(inside([] {
                  const pid_t child = fork();
                  if (child == 0) _exit(0);
                  return child < 0 ? 0 : 1;
              }),
              0)
        << "no second process";
}

TEST(WorkerBox, makes_root_nobody) {
    if (geteuid() != 0) GTEST_SKIP() << "only root can stop being root";
    // The question itself is not on the list of calls, so the answer is read before the box is shut: from the file system.
    int ends[2];
    ASSERT_EQ(pipe(ends), 0);
    const pid_t child = fork();
    if (child == 0) {
        const bool shut = bool(shut_worker_box());
        (void)!write(ends[1], shut ? "s" : "n", 1);
        char wait = 0;
        (void)!read(0, &wait, 0);
        for (;;) sched_yield();
    }
    char said = 0;
    ASSERT_EQ(read(ends[0], &said, 1), 1);
    EXPECT_EQ(said, 's');
    std::string status(4096, '\0');
    const int file = open(("/proc/" + std::to_string(child) + "/status").c_str(), O_RDONLY | O_CLOEXEC);
    const ssize_t got = read(file, status.data(), status.size());
    status.resize(size_t(std::max<ssize_t>(got, 0)));
    close(file);
    EXPECT_NE(status.find("\nUid:\t65534\t65534\t65534\t65534\n"), std::string::npos) << status;
    EXPECT_NE(status.find("\nGid:\t65534\t65534\t65534\t65534\n"), std::string::npos) << status;
    EXPECT_NE(status.find("\nCapEff:\t0000000000000000\n"), std::string::npos) << status;
    EXPECT_NE(status.find("\nNoNewPrivs:\t1\n"), std::string::npos) << status;
    EXPECT_NE(status.find("\nSeccomp:\t2\n"), std::string::npos) << status;
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    close(ends[0]);
    close(ends[1]);
}

}  // namespace
}  // namespace bailiff::test
