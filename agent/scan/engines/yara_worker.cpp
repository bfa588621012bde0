// SPDX-License-Identifier: Apache-2.0
// Both sides of the YARA processes.
#include "agent/scan/engines/yara_worker.hpp"

#include "agent/scan/box/memory_file.hpp"
#include "agent/scan/box/packet_socket.hpp"
#include "agent/scan/box/role.hpp"
#include "agent/scan/box/sandbox.hpp"
#include "agent/scan/path_text.hpp"

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <yara.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace bailiff::agent {
namespace {

constexpr size_t most_rules_named = 64;
constexpr char answered = 'A', timed_out = 'T', failed = 'F', ready = 'R';

bool reply(int channel, char kind, const std::string& text) {
    const std::string packet = kind + text.substr(0, 32 * 1024);
    return send_packet(channel, Bytes(reinterpret_cast<const uint8_t*>(packet.data()), packet.size()));
}

void collect_problem(int level, const char* file, int line, const YR_RULE*, const char* message, void* user) {
    auto& text = *static_cast<std::string*>(user);
    if (level == YARA_ERROR_LEVEL_ERROR && text.empty())
        text = std::string(file ? file : "a rule file") + ":" + std::to_string(line) + ": " + message;
}

/// The compiled rules; on failure `problem` says file and line.
YR_RULES* compile_folder(const std::string& folder, std::string& version, std::string& problem) {
    std::vector<std::filesystem::path> files;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(folder, error))
        if (entry.path().extension() == ".yar" || entry.path().extension() == ".yara") files.push_back(entry.path());
    std::sort(files.begin(), files.end());
    if (files.empty()) return problem = "there is no *.yar or *.yara file in '" + folder + "'", nullptr;
    auto digest = MemoryFile::create();
    YR_COMPILER* compiler = nullptr;
    if (!digest || yr_initialize() != ERROR_SUCCESS || yr_compiler_create(&compiler) != ERROR_SUCCESS)
        return problem = "libyara cannot be started", nullptr;
    yr_compiler_set_callback(compiler, collect_problem, &problem);
    for (const auto& path : files) {
        std::ifstream in(path, std::ios::binary);
        const std::string text{std::istreambuf_iterator<char>(in), {}};
        const std::string name = path.filename().string();
        if (!in) problem = name + " cannot be read";
        const std::string entry = name + '\0' + std::to_string(text.size()) + '\0' + text;
        if (!digest->append(entry)) problem = "no memory";
        FILE* file = problem.empty() ? std::fopen(path.c_str(), "rb") : nullptr;
        // A namespace per file: two files may use the same rule name.
        const int errors = file ? yr_compiler_add_file(compiler, file, name.c_str(), name.c_str()) : 1;
        if (file) std::fclose(file);
        if (errors) {
            if (problem.empty()) problem = name + " does not compile";
            return nullptr;
        }
    }
    YR_RULES* rules = nullptr;
    if (yr_compiler_get_rules(compiler, &rules) != ERROR_SUCCESS) return problem = "the rules cannot be compiled", nullptr;
    yr_compiler_destroy(compiler);
    const auto sha = digest_of(digest->fd(), static_cast<uint64_t>(::lseek(digest->fd(), 0, SEEK_CUR)));
    version = sha ? hex_of(*sha) : "";
    return rules;
}

/// Where the first of the rule's strings lies; nothing for a rule whose condition needs none.
std::optional<int64_t> first_match(YR_SCAN_CONTEXT* context, const YR_RULE* rule) {
    std::optional<int64_t> out;
    const YR_STRING* string;
    const YR_MATCH* match;
    yr_rule_strings_foreach(rule, string) {
        yr_string_matches_foreach(context, string, match) {
            const int64_t at = match->base + match->offset;
            if (!out || at < *out) out = at;
        }
    }
    return out;
}

/// "rule" or "rule offset": a rule's name holds no blank.
int collect_match(YR_SCAN_CONTEXT* context, int message, void* data, void* user) {
    if (message != CALLBACK_MSG_RULE_MATCHING) return CALLBACK_CONTINUE;
    auto& names = *static_cast<std::vector<std::string>*>(user);
    const auto* rule = static_cast<const YR_RULE*>(data);
    const auto at = first_match(context, rule);
    names.push_back(rule->identifier + (at ? " " + std::to_string(*at) : ""));
    return names.size() < most_rules_named ? CALLBACK_CONTINUE : CALLBACK_ABORT;
}

/// Answers files until the scan closes the channel. A hang ends in SIGALRM, which the scan sees as a lost worker.
[[noreturn]] void serve(YR_RULES* rules, int channel, int seconds) {
    if (!forbid_fork()) ::_exit(1);
    for (;;) {
        const auto packet = receive_packet(channel, Wait::yes, 16);
        if (!packet || !*packet || !(*packet)->descriptor) ::_exit(0);
        const uint64_t size = little_endian<uint64_t>((*packet)->bytes, 0);
        void* content = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, (*packet)->descriptor.fd(), 0);
        if (content == MAP_FAILED) {
            if (!reply(channel, failed, "no memory for the content")) ::_exit(0);
            continue;
        }
        ::alarm(static_cast<unsigned>(seconds + 5));
        std::vector<std::string> names;
        const int code = yr_rules_scan_mem(rules, static_cast<const uint8_t*>(content), size,
                                           SCAN_FLAGS_REPORT_RULES_MATCHING | SCAN_FLAGS_NO_TRYCATCH, collect_match, &names, seconds);
        ::alarm(0);
        ::munmap(content, size);
        std::string text;
        for (const auto& name : names) text += (text.empty() ? "" : "\n") + name;
        // Matches count even when the time ran out afterwards.
        const bool sent = code == ERROR_SUCCESS || !names.empty() ? reply(channel, answered, text)
                          : code == ERROR_SCAN_TIMEOUT            ? reply(channel, timed_out, "")
                                                                  : reply(channel, failed, "libyara error " + std::to_string(code));
        if (!sent) ::_exit(0);
    }
}

}  // namespace

