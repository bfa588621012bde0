// SPDX-License-Identifier: Apache-2.0
// Policy files (policies/*.json) <-> core::Policy: the fields. What they mean together is in policy_rules.cpp.
#include "controller/config/policy_file.hpp"

#include "controller/config/policy_rules.hpp"

#include <array>
#include <utility>

namespace bailiff {

namespace {

using core::Policy;
using core::Step;
using core::WaitsFor;

Step read_step(const Json& item, const std::string& at, std::vector<Mistake>& mistakes) {
    JsonReader r(item, mistakes, at);
    Step step;
    step.id = r.text("step", 64);
    step.waits_for = r.word("waits_for", WaitsFor::reply);
    step.within = r.duration("within");
    step.clock = r.word("clock", core::StepClock::working);
    if (r.has("then")) step.then = r.word("then", VmState::off);
    step.escalate_after = r.duration("escalate_after", false);
    r.value("then", false);
    r.finish();
    return step;
}

std::set<core::Need> read_needs(JsonReader& answer, std::vector<Mistake>& mistakes) {
    std::set<core::Need> needs;
    answer.each("needs", true, 16, [&](const Json& item, const std::string& at) {
        const auto need = parse_name<core::Need>(item.is_string() ? item.get<std::string>() : std::string());
        if (need) needs.insert(*need);
        else mistakes.push_back({at, need.error().text});
    });
    return needs;
}

/// Ports as a list in the file, as one text in orders: "25,465,587".
Limit read_limit(JsonReader& limit, std::vector<Mistake>& mistakes) {
    Limit out;
    std::set<int64_t> ports;
    limit.each("closed_ports", false, 16, [&](const Json& item, const std::string& at) {
        const bool fits = item.is_number_integer() && item.get<int64_t>() >= 1 && item.get<int64_t>() <= 65535;
        if (fits) ports.insert(item.get<int64_t>());
        else mistakes.push_back({at, "must be a port from 1 to 65535"});
    });
    for (const int64_t port : ports) out.closed_ports += (out.closed_ports.empty() ? "" : ",") + std::to_string(port);
    out.rate_kbit = limit.integer("rate_kbit", 0, 100'000'000, false);
    return out;
}

/// The weights by their words, to be read and written.
template <class Rule>
auto discovery_weights(Rule& rule) {
    return std::array{std::pair{"clamav", &rule.clamav}, std::pair{"hashes", &rule.hashes}, std::pair{"yara", &rule.yara},
                      std::pair{"suspicious", &rule.suspicious}};
}

void read_bounds(JsonReader& root, Policy& policy) {
    policy.sources = root.integer("sources", 1, 10, false, policy.sources);
    for (const auto& id : root.texts("inhibits", false, 50)) policy.inhibits.emplace_back(id);
    if (auto appeal = root.object("appeal", false)) {
        policy.appeal.within = appeal->duration("within");
        policy.appeal.clock = appeal->word("clock", policy.appeal.clock);
        appeal->finish();
    }
    if (root.has("reopens_within")) policy.reopens_within = root.duration("reopens_within");
}

void read_rest(JsonReader& root, Policy& policy, std::vector<Mistake>& mistakes) {
    if (auto resolution = root.object("resolution", false)) {
        core::Resolution r;
        r.within = resolution->duration("within");
        r.clock = resolution->word("clock", core::StepClock::working);
        policy.resolution = r;
        resolution->finish();
    }
    if (auto answer = root.object("answer", false)) {
        policy.needs = read_needs(*answer, mistakes);
        answer->finish();
    }
    if (auto restore = root.object("restore")) {
        policy.restore_when = restore->word("when", policy.restore_when);
        policy.restore_by = restore->word("by", policy.restore_by);
        policy.incomplete = restore->word("incomplete", policy.incomplete, false);
        policy.health = restore->word("health", policy.health, false);
        policy.health_within = restore->duration("health_within", false);
        policy.signatures_within = restore->duration("signatures_within", false);
        restore->finish();
    }
    if (auto treatment = root.object("treatment", false)) {
        policy.evidence = treatment->boolean("evidence", false, policy.evidence);
        policy.scan = treatment->boolean("scan", false, policy.scan);
        policy.clean_by = treatment->word("clean_by", policy.clean_by, false);
        policy.clean_rounds = treatment->integer("clean_rounds", 1, 10, false, policy.clean_rounds);
        policy.evidence_first = treatment->boolean("evidence_first", false);
        policy.memory = treatment->boolean("memory", false);
        treatment->finish();
    }
    if (auto limit = root.object("limit", false)) {
        policy.limit = read_limit(*limit, mistakes);
        limit->finish();
    }
    if (auto lock = root.object("lock", false)) {
        policy.gate = lock->word("gate", policy.gate, false);
        lock->finish();
    }
    if (auto discovery = root.object("discovery", false)) {
        core::DiscoveryRule& rule = policy.discovery;
        if (auto weight = discovery->object("weight", false)) {
            for (const auto& [word, value] : discovery_weights(rule)) *value = weight->integer(word, 0, 1000, false, *value);
            weight->finish();
        }
        rule.opens_at = discovery->integer("opens_at", 1, 1000, false, rule.opens_at);
        rule.cases_per_day = discovery->integer("cases_per_day", 0, 100'000, false, rule.cases_per_day);
        discovery->finish();
    }
    policy.support_tokens = root.integer("support_tokens", 0, 1000, false, 0);
    policy.remedies = root.texts("remedies", false, 50);
}

}  // namespace

Result<Policy> parse_policy(std::string_view text, std::vector<Mistake>& mistakes) {
    const size_t before = mistakes.size();
    const auto document = parse_document(text, mistakes);
    if (!document) return fail(mistaken("policy", mistakes));
    Policy policy;
    JsonReader root(*document, mistakes);
    root.optional_text("$schema");
    policy.id = root.id("id", PolicyId());
    policy.revision = root.integer("revision", 1, 1'000'000'000);
    policy.title = root.text("title", 200);
    policy.nature = root.text("nature", 2000);
    policy.source = root.optional_text("source", 2000);
    policy.calendar = root.text("calendar", 64);
    policy.types = root.texts("types");
    root.each("ladder", true, 16, [&](const Json& item, const std::string& at) {
        policy.ladder.push_back(read_step(item, at, mistakes));
    });
    policy.without_call = root.boolean("without_call", false);
    read_bounds(root, policy);
    read_rest(root, policy, mistakes);
    root.finish();
    // The rules speak of fields that could be read; on top of misread ones they would only repeat the complaint.
    if (mistakes.size() == before) check_policy(policy, mistakes);
    else check_patterns(policy, mistakes);
    if (mistakes.size() != before) return fail(mistaken("policy", mistakes));
    return policy;
}

Result<Policy> read_policy(const std::filesystem::path& path, std::vector<Mistake>& mistakes) {
    const auto text = read_text(path);
    if (!text) {
        mistakes.push_back({"", text.error().text});
        return fail(text.error());
    }
    const size_t before = mistakes.size();
    auto policy = parse_policy(*text, mistakes);
    if (policy && policy->id.text() != path.stem().string())
        mistakes.push_back({"/id", "is '" + policy->id.text() + "' but the file is called '" + path.filename().string() +
                                       "'; make them the same, so that a case's policy is found by its name"});
    if (mistakes.size() != before) return fail(mistaken("policy", mistakes));
    return policy;
}

std::string policy_json(const Policy& policy) {
    Json ladder = Json::array();
    for (const Step& step : policy.ladder) {
        Json rung{{"step", step.id},
                  {"waits_for", name(step.waits_for)},
                  {"within", format_duration(step.within)},
                  {"clock", name(step.clock)}};
        if (step.then) rung["then"] = name(*step.then);
        if (step.waits_for == WaitsFor::call) rung["escalate_after"] = format_duration(step.escalate_after);
        ladder.push_back(std::move(rung));
    }
    Json needs = Json::array();
    for (const auto need : policy.needs) needs.push_back(name(need));
    Json restore{{"when", name(policy.restore_when)}, {"by", name(policy.restore_by)}, {"incomplete", name(policy.incomplete)},
                 {"health", name(policy.health)}};
    if (policy.health != Health::unchecked) restore["health_within"] = format_duration(policy.health_within);
    if (policy.signatures_within > Seconds(0)) restore["signatures_within"] = format_duration(policy.signatures_within);
    Json inhibits = Json::array();
    for (const auto& id : policy.inhibits) inhibits.push_back(id.text());
    Json weight = Json::object();
    for (const auto& [word, value] : discovery_weights(policy.discovery)) weight[word] = *value;
    Json out{{"id", policy.id.text()},
             {"revision", policy.revision},
             {"title", policy.title},
             {"nature", policy.nature},
             {"source", policy.source},
             {"calendar", policy.calendar},
             {"types", policy.types},
             {"ladder", std::move(ladder)},
             {"without_call", policy.without_call},
             {"sources", policy.sources},
             {"inhibits", std::move(inhibits)},
             {"appeal", {{"within", format_duration(policy.appeal.within)}, {"clock", name(policy.appeal.clock)}}},
             {"reopens_within", format_duration(policy.reopens_within)},
             {"answer", {{"needs", std::move(needs)}}},
             {"restore", std::move(restore)},
             {"lock", {{"gate", name(policy.gate)}}},
             {"treatment",
              {{"evidence", policy.evidence},
               {"scan", policy.scan},
               {"clean_by", name(policy.clean_by)},
               {"clean_rounds", policy.clean_rounds},
               {"evidence_first", policy.evidence_first},
               {"memory", policy.memory}}},
             {"discovery",
              {{"weight", std::move(weight)}, {"opens_at", policy.discovery.opens_at}, {"cases_per_day", policy.discovery.cases_per_day}}},
             {"support_tokens", policy.support_tokens},
             {"remedies", policy.remedies}};
    if (policy.resolution)
        out["resolution"] = {{"within", format_duration(policy.resolution->within)},
                             {"clock", name(policy.resolution->clock)}};
    if (!policy.limit.empty()) {
        Json ports = Json::array();
        for (const auto port : parse_ports(policy.limit.closed_ports).value_or(std::vector<uint16_t>())) ports.push_back(port);
        out["limit"] = {{"closed_ports", std::move(ports)}, {"rate_kbit", policy.limit.rate_kbit}};
    }
    return dump_json(out);
}

}  // namespace bailiff
