// SPDX-License-Identifier: Apache-2.0
// How words find their command, and what a slip of the finger gets.
#include "tests/unit/ctl/shell.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <array>

namespace bailiff::test {
namespace {

ExitCode say_arguments(const std::vector<std::string>& arguments, std::ostream& out, std::ostream&) {
    for (const auto& argument : arguments) out << "[" << argument << "]";
    return exit_ok;
}

constexpr Command commands[] = {{"deadline", "when it is due", say_arguments},
                                {"policy check", "what is wrong", say_arguments},
                                {"policy show", "what it says", say_arguments}};

Seen type(const std::vector<std::string>& words) {
    return run([](const auto& a, auto& out, auto& err) { return dispatch(commands, a, out, err); }, words);
}

TEST(Dispatch, FindsOneAndTwoWords) {
    EXPECT_EQ(type({"deadline", "--x", "y"}).out, "[--x][y]");
    EXPECT_EQ(type({"policy", "check", "a.json"}).out, "[a.json]");
    EXPECT_EQ(type({"help", "policy", "show"}).out, "[--help]");
    EXPECT_EQ(type({"deadline"}).code, 0);
}

TEST(Dispatch, ListsAndSuggests) {
    EXPECT_EQ(type({}).code, 2);
    EXPECT_EQ(type({"--help"}).code, 0);
    EXPECT_NE(type({"--help"}).out.find("policy check  what is wrong"), std::string::npos);
    EXPECT_NE(type({"--version"}).out.find("bailiffctl "), std::string::npos);
    const auto unknown = [](const std::vector<std::string>& words) {
        const auto seen = type(words);
        EXPECT_EQ(seen.code, 2);
        EXPECT_EQ(seen.out, "");
        return seen.err;
    };
    EXPECT_EQ(unknown({"deadlnie"}), "bailiffctl: 'deadlnie' is no command; did you mean 'deadline'?\n");
    EXPECT_EQ(unknown({"policy", "chek", "x"}), "bailiffctl: 'policy chek' is no command; did you mean 'policy check'?\n");
    EXPECT_EQ(unknown({"policy"}), "bailiffctl: 'policy' is no command; there is policy check, policy show\n");
    EXPECT_EQ(unknown({"xyzzy"}), "bailiffctl: 'xyzzy' is no command; `bailiffctl --help` lists them\n");
    EXPECT_EQ(unknown({""}), "bailiffctl: '' is no command; `bailiffctl --help` lists them\n");
}

TEST(Program, IsPutTogether) {
    std::array<int, 2> ends{};
    ASSERT_EQ(pipe(ends.data()), 0);
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
        dup2(ends[1], STDOUT_FILENO);
        const std::string program = std::string(BAILIFF_BIN_DIR) + "/bailiffctl", calendar = policies + "calendars/asia-kolkata.json";
        execl(program.c_str(), "bailiffctl", "deadline", "--calendar", calendar.c_str(), "--start", "2026-03-02T05:00:00+05:30",
              "--add", "PT4H", static_cast<char*>(nullptr));
        _exit(127);
    }
    close(ends[1]);
    std::string out;
    std::array<char, 4096> buffer{};
    for (ssize_t n; (n = read(ends[0], buffer.data(), buffer.size())) > 0;) out.append(buffer.data(), size_t(n));
    close(ends[0]);
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    EXPECT_EQ(Json::parse(out)["due"], "2026-03-02T13:00:00+05:30");
}

}  // namespace
}  // namespace bailiff::test
