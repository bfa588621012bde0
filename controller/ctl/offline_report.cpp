// SPDX-License-Identifier: Apache-2.0
// `bailiffctl report parse`: how would intake read this file? Needs no controller.
#include "controller/ctl/offline_report.hpp"

#include "controller/ctl/arguments.hpp"
#include "controller/intake/report_parser.hpp"

#include <fstream>
#include <iterator>

namespace bailiff {

ExitCode report_parse_command(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err) {
    Arguments a("Usage: bailiffctl report parse FILE\n"
                "Reads a report (mail, ARF, XARF, X-ARF, CSV, prose) as intake would, and prints what was understood as JSON.\n"
                "Exit code 0 whenever intake would keep it, also as triage.\n");
    a.words("file", "the report");
    if (const auto over = a.read(arguments, out, err)) return *over;
    const auto files = a.list("file");
    if (files.size() != 1) return a.complain(err, "name one file");
    std::ifstream file(files[0], std::ios::binary);
    std::string bytes;
    if (file) bytes.assign(std::istreambuf_iterator<char>(file), {});
    if (!file) {
        err << "bailiffctl: the file '" << files[0] << "' cannot be read\n";
        return exit_refused;
    }
    out << dump_json(to_json(parse_report(bytes)), 2) << "\n";
    return exit_ok;
}

}  // namespace bailiff
