// SPDX-License-Identifier: Apache-2.0
// `bailiffctl case files|attach`: what a customer sent with statements, or staff added, listed, or saved byte by byte.
#include "controller/ctl/online_commands.hpp"
#include "controller/ctl/online_session.hpp"
#include "controller/ctl/table.hpp"

#include <bailiff/dsse.hpp>

#include <filesystem>
#include <fstream>

namespace bailiff {

ExitCode case_files(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err) {
    Arguments a("Usage: bailiffctl case files CASE [NUMBER --output FILE] [OPTIONS]\n"
                "The files that the customer sent with statements or staff added, or one of them saved. Nobody has looked for malware in them.\n");
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
        Table table({"NUMBER", "AT", "NAME", "BYTES", "SHA-256", "BY"});
        for (const auto& file : items) table.row({shown(file, "number"), shown_time(file, "at"), shown(file, "name"), shown(file, "size"), shown(file, "sha256"), shown(file, "by")});
        table.print(s.out);
        return exit_ok;
    });
}

ExitCode case_attach(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err) {
    Arguments a("Usage: bailiffctl case attach CASE FILE --reason TEXT [OPTIONS]\n"
                "Adds a file of up to 5 MiB to a case, also to one that is closed; the history names it with its SHA-256.\n");
    a.value("reason", "TEXT", "what it shows").value("name", "NAME", "how it is called there; default the file's own name");
    return online(a, arguments, {"CASE", "FILE"}, out, err, [](Session& s) {
        if (!s.args.has("reason")) return s.args.complain(s.err, "--reason is missing: what the file shows");
        std::ifstream in(s.words[1], std::ios::binary);
        if (!in) return s.refuse("the file '" + s.words[1] + "' cannot be read");
        constexpr size_t most = 5 << 20;
        std::string bytes(most + 1, '\0');
        in.read(bytes.data(), std::streamsize(bytes.size()));
        bytes.resize(size_t(in.gcount()));
        if (bytes.empty() || bytes.size() > most) return s.refuse("the file '" + s.words[1] + "' is empty, a folder, or larger than 5 MiB");
        const std::string name = s.args.has("name") ? s.args.text("name") : std::filesystem::path(s.words[1]).filename().string();
        const auto file = s.ask("POST", "/api/v1/cases/" + url_escaped(s.words[0]) + "/files", {{"name", name}, {"content", base64(bytes)}, {"reason", s.args.text("reason")}});
        if (!file) return s.code();
        if (!s.printed(*file)) s.out << "file " << shown(*file, "number") << ", " << shown(*file, "size") << " bytes, SHA-256 " << shown(*file, "sha256") << "\n";
        return exit_ok;
    });
}

}  // namespace bailiff
