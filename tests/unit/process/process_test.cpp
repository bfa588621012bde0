// SPDX-License-Identifier: Apache-2.0
// Programs get exactly what they are given, and end when their time is up, with all they started.
#include "agent/process/cgroup.hpp"
#include "agent/process/process.hpp"

#include <bailiff/system_clock.hpp>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>
#include <thread>

namespace bailiff::agent {
namespace {

using std::chrono::milliseconds;
using Argv = std::vector<std::string>;

TEST(Process, returns_output_error_and_exit_code) {
    const auto result = Process::run({"/bin/ls", "/proc/self/exe", "/there/is/no/such/file"});
    ASSERT_TRUE(result) << result.error().text;
    EXPECT_EQ(result->exit_code, 2);
    EXPECT_EQ(result->out, "/proc/self/exe\n");
    EXPECT_NE(result->err.find("No such file"), std::string::npos);
    EXPECT_FALSE(result->ok());
    EXPECT_NE(result->describe().find("exit code 2: "), std::string::npos);
}

TEST(Process, passes_arguments_unchanged_and_a_clean_environment) {
    ::setenv("LD_PRELOAD_TEST", "leaks", 1);
    EXPECT_EQ(*output_of({"printf", "%s|", "$(id)", "a b", ";", "*"}), "$(id)|a b|;|*|");
    EXPECT_EQ(*output_of({"env"}), "PATH=/usr/sbin:/usr/bin:/sbin:/bin\nLC_ALL=C.UTF-8\n");
    EXPECT_EQ(*output_of({"pwd"}), "/\n");
}

TEST(Process, says_that_a_program_is_missing) {
    const auto result = Process::run({"no-such-program-anywhere"});
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, Errc::not_found);
    EXPECT_EQ(Process::run({}).error().code, Errc::invalid);
}

TEST(Process, says_that_a_program_cannot_start) {
    char path[] = "/tmp/bailiff-process-XXXXXX";
    const int fd = ::mkstemp(path);
    ASSERT_EQ(::write(fd,
                      "\x7f"
                      "ELF",
                      4),
              4);
    ::fchmod(fd, 0755);
    ::close(fd);
    const auto result = Process::run({path});
    ::unlink(path);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, Errc::unavailable);
}

TEST(Process, feeds_input_larger_than_a_pipe_while_reading_output) {
    ProcessOptions options;
    options.input.assign(3'000'000, 'x');
    options.output_cap_bytes = 4'000'000;
    EXPECT_EQ(output_of({"cat"}, options)->size(), 3'000'000u);
}

TEST(Process, caps_output_and_still_lets_the_program_finish) {
    ProcessOptions options;
    options.output_cap_bytes = 1000;
    const auto result = Process::run({"seq", "100000"}, options);
    ASSERT_TRUE(result);
    EXPECT_EQ(result->exit_code, 0);
    EXPECT_EQ(result->out.size(), 1000u);
    EXPECT_TRUE(result->truncated);
    EXPECT_FALSE(output_of({"seq", "100000"}, options));
}

TEST(Process, shows_output_as_it_comes) {
    std::string seen;
    ProcessOptions options;
    options.on_output = [&](std::string_view piece) { seen += piece; };
    ASSERT_TRUE(Process::run({"seq", "3"}, options));
    EXPECT_EQ(seen, "1\n2\n3\n");
}

TEST(Process, ends_the_whole_group_when_time_is_up) {
    // timeout(1) runs sleep as its child; both must be gone, though the inner one ignores SIGTERM's
    // politeness.
    ProcessOptions options;
    options.timeout = milliseconds{200};
    options.grace = milliseconds{200};
    const SystemClock clock;
    const auto start = clock.monotonic();
    const auto result = Process::run({"env", "--ignore-signal=TERM", "nice", "sleep", "60"}, options);
    ASSERT_TRUE(result);
    EXPECT_TRUE(result->timed_out);
    EXPECT_FALSE(result->ok());
    EXPECT_EQ(result->signal, SIGKILL);
    EXPECT_LT(clock.monotonic() - start, milliseconds{2000});
}

TEST(Process, the_destructor_ends_the_child) {
    pid_t pid = 0;
    {
        auto child = Process::start({"sleep", "60"});
        ASSERT_TRUE(child) << child.error().text;
        pid = child->pid();
        EXPECT_TRUE(child->running());
        EXPECT_EQ(::kill(pid, 0), 0);
    }
    EXPECT_EQ(::kill(pid, 0), -1);
}

