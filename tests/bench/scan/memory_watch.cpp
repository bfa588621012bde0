// SPDX-License-Identifier: Apache-2.0
// Reads /proc.
#include "tests/bench/scan/memory_watch.hpp"

#include <sys/stat.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace bailiff::test {
namespace {

namespace fs = std::filesystem;

/// The sum of these lines, which are in kB.
uint64_t lines_of(const std::string& file, std::initializer_list<const char*> names) {
    std::ifstream in(file);
    uint64_t sum = 0;
    for (std::string line; std::getline(in, line);)
        for (const char* name : names)
            if (line.starts_with(name)) sum += std::strtoull(line.c_str() + std::char_traits<char>::length(name), nullptr, 10) * 1024;
    return sum;
}

uint64_t held_by(pid_t root) {
    uint64_t sum = 0;
    std::map<std::pair<dev_t, ino_t>, uint64_t> nameless;
    std::vector<pid_t> open{root};
    std::error_code ignored;
    while (!open.empty()) {
        const std::string process = "/proc/" + std::to_string(open.back());
        open.pop_back();
        const uint64_t share = lines_of(process + "/smaps_rollup", {"Pss_Anon:", "Pss_File:"});
        // A sandboxed process of another user shows its share to root only.
        sum += share ? share : lines_of(process + "/status", {"RssAnon:", "RssFile:"});
        for (fs::directory_iterator entry(process + "/fd", ignored), end; !ignored && entry != end; entry.increment(ignored)) {
            struct stat facts {};
            if (fs::read_symlink(entry->path(), ignored).string().starts_with("/memfd:") && ::stat(entry->path().c_str(), &facts) == 0)
                nameless[{facts.st_dev, facts.st_ino}] = uint64_t(facts.st_blocks) * 512;
            ignored.clear();
        }
        ignored.clear();
        for (fs::directory_iterator entry(process + "/task", ignored), end; !ignored && entry != end; entry.increment(ignored)) {
            std::ifstream children(entry->path() / "children");
            for (pid_t child = 0; children >> child;) open.push_back(child);
        }
        ignored.clear();
    }
    for (const auto& [file, bytes] : nameless) sum += bytes;
    return sum;
}

}  // namespace

MemoryWatch::MemoryWatch(pid_t root)
    : thread_([this, root] {
          while (!over_) {
              peak_ = std::max(peak_.load(), held_by(root));
              std::this_thread::sleep_for(std::chrono::milliseconds(100));
          }
      }) {}

MemoryWatch::~MemoryWatch() {
    over_ = true;
    thread_.join();
}

}  // namespace bailiff::test
