// SPDX-License-Identifier: Apache-2.0
// Its folder, its configuration, its start and its end.
#include "agent/scan/engines/private_clamd.hpp"

#include "agent/scan/engines/clamd.hpp"

#include <bailiff/system_clock.hpp>

#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>
#include <vector>

namespace bailiff::agent {
namespace {

constexpr const char* program = "/usr/sbin/clamd";

template <typename Take>
void each_directive(std::string_view text, const Take& take) {
    while (!text.empty()) {
        const size_t end = text.find('\n');
        std::string_view line = text.substr(0, end);
        text.remove_prefix(end == text.npos ? text.size() : end + 1);
        while (!line.empty() && (line.back() == '\r' || line.back() == ' ' || line.back() == '\t')) line.remove_suffix(1);
        while (!line.empty() && (line.front() == ' ' || line.front() == '\t')) line.remove_prefix(1);
        if (line.empty() || line.front() == '#') continue;
        const size_t space = line.find_first_of(" \t");
        if (space == line.npos) continue;
        const size_t value = line.find_first_not_of(" \t", space);
        take(line.substr(0, space), line.substr(value));
    }
}

/// Names of clamd.conf(5) that begin so say how contents are taken apart and matched, but for those that limit the daemon itself.
bool concerns_contents(std::string_view name) {
    static constexpr std::array begins{"Scan", "Max", "Alert", "Detect", "Heuristic", "Phishing", "Structured", "Bytecode", "PCRE", "Partition", "AlgorithmicDetection",
                                       "ForceToDisk", "DisableCertCheck", "OfficialDatabaseOnly", "Exclude", "Include", "Block", "StreamMaxLength", "AllowAllMatchScan",
                                       "DisableCache", "CacheSize"};
    static constexpr std::array daemon{"MaxThreads", "MaxConnectionQueueLength", "MaxQueue", "ExcludePath"};
    const auto is = [&](const char* one) { return name == one; };
    return std::any_of(begins.begin(), begins.end(), [&](const char* one) { return name.starts_with(one); }) && std::none_of(daemon.begin(), daemon.end(), is);
}

bool write_text(const std::string& path, std::string_view text) {
    std::ofstream out(path, std::ios::binary);
    out.write(text.data(), static_cast<std::streamsize>(text.size()));
    return static_cast<bool>(out.flush());
}

}  // namespace

std::string matching_directives(std::string_view configuration) {
    std::string out;
    each_directive(configuration, [&](std::string_view name, std::string_view value) {
        if (concerns_contents(name)) out += std::string(name) + " " + std::string(value) + "\n";
    });
    return out;
}

std::string directive(std::string_view configuration, std::string_view name) {
    std::string out;
    each_directive(configuration, [&](std::string_view one, std::string_view value) {
        if (one == name && out.empty()) out = value;
    });
    return out;
}

Result<void> PrivateClamd::prepare(std::string_view configuration, unsigned threads, const FillDatabase& fill) {
    char name[] = "/tmp/bailiff-clamd-XXXXXX";
    if (!::mkdtemp(name)) return fail(Errc::unavailable, "no folder for clamd in /tmp");
    folder_ = name;
    const std::string database = folder_ + "/database", temporary = folder_ + "/tmp";
    for (const auto& folder : {database, temporary})
        if (::mkdir(folder.c_str(), 0700) != 0) return fail(Errc::unavailable, "'" + folder + "' cannot be made");
    if (auto filled = fill(database); !filled) return filled;
    std::string user;
    if (::geteuid() == 0) {
        user = directive(configuration, "User");
        if (user.empty() || user == "root") user = "nobody";
        const passwd* entry = ::getpwnam(user.c_str());
        if (!entry) return fail(Errc::not_found, "there is no user '" + user + "', which clamd.conf names");
        std::error_code error;
        std::vector<std::string> given{folder_};
        for (std::filesystem::recursive_directory_iterator at(folder_, error), end; !error && at != end; at.increment(error)) given.push_back(at->path().string());
        for (const auto& path : given)
            if (::lchown(path.c_str(), entry->pw_uid, entry->pw_gid) != 0) return fail(Errc::unavailable, "'" + path + "' cannot be given to " + user);
    }
    std::string text = matching_directives(configuration) + "Foreground yes\nLocalSocket " + socket_path() + "\nDatabaseDirectory " + database + "\nTemporaryDirectory " + temporary +
                       "\nMaxThreads " + std::to_string(threads) + "\nSelfCheck 86400\n";
    if (!user.empty()) text += "User " + user + "\n";
    if (!write_text(folder_ + "/clamd.conf", text)) return fail(Errc::unavailable, "'" + folder_ + "' cannot be written");
    return {};
}

Result<std::unique_ptr<PrivateClamd>> PrivateClamd::start(std::string_view configuration, unsigned threads, const FillDatabase& fill, std::chrono::seconds patience) {
    std::unique_ptr<PrivateClamd> out(new PrivateClamd);
    if (auto prepared = out->prepare(configuration, threads, fill); !prepared) return fail(prepared.error());
    ProcessOptions options;
    options.die_with_parent = true;
    auto process = Process::start({program, "--config-file=" + out->folder_ + "/clamd.conf"}, std::move(options));
    if (!process) return fail(process.error());
    out->process_ = std::make_unique<Process>(std::move(*process));
    const SystemClock clock;
    for (const auto end = clock.monotonic() + std::chrono::milliseconds(patience); clock.monotonic() < end && out->running();) {
        if (examine_clamd(out->socket_path(), std::chrono::seconds(5))) return out;
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    return fail(Errc::unavailable, "a clamd for the new signatures did not start: " + out->process_->stop().describe());
}

PrivateClamd::~PrivateClamd() {
    if (process_) process_->stop();
    std::error_code ignored;
    if (!folder_.empty()) std::filesystem::remove_all(folder_, ignored);
}

}  // namespace bailiff::agent
