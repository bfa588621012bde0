// SPDX-License-Identifier: Apache-2.0
// `bailiffctl audit verify`: was the audit log edited, reordered or cut?
#include "controller/ctl/audit_verify.hpp"

#include <bailiff/json.hpp>
#include "controller/ctl/arguments.hpp"
#include "controller/ctl/online_commands.hpp"
#include "controller/storage/audit_file.hpp"

#include <fstream>
#include <iterator>
#include <sstream>

namespace bailiff {

Result<TrustedKeys> read_public_keys(const std::string& path) {
    std::ifstream in(path);
    if (!in) return fail(Errc::not_found, "the key file '" + path + "' cannot be opened");
    const std::string text(std::istreambuf_iterator<char>(in), {});
    TrustedKeys keys;
    constexpr std::string_view begin = "-----BEGIN";
    for (size_t at = text.find(begin); at != std::string::npos;) {
        const size_t next = text.find(begin, at + begin.size());
        const auto key = SignatureKey::from_public_pem(std::string_view(text).substr(at, next == std::string::npos ? next : next - at));
        if (!key) return fail(Errc::invalid, "'" + path + "': " + key.error().text);
        keys.emplace(key->key_id(), *key);
        at = next;
    }
    if (keys.empty()) return fail(Errc::invalid, "'" + path + "' holds no public key in PEM; give the signer's .pub file");
    return keys;
}

namespace {

Json as_json(const AuditVerdict& verdict) {
    Json out{{"ok", !verdict.fault}, {"items", verdict.items}, {"cases", verdict.cases}, {"checkpoints", verdict.checkpoints},
             {"head", verdict.head}, {"notes", verdict.notes}};
    if (verdict.fault) out["position"] = verdict.fault->position, out["text"] = verdict.fault->text;
    return out;
}

/// The export of a controller, by the command that prints it.
Result<std::string> fetch_export(const std::vector<std::string>& options) {
    std::ostringstream text, complaint;
    if (audit_export(options, text, complaint) == exit_ok) return std::move(text).str();
    std::string why = complaint.str();
    while (!why.empty() && why.back() == '\n') why.pop_back();
    if (why.starts_with("bailiffctl: ")) why.erase(0, 12);
    return fail(Errc::unavailable, why.empty() ? "the controller gave no export of its audit log" : why);
}

}  // namespace

ExitCode audit_verify(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err, const FetchAudit& fetch) {
    Arguments a("Usage: bailiffctl audit verify FILE|URL [OPTIONS]\n"
                "Verifies an audit log: a controller's SQLite database (read only, also while it runs), an export of it, or that of\n"
                "the controller at URL.\n"
                "Finds any item that was edited, deleted, inserted, reordered or cut off. Exit code 0 when it is intact, 1 when\n"
                "it is not, 2 when it cannot be verified.\n");
    a.value("key", "FILE.pub", "the controller's public keys in PEM; else the key that the export carries or that stands beside the database, "
                               "and a note says which")
        .flag("json", "print {\"ok\", \"items\", \"cases\", \"checkpoints\", \"head\", \"notes\", \"position\", \"text\"}")
        .value("token-file", "FILE", "with a URL: the token")
        .value("ca", "FILE", "with a URL: the CA that signed the controller's certificate")
        .value("config", "FILE", "with a URL: settings")
        .words("source", "");
    if (const auto over = a.read(arguments, out, err)) return *over;
    const auto sources = a.list("source");
    if (sources.size() != 1) return a.complain(err, "name one database, one export (- for standard input), or a controller's URL");
    TrustedKeys keys;
    if (a.has("key")) {
        auto read = read_public_keys(a.text("key"));
        if (!read) return a.complain(err, read.error().text);
        keys = std::move(*read);
    }
    const auto verdict = [&]() -> Result<AuditVerdict> {
        if (sources[0].find("://") == std::string::npos) return verify_audit_file(sources[0] == "-" ? "/dev/stdin" : sources[0], keys);
        std::vector<std::string> asked{"--server", sources[0]};
        for (const char* option : {"token-file", "ca", "config"})
            if (a.has(option)) asked.insert(asked.end(), {"--" + std::string(option), a.text(option)});
        const auto text = fetch(asked);
        if (!text) return fail(text.error());
        return verify_audit_export(*text, keys);
    }();
    if (!verdict) {
        if (a.flagged("json")) out << dump_json(Json{{"ok", nullptr}, {"text", verdict.error().text}}, 2) << "\n";
        err << "bailiffctl: " << verdict.error().text << "\n";
        return exit_usage;
    }
    if (a.flagged("json")) {
        out << dump_json(as_json(*verdict), 2) << "\n";
    } else {
        out << "audit: " << verdict->items << " items, " << verdict->cases << " cases, head "
            << (verdict->head.empty() ? "none" : verdict->head) << ": ";
        if (verdict->fault) out << "NOT intact from item " << verdict->fault->position << " on\naudit: " << verdict->fault->text << "\n";
        else out << "intact\n";
        for (const auto& note : verdict->notes) out << "note: " << note << "\n";
    }
    return verdict->fault ? exit_refused : exit_ok;
}

ExitCode audit_verify_command(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err) {
    return audit_verify(arguments, out, err, fetch_export);
}

}  // namespace bailiff
