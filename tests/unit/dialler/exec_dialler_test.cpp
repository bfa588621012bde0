// SPDX-License-Identifier: Apache-2.0
// A dialler that is a program: real runs of small scripts, which are started by their path.
#include "controller/dialler/exec_dialler.hpp"
#include "controller/dialler/program_run.hpp"

#include <bailiff/system_clock.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <future>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace bailiff::test {
namespace {

namespace fs = std::filesystem;

/// A folder of its own with scripts in it.
struct ExecDiallers : testing::Test {
    fs::path folder = fs::temp_directory_path() / ("bailiff-dialler-" + std::to_string(getpid()));
    SystemClock clock;
    std::atomic<bool> giving_up{false};
    ExecDiallers() { fs::create_directories(folder); }
    ~ExecDiallers() override { fs::remove_all(folder); }

    std::string script(const std::string& name, const std::string& text) {
        const fs::path path = folder / name;
        std::ofstream(path) << "#!/bin/sh\n" << text;
        chmod(path.c_str(), 0700);
        return path.string();
    }
    std::string kept(const std::string& name) {
        std::ifstream in(folder / name);
        return {std::istreambuf_iterator<char>(in), {}};
    }
    /// A clock on which an hour passes in the moment in which the program has written the file; not before it was asked when that began.
    struct Impatient : SystemClock {
        explicit Impatient(fs::path file) : file_(std::move(file)) {}
        std::chrono::milliseconds monotonic() const override {
            std::error_code none;
            const bool late = std::exchange(begun_, true) && fs::file_size(file_, none) > 0 && !none;
            return SystemClock::monotonic() + std::chrono::hours(late ? 1 : 0);
        }
        fs::path file_;
        mutable bool begun_ = false;
    };
    ProgramEnd run(const std::vector<std::string>& argv, const std::string& input = "{}", std::chrono::milliseconds patience = std::chrono::seconds(20)) {
        return run_program(argv, input, patience, clock, giving_up);
    }
};

TEST_F(ExecDiallers, a_program_gets_its_arguments_and_its_input_and_nothing_else) {
    setenv("BAILIFF_SECRET", "x", 1);
    const int ours = ::open("/dev/null", 0);
    const auto program = script("dial", "cat > " + (folder / "input").string() + "\nprintf '%s|' \"$@\" > " + (folder / "arguments").string() + "\nenv > " +
                                            (folder / "environment").string() + "\nls /proc/$$/fd > " + (folder / "descriptors").string() + "\npwd > " +
                                            (folder / "place").string() + "\nulimit -n > " + (folder / "files").string() + "\nulimit -d > " +
                                            (folder / "memory").string() + "\n");
    const auto end = run({program, "--to", "two words; $(reboot)"}, R"({"case":"C-1"})");
    ::close(ours);
    unsetenv("BAILIFF_SECRET");
    EXPECT_TRUE(end.started) << end.said;
    EXPECT_EQ(end.code, 0) << end.said;
    EXPECT_EQ(kept("input"), R"({"case":"C-1"})");
    EXPECT_EQ(kept("arguments"), "--to|two words; $(reboot)|");
    EXPECT_EQ(kept("environment").find("BAILIFF_SECRET"), std::string::npos);
    EXPECT_NE(kept("environment").find("PATH=/usr/bin:/bin"), std::string::npos);
    EXPECT_EQ(kept("place"), "/\n");
    EXPECT_EQ(kept("files"), "64\n");
    EXPECT_EQ(kept("memory"), "1048576\n");
    // What the shell opens for itself, its script and the output that it puts aside, it opens from 10 on.
    ASSERT_LT(ours, 10);
    const std::string descriptors = kept("descriptors");
    for (const char digit : {'3', '4', '5', '6', '7', '8', '9'}) EXPECT_EQ(descriptors.find(digit), std::string::npos) << descriptors;
    EXPECT_LE(std::count(descriptors.begin(), descriptors.end(), '\n'), 5) << descriptors;
}

TEST_F(ExecDiallers, how_it_ended_and_what_it_said_is_told) {
    const auto refused = run({script("refuse", "echo 'no trunk free' >&2\nexit 75\n")});
    EXPECT_EQ(refused.code, 75);
    EXPECT_EQ(refused.said, "no trunk free");
    EXPECT_EQ(run({script("killed", "kill -9 $$\n")}).code, -1);
    const auto none = run({(folder / "none").string()});
    EXPECT_FALSE(none.started);
    EXPECT_NE(none.said.find("none could not be started"), std::string::npos) << none.said;
    EXPECT_FALSE(run({}).started);
    const auto talkative = run({script("talk", "i=0; while [ $i -lt 2000 ]; do echo 'word word word word word word word word' >&2; i=$((i+1)); done\n")});
    EXPECT_EQ(talkative.code, 0);
    EXPECT_LE(talkative.said.size(), 4000u);
}

TEST_F(ExecDiallers, its_time_ends_it_and_its_children) {
    const auto program = script("hang", "sleep 300 &\necho $! > " + (folder / "child").string() + "\nwait\n");
    const auto end = run_program({program}, "{}", std::chrono::minutes(50), Impatient(folder / "child"), giving_up);
    EXPECT_FALSE(end.in_time);
    const pid_t child = pid_t(std::stol(kept("child")));
    for (int i = 0; i < 100 && kill(child, 0) == 0; ++i) usleep(20'000);
    std::ifstream state("/proc/" + std::to_string(child) + "/stat");
    std::string line;
    std::getline(state, line);
    EXPECT_TRUE(line.empty() || line.find(") Z ") != std::string::npos) << line;
}

TEST_F(ExecDiallers, what_it_leaves_behind_does_not_hold_us_up) {
    // What is left behind holds its output open for as long as the run may take.
    const auto end = run({script("leave", "sleep 3600 &\nexit 0\n")}, "{}", std::chrono::minutes(50));
    EXPECT_EQ(end.code, 0);
    EXPECT_TRUE(end.in_time);
}

TEST_F(ExecDiallers, takes_what_the_program_takes) {
    const auto program = script("dial", "cat >> " + (folder / "calls").string() + "\ntest ! -e " + (folder / "deaf").string() + "\n");
    ExecDialler dialler({{program}}, clock);
    const auto tell = [&](const std::string& body) {
        std::promise<DialAnswer> said;
        dialler.tell({"D-1", false, body, {}}, [&](DialAnswer answer) { said.set_value(std::move(answer)); });
        return said.get_future().get();
    };
    EXPECT_TRUE(tell("one").accepted);
    std::ofstream(folder / "deaf") << "";
    const auto refused = tell("two");
    EXPECT_FALSE(refused.accepted);
    EXPECT_EQ(refused.text, "exit code 1");
    EXPECT_EQ(kept("calls"), "one\ntwo\n");
}

TEST_F(ExecDiallers, everything_is_answered_when_it_stops) {
    const auto program = script("slow", "sleep 100\n");
    std::atomic<int> answered = 0, taken = 0;
    {
        ExecDialler dialler({{program}, std::chrono::seconds(60), 3}, clock);
        for (int i = 0; i < 8; ++i)
            dialler.tell({"D-" + std::to_string(i), i == 4, "{}", {}}, [&](const DialAnswer& answer) { ++answered, taken += answer.accepted; });
    }
    EXPECT_EQ(answered, 8);
    EXPECT_EQ(taken, 0);
}

}  // namespace
}  // namespace bailiff::test
