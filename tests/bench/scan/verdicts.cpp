// SPDX-License-Identifier: Apache-2.0
// Looks for the plants in what scanners print.
#include "tests/bench/scan/verdicts.hpp"

#include "agent/scan/path_text.hpp"
#include "agent/scan/scan_result.hpp"
#include "tests/bench/scan/workload.hpp"

#include <array>
#include <stdexcept>

namespace bailiff::test {
namespace {

/// What bailiff-scan calls the volume of the system.
constexpr std::string_view system_volume = "gpt2";
constexpr std::string_view found_mark = " FOUND", limit_mark = "Heuristics.Limits.Exceeded";

bool due(const Plant& plant, bool updated) { return updated || !plant.delta; }

}  // namespace

Seens seen_by_bailiff(std::string_view output, std::set<std::string>& all) {
    const auto verdict = agent::parse_verdict(output);
    if (!verdict) throw std::runtime_error(verdict.error().text);
    Seens out;
    for (const Plant& plant : plants()) {
        const std::string path = agent::escape_path(plant.path);
        const auto here = [&](const auto& item) { return item.volume == system_volume && item.path == path; };
        Seen& seen = out[plant.name] = Seen::missed;
        for (const auto& item : verdict->skipped)
            if (here(item)) seen = Seen::named;
        for (const auto& hit : verdict->hits)
            if (here(hit)) seen = Seen::found;
    }
    for (const auto& hit : verdict->hits) all.insert(hit.volume + " " + hit.path + " " + hit.signature);
    for (const auto& item : verdict->skipped) all.insert(item.volume + " " + item.path + " not scanned: " + std::string(name(item.reason)) + (item.path.empty() ? ", " + item.detail : ""));
    return out;
}

Seens seen_by_clamdscan(std::string_view output, const std::filesystem::path& root) {
    Seens out;
    std::string rest(output);
    const std::string base = root.string();
    for (const Plant& plant : plants()) {
        Seen& seen = out[plant.name] = Seen::missed;
        // A name with a newline spreads over two lines, so lines are no help; names that a guest chose can forge them anyway.
        const std::string head = base + plant.path + ": ";
        const size_t at = rest.find(head);
        if (at == rest.npos) continue;
        const size_t end = std::min(rest.find('\n', at + head.size()), rest.size());
        const std::string_view said = std::string_view(rest).substr(at + head.size(), end - at - head.size());
        if (!said.ends_with(found_mark)) continue;
        seen = said.starts_with(limit_mark) ? Seen::named : Seen::found;
        rest.erase(at, end - at);
    }
    for (const Plant& plant : plants()) {
        if (out[plant.name] != Seen::missed) continue;
        // What is left in its folder is this plant under another name: every other hit has been taken out.
        const std::string folder = "\n" + base + plant.path.substr(0, plant.path.rfind('/') + 1);
        const std::string lines = "\n" + rest;
        for (size_t at = lines.find(folder); at != lines.npos; at = lines.find(folder, at + 1)) {
            const std::string_view line = std::string_view(lines).substr(at + 1, lines.find('\n', at + 1) - at - 1);
            const bool below = line.substr(folder.size() - 1).find('/') != line.npos;
            if (!below && line.ends_with(found_mark) && line.find(limit_mark) == line.npos) out[plant.name] = Seen::altered;
        }
    }
    return out;
}

std::string summary(const Seens& seens, bool updated) {
    std::array<std::string, 4> names;
    for (const Plant& plant : plants()) {
        const Seen seen = seens.at(plant.name);
        if (due(plant, updated) || seen != Seen::missed) names[size_t(seen)] += plant.name + " ";
    }
    static constexpr std::array words{"found", "named", "under another name", "MISSED"};
    std::string out;
    for (size_t i = 0; i < names.size(); ++i)
        if (!names[i].empty()) out += (out.empty() ? "" : ", ") + names[i] + words[i];
    return out;
}

bool complete(const Seens& seens, bool updated) {
    for (const Plant& plant : plants()) {
        const Seen seen = seens.at(plant.name);
        if (due(plant, updated) && seen != Seen::found && !(plant.nameable && seen == Seen::named)) return false;
    }
    return true;
}

}  // namespace bailiff::test
