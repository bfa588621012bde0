// SPDX-License-Identifier: Apache-2.0
// See records.hpp.
#include "agent/core/records.hpp"

#include <stdexcept>

namespace bailiff::agent {
namespace {

std::string text(const Json& json, const char* field) { return json.at(field).get<std::string>(); }
int64_t number(const Json& json, const char* field) { return json.at(field).get<int64_t>(); }

Instant instant(const Json& json, const char* field) {
    const auto parsed = parse_rfc3339(text(json, field));
    if (!parsed) throw std::runtime_error("a record of the journal has no readable instant; restore the state folder");
    return *parsed;
}

}  // namespace

Json to_json(const std::vector<ScanHit>& hits) {
    Json out = Json::array();
    for (const auto& h : hits) out.push_back({{"path", h.path}, {"signature", h.signature}, {"engine", h.engine}, {"sha256", h.sha256}});
    return out;
}

std::vector<ScanHit> hits_of(const Json& json) {
    std::vector<ScanHit> out;
    for (const auto& h : json) out.push_back({text(h, "path"), text(h, "signature"), text(h, "engine"), text(h, "sha256")});
    return out;
}

namespace {

Json to_json(const std::vector<ScanSuspicion>& suspicions) {
    Json out = Json::array();
    for (const auto& s : suspicions) out.push_back({{"path", s.path}, {"rule", s.rule}, {"reason", s.reason}});
    return out;
}

}  // namespace

Json to_json(const ScanOutcome& o) {
    return {{"verdict", name(o.verdict)}, {"files", o.files}, {"bytes", o.bytes}, {"skipped", o.skipped},
            {"hits", to_json(o.hits)}, {"reports", o.reports}, {"signatures_at", format_rfc3339(o.signatures_at)},
            {"suspicious", o.suspicious}, {"suspicions", to_json(o.suspicions)},
            {"skipped_sha256", o.skipped_sha256}, {"report_sha256", o.report_sha256}};
}

ScanOutcome scan_outcome_of(const Json& json) {
    ScanOutcome out;
    // A word that a later version wrote and this one does not know must not read as clean.
    out.verdict = find_name<ScanVerdict>(text(json, "verdict")).value_or(ScanVerdict::incomplete);
    out.files = number(json, "files");
    out.bytes = number(json, "bytes");
    out.skipped = number(json, "skipped");
    out.hits = hits_of(json.at("hits"));
    for (const auto& [target, report] : json.at("reports").items()) out.reports[target] = report.get<std::string>();
    // Journals of before this field: an unknown age.
    if (json.contains("signatures_at")) out.signatures_at = instant(json, "signatures_at");
    // And of before these two: nobody looked.
    if (json.contains("suspicious")) out.suspicious = number(json, "suspicious");
    if (json.contains("suspicions"))
        for (const auto& s : json.at("suspicions")) out.suspicions.push_back({text(s, "path"), text(s, "rule"), text(s, "reason")});
    out.skipped_sha256 = json.value("skipped_sha256", "");
    out.report_sha256 = json.value("report_sha256", "");
    return out;
}

Json to_json(const BackupBegun& b) {
    Json parts = Json::array();
    for (const auto& part : b.parts) parts.push_back({{"step", part.step}, {"ms", part.milliseconds}});
    return {{"consistency", name(b.consistency)}, {"note", b.note}, {"paused", b.paused}, {"thawed", b.thawed}, {"run", b.run}, {"parts", parts}};
}

BackupBegun backup_begun_of(const Json& json) {
    // A word of a later version is not known to be better than a crash.
    BackupBegun out{find_name<Consistency>(text(json, "consistency")).value_or(Consistency::crash), text(json, "note"),
                    json.at("paused").get<bool>(), json.at("thawed").get<bool>(), text(json, "run"), {}};
    for (const auto& part : json.at("parts")) out.parts.push_back({text(part, "step"), number(part, "ms")});
    return out;
}

Json to_json(const EvidenceSet& s) {
    return {{"id", s.id.text()}, {"vm", s.vm.text()}, {"case", s.case_id.text()}, {"folder", s.folder},
            {"manifest_sha256", s.manifest_sha256}, {"bytes", s.bytes}, {"taken_at", format_rfc3339(s.taken_at)},
            {"consistency", name(s.consistency)}};
}

EvidenceSet evidence_set_of(const Json& json) {
    return {EvidenceId(text(json, "id")), VmId(text(json, "vm")), CaseId(text(json, "case")), text(json, "folder"),
            text(json, "manifest_sha256"), number(json, "bytes"), instant(json, "taken_at"),
            find_name<Consistency>(json.value("consistency", "at_rest")).value_or(Consistency::crash)};
}

Json to_json(const Limit& limit) { return {{"closed_ports", limit.closed_ports}, {"rate_kbit", limit.rate_kbit}}; }

Limit limit_of(const Json& json) { return {text(json, "closed_ports"), number(json, "rate_kbit")}; }

Json to_json(const LockRecord& r) {
    Json disks = Json::array();
    for (const auto& d : r.disks)
        disks.push_back({{"target", d.target}, {"format", d.format}, {"source", d.source}, {"read_only", d.read_only}});
    return {{"vm", r.vm.text()}, {"case", r.case_id.text()}, {"name", r.name}, {"disks", disks}, {"was_running", r.was_running},
            {"had_autostart", r.had_autostart}, {"since", format_rfc3339(r.since)}, {"guard", r.guard}};
}

LockRecord lock_record_of(const Json& json) {
    LockRecord out;
    out.vm = VmId(text(json, "vm"));
    out.case_id = CaseId(text(json, "case"));
    out.name = text(json, "name");
    for (const auto& d : json.at("disks"))
        out.disks.push_back({text(d, "target"), text(d, "format"), text(d, "source"), d.at("read_only").get<bool>()});
    out.was_running = json.at("was_running").get<bool>();
    out.had_autostart = json.at("had_autostart").get<bool>();
    out.since = instant(json, "since");
    out.guard = json.value("guard", false);   // records of before there were guards
    return out;
}

}  // namespace bailiff::agent
