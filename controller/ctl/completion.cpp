// SPDX-License-Identifier: Apache-2.0
// Completion knows words and options; it never asks a controller, so that a keystroke costs nothing.
#include "controller/ctl/completion.hpp"

#include "controller/ctl/arguments.hpp"
#include "controller/ctl/commands.hpp"

#include <map>
#include <sstream>

namespace bailiff {
namespace {

/// First words in order, each with its second words (none for a command of one word).
std::vector<std::pair<std::string, std::vector<std::string>>> words_of(std::span<const Command> commands) {
    std::vector<std::pair<std::string, std::vector<std::string>>> out;
    for (const auto& command : commands) {
        const std::string name(command.name);
        const size_t blank = name.find(' ');
        const std::string first = name.substr(0, blank);
        auto found = std::find_if(out.begin(), out.end(), [&](const auto& entry) { return entry.first == first; });
        if (found == out.end()) found = out.insert(out.end(), {first, {}});
        if (blank != std::string::npos) found->second.push_back(name.substr(blank + 1));
    }
    return out;
}

std::string joined(const std::vector<std::string>& words) {
    std::string out;
    for (const auto& word : words) out += (out.empty() ? "" : " ") + word;
    return out;
}

/// zsh: a colon or quote in a description would end it.
std::string zsh_quoted(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (c == '\'') out += "'\\''";
        else if (c == ':') out += "\\:";
        else out += c;
    }
    return out;
}

}  // namespace

std::vector<std::string> options_of(const Command& command) {
    std::ostringstream out, err;
    command.run({"--help"}, out, err);
    std::vector<std::string> options;
    std::istringstream lines(out.str());
    for (std::string line; std::getline(lines, line);) {
        // "  --server URL   text" or "  -h [ --help ]   text": the option stands before the explanation.
        const size_t at = line.find("--");
        if (at == std::string::npos || at > 8 || line.find_first_not_of(' ') < 2 || line[0] != ' ') continue;
        const size_t end = line.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-", at);
        options.push_back(line.substr(at, end == std::string::npos ? end : end - at));
    }
    return options;
}

std::string bash_completion(std::span<const Command> commands) {
    std::string out =
        "# bash completion of bailiffctl; made by `bailiffctl completion bash`\n"
        "_bailiffctl() {\n"
        "    local current=\"${COMP_WORDS[COMP_CWORD]}\" words=\"\"\n"
        "    if [[ \"$current\" != -* && \"${COMP_WORDS[COMP_CWORD-1]}\" == -* ]]; then\n"
        "        COMPREPLY=( $(compgen -f -- \"$current\") ); return\n"
        "    fi\n"
        "    if (( COMP_CWORD == 1 )); then\n"
        "        words=\"";
    std::vector<std::string> first;
    for (const auto& [word, unused] : words_of(commands)) first.push_back(word);
    out += joined(first) + " help --help --version\"\n    elif (( COMP_CWORD == 2 )) && [[ \"$current\" != -* ]]; then\n        case \"${COMP_WORDS[1]}\" in\n";
    for (const auto& [word, second] : words_of(commands))
        if (!second.empty()) out += "            " + word + ") words=\"" + joined(second) + "\" ;;\n";
    out += "            completion) words=\"bash zsh\" ;;\n        esac\n    else\n        case \"${COMP_WORDS[1]} ${COMP_WORDS[2]}\" in\n";
    for (const auto& command : commands)
        out += "            '" + std::string(command.name) + (command.name.find(' ') == std::string_view::npos ? " '*" : "'") + ") words=\"" +
               joined(options_of(command)) + "\" ;;\n";
    out += "        esac\n    fi\n    COMPREPLY=( $(compgen -W \"$words\" -- \"$current\") )\n}\ncomplete -o default -F _bailiffctl bailiffctl\n";
    return out;
}

std::string zsh_completion(std::span<const Command> commands) {
    std::string out =
        "#compdef bailiffctl\n"
        "# zsh completion of bailiffctl; made by `bailiffctl completion zsh`\n"
        "_bailiffctl() {\n"
        "    local -a list\n"
        "    if (( CURRENT == 2 )); then\n"
        "        list=(";
    for (const auto& [word, second] : words_of(commands)) {
        std::string about = second.empty() ? "" : joined(second);
        for (const auto& command : commands)
            if (command.name == word) about = command.summary;
        out += "\n            '" + word + ":" + zsh_quoted(about) + "'";
    }
    out += ")\n        _describe command list\n        return\n    fi\n    if (( CURRENT == 3 )); then\n        case \"$words[2]\" in\n";
    for (const auto& [word, second] : words_of(commands)) {
        if (second.empty()) continue;
        out += "            " + word + ") list=(";
        for (const auto& command : commands)
            if (command.name.starts_with(word + " "))
                out += "'" + std::string(command.name.substr(word.size() + 1)) + ":" + zsh_quoted(command.summary) + "' ";
        out += ") ;;\n";
    }
    out += "            completion) list=(bash zsh) ;;\n        esac\n        (( $#list )) && { _describe command list; return }\n    fi\n    case \"$words[2] $words[3]\" in\n";
    for (const auto& command : commands)
        out += "        '" + std::string(command.name) + (command.name.find(' ') == std::string_view::npos ? " '*" : "'") + ") list=(" +
               joined(options_of(command)) + ") ;;\n";
    out += "    esac\n    compadd -- $list\n    _files\n}\n_bailiffctl \"$@\"\n";
    return out;
}

ExitCode completion_command(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err) {
    Arguments a("Usage: bailiffctl completion bash|zsh\n"
                "Prints the script that completes commands and options: source <(bailiffctl completion bash)\n");
    a.words("shell", "");
    if (const auto over = a.read(arguments, out, err)) return *over;
    const auto shells = a.list("shell");
    if (shells.size() != 1 || (shells[0] != "bash" && shells[0] != "zsh")) return a.complain(err, "name one shell, bash or zsh");
    out << (shells[0] == "bash" ? bash_completion(all_commands()) : zsh_completion(all_commands()));
    return exit_ok;
}

}  // namespace bailiff
