// SPDX-License-Identifier: Apache-2.0
// `bailiffctl case scan` and `bailiffctl scan verify`: what a host said of a case's disks, and whether the host said it.
#include "controller/ctl/scans.hpp"

#include "controller/ctl/audit_verify.hpp"
#include "controller/ctl/online_commands.hpp"
#include "controller/ctl/online_session.hpp"
#include "controller/ctl/table.hpp"

#include <bailiff/scan_report.hpp>

#include <fstream>
#include <iterator>

namespace bailiff {
namespace {

const Json& items_of(const Json& object, const char* field) {
    static const Json nothing = Json::array();
    const auto found = object.find(field);
    return found != object.end() && found->is_array() ? *found : nothing;
}

void print_parts(std::ostream& out, const char* title, const Table& table) {
    if (table.empty()) return;
    out << "\n" << title << "\n";
    table.print(out);
}

/// "version 27, of 2026-03-01T00:00:00Z, set 9f…".
std::string engine_text(const Json& engine) {
    std::string out = shown(engine, "version");
    if (const auto made = shown(engine, "signatures_at"); !made.empty()) out += ", signatures of " + made;
    if (const auto set = shown(engine, "set"); !set.empty()) out += ", set " + set.substr(0, 16);
    return out;
}

}  // namespace

void print_scan_report(std::ostream& out, const Json& report) {
    Table head({"scan", shown(report, "job") + "  " + shown(report, "verdict")});
    head.row({"case", shown(report, "case")});
    head.row({"vm", shown(report, "vm") + "  on " + shown(report, "host")});
    head.row({"when", shown(report, "started") + " to " + shown(report, "ended")});
    if (shown(report, "after_commit") == "true") head.row({"what", "the disks themselves, after a release wrote them"});
    if (shown(report, "whole") == "false") head.row({"short form", "the whole report lies on the host, SHA-256 " + shown(report, "whole_sha256")});
    head.print(out);

    Table disks({"DISK", "VERDICT", "FILES", "BYTES", "NOT SCANNED", "HITS", "SECONDS"});
    Table engines({"DISK", "ENGINE", "SIGNATURES"}), volumes({"DISK", "VOLUME", "FILESYSTEM", "STATE", "FILES", "WHY"});
    Table skipped({"DISK", "NOT SCANNED", "REASON", "DETAIL"}), hits({"DISK", "FOUND", "SIGNATURE", "ENGINE", "OFFSET", "SHA-256"});
    const Json all = report.value("disks", Json::object());
    for (const auto& [target, disk] : all.items()) {
        if (!disk.is_object()) continue;
        const Json& ms = disk.contains("duration_ms") ? disk["duration_ms"] : Json();
        disks.row({target, shown(disk, "verdict"), shown(disk, "files"), shown(disk, "bytes"), shown(disk, "skipped_total"), shown(disk, "hits_total"),
                   ms.is_number_integer() ? std::to_string(ms.get<int64_t>() / 1000) : ""});
        for (const auto& engine : items_of(disk, "engines")) engines.row({target, shown(engine, "name"), engine_text(engine)});
        for (const auto& volume : items_of(disk, "volumes"))
            volumes.row({target, shown(volume, "name"), shown(volume, "filesystem"), shown(volume, "state"), shown(volume, "files"), shown(volume, "reason")});
        for (const auto& item : items_of(disk, "skipped"))
            skipped.row({target, shown(item, "volume") + " " + shown(item, "path"), shown(item, "reason"), shown(item, "detail")});
        for (const auto& hit : items_of(disk, "hits"))
            hits.row({target, shown(hit, "path"), shown(hit, "signature"), shown(hit, "engine"), shown(hit, "offset"), shown(hit, "sha256").substr(0, 16)});
    }
    print_parts(out, "Disks", disks);
    print_parts(out, "Engines", engines);
    print_parts(out, "Volumes", volumes);
    print_parts(out, "Hits", hits);
    print_parts(out, "Not scanned", skipped);
}

ExitCode case_scan(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err) {
    Arguments a("Usage: bailiffctl case scan CASE [JOB] [OPTIONS]\n"
                "What the host said of the case's disks: the report of scan JOB, or of the last one.\n");
    a.flag("list", "print which reports there are, oldest first").flag("envelope", "print the signed envelope as it came, for `bailiffctl scan verify`");
    return online(a, arguments, {"CASE", "[JOB]"}, out, err, [](Session& s) {
        const std::string place = "/api/v1/cases/" + url_escaped(s.words[0]) + "/scans";
        std::string job = s.words.size() > 1 ? s.words[1] : "";
        if (job.empty()) {
            const auto all = s.ask("GET", place);
            if (!all) return s.code();
            const Json& items = items_of(*all, "items");
            if (s.args.flagged("list")) {
                if (s.printed(items)) return exit_ok;
                Table table({"JOB", "AT", "HOST", "VERDICT", "SIGNATURE", "SHA-256"});
                for (const auto& scan : items)
                    table.row({shown(scan, "job"), shown_time(scan, "at"), shown(scan, "host"), shown(scan, "verdict"), shown(scan, "signature"), shown(scan, "sha256")});
                table.print(s.out);
                return exit_ok;
            }
            if (items.empty()) return s.refuse("no host has sent a scan report for case " + s.words[0] + " yet");
            job = shown(items.back(), "job");
        }
        const auto scan = s.ask("GET", place + "/" + url_escaped(job));
        if (!scan) return s.code();
        if (s.args.flagged("envelope")) return s.out << shown(*scan, "envelope") << "\n", exit_ok;
        if (s.printed(*scan)) return exit_ok;
        print_scan_report(s.out, scan->contains("report") ? (*scan)["report"] : Json::object());
        s.out << "\nsignature: " << shown(*scan, "signature") << ", key " << shown(*scan, "key_id") << ", SHA-256 " << shown(*scan, "sha256") << "\n";
        return exit_ok;
    });
}

ExitCode scan_verify(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err) {
    Arguments a("Usage: bailiffctl scan verify FILE --key FILE.pub [OPTIONS]\n"
                "Verifies the signed report of a scan: an envelope from a host's STATE/scans, or of `bailiffctl case scan --envelope`.\n"
                "Needs no controller. Exit code 0 when the key signed it, 1 when not, 2 when it cannot be verified.\n");
    a.value("key", "FILE.pub", "the host's public key in PEM: `bailiff-agent evidence key` on the host, or host_key of `bailiffctl host show`")
        .flag("json", "print {\"ok\", \"key_id\", \"sha256\", \"report\", \"text\"}")
        .words("file", "");
    if (const auto over = a.read(arguments, out, err)) return *over;
    const auto files = a.list("file");
    if (files.size() != 1) return a.complain(err, "name one file (- for standard input)");
    if (!a.has("key")) return a.complain(err, "--key is missing: whose signature it must bear");
    const auto keys = read_public_keys(a.text("key"));
    if (!keys) return a.complain(err, keys.error().text);
    std::ifstream file(files[0] == "-" ? "/dev/stdin" : files[0], std::ios::binary);
    std::string text;
    if (file) text.assign(std::istreambuf_iterator<char>(file), {});
    if (!file) {
        err << "bailiffctl: the file '" << files[0] << "' cannot be read\n";
        return exit_usage;
    }
    const auto no = [&](const std::string& why) {
        if (a.flagged("json")) out << dump_json(Json{{"ok", false}, {"text", why}}, 2) << "\n";
        else out << "scan report: NOT good: " << why << "\n";
        return exit_refused;
    };
    const auto opened = open_envelope(text, *keys, largest_kept_report);
    if (!opened) {
        switch (opened.error()) {
            case EnvelopeFault::too_large: return no("the file is larger than any host writes one");
            case EnvelopeFault::malformed: return no("this is no DSSE envelope: it was edited, cut off, or is another file");
            case EnvelopeFault::unknown_key: return no("it is not signed by a key in " + a.text("key"));
            case EnvelopeFault::bad_signature: return no("the signature does not fit the content: it was edited");
        }
    }
    if (opened->type != scan_report_payload_type) return no("the key signed something else: " + opened->type);
    const auto report = parse_scan_report(opened->payload);
    if (!report) return no(report.error().text);
    const Json content = parse_json(opened->payload, JsonLimits{largest_kept_report, 16}).value_or(Json::object());
    const std::string digest = report->whole ? sha256_hex(opened->payload) : report->whole_sha256;
    if (a.flagged("json")) {
        out << dump_json(Json{{"ok", true}, {"key_id", opened->key_id}, {"sha256", digest}, {"report", content}}, 2) << "\n";
        return exit_ok;
    }
    print_scan_report(out, content);
    out << "\nscan report: good, signed by key " << opened->key_id << "; SHA-256 of the whole report " << digest << "\n";
    return exit_ok;
}

}  // namespace bailiff