int run_yara_worker(const std::vector<std::string>& arguments) {
    if (arguments.size() != 2) return 2;
    std::string version, problem;
    YR_RULES* rules = compile_folder(arguments[0], version, problem);
    const int seconds = std::atoi(arguments[1].c_str());
    if (rules) {
        SandboxProfile profile;
        profile.may_fork = true;
        profile.largest_file = 0;
        if (const auto boxed = enter_sandbox(profile); !boxed) rules = nullptr, problem = boxed.error().text;
    }
    if (!rules) {
        reply(role_channel, failed, problem);
        return 1;
    }
    ::signal(SIGCHLD, SIG_IGN);
    reply(role_channel, ready, version);
    for (;;) {
        auto packet = receive_packet(role_channel, Wait::yes, 16);
        if (!packet || !*packet || !(*packet)->descriptor) return 0;
        const pid_t pid = ::fork();
        if (pid == 0) {
            ::close(role_channel);
            serve(rules, (*packet)->descriptor.fd(), seconds);
        }
    }
}

YaraRules::YaraRules(Process process, Descriptor channel, std::string version)
    : process_(std::move(process)), channel_(std::move(channel)), version_(std::move(version)) {}

Result<YaraRules> YaraRules::compile(const std::string& folder, std::chrono::seconds per_file) {
    auto role = start_role("yara", {std::filesystem::absolute(folder).string(), std::to_string(per_file.count())}, -1);
    if (!role) return fail(role.error());
    const auto packet = receive_packet(role->channel.fd(), Wait::yes);
    if (!packet || !*packet || (*packet)->bytes.empty())
        return fail(Errc::unavailable, "the YARA process ended at its start. " + last_words(role->process));
    const std::string text((*packet)->bytes.begin() + 1, (*packet)->bytes.end());
    if ((*packet)->bytes[0] != ready)
        return fail(Errc::invalid, "the YARA rules cannot be used: " + escape_path(text) + "; mend them or point --yara elsewhere");
    return YaraRules(std::move(role->process), std::move(role->channel), text);
}

Result<Descriptor> YaraRules::new_worker() {
    auto pair = packet_pair();
    if (!pair) return fail(pair.error());
    static constexpr uint8_t any = 0;
    if (!send_packet(channel_.fd(), Bytes(&any, 1), pair->second.fd()))
        return fail(Errc::unavailable, "the process that holds the YARA rules has died");
    return std::move(pair->first);
}

bool ask_yara(int worker, int content, uint64_t size) {
    uint8_t bytes[8];
    for (int i = 0; i < 8; ++i) bytes[i] = static_cast<uint8_t>(size >> (8 * i));
    return send_packet(worker, bytes, content);
}

Result<YaraAnswer> parse_yara_answer(Bytes packet) {
    YaraAnswer out;
    if (packet.empty()) return fail(Errc::invalid, "the YARA worker sent nothing");
    const std::string text(packet.begin() + 1, packet.end());
    out.scanned = packet[0] == answered;
    out.timed_out = packet[0] == timed_out;
    if (out.timed_out) out.problem = "YARA took too long";
    else if (!out.scanned) out.problem = escape_path(text);
    for (size_t at = 0; out.scanned && at < text.size();) {
        const size_t end = std::min(text.find('\n', at), text.size());
        const std::string line = text.substr(at, end - at);
        const size_t blank = std::min(line.find(' '), line.size());
        uint64_t offset = 0;
        const auto [rest, error] = std::from_chars(line.data() + std::min(blank + 1, line.size()), line.data() + line.size(), offset);
        const bool told = error == std::errc{} && rest == line.data() + line.size();
        out.rules.push_back(escape_path(line.substr(0, blank)));
        out.offsets.push_back(told ? std::optional(offset) : std::nullopt);
        at = end + 1;
    }
    return out;
}

}  // namespace bailiff::agent
