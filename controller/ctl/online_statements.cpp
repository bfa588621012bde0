// SPDX-License-Identifier: Apache-2.0
// `bailiffctl case files`: what a customer sent with statements, listed, or saved byte by byte.
#include "controller/ctl/online_commands.hpp"
#include "controller/ctl/online_session.hpp"
#include "controller/ctl/table.hpp"

#include <fstream>

namespace bailiff {

ExitCode case_files(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err) {
    Arguments a("Usage: bailiffctl case files CASE [NUMBER --output FILE] [OPTIONS]\n"
                "The files that the customer sent with statements, or one of them saved. Nobody has looked for malware in them.\n");
    a.value("output", "FILE", "save file NUMBER there");
    return online(a, arguments, {"CASE", "[NUMBER]"}, out, err, [](Session& s) {
        const std::string place = "/api/v1/cases/" + url_escaped(s.words[0]) + "/files";
        if (s.words.size() > 1) {
            // A stranger's bytes do not belong on a terminal.
            if (!s.args.has("output")) return s.refuse("--output is missing: where to save the file");
            const auto answer = s.client().ask("GET", place + "/" + url_escaped(s.words[1]));
            if (!answer || answer->status != 200) return s.complain(answer), s.code();
            std::ofstream file(s.args.text("output"), std::ios::binary | std::ios::trunc);
            if (!file || !(file << answer->body).flush()) return s.refuse("the file '" + s.args.text("output") + "' cannot be written");
            return exit_ok;
        }
        const auto all = s.ask("GET", place);
        if (!all) return s.code();
        const Json items = all->value("items", Json::array());
        if (s.printed(items)) return exit_ok;
        Table table({"NUMBER", "AT", "NAME", "BYTES", "SHA-256"});
        for (const auto& file : items) table.row({shown(file, "number"), shown_time(file, "at"), shown(file, "name"), shown(file, "size"), shown(file, "sha256")});
        table.print(s.out);
        return exit_ok;
    });
}

}  // namespace bailiff
