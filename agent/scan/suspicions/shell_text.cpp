// SPDX-License-Identifier: Apache-2.0
// From commands to what is odd about them.
#include "agent/scan/suspicions/shell_text.hpp"

#include "agent/scan/suspicions/place.hpp"
#include "agent/scan/suspicions/shell_commands.hpp"

#include <algorithm>
#include <array>

namespace bailiff::agent {
namespace {

/// Texts that shells hand to shells; nobody writes more of them into each other.
constexpr int most_handed_on = 4;
constexpr size_t most_arguments = 64;

bool holds(std::string_view text, std::string_view part) { return text.find(part) != text.npos; }

/// bash -i >& /dev/tcp/…, nc -e /bin/sh …
bool gives_a_shell_away(std::span<const ShellWord> program) {
    const auto any = [&](auto test) { return std::any_of(program.begin() + 1, program.end(), [&](const ShellWord& w) { return test(std::string_view(w.text)); }); };
    const auto name = bare_name(program[0].text);
    if (is_shell(name))
        return any([](std::string_view w) { return w == "-i"; }) && any([](std::string_view w) { return holds(w, "/dev/tcp/") || holds(w, "/dev/udp/"); });
    if (name != "nc" && name != "ncat" && name != "netcat" && name != "socat") return false;
    return any([](std::string_view w) { return w == "-e" || w == "-c" || w == "--exec" || w == "--sh-exec" || w.starts_with("exec:") || w.starts_with("EXEC:"); }) &&
           any([](std::string_view w) { return is_shell(w) || holds(w, "/bin/sh") || holds(w, "/bin/bash"); });
}

/// A script on the command line that connects somewhere and runs something: python -c 'import socket, pty …'.
bool connects_and_runs(std::string_view code) {
    const bool connects = holds(code, "socket") || holds(code, "urllib") || holds(code, "urlopen") || holds(code, "LWP::") || holds(code, "IO::Socket") || holds(code, "http.get");
    const bool runs = holds(code, "exec(") || holds(code, "eval(") || holds(code, "subprocess") || holds(code, "pty.spawn") || holds(code, "os.system") || holds(code, "exec{");
    return connects && runs;
}

class Looker {
  public:
    ShellSight sight;

    void look(std::string_view text, int handed_on) {
        std::array<bool, deepest_substitution + 1> fetches{};   // the pipeline of each depth, so far
        // Where the text stands, and what it was told to download.
        std::string_view folder;
        std::vector<std::string_view> arguments;
        const auto commands = read_shell(text);
        for (const ShellCommand& command : commands) {
            const auto program = program_of(command);
            bool& pipeline_fetches = fetches[static_cast<size_t>(command.depth)];
            if (!command.piped) pipeline_fetches = false;
            if (program.empty()) continue;
            const std::string_view first = program[0].text, name = bare_name(first);
            if (command.piped && pipeline_fetches && runs_its_input(program)) unseen("pipes a download, or what it decodes, into " + std::string(name));
            pipeline_fetches = pipeline_fetches || fetches_something(command);
            if (program[0].fetched) unseen("runs what it downloads or decodes");
            if (gives_a_shell_away(program)) unseen("gives a shell to the network");
            fetched_arguments(program, name);
            if (is_download(program))
                for (const ShellWord& word : program.subspan(1))
                    if (arguments.size() < most_arguments) arguments.push_back(word.text);
            if (name == "cd" && program.size() > 1) folder = program[1].text;
            if (const std::string_view file = file_that_runs(program); !file.empty()) run(file, first, folder, arguments);
            if (const ShellWord* inside = inline_text(program)) {
                const bool other = is_interpreter(name) && !is_shell(name);
                if (other && connects_and_runs(inside->text)) unseen("opens a connection in a script on the command line");
                if (!other && handed_on < most_handed_on) look(inside->text, handed_on + 1);
            }
        }
    }

  private:
    void unseen(const std::string& how) {
        if (!sight.runs_unseen) sight.runs_unseen = how;
    }

    /// sh -c "$(curl …)", bash <(curl …), eval "$(… | base64 -d)"
    void fetched_arguments(std::span<const ShellWord> program, std::string_view name) {
        const bool obeys = name == "eval" || name == "source" || program[0].text == "." || is_interpreter(name);
        if (!obeys) return;
        for (const ShellWord& word : program.subspan(1)) {
            if (word.fetched) return unseen("runs what it downloads or decodes");
            // Only the first operand is run; the others are for it to use.
            if (!word.text.starts_with('-')) return;
        }
    }

    void run(std::string_view file, std::string_view first, std::string_view folder, const std::vector<std::string_view>& downloaded) {
        const bool relative = !file.starts_with('/') && !file.starts_with('~') && !file.starts_with('$') && !file.starts_with('%');
        std::string whole(file);
        if (relative && !folder.empty()) whole = std::string(folder) + "/" + std::string(file.starts_with("./") ? file.substr(2) : file);
        if (is_temporary(whole) && !sight.runs_from) sight.runs_from = whole;
        // To read settings from a hidden file is what everybody does.
        if (first != "." && first != "source" && is_hidden_program(whole) && !sight.runs_hidden) sight.runs_hidden = whole;
        const auto name = name_of(file);
        for (const std::string_view one : downloaded)
            if (name.size() > 1 && name_of(one) == name) unseen("downloads " + std::string(name.substr(0, 60)) + " and runs it");
    }
};

}  // namespace

ShellSight look_at_shell(std::string_view text) {
    Looker looker;
    looker.look(text, 0);
    return std::move(looker.sight);
}

}  // namespace bailiff::agent
