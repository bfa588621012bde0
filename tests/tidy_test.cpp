// SPDX-License-Identifier: Apache-2.0
// Style that matters is a test with a helpful message: who may include whom, where clocks and shells may stand, and
// what every folder and file owes its reader. It reads the tree as text; nothing is compiled for it.

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;

struct Source {
    std::string path;                 ///< from the root, with slashes
    std::vector<std::string> lines;
    std::string folder() const { return path.substr(0, path.rfind('/')); }
};

const std::vector<Source>& sources() {
    static const std::vector<Source> all = [] {
        std::vector<Source> out;
        for (const char* top : {"include", "controller", "agent", "tests"})
            for (const auto& entry : fs::recursive_directory_iterator(fs::path(BAILIFF_SOURCE_DIR) / top)) {
                const auto extension = entry.path().extension();
                if (extension != ".hpp" && extension != ".cpp") continue;
                Source source{fs::relative(entry.path(), BAILIFF_SOURCE_DIR).generic_string(), {}};
                std::ifstream in(entry.path());
                for (std::string line; std::getline(in, line);) source.lines.push_back(line);
                out.push_back(std::move(source));
            }
        return out;
    }();
    return all;
}

bool product(const Source& s) { return !s.path.starts_with("tests/"); }

/// What each folder may include of our own, beside itself and include/bailiff. This is DESIGN's picture as a table.
const std::map<std::string, std::set<std::string>>& arrows() {
    static const std::map<std::string, std::set<std::string>> table{
        {"controller/core", {}},
        // Pure, as the core is: what may be concluded from a history of addresses.
        {"controller/inventory", {}},
        {"controller/desk", {"controller/core", "controller/inventory"}},
        // A queue that knows nothing of what waits in it; the edges that wait for others stand on it.
        {"controller/threads", {}},
        {"controller/config", {"controller/core"}},
        {"controller/intake", {"controller/core"}},
        // Its worker is a program of its own: the parser, and nothing else of the controller.
        {"controller/parsing", {"controller/core", "controller/desk", "controller/intake"}},
        {"controller/storage", {"controller/core", "controller/desk", "controller/inventory", "controller/gateway/ports.hpp"}},
        {"controller/mail", {"controller/core", "controller/desk", "controller/threads"}},
        {"controller/webhooks", {"controller/core", "controller/desk", "controller/inventory", "controller/threads"}},
        {"controller/dialler", {"controller/core", "controller/desk", "controller/threads"}},
        {"controller/gateway", {"controller/core", "controller/desk", "controller/api/http_server.hpp", "controller/api/http_message.hpp"}},
        {"controller/api", {"controller/core", "controller/desk", "controller/intake", "controller/inventory"}},
        {"controller/web", {"controller/core", "controller/desk", "controller/api"}},
        // bailiffctl is a program: its main knows the offline parts it runs in this process.
        {"controller/ctl", {"controller/core", "controller/config", "controller/intake", "controller/storage", "controller/desk"}},
        {"agent/core", {"agent/ports.hpp"}},
        {"agent/process", {}},
        {"agent/files", {}},
        {"agent/journal", {"agent/ports.hpp", "agent/core", "agent/files"}},
        {"agent/hypervisor", {"agent/ports.hpp", "agent/core", "agent/files", "agent/process"}},
        {"agent/guard", {"agent/ports.hpp", "agent/core", "agent/files", "agent/process", "agent/hypervisor/network_source.hpp"}},
        {"agent/evidence", {"agent/ports.hpp", "agent/core", "agent/files", "agent/process"}},
        {"agent/scan", {"agent/ports.hpp", "agent/core", "agent/files", "agent/process"}},
        {"agent/link", {}},
    };
    return table;
}

bool allowed(const std::string& from, const std::string& header, const std::set<std::string>& targets) {
    if (header.starts_with(from + "/")) return true;
    return std::any_of(targets.begin(), targets.end(), [&](const std::string& t) { return header == t || header.starts_with(t + "/"); });
}

TEST(Tidy, an_edge_includes_only_what_its_arrow_allows) {
    static const std::regex ours("^\\s*#include \"((?:controller|agent|tests)/[^\"]+)\"");
    for (const auto& s : sources()) {
        const auto rule = std::find_if(arrows().begin(), arrows().end(), [&](const auto& r) { return s.path.starts_with(r.first + "/"); });
        for (const auto& line : s.lines) {
            std::smatch match;
            if (!std::regex_search(line, match, ours)) continue;
            const std::string header = match[1];
            if (product(s)) {
                EXPECT_FALSE(header.starts_with("tests/")) << s.path << " includes " << header << ": product code never includes tests";
                const bool crosses = (s.path.starts_with("controller/") && header.starts_with("agent/")) || (s.path.starts_with("agent/") && header.starts_with("controller/"));
                EXPECT_FALSE(crosses) << s.path << " includes " << header << ": controller and agent share only include/bailiff; move it there";
                if (s.path.starts_with("include/")) ADD_FAILURE() << s.path << " includes " << header << ": include/bailiff stands on nothing of ours";
            }
            if (rule != arrows().end()) {
                EXPECT_TRUE(allowed(rule->first, header, rule->second))
                    << s.path << " includes " << header << ": " << rule->first << " may not know it; go through a port, or draw the arrow in tests/tidy_test.cpp and defend it";
            }
        }
    }
}

