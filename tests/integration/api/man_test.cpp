// SPDX-License-Identifier: Apache-2.0
// The manual pages: without faults, and naming every command and long option that a built program knows.
#include "controller/ctl/commands.hpp"
#include "controller/ctl/completion.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <set>
#include <tuple>

namespace bailiff::test {
namespace {

const std::string pages = std::string(BAILIFF_SOURCE_DIR) + "/contrib/man/";

std::string output_of(const std::string& command) {
    std::string out;
    FILE* pipe = popen((command + " 2>&1").c_str(), "r");
    std::array<char, 4096> buffer{};
    while (std::fgets(buffer.data(), int(buffer.size()), pipe)) out += buffer.data();
    pclose(pipe);
    return out;
}

/// The page with the escapes of hyphens taken out.
std::string page(const std::string& file) {
    std::ifstream in(pages + file);
    std::string text{std::istreambuf_iterator<char>(in), {}}, out;
    for (size_t i = 0; i < text.size(); ++i)
        if (text[i] != '\\' || i + 1 == text.size() || text[i + 1] != '-') out += text[i];
    return out;
}

bool names_option(const std::string& text, const std::string& option) {
    std::string pattern = "Fl -";
    pattern += option.substr(2);
    pattern += "(?![a-z0-9-])";
    return std::regex_search(text, std::regex(pattern));
}

TEST(Man, PagesHaveNoFaults) {
    if (std::system("command -v mandoc >/dev/null 2>&1") != 0) GTEST_SKIP() << "mandoc is not installed";
    size_t seen = 0;
    for (const auto& entry : std::filesystem::directory_iterator(pages)) {
        const auto extension = entry.path().extension();
        if (extension != ".1" && extension != ".8") continue;
        ++seen;
        EXPECT_EQ(output_of("mandoc -T lint -W warning " + entry.path().string()), "");
    }
    EXPECT_EQ(seen, 6u);
}

TEST(Man, BailiffctlNamesEveryCommandAndOption) {
    const auto text = page("bailiffctl.1");
    const auto shared = text.substr(0, text.find("\n.Sh COMMANDS"));
    for (const auto& command : all_commands()) {
        const std::string head = "\n.Ss " + std::string(command.name) + "\n";
        const size_t at = text.find(head);
        EXPECT_NE(at, std::string::npos) << command.name << " is not in bailiffctl.1; run contrib/man/make_bailiffctl.py";
        if (at == std::string::npos) continue;
        const auto section = text.substr(at, text.find("\n.S", at + head.size()) - at);
        for (const auto& option : options_of(command))
            EXPECT_TRUE(names_option(section, option) || names_option(shared, option)) << command.name << " " << option;
    }
}

TEST(Man, ProgramsOptionsAreNamed) {
    size_t seen = 0;
    for (const auto& [program, arguments, file] : {std::tuple{"bailiff-scan", "--help", "bailiff-scan.1"}, {"bailiff-clean", "--help", "bailiff-clean.1"}, {"bailiff-controller", "--help", "bailiff-controller.8"},
                                                   {"bailiff-agent", "--help", "bailiff-agent.8"}, {"bailiff-link", "--help", "bailiff-link.8"},
                                                   {"bailiff-link", "enrol --help", "bailiff-link.8"}}) {
        const auto path = (std::filesystem::path(BAILIFF_BIN_DIR) / program).string();
        if (!std::filesystem::exists(path)) continue;
        ++seen;
        const auto help = output_of(path + " " + arguments), text = page(file);
        const std::regex option("(^|\\n) {1,6}(-\\w \\[ )?(--[a-z0-9][a-z0-9-]*)");
        size_t options = 0;
        for (auto found = std::sregex_iterator(help.begin(), help.end(), option); found != std::sregex_iterator(); ++found, ++options)
            EXPECT_TRUE(names_option(text, (*found)[3])) << file << " does not name " << (*found)[3] << " of " << program << " " << arguments;
        EXPECT_GT(options, 0u) << program << " printed no options:\n" << help;
    }
    if (!seen) GTEST_SKIP() << "no program with a page is built yet";
}

}  // namespace
}  // namespace bailiff::test