TEST(Process, stops_a_stopped_child) {
    auto child = Process::start({"sleep", "60"});
    ASSERT_TRUE(child);
    ::kill(child->pid(), SIGSTOP);
    const SystemClock clock;
    const auto start = clock.monotonic();
    EXPECT_EQ(child->stop().signal, SIGTERM);
    EXPECT_LT(clock.monotonic() - start, milliseconds{1000});
}

TEST(Process, gives_the_named_descriptors_and_no_others) {
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);  // deliberately without close-on-exec
    ASSERT_EQ(::write(ends[1], "hello", 5), 5);
    ProcessOptions options;
    options.descriptors = {{ends[0], 7}};
    // ls's own handle on the folder is the one besides 0, 1, 2 and 7.
    const auto listed = output_of({"ls", "/proc/self/fd"}, options);
    ASSERT_TRUE(listed);
    EXPECT_EQ(*listed, "0\n1\n2\n3\n7\n");
    EXPECT_EQ(*output_of({"head", "-c", "5", "/dev/fd/7"}, options), "hello");
    ::close(ends[0]);
    ::close(ends[1]);
}

TEST(Process, applies_limits) {
    ProcessOptions options;
    options.limits.open_files = 33;
    options.limits.file_size_bytes = 4096;
    const std::string limits = *output_of({"cat", "/proc/self/limits"}, options);
    EXPECT_NE(limits.find("Max open files            33"), std::string::npos) << limits;
    EXPECT_NE(limits.find("Max file size             4096"), std::string::npos) << limits;
    EXPECT_NE(limits.find("Max core file size        0"), std::string::npos) << limits;
}

TEST(Process, runs_as_another_user) {
    if (::getuid() != 0) GTEST_SKIP() << "needs root to become another user";
    ProcessOptions options;
    options.uid = 65534;
    options.gid = 65534;
    EXPECT_EQ(*output_of({"id", "-u"}, options), "65534\n");
    EXPECT_EQ(*output_of({"id", "-G"}, options), "65534\n");
}

/// A control group of the kernel's that tests may make one below, and what it is called in /proc/self/cgroup: v2, or v1's of the processors.
std::string usable_cgroup() {
    for (const char* folder : {"/sys/fs/cgroup/unified", "/sys/fs/cgroup", "/sys/fs/cgroup/cpu"})
        if (::access((std::string(folder) + "/cgroup.procs").c_str(), W_OK) == 0) return folder;
    return "";
}

TEST(Process, runs_in_a_control_group_with_all_that_it_starts) {
    const std::string above = usable_cgroup();
    if (above.empty()) GTEST_SKIP() << "needs root and a control group that can be written";
    const std::string name = "bailiff-test-" + std::to_string(::getpid()), folder = above + "/" + name;
    const auto made = prepare_cgroup(folder);
    if (!made) GTEST_SKIP() << made.error().text;
    ProcessOptions options;
    options.cgroup = folder;
    const auto seen = output_of({"env", "cat", "/proc/self/cgroup"}, options);
    ASSERT_TRUE(seen) << seen.error().text;
    EXPECT_NE(seen->find("/" + name + "\n"), std::string::npos) << *seen;
    EXPECT_TRUE(prepare_cgroup(folder)) << "it is there already";
    ::rmdir(folder.c_str());
    const auto gone = Process::run({"true"}, options);
    EXPECT_FALSE(gone) << "rather not at all than outside of it";
    EXPECT_EQ(prepare_cgroup("/tmp/no-group").error().code, Errc::invalid);
    EXPECT_EQ(prepare_cgroup("/nonexistent/group").error().code, Errc::invalid);
}

TEST(Process, does_not_wait_for_a_grandchild_that_holds_the_pipe) {
    const SystemClock clock;
    const auto start = clock.monotonic();
    ASSERT_TRUE(Process::run({"setsid", "--fork", "sleep", "3"}));
    EXPECT_LT(clock.monotonic() - start, milliseconds{1500});
}

TEST(Process, runs_from_many_threads_at_once) {
    std::vector<std::thread> threads;
    std::vector<std::string> outs(8);
    for (size_t i = 0; i < outs.size(); ++i)
        threads.emplace_back([&, i] { outs[i] = output_of({"echo", std::to_string(i)}).value_or("failed"); });
    for (std::thread& thread : threads) thread.join();
    for (size_t i = 0; i < outs.size(); ++i) EXPECT_EQ(outs[i], std::to_string(i) + "\n");
}

}  // namespace
}  // namespace bailiff::agent
