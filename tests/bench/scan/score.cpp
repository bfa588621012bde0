// SPDX-License-Identifier: Apache-2.0
// Medians, ratios, goals.
#include "tests/bench/scan/score.hpp"

#include "tests/bench/agent/paired.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <iterator>

namespace bailiff::test {
namespace {

std::string join(std::string left, const std::string& right) {
    if (!left.empty() && !right.empty()) left += "; ";
    return left += right;
}

}  // namespace

void Score::note(Row& row, Run run) {
    row.seconds.push_back(run.seconds);
    row.peak_bytes = std::max(row.peak_bytes, run.peak_bytes);
    if (!run.seens.empty() && !complete(run.seens, row.way.updated)) row.complete = false;
    if (row.way.ours) row.said.push_back(run.all);
    // The plants as the worst round saw them.
    if (row.complete || row.last.seens.empty() || !complete(run.seens, row.way.updated)) row.last = std::move(run);
}

const Row* Score::row(const std::string& name) const {
    for (const Row& row : rows_)
        if (row.way.name == name && row.failed.empty() && !row.seconds.empty()) return &row;
    return nullptr;
}

std::optional<double> Score::ratio(const std::string& way, const std::string& peer) const {
    const Row *own = row(way), *other = row(peer);
    if (!own || !other) return std::nullopt;
    Paired pairs("", peer);
    for (const double s : own->seconds) pairs.note(way, s);
    if (own != other)
        for (const double s : other->seconds) pairs.note(peer, s);
    return pairs.median_ratio(way);
}

std::set<std::string> Score::differing(const Row& row) const {
    std::set<std::string> out;
    const Row* cold = this->row("cold");
    if (!cold || row.way.updated) return out;
    const auto& first = cold->said.front();
    for (const auto& said : row.said) std::set_symmetric_difference(said.begin(), said.end(), first.begin(), first.end(), std::inserter(out, out.end()));
    return out;
}

std::string Score::remarks(const Row& row) const {
    const auto other = differing(row);
    return join(row.last.note, other.empty() ? "" : fmt::format("says {} things otherwise than cold, first: {}", other.size(), *other.begin()));
}

std::vector<Goal> Score::goals() const {
    std::vector<Goal> out;
    const auto goal = [&](const char* name, const char* text, const std::optional<double>& measured, double most, const std::string& detail = "") {
        out.push_back({name, text, measured, most, detail});
    };
    goal("T1", "cold, of limit", ratio("cold", "limit"), 1.05);
    goal("T2", "second VM of a system, of limit", ratio("second_vm", "limit"), 0.5);
    goal("T3", "rescan, of cold", ratio("rescan", "cold"), 1.0 / 15);
    // The reader's own hashing is what it should be compared with; a plain folder is faster to read, hence the harder measure.
    const std::string reading = row("read_hash") ? "read_hash" : "plain_hash";
    goal("T3", "rescan, of reading and hashing", ratio("rescan", reading), 1.2, "against " + reading);
    goal("T4", "rescan by changed blocks, of cold", ratio("changed", "cold"), 1.0 / 40);
    std::optional<double> missed;
    std::string who;
    for (const Row& row : rows_) {
        if (!row.way.ours || row.last.seens.empty()) continue;
        missed = missed.value_or(0) + !row.complete;
        who += (who.empty() ? "" : " ") + row.way.name;
    }
    goal("T5", "ways of ours that miss a plant", missed, 0, who);
    goal("T6", "after new signatures, of cold", ratio("updated", "cold"), 0.35);
    std::optional<double> memory;
    for (const Row& row : rows_)
        if (row.peak_bytes) memory = std::max(memory.value_or(0), double(row.peak_bytes) / 1e6);
    goal("memory", "MB of bailiff-scan and its children", memory, 300);
    return out;
}

void Score::print() const {
    fmt::print("\n{}: {} files, {:.2f} GiB; {} signatures; {} lanes\n\n", work_.size->name, work_.files, double(work_.bytes) / double(1U << 30), work_.signatures, lanes_);
    fmt::print("{:<12} {:>9}  {:<19} {:>8} {:>8}  {}\n", "way", "median s", "(least - most)", "/ limit", "peak MB", "plants");
    for (const Row& row : rows_) {
        const auto& why = row.failed.empty() ? row.way.missing : row.failed;
        if (!why.empty() || row.seconds.empty()) {
            fmt::print("{:<12} {:>9}  {}{}\n", row.way.name, "-", row.failed.empty() ? "" : "FAILED: ", why.substr(0, why.find('\n')));
            continue;
        }
        const auto [least, most] = std::minmax_element(row.seconds.begin(), row.seconds.end());
        const auto of_limit = ratio(row.way.name, "limit");
        fmt::print("{:<12} {:>9.2f}  {:<19} {:>8} {:>8}  {}\n", row.way.name, median(row.seconds), fmt::format("({:.2f} - {:.2f})", *least, *most),
                   of_limit ? fmt::format("{:.2f}", *of_limit) : "-", row.peak_bytes ? fmt::format("{:.0f}", double(row.peak_bytes) / 1e6) : "-",
                   join(row.last.seens.empty() ? "" : summary(row.last.seens, row.way.updated), remarks(row)));
    }
    fmt::print("\n");
    for (const Row& row : rows_)
        if (row.way.missing.empty()) fmt::print("  {:<12} {}\n", row.way.name, row.way.what);
    fmt::print("\n{:<7} {:<36} {:>8} {:>10}\n", "goal", "", "at most", "measured");
    for (const Goal& goal : goals())
        fmt::print("{:<7} {:<36} {:>8.3g} {:>10}  {}{}\n", goal.name, goal.text, goal.most, goal.measured ? fmt::format("{:.3g}", *goal.measured) : "-", goal.result(),
                   goal.detail.empty() ? "" : " (" + goal.detail + ")");
    if (work_.size->name == "tiny") fmt::print("\nOn a tiny disk starting takes longer than scanning: only T5 means something.\n");
    std::fflush(stdout);
}

nlohmann::json Score::json() const {
    nlohmann::json ways = nlohmann::json::array(), judged = nlohmann::json::array();
    for (const Row& row : rows_) {
        nlohmann::json entry{{"way", row.way.name}, {"what", row.way.what}};
        const auto& why = row.failed.empty() ? row.way.missing : row.failed;
        if (!why.empty()) entry["missing"] = why;
        if (row.failed.empty() && !row.seconds.empty()) {
            entry["seconds"] = row.seconds;
            entry["median_seconds"] = median(row.seconds);
            if (const auto of_limit = ratio(row.way.name, "limit")) entry["of_limit"] = *of_limit;
            if (row.peak_bytes) entry["peak_bytes"] = row.peak_bytes;
            if (!row.last.seens.empty()) entry["plants"] = summary(row.last.seens, row.way.updated), entry["complete"] = row.complete;
            if (const auto text = remarks(row); !text.empty()) entry["remarks"] = text;
        }
        ways.push_back(std::move(entry));
    }
    for (const Goal& goal : goals()) {
        nlohmann::json entry{{"goal", goal.name}, {"what", goal.text}, {"at_most", goal.most}, {"result", goal.result()}};
        if (goal.measured) entry["measured"] = *goal.measured;
        judged.push_back(std::move(entry));
    }
    return {{"size", work_.size->name}, {"files", work_.files}, {"bytes", work_.bytes}, {"signatures", work_.signatures}, {"lanes", lanes_}, {"ways", ways}, {"goals", judged}};
}

bool Score::sound() const {
    return std::all_of(rows_.begin(), rows_.end(), [this](const Row& row) { return !row.way.ours || (row.failed.empty() && row.complete && differing(row).empty()); });
}

}  // namespace bailiff::test
