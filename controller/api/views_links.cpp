// SPDX-License-Identifier: Apache-2.0
// What belongs to a case beside itself: other cases of its VM and customer, what went on in it, who stands behind it.
#include "controller/api/views.hpp"

#include "controller/core/sources.hpp"

#include <algorithm>

namespace bailiff {
namespace {

constexpr size_t most_of_each = 20, most_links = 50;

struct Link {
    core::Case c;
    std::vector<std::string> how;
};

/// Finds the case's relatives; each once, with every way in which it is one.
class Links {
  public:
    Links(Storage& storage, const core::Case& c) : storage_(storage), c_(c) {
        by_id(c.predecessor, "predecessor");
        by_id(c.split_from, "split_from");
        by_id(c.merged_into, "merged_into");
        by_id(c.muted_by, "muted_by");
        for (const auto& merged : c.merged) by_id(merged.id, "merged");
        for (const auto& split : c.splits) by_id(split.into, "split_off");
        CaseFilter filter;
        filter.limit = most_of_each;
        filter.vm = c.vm;
        for (auto& other : storage.list_cases(filter)) {
            if (other.predecessor == c.id) note(other, "successor");
            if (other.muted_by == c.id) note(other, "mutes");
            note(other, "same_vm");
        }
        filter.vm = VmId();
        filter.customer = c.customer;
        filter.open_only = true;
        if (!c.customer.empty())
            for (auto& other : storage.list_cases(filter)) note(other, "same_customer");
    }
    /// Open ones first, then the newest.
    std::vector<Link> sorted() {
        std::stable_sort(links_.begin(), links_.end(), [](const Link& a, const Link& b) {
            const bool a_open = a.c.phase != core::Phase::closed, b_open = b.c.phase != core::Phase::closed;
            return a_open != b_open ? a_open : a.c.opened_at > b.c.opened_at;
        });
        if (links_.size() > most_links) links_.resize(most_links);
        return links_;
    }

  private:
    void by_id(const CaseId& id, const char* how) {
        if (id.empty()) return;
        if (auto other = storage_.find_case(id)) note(*other, how);
    }
    void note(const core::Case& other, const char* how) {
        if (other.id == c_.id) return;
        auto found = std::find_if(links_.begin(), links_.end(), [&](const Link& link) { return link.c.id == other.id; });
        if (found == links_.end()) found = links_.insert(links_.end(), {other, {}});
        if (std::find(found->how.begin(), found->how.end(), how) == found->how.end()) found->how.emplace_back(how);
    }

    Storage& storage_;
    const core::Case& c_;
    std::vector<Link> links_;
};

Json appeal_json(const core::Appeal& appeal, const core::Calendar* calendar) {
    const bool pending = appeal.decided_at == Instant{};
    Json out{{"actor", appeal.actor}, {"text", appeal.text}, {"channel", name(appeal.channel)}, {"state", pending ? "pending" : appeal.upheld ? "upheld" : "rejected"}};
    put_instant(out, "at", appeal.at, calendar);
    if (pending) return out;
    out["decided_by"] = appeal.decided_by;
    out["reason"] = appeal.reason;
    put_instant(out, "decided_at", appeal.decided_at, calendar);
    return out;
}

}  // namespace

void put_standing_of(Json& out, const Desk& desk, const core::Case& c) {
    out["assignee"] = c.assignee;
    if (!c.muted_by.empty()) out["muted_by"] = c.muted_by.text();
    if (!c.merged_into.empty()) out["merged_into"] = c.merged_into.text();
    if (!c.predecessor.empty()) out["predecessor"] = c.predecessor.text();
    if (core::pending_appeal(c)) out["appeal"] = "pending";
    if (const auto* policy = desk.policies().find(c.policy, c.policy_revision)) out["severity"] = name(core::severity_of(c, *policy));
}

void put_links(Json& out, Desk& desk, const core::Case& c) {
    const auto* calendar = calendar_of(desk, c);
    if (const auto* policy = desk.policies().find(c.policy, c.policy_revision)) {
        const core::Sources found = core::sources_of(c, *policy);
        out["sources"] = {{"asked_for", policy->sources}, {"independent", found.independent}, {"ascertained", found.ascertained},
                          {"suffice", core::why_too_few_sources(c, *policy).empty()}};
    }
    out["appeals"] = Json::array();
    for (const auto& appeal : c.appeals) out["appeals"].push_back(appeal_json(appeal, calendar));
    if (!c.split_from.empty()) out["split_from"] = c.split_from.text();
    out["links"] = Json::array();
    for (const auto& [other, how] : Links(desk.storage(), c).sorted()) {
        Json link{{"case", other.id.text()}, {"phase", name(other.phase)}, {"policy", other.policy.text()}, {"vm_name", other.vm_name}, {"how", how}};
        if (other.outcome) link["outcome"] = name(*other.outcome);
        put_instant(link, "opened_at", other.opened_at, calendar);
        out["links"].push_back(std::move(link));
    }
}

}  // namespace bailiff
