// SPDX-License-Identifier: Apache-2.0
// What is over its time goes: bodies, files, and what closed cases say of people. The history stays a history: it keeps its
// course, its figures and its place in the chain, and an item of its own says what was erased.
#include "controller/desk/desk.hpp"

#include <algorithm>
#include <spdlog/spdlog.h>

namespace bailiff {

namespace {

constexpr size_t bodies_at_once = 200, cases_at_once = 20, most_cases_of_one = 10'000;
constexpr size_t whole_history = 1 << 20;

}  // namespace

std::vector<Desk::Kept> Desk::kept() {
    std::vector<Kept> out;
    for (const auto& [of, word] : Names<KeptClass>::table) {
        const Seconds time = options_.retention.of(of);
        out.push_back({of, time, time == Seconds{0} ? Overdue{} : ports_.storage.overdue(of, now() - time, most_counted)});
    }
    return out;
}

Result<Desk::LetGo> Desk::let_go(const std::string& actor) {
    LetGo out;
    const auto portion = [&](KeptClass of, int64_t& gone) {
        const Seconds time = options_.retention.of(of);
        if (time == Seconds{0}) return;
        gone = ports_.storage.forget(of, now() - time, bodies_at_once);
        out.more = out.more || gone >= int64_t(bodies_at_once);
    };
    const auto done = ports_.storage.transaction([&]() -> Result<void> {
        portion(KeptClass::raw, out.raw);
        portion(KeptClass::files, out.files);
        if (options_.retention.cases == Seconds{0}) return {};
        const auto due = ports_.storage.cases_to_erase(now() - options_.retention.cases, cases_at_once);
        for (const CaseId& id : due) {
            const std::string reason = "closed more than " + std::to_string(options_.retention.cases.count() / 86400) + " days ago";
            if (auto erased = erase_case(id, reason, actor); !erased) return fail(erased.error());
            ++out.cases;
        }
        out.more = out.more || due.size() >= cases_at_once;
        return {};
    });
    if (!done) return fail(done.error());
    const auto thinned = ports_.storage.transaction([&]() -> Result<void> {
        if (options_.retention.audit == Seconds{0}) return {};
        const auto due = ports_.storage.courses_to_forget(now() - options_.retention.audit, cases_at_once);
        for (const CaseId& id : due) ports_.storage.forget_course(id);
        out.audit = int64_t(due.size());
        out.more = out.more || due.size() >= cases_at_once;
        return {};
    });
    if (!thinned) return fail(thinned.error());
    if (out.raw + out.files + out.cases + out.audit > 0)
        spdlog::info("event=let_go raw={} files={} cases={} audit={} actor={}", out.raw, out.files, out.cases, out.audit, actor);
    return out;
}

Result<void> Desk::erase_case(const CaseId& id, const std::string& reason, const std::string& actor) {
    return ports_.storage.transaction([&]() -> Result<void> {
        const auto stored = ports_.storage.find_case(id);
        if (!stored) return fail(Errc::not_found, "There is no case " + id.text() + "; `bailiffctl case list` shows those there are.");
        if (stored->erased) return {};
        // The row becomes the fold of what is left, so that row and history go on saying the same.
        core::Case c;
        std::vector<core::HistoryItem> left;
        for (auto& item : ports_.storage.history(id, 0, whole_history)) {
            left.push_back(core::erased(std::move(item)));
            c = core::evolve(std::move(c), left.back());
        }
        const core::Policy& policy = policy_of(*stored);
        core::EraseCase act;
        act.reason = reason;
        if (auto allowed = core::decide(c, act, policy, calendar_of(policy), now()); !allowed) return fail(allowed.error());
        auto links = ports_.storage.links_of(id, left);
        act.seal = core::seal_of(links);
        auto envelope = ports_.signer.seal(core::erasure_payload_type, core::erasure_payload(id, c.revision, act.seal));
        if (!envelope) return fail(Errc::unavailable, "The erasure of case " + id.text() + " could not be signed: " + envelope.error().text);
        act.envelope = *envelope;
        const auto facts = core::decide(c, act, policy, calendar_of(policy), now());
        std::vector<ReportId> reports;
        for (const auto& report : c.reports) reports.push_back(report.id);
        auto written = write(std::move(c), *facts, actor, stored->revision);
        if (!written) return fail(written.error());
        ports_.storage.erase_texts(id, left, written->c.revision);
        ports_.storage.erase_beside(id, reports);
        return {};
    });
}

Result<int64_t> Desk::erase_customer(const CustomerId& id, const std::string& reason, const std::string& actor) {
    int64_t count = 0;
    const auto done = ports_.storage.transaction([&]() -> Result<void> {
        auto customer = ports_.storage.find_customer(id);
        if (!customer) return fail(Errc::not_found, "There is no customer " + id.text() + ".");
        if (reason.empty()) return fail(Errc::invalid, "An erasure needs a reason.");
        if (ports_.storage.has_vms(id)) return fail(Errc::conflict, "Customer " + id.text() + " still has VMs, and must be reached when something is wrong with one; give them to somebody else first.");
        CaseFilter open;
        open.customer = id;
        open.open_only = true;
        open.limit = 1;
        if (const auto still = ports_.storage.list_cases(open); !still.empty())
            return fail(Errc::conflict, "Customer " + id.text() + " has an open case, " + still.front().id.text() + "; close it first.");
        const auto cases = ports_.storage.cases_to_erase(id, most_cases_of_one);
        for (const CaseId& one : cases)
            if (auto erased = erase_case(one, reason, actor); !erased) return fail(erased.error());
        count = int64_t(cases.size());
        const std::string word(core::erased_word);
        customer->name = word;
        customer->contact = core::Contact{word, "", "", customer->contact.language, ""};
        ports_.storage.put_customer(*customer);
        ports_.storage.erase_beside(id);
        return {};
    });
    if (!done) return fail(done.error());
    return count;
}

}  // namespace bailiff