TEST(Tidy, every_folder_with_code_has_its_arrow) {
    for (const auto& s : sources()) {
        if (!s.path.starts_with("controller/") && !s.path.starts_with("agent/")) continue;
        const std::string folder = s.folder();
        if (folder == "controller" || folder == "agent") continue;
        const bool known = std::any_of(arrows().begin(), arrows().end(), [&](const auto& r) { return folder == r.first || folder.starts_with(r.first + "/"); });
        EXPECT_TRUE(known) << folder << " is not in the table of arrows; add what it may include to tests/tidy_test.cpp";
    }
}

TEST(Tidy, the_real_clock_is_read_in_one_file) {
    static const std::regex clock("system_clock::now|steady_clock::now|\\btime\\(nullptr\\)|\\btime\\(NULL\\)|gettimeofday|clock_gettime");
    for (const auto& s : sources()) {
        if (!product(s) || s.path == "include/bailiff/system_clock.hpp") continue;
        for (size_t i = 0; i < s.lines.size(); ++i)
            // A list of allowed system calls names them without calling them.
            EXPECT_FALSE(s.lines[i].find("SCMP_SYS(") == std::string::npos && std::regex_search(s.lines[i], clock))
                << s.path << ":" << i + 1 << " reads the real clock; take a Clock&";
    }
}

TEST(Tidy, nobody_starts_a_shell) {
    static const std::regex shell(R"re(\bsystem\s*\(|\bpopen\s*\(|"(/bin/)?(ba)?sh"\s*,\s*"-c")re");
    for (const auto& s : sources()) {
        if (!product(s)) continue;
        for (size_t i = 0; i < s.lines.size(); ++i)
            EXPECT_FALSE(std::regex_search(s.lines[i], shell)) << s.path << ":" << i + 1 << " starts a shell; use agent/process with an argv";
    }
}

TEST(Tidy, libvirt_stays_in_its_folder) {
    for (const auto& s : sources()) {
        if (!product(s) || s.path.starts_with("agent/hypervisor/")) continue;
        for (const auto& line : s.lines)
            EXPECT_EQ(line.find("#include <libvirt/"), std::string::npos) << s.path << " includes libvirt; only agent/hypervisor speaks to it";
    }
}

TEST(Tidy, beast_stays_behind_headers_without_boost) {
    for (const auto& s : sources()) {
        if (!product(s) || !s.path.ends_with(".hpp")) continue;
        for (const auto& line : s.lines)
            if (line.find("#include <boost/beast") != std::string::npos) {
                EXPECT_TRUE(s.path.find("http_core") != std::string::npos || s.path.find("_session") != std::string::npos || s.path.starts_with("agent/link/"))
                    << s.path << " pulls Beast into everyone who includes it: a minute and 2 GB each; hide it in a .cpp";
            }
    }
}

TEST(Tidy, every_file_begins_with_its_licence_and_stays_readable) {
    for (const auto& s : sources()) {
        ASSERT_FALSE(s.lines.empty()) << s.path << " is empty";
        EXPECT_EQ(s.lines[0], "// SPDX-License-Identifier: Apache-2.0") << s.path << " must begin with the SPDX line";
        EXPECT_LE(s.lines.size(), 450u) << s.path << " is long: look whether one thought became two";
    }
}

TEST(Tidy, nothing_has_a_name_that_says_nothing) {
    static const std::set<std::string> empty_words{"utils", "util", "common", "helpers", "helper", "manager", "misc"};
    for (const auto& s : sources()) {
        std::stringstream parts(s.path);
        for (std::string part; std::getline(parts, part, '/');)
            EXPECT_FALSE(empty_words.contains(part.substr(0, part.find('.')))) << s.path << ": name it by what it is for";
    }
}

TEST(Tidy, every_folder_has_a_readme) {
    std::map<std::string, int> files;
    for (const char* top : {"include", "controller", "agent", "tests", "policies", "contrib"})
        for (const auto& entry : fs::recursive_directory_iterator(fs::path(BAILIFF_SOURCE_DIR) / top))
            if (entry.is_regular_file()) ++files[fs::relative(entry.path().parent_path(), BAILIFF_SOURCE_DIR).generic_string()];
    for (const auto& [folder, count] : files) {
        if (count <= 3 || folder.find("__pycache__") != std::string::npos) continue;
        // Test folders per area and data folders are explained by the README above them.
        const bool explained_above = folder.starts_with("tests/unit/") || folder.starts_with("tests/integration/") || folder.starts_with("tests/fixtures/") ||
                                     folder.starts_with("tests/fuzz/") || folder.starts_with("tests/bench/") || folder.starts_with("policies/notices/") ||
                                     folder.ends_with("/migrations") || folder.starts_with("contrib/man") || folder.starts_with("policies/schema");
        if (explained_above) continue;
        EXPECT_TRUE(fs::exists(fs::path(BAILIFF_SOURCE_DIR) / folder / "README.md")) << folder << " has " << count << " files and no README.md of one screen";
    }
}

TEST(Tidy, the_top_level_is_the_users) {
    static const std::set<std::string> given{"CMakeLists.txt", "CMakePresets.json", "README.md", "LICENSE", "agent", "controller", "include", "policies", "tests", "contrib", "build"};
    for (const auto& entry : fs::directory_iterator(BAILIFF_SOURCE_DIR)) {
        const std::string name = entry.path().filename().string();
        EXPECT_TRUE(name[0] == '.' || given.contains(name)) << name << " is not in the fixed layout of the top level";
    }
}

}  // namespace
