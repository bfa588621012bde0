// SPDX-License-Identifier: Apache-2.0
// What makes a policy sound beyond the types of its fields.
#include "controller/config/policy_rules.hpp"

#include <bailiff/nearest.hpp>

#include <algorithm>
#include <array>
#include <set>

namespace bailiff {

namespace {

using core::Policy;
using core::Step;
using core::WaitsFor;

constexpr std::array<std::string_view, 7> categories = {
    "messaging", "connection", "content", "infrastructure", "copyright", "vulnerability", "reputation"};

/// The types of XARF 4.2. A provider may use others; a word one letter off one of these is a slip.
constexpr std::array<std::string_view, 32> known_types = {
    "connection/ddos", "connection/infected_host", "connection/login_attack", "connection/port_scan",
    "connection/reconnaissance", "connection/scraping", "connection/sql_injection", "connection/vulnerability_scan",
    "content/brand_infringement", "content/csam", "content/csem", "content/exposed_data", "content/fraud",
    "content/malware", "content/phishing", "content/remote_compromise", "content/suspicious_registration",
    "copyright/copyright", "copyright/cyberlocker", "copyright/link_site", "copyright/p2p", "copyright/ugc_platform",
    "copyright/usenet", "infrastructure/botnet", "infrastructure/compromised_server", "messaging/bulk_messaging",
    "messaging/spam", "reputation/blocklist", "reputation/threat_intelligence", "vulnerability/cve",
    "vulnerability/misconfiguration", "vulnerability/open_service"};

constexpr Seconds longest = std::chrono::days(90), shortest = std::chrono::minutes(1);

class Rules {
  public:
    Rules(const Policy& policy, std::vector<Mistake>& mistakes) : policy_(policy), mistakes_(mistakes) {}

    void check() {
        ladder();
        calls();
        rest();
    }

  private:
    void mistake(std::string pointer, std::string text) { mistakes_.push_back({std::move(pointer), std::move(text)}); }

    void ladder() {
        if (policy_.ladder.empty()) return mistake("/ladder", "has no step; give it at least the one that ends in a sanction");
        std::set<std::string> ids;
        for (size_t i = 0; i < policy_.ladder.size(); ++i) {
            const Step& step = policy_.ladder[i];
            const std::string at = "/ladder/" + std::to_string(i);
            if (!is_name(step.id)) mistake(at + "/step", "must be a short name of letters, digits, '-' and '_', such as \"reply\"");
            if (!ids.insert(step.id).second) mistake(at + "/step", "'" + step.id + "' stands twice; call one of them otherwise");
            if (step.within > longest) mistake(at + "/within", "is longer than 90 days; write less");
            if (step.waits_for == WaitsFor::call) call_step(step, at, i);
            else reply_step(step, at, i);
        }
        const size_t last = policy_.ladder.size() - 1;
        if (!policy_.ladder[last].then)
            mistake("/ladder/" + std::to_string(last),
                    "the last step must say what silence leads to; give it \"then\": \"limited\", \"isolated\" or \"off\"");
    }

    void call_step(const Step& step, const std::string& at, size_t index) {
        if (index == 0)
            mistake(at + "/waits_for", "a call cannot come first; put a step before it that waits for a reply");
        if (step.then)
            mistake(at + "/then", "a call that nobody made never becomes a sanction; put \"then\" on the step after it");
        if (step.within < shortest) mistake(at + "/within", "is less than a minute; write when the call is overdue, such as PT30M");
        if (step.escalate_after > longest) mistake(at + "/escalate_after", "is longer than 90 days; write less");
    }

    void reply_step(const Step& step, const std::string& at, size_t index) {
        if (step.escalate_after > Seconds(0))
            mistake(at + "/escalate_after", "is for steps that wait for a call; remove it");
        if (!step.then) {
            if (step.within < shortest)
                mistake(at + "/within", "gives nobody time to answer; write at least PT1M, or \"then\" for a sanction at once");
            return;
        }
        if (*step.then == VmState::running || *step.then == VmState::quarantined)
            mistake(at + "/then", "'" + std::string(name(*step.then)) + "' is no sanction; write limited, isolated or off");
        if (step.within > Seconds(0) && step.within < shortest)
            mistake(at + "/within", "is less than a minute; write PT0S for at once, or at least PT1M");
        if (index + 1 < policy_.ladder.size())
            mistake(at + "/then", "only the last step can have it, since the ladder ends with the sanction; move the step to the end");
    }

    /// "No logged call attempt, no switch-off": the exception must be written down where everyone reads it.
    void calls() {
        bool called = false;
        for (size_t i = 0; i < policy_.ladder.size(); ++i) {
            const Step& step = policy_.ladder[i];
            called = called || step.waits_for == WaitsFor::call;
            if (!step.then) continue;
            const std::string at = "/ladder/" + std::to_string(i) + "/then";
            if (!called && !policy_.without_call)
                mistake(at, "no step before this sanction waits for a call; add one, or say \"without_call\": true");
            if (called && policy_.without_call)
                mistake("/without_call", "is true although a step waits for a call; remove one of the two");
        }
    }

