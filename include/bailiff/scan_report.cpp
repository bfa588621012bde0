// SPDX-License-Identifier: Apache-2.0
// See scan_report.hpp.
#include <bailiff/scan_report.hpp>

#include <bailiff/dsse.hpp>

namespace bailiff {

std::string scan_report_payload(const ScanReport& r) {
    Json disks = Json::object();
    for (const auto& [target, verdict] : r.disks) disks[target] = verdict;
    Json out{{"host", r.host.text()}, {"vm", r.vm.text()}, {"case", r.case_id.text()}, {"job", r.job}, {"after_commit", r.after_commit},
             {"started", format_rfc3339(r.started)}, {"ended", format_rfc3339(r.ended)}, {"verdict", name(r.verdict)},
             {"skipped_sha256", r.skipped_sha256}, {"whole", r.whole}, {"disks", std::move(disks)}};
    if (!r.whole) out["whole_sha256"] = r.whole_sha256;
    return dump_json(out);
}

Result<ScanReport> parse_scan_report(std::string_view payload) {
    const auto json = parse_json(payload, JsonLimits{largest_kept_report, 16});
    if (!json) return fail(json.error());
    std::vector<Mistake> mistakes;
    JsonReader read(*json, mistakes);
    ScanReport out;
    out.host = HostId(read.text("host", 64));
    out.vm = VmId(read.text("vm", 36));
    out.case_id = CaseId(read.text("case", 64));
    out.job = read.text("job", 64);
    out.after_commit = read.boolean("after_commit", false);
    out.started = read.instant("started");
    out.ended = read.instant("ended");
    out.verdict = read.word("verdict", ScanVerdict::incomplete);
    out.skipped_sha256 = read.optional_text("skipped_sha256", 64);
    out.whole = read.boolean("whole");
    out.whole_sha256 = read.optional_text("whole_sha256", 64);
    if (const Json* disks = read.value("disks")) {
        if (!disks->is_object() || disks->size() > 256) read.mistake("disks", "must be an object of at most 256 disks");
        else
            for (const auto& [target, verdict] : disks->items()) {
                if (!verdict.is_object()) read.mistake("disks", "must hold one object for each disk");
                out.disks[target] = verdict;
            }
    }
    if (!mistakes.empty()) return fail(Errc::invalid, "The scan report cannot be read: " + describe(mistakes));
    return out;
}

ScanReport short_form(const ScanReport& whole) {
    ScanReport out = whole;
    out.whole = false;
    out.whole_sha256 = sha256_hex(scan_report_payload(whole));
    for (auto& [target, verdict] : out.disks) {
        Json kept = Json::object(), left_out = Json::object();
        for (const auto& [field, value] : verdict.items()) {
            if (value.is_array() && field != "engines") left_out[field] = value.size();
            else kept[field] = value;
        }
        kept["left_out"] = std::move(left_out);
        verdict = std::move(kept);
    }
    return out;
}

}  // namespace bailiff
