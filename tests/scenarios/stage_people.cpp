// SPDX-License-Identifier: Apache-2.0
// Who else is on the stage: further customers, their VMs, days on which the desk is closed.
#include "tests/scenarios/stage.hpp"

#include <fmt/format.h>

namespace bailiff::test {

/// "customer 8 name=Nordlicht contact="Jens Petersen" mail=jens@nordlicht.example phone=+49 zone=Europe/Berlin".
void Stage::customer(const Command& c, Lines& out) {
    if (c.words.size() != 1) return out.push_back("script: customer ID name=… contact=… mail=…");
    storage_->put_customer({CustomerId(c.words[0]), value(c, "name"),
                            {value(c, "contact"), value(c, "mail"), value(c, "phone"), value(c, "language", "en"), value(c, "zone")}, 0});
}

/// "vm shop1 customer=8 host=h2 address=192.0.2.20".
void Stage::vm(const Command& c, Lines& out) {
    if (c.words.size() != 1) return out.push_back("script: vm NAME customer=… host=… address=…");
    const HostId host(value(c, "host", "h1"));
    if (!storage_->find_host(host)) storage_->put_host({host, false, false, true, 0, "", "", clock_.now(), ""});
    storage_->put_vm({VmId(fmt::format("33333333-3333-4333-8333-{:012}", ++vms_)), c.words[0], host, CustomerId(value(c, "customer", "7")), {value(c, "address")},
                      Power::running, VmState::running, false, false, clock_.now()});
}

/// "holiday 2026-01-26": on that day every calendar is closed.
void Stage::holiday(const Command& c, Lines& out) {
    const auto day = c.words.empty() ? Result<Instant>(fail(Errc::invalid, "holiday 2026-01-26")) : parse_rfc3339(c.words[0] + "T00:00:00Z");
    if (!day) return out.push_back("script: " + day.error().text);
    core::PolicySet policies = desk_->policies();
    for (auto& [id, calendar] : policies.calendars) {
        core::CalendarData data = calendar.data();
        data.holidays.insert(std::chrono::year_month_day(std::chrono::floor<std::chrono::days>(*day)));
        if (auto built = core::Calendar::build(std::move(data))) calendar = *built;
        else out.push_back("script: " + built.error().text);
    }
    desk_->replace_policies(std::move(policies));
}

/// "merge C-1 C-2 [insist=yes] "why"": C-2 goes on in C-1.
void Stage::merge(const Command& c, Lines& out) {
    if (c.words.size() != 2) return out.push_back("script: merge C-1 C-2 \"why\"");
    const auto merged = desk_->merge(CaseId(c.words[0]), CaseId(c.words[1]), value(c, "insist") == "yes", c.text, "staff:ravi");
    if (!merged) return out.push_back("error " + merged.error().text);
    desk_->tick();
}

/// "split C-1 R-2 R-3 [to=triage] "why"": these reports leave.
void Stage::split(const Command& c, Lines& out) {
    if (c.words.size() < 2) return out.push_back("script: split C-1 R-2 \"why\"");
    SplitRequest request;
    for (size_t i = 1; i < c.words.size(); ++i) request.reports.emplace_back(c.words[i]);
    request.to_triage = value(c, "to") == "triage";
    request.reason = c.text;
    const auto left = desk_->split(CaseId(c.words[0]), request, "staff:meera");
    if (!left) return out.push_back("error " + left.error().text);
    desk_->tick();
}

/// "undo C-1 C-2 "why"": the merge or the split of the two.
void Stage::undo(const Command& c, Lines& out) {
    if (c.words.size() != 2) return out.push_back("script: undo C-1 C-2 \"why\"");
    const auto undone = desk_->undo(CaseId(c.words[0]), CaseId(c.words[1]), c.text, "staff:meera");
    if (!undone) return out.push_back("error " + undone.error().text);
    desk_->tick();
}

/// "sources 2": how many the policies ask for, in cases that are opened from now on.
void Stage::sources(const Command& c, Lines& out) {
    if (c.words.size() != 1) return out.push_back("script: sources 2");
    core::PolicySet policies = desk_->policies();
    for (auto& [id, policy] : policies.in_force) policy.sources = c.words[0] == "1" ? 1 : 2;
    desk_->replace_policies(std::move(policies));
}

}  // namespace bailiff::test
