// SPDX-License-Identifier: Apache-2.0
// Tables of programs, and how they take their arguments.
#include "agent/scan/suspicions/shell_commands.hpp"

#include "agent/scan/suspicions/place.hpp"

#include <algorithm>
#include <array>
#include <cctype>

namespace bailiff::agent {
namespace {

using namespace std::string_view_literals;

constexpr std::array shells{"sh"sv, "bash"sv, "dash"sv, "ash"sv, "ksh"sv, "zsh"sv, "rbash"sv, "csh"sv, "tcsh"sv};
constexpr std::array other_interpreters{"perl"sv, "php"sv, "ruby"sv, "node"sv, "nodejs"sv, "lua"sv};
constexpr std::array downloads{"curl"sv, "wget"sv, "lwp-download"sv, "lwp-request"sv, "aria2c"sv, "axel"sv, "tftp"sv, "wget2"sv};
/// Run the command that follows them.
constexpr std::array wrappers{"sudo"sv, "doas"sv, "nohup"sv, "exec"sv, "setsid"sv, "nice"sv, "ionice"sv, "chrt"sv, "taskset"sv, "timeout"sv, "env"sv, "command"sv,
                              "builtin"sv, "stdbuf"sv, "busybox"sv, "chronic"sv, "cronic"sv, "systemd-cat"sv, "flock"sv, "eatmydata"sv};
/// Their options that take a word.
constexpr std::array wrapper_options{"-u"sv, "-g"sv, "-n"sv, "-c"sv, "-p"sv, "-s"sv, "-k"sv, "-t"sv, "-w"sv, "-i"sv, "-o"sv, "-e"sv, "-l"sv};

template <size_t N>
bool among(std::string_view word, const std::array<std::string_view, N>& words) {
    return std::find(words.begin(), words.end(), word) != words.end();
}
bool begins_with_digit(std::string_view word) { return !word.empty() && std::isdigit(static_cast<unsigned char>(word[0])); }

bool is_python(std::string_view program) {
    return program.starts_with("python") && std::all_of(program.begin() + 6, program.end(), [](char c) { return begins_with_digit({&c, 1}) || c == '.'; });
}

/// Whether an option of a shell is a -c, also inside a cluster like -lc.
bool holds_c(std::string_view option) { return option.size() > 1 && option[0] == '-' && option[1] != '-' && option.find('c') != option.npos; }

bool decodes(std::span<const ShellWord> program) {
    const auto name = bare_name(program[0].text);
    const auto has = [&](std::string_view option) { return std::any_of(program.begin() + 1, program.end(), [&](const ShellWord& w) { return w.text == option; }); };
    if (name == "base64" || name == "base32") return has("-d") || has("-D") || has("--decode") || has("-di");
    if (name == "openssl") return has("-d");
    return name == "xxd" && (has("-r") || has("-rp") || (has("-p") && has("-r")));
}

}  // namespace

std::string_view bare_name(std::string_view program) { return name_of(program); }

std::span<const ShellWord> program_of(const ShellCommand& command) {
    std::span<const ShellWord> rest(command.words);
    while (!rest.empty() && among(bare_name(rest[0].text), wrappers) && !rest[0].fetched) {
        const auto wrapper = bare_name(rest[0].text);
        bool file_passed = wrapper != "flock";
        rest = rest.subspan(1);
        while (!rest.empty()) {
            const std::string_view word = rest[0].text;
            // `flock FILE -c TEXT` and `sudo -s` aside, an option may take the next word.
            if (wrapper != "env" && wrapper != "exec" && wrapper != "busybox" && among(word, wrapper_options) && !(wrapper == "sudo" && (word == "-n" || word == "-i" || word == "-s")) &&
                !(wrapper == "flock" && (word == "-n" || word == "-e" || word == "-s" || word == "-o")) && rest.size() > 1)
                rest = rest.subspan(2);
            else if (word.starts_with('-') || begins_with_digit(word) || (wrapper == "env" && word.find('=') != word.npos))
                rest = rest.subspan(1);
            else if (!file_passed)
                file_passed = true, rest = rest.subspan(1);
            else
                break;
        }
    }
    return rest;
}

bool is_shell(std::string_view program) { return among(bare_name(program), shells); }

bool is_interpreter(std::string_view program) {
    const auto name = bare_name(program);
    return is_shell(name) || is_python(name) || among(name, other_interpreters);
}

bool is_download(std::span<const ShellWord> program) { return !program.empty() && among(bare_name(program[0].text), downloads); }

bool fetches_something(const ShellCommand& command) {
    const auto program = program_of(command);
    if (program.empty()) return false;
    const auto name = bare_name(program[0].text);
    const bool repeats = name == "echo" || name == "printf";
    return is_download(program) || decodes(program) || (repeats && std::any_of(program.begin(), program.end(), [](const ShellWord& w) { return w.fetched; }));
}

bool runs_its_input(std::span<const ShellWord> program) {
    if (program.empty() || !is_interpreter(program[0].text)) return false;
    const bool shell = is_shell(program[0].text);
    for (const ShellWord& word : program.subspan(1)) {
        const std::string_view text = word.text;
        if (text == "-" || text == "/dev/stdin") return true;
        if (text.starts_with('>') || text.starts_with("2>") || text.starts_with("1>") || text.starts_with("&>")) return true;
        if (shell && (text == "-s" || text == "-xs" || text == "-es")) return true;
        if (!text.starts_with('-') || holds_c(text) || !shell) return false;
    }
    return true;
}

const ShellWord* inline_text(std::span<const ShellWord> program) {
    if (program.empty()) return nullptr;
    const auto name = bare_name(program[0].text);
    const bool shell = is_shell(name) || name == "su" || name == "runuser" || name == "script";
    if (!shell && !is_interpreter(name)) return nullptr;
    for (size_t i = 1; i + 1 < program.size(); ++i) {
        const std::string_view option = program[i].text;
        if (shell ? holds_c(option) : option == "-c" || option == "-e" || option == "-r") return &program[i + 1];
        if (!option.starts_with('-') && name != "su") return nullptr;
    }
    return nullptr;
}

std::string_view file_that_runs(std::span<const ShellWord> program) {
    if (program.empty()) return {};
    const std::string_view first = program[0].text;
    if (first == "." || first == "source") return program.size() > 1 ? std::string_view(program[1].text) : std::string_view();
    if (!is_interpreter(first)) return first.find('/') == first.npos ? std::string_view() : first;
    // An interpreter in an odd place is odd, whatever it runs.
    if (is_temporary(first) || is_hidden_program(first)) return first;
    for (const ShellWord& word : program.subspan(1)) {
        if (!word.text.starts_with('-')) return word.text;
        if (word.text == "-c" || word.text == "-e" || word.text == "-m" || word.text == "-r" || (is_shell(first) && holds_c(word.text))) return {};
    }
    return {};
}

}  // namespace bailiff::agent
