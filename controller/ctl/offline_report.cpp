// SPDX-License-Identifier: Apache-2.0
// `bailiffctl report parse`: how would intake read this file? Needs no controller.
#include "controller/ctl/offline_report.hpp"

#include "controller/ctl/arguments.hpp"
#include "controller/intake/report_parser.hpp"
#include "controller/intake/rule_files.hpp"

#include <filesystem>
#include <fstream>
#include <iterator>

namespace bailiff {

namespace {

/// The shipped rules: beside the program's source tree, or where a package puts them. Empty: there are none.
std::filesystem::path shipped_rules() {
    std::error_code error;
    const auto program = std::filesystem::read_symlink("/proc/self/exe", error).parent_path();
    for (const auto& folder : {program / "../../../policies/intake", program / "../share/bailiff/policies/intake",
                               std::filesystem::path("/usr/share/bailiff/policies/intake")})
        if (std::filesystem::is_directory(folder, error)) return folder;
    return {};
}

}  // namespace

ExitCode report_parse_command(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err) {
    Arguments a("Usage: bailiffctl report parse FILE [--rules FOLDER]\n"
                "Reads a report (mail, ARF, XARF, X-ARF, CSV, ACNS, plain or packed, prose) as intake would, and prints what was\n"
                "understood as JSON.\n"
                "Exit code 0 whenever intake would keep it, also as triage.\n");
    a.value("rules", "FOLDER", "rules for mails without a format of their own (default: the shipped policies/intake)").words("file", "the report");
    if (const auto over = a.read(arguments, out, err)) return *over;
    const auto files = a.list("file");
    if (files.size() != 1) return a.complain(err, "name one file");
    std::error_code error;
    if (a.has("rules") && !std::filesystem::is_directory(a.text("rules"), error)) {
        err << "bailiffctl: the folder '" << a.text("rules") << "' cannot be read\n";
        return exit_refused;
    }
    std::ifstream file(files[0], std::ios::binary);
    std::string bytes;
    if (file) bytes.assign(std::istreambuf_iterator<char>(file), {});
    if (!file) {
        err << "bailiffctl: the file '" << files[0] << "' cannot be read\n";
        return exit_refused;
    }
    const std::filesystem::path folder = a.has("rules") ? std::filesystem::path(a.text("rules")) : shipped_rules();
    std::vector<RuleFileMistakes> looked_at;
    const IntakeRules rules = folder.empty() ? IntakeRules() : load_intake_rules(folder, looked_at);
    for (const auto& [name, mistakes] : looked_at)
        if (!mistakes.empty()) err << "bailiffctl: the rule " << name << " is left out: " << describe(mistakes) << "\n";
    out << dump_json(to_json(parse_report(bytes, {}, &rules, std::filesystem::path(files[0]).filename().string())), 2) << "\n";
    return exit_ok;
}

}  // namespace bailiff
