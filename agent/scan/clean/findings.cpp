// SPDX-License-Identifier: Apache-2.0
// See findings.hpp.
#include "agent/scan/clean/findings.hpp"

#include <bailiff/json.hpp>

#include <limits>

namespace bailiff::agent {
namespace {

constexpr JsonLimits findings_limits{64U << 20, 8};
constexpr const char* field = "suspicious";

std::string_view last_line_of(std::string_view output) {
    while (!output.empty() && (output.back() == '\n' || output.back() == '\r')) output.remove_suffix(1);
    if (const auto newline = output.rfind('\n'); newline != output.npos) output.remove_prefix(newline + 1);
    return output;
}

Result<std::vector<Suspicion>> suspicions_of(const Json& verdict) {
    std::vector<Suspicion> out;
    std::vector<Mistake> mistakes;
    JsonReader in(verdict, mistakes);
    in.each(field, false, most_listed, [&](const Json& item, const std::string& pointer) {
        JsonReader one(item, mistakes, pointer);
        Suspicion s;
        s.path = one.text("path", 65536);
        s.volume = one.text("volume", longest_volume_name);
        s.rule = one.text("rule", 256, false);
        s.reason = one.text("reason", 4096, false);
        s.sha256 = one.text("sha256", 64, false);
        if (!s.sha256.empty() && !is_hex(s.sha256, 64)) one.mistake("sha256", "must be 64 lower-case hex digits");
        if (one.has("size")) s.size = static_cast<uint64_t>(one.integer("size", 0, std::numeric_limits<int64_t>::max()));
        out.push_back(std::move(s));
    });
    if (!mistakes.empty()) return fail(Errc::invalid, "what the scan found suspicious cannot be read: " + describe(mistakes));
    return out;
}

}  // namespace

Result<CleanFindings> read_findings(std::string_view output) {
    CleanFindings out;
    auto verdict = parse_verdict(output);
    auto json = parse_json(last_line_of(output), findings_limits);
    if (json && json->is_object() && json->contains(field)) {
        auto suspicious = suspicions_of(*json);
        if (!suspicious) return fail(suspicious.error());
        out.suspicious = std::move(*suspicious);
        if (!verdict) {
            // A verdict's reader that does not know the field yet refuses it.
            json->erase(field);
            verdict = parse_verdict(dump_json(*json));
        }
    }
    if (!verdict) return fail(verdict.error());
    out.verdict = std::move(*verdict);
    return out;
}

}  // namespace bailiff::agent