    void rest() {
        if (!is_name(policy_.calendar))
            mistake("/calendar", "must be the name of a file in calendars/ without .json, such as \"asia-kolkata\"");
        if (policy_.resolution && (policy_.resolution->within < shortest || policy_.resolution->within > longest))
            mistake("/resolution/within", "must be from PT1M to 90 days");
        if (policy_.appeal.within < shortest || policy_.appeal.within > longest) mistake("/appeal/within", "must be from PT1M to 90 days");
        if (policy_.reopens_within > longest) mistake("/reopens_within", "is longer than 90 days; write less, or PT0S for never");
        inhibits();
        const bool limits = !policy_.ladder.empty() && policy_.ladder.back().then == VmState::limited;
        if (limits && policy_.limit.empty())
            mistake("/limit", "is missing, but silence leads to \"limited\"; say which \"closed_ports\" or what \"rate_kbit\"");
        if (!limits && !policy_.limit.empty()) mistake("/limit", "is given, but no step leads to \"limited\"; remove it");
        if (policy_.memory && !policy_.evidence_first)
            mistake("/treatment/memory", "is true, but memory is only there while the VM runs; make \"evidence_first\" true as well");
        if ((policy_.health == Health::unchecked) != (policy_.health_within == Seconds(0)))
            mistake("/restore/health_within", "goes with \"health\"; give both or neither");
        if (policy_.health_within > Seconds(longest_health_seconds)) mistake("/restore/health_within", "is longer than PT15M; write less");
        using core::RestoreWhen;
        if (policy_.restore_when == RestoreWhen::verified_clean && !policy_.scan)
            mistake("/treatment/scan", "is false, but only a scan can verify that the VM is clean; make it true, or "
                                       "restore when \"confirmed\"");
        if (policy_.scan && !policy_.evidence)
            mistake("/treatment/evidence", "is false, but a disk is only scanned and cleaned once evidence of it is frozen; "
                                           "make it true, or \"scan\" false");
        if (policy_.restore_when == RestoreWhen::confirmed && policy_.needs.empty())
            mistake("/answer", "\"restore\" waits for a confirmation, so say in \"needs\" what it must contain: " +
                                   all_names<core::Need>());
        const core::DiscoveryRule& found = policy_.discovery;
        if (std::max({found.clamav, found.hashes, found.yara, found.suspicious}) == 0)
            mistake("/discovery/weight", "weighs nothing, so no finding would ever open a case; give an engine a weight, or set "
                                         "\"cases_per_day\" to 0 to leave every finding to a person");
        for (size_t i = 0; i < policy_.remedies.size(); ++i)
            if (policy_.remedies[i].empty() || policy_.remedies[i].size() > 2000)
                mistake("/remedies/" + std::to_string(i), "must be a text of 1 to 2000 bytes");
    }

    void inhibits() {
        for (size_t i = 0; i < policy_.inhibits.size(); ++i) {
            const std::string at = "/inhibits/" + std::to_string(i);
            const PolicyId& other = policy_.inhibits[i];
            if (!is_name(other.text())) mistake(at, "must be the id of a policy, such as \"high-bandwidth\"");
            else if (other == policy_.id) mistake(at, "is the policy itself; its cases would keep each other still");
            else if (std::count(policy_.inhibits.begin(), policy_.inhibits.begin() + ptrdiff_t(i), other)) mistake(at, "stands twice; remove one");
        }
    }

    const Policy& policy_;
    std::vector<Mistake>& mistakes_;
};

}  // namespace

std::string pattern_mistake(const std::string& pattern) {
    if (pattern == "*") return {};
    const std::string remedy = "; write \"content/malware\", \"messaging/*\" for a whole category, or \"*\"";
    const size_t slash = pattern.find('/');
    if (slash == std::string::npos) return "is no pattern of types" + remedy;
    const std::string category = pattern.substr(0, slash), type = pattern.substr(slash + 1);
    if (std::find(categories.begin(), categories.end(), category) == categories.end())
        return "'" + category.substr(0, 40) + "' is no category of XARF" + did_you_mean(category, categories) + remedy;
    if (type == "*") return {};
    const bool letters = !type.empty() && type.size() <= 64 && std::all_of(type.begin(), type.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
    });
    if (!letters) return "a type is written in lower case with underscores" + remedy;
    if (std::find(known_types.begin(), known_types.end(), pattern) != known_types.end() || type.size() < 4) return {};
    for (const auto known : known_types)
        if (known.starts_with(category + "/") && edit_distance(pattern, known) == 1)
            return "is one letter off a type of XARF; did you mean '" + std::string(known) + "'?";
    return {};
}

void check_patterns(const Policy& policy, std::vector<Mistake>& mistakes) {
    if (!policy.id.empty() && !is_name(policy.id.text()))
        mistakes.push_back({"/id", "must be 1 to 64 letters, digits, '-', '_' and '.', like the file's name"});
    for (size_t i = 0; i < policy.types.size(); ++i) {
        const std::string at = "/types/" + std::to_string(i);
        if (std::string wrong = pattern_mistake(policy.types[i]); !wrong.empty()) mistakes.push_back({at, std::move(wrong)});
        else if (std::count(policy.types.begin(), policy.types.begin() + ptrdiff_t(i), policy.types[i]))
            mistakes.push_back({at, "stands twice; remove one"});
    }
}

void check_policy(const Policy& policy, std::vector<Mistake>& mistakes) {
    check_patterns(policy, mistakes);
    if (policy.types.empty())
        mistakes.push_back({"/types", "is empty, so the policy would never apply; write \"content/malware\" or \"*\""});
    Rules(policy, mistakes).check();
}

}  // namespace bailiff
