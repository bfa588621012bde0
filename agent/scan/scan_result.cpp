// SPDX-License-Identifier: Apache-2.0
// The codec of the verdict object.
#include "agent/scan/scan_result.hpp"

#include <bailiff/json.hpp>

#include <algorithm>
#include <limits>

namespace bailiff::agent {
namespace {

constexpr int64_t any_count = std::numeric_limits<int64_t>::max();
constexpr JsonLimits verdict_limits{64U << 20, 8};

Json to_json(const SkippedItem& item) {
    Json out{{"reason", name(item.reason)}};
    if (!item.path.empty()) out["path"] = item.path;
    if (!item.volume.empty()) out["volume"] = item.volume;
    if (!item.detail.empty()) out["detail"] = item.detail;
    if (item.size) out["size"] = item.size;
    return out;
}
Json to_json(const Finding& hit) {
    Json out{{"path", hit.path},     {"volume", hit.volume}, {"signature", hit.signature},
             {"engine", hit.engine}, {"sha256", hit.sha256}, {"size", hit.size}};
    if (hit.offset) out["offset"] = *hit.offset;
    return out;
}
Json to_json(const SuspiciousFile& file) {
    return {{"path", file.path},     {"volume", file.volume}, {"rule", name(file.rule)},
            {"reason", file.reason}, {"sha256", file.sha256}, {"size", file.size}};
}
Json to_json(const ScanEngine& engine) {
    Json out{{"name", engine.name}, {"version", engine.version}, {"reports_limits", engine.reports_limits}};
    if (engine.signatures_at != Instant{}) out["signatures_at"] = format_rfc3339(engine.signatures_at);
    if (!engine.set.empty()) out["set"] = engine.set;
    return out;
}
Json to_json(const ScannedVolume& volume) {
    Json out{{"name", volume.name},   {"start", volume.start}, {"size", volume.size},
             {"files", volume.files}, {"bytes", volume.bytes}, {"state", name(volume.state)}};
    if (!volume.filesystem.empty()) out["filesystem"] = volume.filesystem;
    if (!volume.reason.empty()) out["reason"] = volume.reason;
    if (!volume.notes.empty()) out["notes"] = volume.notes;
    return out;
}

template <class T>
Json array_of(const std::vector<T>& items, size_t most = most_listed) {
    Json out = Json::array();
    for (size_t i = 0; i < std::min(items.size(), most); ++i) out.push_back(to_json(items[i]));
    return out;
}

uint64_t count(JsonReader& in, const char* field, bool required = true) {
    return static_cast<uint64_t>(in.integer(field, 0, any_count, required));
}

/// Calls `read(reader)` for each object of the array `field`, and refuses fields that it did not ask for.
template <class Read>
void objects(JsonReader& in, const char* field, std::vector<Mistake>& mistakes, Read read) {
    in.each(field, true, most_listed, [&](const Json& item, const std::string& pointer) {
        JsonReader object(item, mistakes, pointer);
        read(object);
        object.finish();
    });
}

SkippedItem read_skipped(JsonReader& in) {
    return {in.text("path", 65536, false), in.text("volume", longest_volume_name, false), in.word("reason", SkipReason::error),
            in.text("detail", 4096, false), count(in, "size", false)};
}
Finding read_hit(JsonReader& in) {
    Finding hit{in.text("path", 65536), in.text("volume", longest_volume_name), in.text("signature"),
                in.text("engine", 64),  in.text("sha256", 64), count(in, "size")};
    if (in.has("offset")) hit.offset = count(in, "offset");
    if (!is_hex(hit.sha256, 64)) in.mistake("sha256", "must be 64 lower-case hex digits");
    return hit;
}
SuspiciousFile read_suspicious(JsonReader& in) {
    SuspiciousFile file{in.text("path", 65536),  in.text("volume", longest_volume_name), in.word("rule", SuspicionRule::web_shell),
                        in.text("reason", 4096), in.text("sha256", 64),                  count(in, "size")};
    if (!is_hex(file.sha256, 64)) in.mistake("sha256", "must be 64 lower-case hex digits");
    return file;
}
ScannedVolume read_volume(JsonReader& in) {
    ScannedVolume volume;
    volume.name = in.text("name", longest_volume_name);
    volume.filesystem = in.text("filesystem", 64, false);
    volume.start = count(in, "start");
    volume.size = count(in, "size");
    volume.state = in.word("state", VolumeState::unreadable);
    volume.reason = in.text("reason", 4096, false);
    volume.notes = in.texts("notes", false);
    volume.files = count(in, "files");
    volume.bytes = count(in, "bytes");
    return volume;
}

}  // namespace

std::string hit_json(const Finding& hit) {
    Json out = to_json(hit);
    out["finding"] = "hit";
    return dump_json(out);
}

std::string skipped_json(const SkippedItem& item) {
    Json out = to_json(item);
    out["finding"] = "skipped";
    return dump_json(out);
}

std::optional<unsigned> ScanProgress::percent() const {
    if (total_bytes == 0) return std::nullopt;
    return static_cast<unsigned>(std::min(99.0, 100.0 * static_cast<double>(bytes) / static_cast<double>(total_bytes)));
}

std::string progress_json(const ScanProgress& progress) {
    Json out{{"files", progress.files}, {"bytes", progress.bytes}, {"found", progress.hits}};
    if (const auto percent = progress.percent()) out["total_bytes"] = progress.total_bytes, out["percent"] = *percent;
    return dump_json(Json{{"progress", out}});
}

std::optional<unsigned> scan_percent(std::string_view line) {
    if (line.substr(0, 12) != "{\"progress\":" || line.size() >= longest_progress_line) return std::nullopt;
    const auto json = parse_json(line);
    if (!json || !json->at("progress").is_object()) return std::nullopt;
    std::vector<Mistake> mistakes;
    JsonReader in(json->at("progress"), mistakes);
    if (!in.has("percent")) return std::nullopt;
    const auto percent = in.integer("percent", 0, 100);
    return mistakes.empty() ? std::optional(static_cast<unsigned>(percent)) : std::nullopt;
}

std::string suspicious_json(const SuspiciousFile& file) {
    Json out = to_json(file);
    out["finding"] = "suspicious";
    return dump_json(out);
}

std::string verdict_json(const Verdict& verdict) {
    return dump_json(Json{{"verdict", name(verdict.verdict)},
                          {"files", verdict.files},
                          {"bytes", verdict.bytes},
                          {"known", verdict.known},
                          {"unchanged", verdict.unchanged},
                          {"read", name(verdict.read)},
                          {"known_good", verdict.known_good},
                          {"skipped", array_of(verdict.skipped)},
                          {"skipped_total", verdict.skipped_total},
                          {"hits", array_of(verdict.hits)},
                          {"hits_total", verdict.hits_total},
                          {"suspicious", array_of(verdict.suspicious, most_suspicious_listed)},
                          {"suspicious_total", verdict.suspicious_total},
                          {"engines", array_of(verdict.engines)},
                          {"volumes", array_of(verdict.volumes)},
                          {"duration_ms", verdict.duration_ms}});
}

Result<Verdict> parse_verdict(std::string_view output) {
    while (!output.empty() && (output.back() == '\n' || output.back() == '\r')) output.remove_suffix(1);
    if (const auto newline = output.rfind('\n'); newline != output.npos) output.remove_prefix(newline + 1);
    if (output.empty()) return fail(Errc::invalid, "the scan printed no verdict; look at its error output");
    const auto json = parse_json(output, verdict_limits);
    if (!json) return fail(json.error());

    std::vector<Mistake> mistakes;
    JsonReader in(*json, mistakes);
    Verdict v;
    v.verdict = in.word("verdict", ScanVerdict::incomplete);
    v.files = count(in, "files");
    v.bytes = count(in, "bytes");
    v.known = count(in, "known", false);
    v.unchanged = count(in, "unchanged", false);
    // Verdicts from before scans could pass over anything say nothing of it.
    if (in.has("read")) v.read = in.word("read", ScanScope::changed);
    v.known_good = count(in, "known_good", false);
    objects(in, "skipped", mistakes, [&](JsonReader& item) { v.skipped.push_back(read_skipped(item)); });
    v.skipped_total = count(in, "skipped_total");
    objects(in, "hits", mistakes, [&](JsonReader& item) { v.hits.push_back(read_hit(item)); });
    v.hits_total = count(in, "hits_total");
    // Reports of before there were suspicions are kept in journals.
    if (in.has("suspicious"))
        objects(in, "suspicious", mistakes, [&](JsonReader& item) { v.suspicious.push_back(read_suspicious(item)); });
    v.suspicious_total = count(in, "suspicious_total", false);
    objects(in, "engines", mistakes, [&](JsonReader& item) {
        v.engines.push_back({item.text("name", 64), item.text("version", 1024), item.boolean("reports_limits"),
                             item.instant("signatures_at", false), item.text("set", 256, false)});
    });
    objects(in, "volumes", mistakes, [&](JsonReader& item) { v.volumes.push_back(read_volume(item)); });
    v.duration_ms = count(in, "duration_ms");
    in.finish();

    if (mistakes.empty()) {
        const bool unread = v.skipped_total > 0 || std::any_of(v.volumes.begin(), v.volumes.end(), [](const auto& volume) {
                                return volume.state == VolumeState::unreadable;
                            });
        const auto due = v.hits_total > 0 ? ScanVerdict::infected : unread ? ScanVerdict::incomplete : ScanVerdict::clean;
        if (v.verdict != due) in.mistake("verdict", "contradicts the findings, which say " + std::string(name(due)));
        if (v.hits.size() != std::min<uint64_t>(v.hits_total, most_listed))
            in.mistake("hits_total", "does not fit the hits that are listed");
        if (v.skipped.size() != std::min<uint64_t>(v.skipped_total, most_listed))
            in.mistake("skipped_total", "does not fit the items that are listed");
        if (v.suspicious.size() != std::min<uint64_t>(v.suspicious_total, most_suspicious_listed))
            in.mistake("suspicious_total", "does not fit the files that are listed");
        if (v.known > v.files || v.known_good > v.files - v.known) in.mistake("known", "is more than the files");
        else if (v.unchanged > v.known + v.known_good) in.mistake("unchanged", "is more than the known files");
        if ((v.unchanged > 0) != (v.read == ScanScope::changed)) in.mistake("read", "contradicts the unchanged files");
        if (v.engines.empty()) in.mistake("engines", "must name at least one engine");
    }
    if (!mistakes.empty()) return fail(Errc::invalid, "the scan's verdict cannot be believed: " + describe(mistakes));
    return v;
}

}  // namespace bailiff::agent
