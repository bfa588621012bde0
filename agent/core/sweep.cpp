// SPDX-License-Identifier: Apache-2.0
// See sweep.hpp: the choice.
#include "agent/core/sweep.hpp"

#include <algorithm>
#include <tuple>

namespace bailiff::agent {
namespace {

constexpr int64_t mib = int64_t{1} << 20;

int minute_of_day(Instant at, const UtcOffset& offset) {
    const auto local = at + offset(at);
    return int((local - std::chrono::floor<std::chrono::days>(local)).count() / 60);
}

std::optional<int> minutes_of(std::string_view text) {
    int64_t hours = 0, rest = 0;
    using detail::digits;
    if (text.size() != 5 || !digits(text, 0, 2, hours) || text[2] != ':' || !digits(text, 3, 2, rest)) return std::nullopt;
    const int64_t all = hours * 60 + rest;
    if (rest > 59 || all > 1440) return std::nullopt;
    return int(all);
}

/// The debt as it stands now. A clock that was set back says nothing of how much time has passed: then all is paid.
int64_t debt_now(int64_t mib_per_hour, int64_t debt, Instant debt_at, Instant now) {
    if (mib_per_hour <= 0 || debt_at == Instant{} || debt_at > now) return 0;
    const int64_t hour = mib_per_hour * mib;
    // More hours than the debt has are enough, and keep the product small.
    const auto elapsed = std::min<int64_t>((now - debt_at).count(), int64_t{366} * 86400);
    return std::max(-hour, debt - int64_t(double(hour) * (double(elapsed) / 3600.0)));
}

struct Candidate {
    VmId id;
    SweepRisk risk = SweepRisk::oldest;
    bool last = false;         ///< failed too often
    Instant changed{};
    Instant swept_at{};
    /// Smaller is earlier: VMs that fail over and over behind all others, then by risk, then the newest change, then the
    /// oldest sweep; the id settles ties.
    auto key() const { return std::tuple(risk == SweepRisk::asked ? 0 : last ? 2 : 1, int(risk), -changed.time_since_epoch().count(), swept_at, id); }
};

/// When the VM's turn comes; an instant in the future that a wrong clock wrote does not count.
Instant due_at(const SweepRules& rules, const SweepRecord& record, Instant now) {
    const auto after = [&](Instant at, Seconds span) { return at == Instant{} || at > now ? Instant{} : at + span; };
    Instant due{};
    if (record.last) due = after(record.last->at, rules.every);
    if (record.failures >= sweep_attempts) due = std::max(due, after(record.tried_at, rules.every));
    else if (!record.trouble.empty()) due = std::max(due, after(record.tried_at, std::min(sweep_retry, rules.every)));
    return due;
}

SweepRisk risk_of(const SweepVm& vm, const SweepRecord& record, const std::string& newest_set) {
    if (!record.last) return SweepRisk::never_swept;
    if (record.last->hits > 0) return SweepRisk::found_before;
    if (!newest_set.empty() && record.last->set != newest_set) return SweepRisk::newer_signatures;
    if (vm.changed > record.last->at) return SweepRisk::changed;
    return SweepRisk::oldest;
}

std::string risk_words(SweepRisk risk) {
    switch (risk) {
        case SweepRisk::asked: return "the admin asked for it";
        case SweepRisk::never_swept: return "it was never swept";
        case SweepRisk::found_before: return "something was found in it at its last sweep";
        case SweepRisk::newer_signatures: return "there are other signatures since its last sweep";
        case SweepRisk::changed: return "it was started, stopped or defined since its last sweep";
        case SweepRisk::oldest: return "its last sweep is the oldest";
    }
    return {};
}

}  // namespace

Result<std::optional<DayWindow>> parse_day_window(std::string_view text) {
    if (text.empty()) return std::optional<DayWindow>();
    const auto from = minutes_of(text.substr(0, std::min<size_t>(text.size(), 5)));
    const auto to = text.size() == 11 && text[5] == '-' ? minutes_of(text.substr(6)) : std::nullopt;
    if (!from || !to || *from == 1440 || *from == *to)
        return fail(Errc::invalid, "'" + std::string(text.substr(0, 40)) + "' is no window of a day; write 22:00-06:00, or nothing for any time");
    return std::optional(DayWindow{*from, *to % 1440});
}

Instant opens_at(const DayWindow& window, Instant now, const UtcOffset& offset) {
    if (window.holds(minute_of_day(now, offset))) return now;
    // Minute by minute, since only the wall clock itself knows what it shows. Two days: one may lack the window altogether.
    Instant at = std::chrono::floor<std::chrono::minutes>(now) + std::chrono::minutes(1);
    for (int i = 0; i < 2 * 1440 + 120 && !window.holds(minute_of_day(at, offset)); ++i) at += std::chrono::minutes(1);
    return at;
}

int64_t spend(int64_t mib_per_hour, int64_t debt, Instant debt_at, int64_t bytes, Instant now) {
    return debt_now(mib_per_hour, debt, debt_at, now) + bytes;
}

SweepPlan next_sweep(const SweepRules& rules, const std::vector<SweepVm>& vms, const SweepBook& book, const std::set<VmId>& asked, bool running,
                     Instant now, const UtcOffset& offset) {
    SweepPlan plan;
    std::optional<Candidate> best;
    std::optional<Instant> next_due;
    const auto take = [&](Candidate one) {
        if (!best || one.key() < best->key()) best = std::move(one);
    };
    for (const SweepVm& vm : vms) {
        if (vm.left_out) continue;
        const bool wanted = asked.contains(vm.id);
        if (!vm.off && !running) {
            if (rules.on || wanted) ++plan.waiting_for_live;
            continue;
        }
        const auto found = book.vms().find(vm.id);
        const SweepRecord record = found == book.vms().end() ? SweepRecord{} : found->second;
        if (wanted) take({vm.id, SweepRisk::asked, false, vm.changed, {}});
        if (!rules.on || wanted) continue;
        if (const Instant due = due_at(rules, record, now); due > now) {
            next_due = next_due ? std::min(*next_due, due) : due;
            continue;
        }
        ++plan.due;
        take({vm.id, risk_of(vm, record, book.newest_set()), record.failures >= sweep_attempts, vm.changed, record.last ? record.last->at : Instant{}});
    }
    const auto wait = [&](Instant until, const std::string& why) {
        plan.again = until;
        plan.text = why;
        return plan;
    };
    if (best && best->risk != SweepRisk::asked) {
        if (rules.window)
            if (const Instant opens = opens_at(*rules.window, now, offset); opens > now)
                return wait(opens, "the window of the day opens at " + format_rfc3339(opens));
        if (const int64_t debt = debt_now(rules.mib_per_hour, book.debt(), book.debt_at(), now); debt > 0) {
            const Instant paid = now + Seconds(1 + debt * 3600 / mib / rules.mib_per_hour);
            return wait(paid, "the hour's budget of " + std::to_string(rules.mib_per_hour) + " MiB is read; there is more at " + format_rfc3339(paid));
        }
    }
    if (best) {
        plan.vm = best->id;
        plan.risk = best->risk;
        plan.text = risk_words(best->risk);
        return plan;
    }
    if (!rules.on) return plan.text = "the sweep is off (agent.conf: sweep)", plan;
    if (next_due) return wait(*next_due, "every VM was swept; the next one is due at " + format_rfc3339(*next_due));
    plan.text = plan.waiting_for_live ? "only VMs that run are left, and those cannot be read yet" : "there is no VM to sweep";
    return plan;
}

std::string sweep_summary(const SweepRules& rules, const std::vector<SweepVm>& vms, const SweepBook& book, const SweepPlan& plan) {
    if (!rules.on) return "off";
    size_t swept = 0, failing = 0, found = 0;
    for (const SweepVm& vm : vms) {
        const auto known = book.vms().find(vm.id);
        if (known == book.vms().end()) continue;
        swept += known->second.last.has_value();
        found += known->second.last && known->second.last->hits > 0;
        failing += known->second.failures >= sweep_attempts;
    }
    std::string out = std::to_string(swept) + " of " + std::to_string(vms.size()) + " VMs swept, " + std::to_string(plan.due) + " due";
    const auto add = [&](size_t count, const char* what) {
        if (count) out += ", " + std::to_string(count) + " " + what;
    };
    add(plan.waiting_for_live, "running and not readable yet");
    add(found, "with findings");
    add(failing, "failing");
    if (const auto last = book.newest()) out += "; the last one at " + format_rfc3339(last->at);
    return out;
}

}  // namespace bailiff::agent
