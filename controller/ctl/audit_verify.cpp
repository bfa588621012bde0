// SPDX-License-Identifier: Apache-2.0
// `bailiffctl audit verify`: was any item of the audit chain edited, deleted, reordered or cut off?
#include "controller/ctl/audit_verify.hpp"

#include "controller/ctl/arguments.hpp"
#include "controller/ctl/online_commands.hpp"
#include "controller/storage/chain.hpp"

#include <fstream>
#include <iterator>
#include <sstream>

namespace bailiff {
namespace {

/// An export, taken apart. Whatever is no such line is a mistake, never skipped.
struct Export {
    std::vector<ChainedItem> items;
    AuditAnchors anchors;
};

Result<Export> read_export(std::istream& in) {
    Export out;
    std::string line;
    for (int64_t number = 1; std::getline(in, line); ++number) {
        const auto bad = [&](const std::string& why) { return fail(Errc::invalid, "line " + std::to_string(number) + ": " + why); };
        const auto json = parse_json(line, {64 << 20, 64});
        if (!json) return bad(json.error().text);
        std::vector<Mistake> mistakes;
        JsonReader read(*json, mistakes);
        if (read.has("checkpoint")) {
            if (auto inner = read.object("checkpoint")) {
                Checkpoint c;
                c.position = inner->integer("position", 0, int64_t{1} << 53);
                c.hash = inner->text("hash", 64);
                c.at = inner->instant("at");
                c.envelope = inner->text("envelope", 64 * 1024);
                inner->finish();
                out.anchors.checkpoints.push_back(std::move(c));
            }
        } else if (const Json* cases = read.has("cases") ? read.value("cases") : nullptr) {
            if (!cases->is_object()) return bad("'cases' must be an object");
            if (!out.anchors.cases) out.anchors.cases.emplace();
            for (const auto& [id, revision] : cases->items()) {
                if (!revision.is_number_integer()) return bad("the revision of case " + id + " must be a whole number");
                (*out.anchors.cases)[CaseId(id)] = revision.get<int64_t>();
            }
        } else {
            ChainedItem item;
            item.position = read.integer("position", 1, int64_t{1} << 53);
            item.case_id = CaseId(read.text("case", 64));
            item.revision = read.integer("revision", 1, int64_t{1} << 53);
            item.text = read.text("text", 64 << 20);
            item.hash = read.text("hash", 64);
            out.items.push_back(std::move(item));
        }
        read.finish();
        if (!mistakes.empty()) return bad(describe(mistakes, 5));
    }
    return out;
}

Result<void> add_key(const std::string& path, TrustedKeys& keys) {
    std::ifstream file(path);
    if (!file) return fail(Errc::not_found, "the file '" + path + "' cannot be read");
    const std::string pem{std::istreambuf_iterator<char>(file), {}};
    auto key = SignatureKey::from_public_pem(pem);
    if (!key) return fail(key.error());
    const std::string id = key->key_id();
    keys.emplace(id, std::move(*key));
    return {};
}

}  // namespace

ExitCode audit_verify_command(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err) {
    Arguments a("Usage: bailiffctl audit verify FILE|URL [OPTIONS]\n"
                "Verifies an export of the audit chain, or that of the controller at URL: finds any item that was edited, deleted,\n"
                "reordered or cut off, and a checkpoint that does not fit. Exit code 1 when there is one.\n");
    a.value("key", "FILE", "the controller's public order key (PEM); with it the checkpoints' signatures count too")
        .flag("json", "print {\"ok\", \"items\", \"cases\", \"checkpoints\", \"head\", \"position\", \"text\"}")
        .value("token-file", "FILE", "with a URL: the token")
        .value("ca", "FILE", "with a URL: the CA that signed the controller's certificate")
        .value("config", "FILE", "with a URL: settings")
        .words("source", "");
    if (const auto over = a.read(arguments, out, err)) return *over;
    const auto sources = a.list("source");
    if (sources.size() != 1) return a.complain(err, "name one file, - for standard input, or a controller's URL");
    const auto refuse = [&](const std::string& text) {
        err << "bailiffctl: " << text << "\n";
        return exit_refused;
    };
    std::stringstream fetched;
    std::ifstream file;
    const bool online = sources[0].find("://") != std::string::npos;
    if (online) {
        std::vector<std::string> asked{"--server", sources[0]};
        for (const char* option : {"token-file", "ca", "config"})
            if (a.has(option)) asked.insert(asked.end(), {"--" + std::string(option), a.text(option)});
        if (const ExitCode code = audit_export(asked, fetched, err); code != exit_ok) return code;
    } else {
        file.open(sources[0] == "-" ? "/dev/stdin" : sources[0], std::ios::binary);
        if (!file) return refuse("the file '" + sources[0] + "' cannot be read");
    }
    auto log = read_export(online ? static_cast<std::istream&>(fetched) : file);
    if (!log) return refuse(log.error().text);
    if (a.has("key"))
        if (const auto added = add_key(a.text("key"), log->anchors.keys); !added) return refuse(added.error().text);
    const size_t checkpoints = log->anchors.checkpoints.size();
    const bool rows = log->anchors.cases.has_value(), signatures = !log->anchors.keys.empty();
    ChainVerifier verifier(std::move(log->anchors));
    std::optional<ChainFault> fault;
    for (size_t i = 0; i < log->items.size() && !fault; ++i) fault = verifier.add(log->items[i]);
    if (!fault) fault = verifier.finish();
    if (a.flagged("json")) {
        Json answer{{"ok", !fault}, {"items", verifier.items()}, {"cases", verifier.cases()}, {"checkpoints", checkpoints}, {"head", verifier.head()}};
        if (fault) answer["position"] = fault->position, answer["text"] = fault->text;
        out << dump_json(answer, 2) << "\n";
    } else if (fault) {
        out << "NOT INTACT at item " << fault->position << ": " << fault->text << "\n";
    } else {
        out << "intact: " << verifier.items() << " items of " << verifier.cases() << " cases, " << checkpoints << " checkpoints"
            << (signatures ? " with valid signatures" : checkpoints ? " (signatures not checked; name the key with --key)" : "") << "\n"
            << "head: " << verifier.head() << "\n";
        if (!rows) out << "The revisions of the cases are not in this export: an end cut off after the last checkpoint would not show.\n";
    }
    return fault ? exit_refused : exit_ok;
}

}  // namespace bailiff
