// SPDX-License-Identifier: Apache-2.0
// How the words on the command line find their command.
#include "controller/ctl/command.hpp"

#include <bailiff/nearest.hpp>

#include <algorithm>

namespace bailiff {

namespace {

void print_list(std::span<const Command> commands, std::ostream& out) {
    size_t width = 0;
    for (const auto& command : commands) width = std::max(width, command.name.size());
    out << "Usage: bailiffctl COMMAND [OPTIONS]\n\nCommands:\n";
    for (const auto& command : commands)
        out << "  " << command.name << std::string(width + 2 - command.name.size(), ' ') << command.summary << "\n";
    out << "\n`bailiffctl COMMAND --help` explains a command, `bailiffctl --version` names this program's version.\n";
}

/// The first `count` arguments as a command's name would be written.
std::string joined(const std::vector<std::string>& arguments, size_t count) {
    std::string text;
    for (size_t i = 0; i < count && i < arguments.size(); ++i) text += (i ? " " : "") + arguments[i];
    return text;
}

ExitCode unknown(std::span<const Command> commands, const std::vector<std::string>& arguments, std::ostream& err) {
    std::vector<std::string> names, group;
    for (const auto& command : commands) {
        names.emplace_back(command.name);
        if (command.name.starts_with(arguments[0] + " ")) group.emplace_back(command.name);
    }
    // What follows may be an option or a file rather than a command's second word.
    std::string hint = did_you_mean(joined(arguments, 2), names);
    if (hint.empty()) hint = did_you_mean(arguments[0], names);
    if (hint.empty() && !group.empty()) {
        for (const auto& name : group) hint += (hint.empty() ? "; there is " : ", ") + name;
    }
    err << "bailiffctl: '" << joined(arguments, group.empty() ? 1 : 2) << "' is no command"
        << (hint.empty() ? "; `bailiffctl --help` lists them" : hint) << "\n";
    return exit_usage;
}

}  // namespace

ExitCode dispatch(std::span<const Command> commands, const std::vector<std::string>& arguments, std::ostream& out,
                  std::ostream& err) {
    if (arguments.empty()) {
        print_list(commands, err);
        return exit_usage;
    }
    const std::string& first = arguments[0];
    if (first == "--version") {
        out << "bailiffctl " << BAILIFF_VERSION << "\n";
        return exit_ok;
    }
    if (first == "--help" || first == "-h" || first == "help") {
        if (first == "help" && arguments.size() > 1) {
            std::vector<std::string> asked(arguments.begin() + 1, arguments.end());
            asked.emplace_back("--help");
            return dispatch(commands, asked, out, err);
        }
        print_list(commands, out);
        return exit_ok;
    }
    for (size_t words = 2; words > 0; --words) {
        if (arguments.size() < words) continue;
        const std::string name = joined(arguments, words);
        for (const auto& command : commands)
            if (command.name == name)
                return command.run({arguments.begin() + ptrdiff_t(words), arguments.end()}, out, err);
    }
    return unknown(commands, arguments, err);
}

}  // namespace bailiff
