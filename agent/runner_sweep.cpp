// SPDX-License-Identifier: Apache-2.0
// The host's own sweep: one VM at a time is scanned unasked, and what is found is told to the controller until it is
// acknowledged. Needs no controller. An order or job for the VM, its start, and draining end the scan that is under way.
#include "agent/runner.hpp"

#include <algorithm>
#include <utility>

namespace bailiff::agent {
namespace {

/// Told at a time; the next ones follow with the next heartbeat.
constexpr size_t most_discoveries_at_once = 20;
constexpr size_t most_hits = 200;

}  // namespace

void Runner::note_sweep(const std::string& operation, const std::string& kind, const Json& body) {
    const auto at = clock_.now();
    sweeps_.apply({append(operation, kind, body, at), operation, kind, body, at});
}

std::vector<SweepVm> Runner::sweep_vms() const {
    std::vector<SweepVm> out;
    for (const auto& vm : vms_) {
        SweepVm one{vm.vm, vm.power == Power::off || vm.power == Power::crashed, false, {}};
        one.left_out = vm.locked || is_exempt(settings_.exempt, vm.vm, vm.name) || queues_.contains(vm.vm) || enforcing_.contains(vm.vm) ||
                       writable_disks(vm.disks).empty();
        if (const auto changed = changed_.find(vm.vm); changed != changed_.end()) one.changed = changed->second;
        out.push_back(one);
    }
    return out;
}

/// Why nothing may be begun on this host now; empty when it may.
std::string Runner::sweep_stands() const {
    if (settings_.draining) return "the host is drained";
    if (!journal_trouble_.empty()) return "the journal cannot be written";
    for (const auto& [id, live] : live_)
        if (const auto* job = live.operation.job(); job && (job->kind == JobKind::scan || job->kind == JobKind::evidence || job->kind == JobKind::clean))
            return "a job of the controller reads disks";
    return "";
}

void Runner::plan_sweep() {
    const auto now = clock_.monotonic();
    next_sweep_ = now + settings_.sweep_look;
    if (!world_.sweeper || !listed_) return;
    if (sweep_request_) take_sweep_request();
    if (sweeping_) {
        if (sweeping_->result) end_sweep();
        return;
    }
    SweepPlan plan;
    plan.text = sweep_stands();
    if (plan.text.empty()) {
        // Begun, and this process knows nothing of it: the agent ended meanwhile.
        if (const auto begun = sweeps_.begun()) {
            const auto& record = sweeps_.vms().at(begun->second);
            executor_.run(Lane::idle, [this, vm = begun->second] {
                const auto ended = world_.sweeper->end_leftover(vm);
                if (!ended) post([this, vm, why = ended.error().text] { log(LogLine::Level::warning, "event=sweep vm=" + vm.text() + " text=\"what it left is still there: " + why + "\""); });
            });
            note_sweep(begun->first, "sweep_failed",
                       sweep_ended_body(begun->second, record.name, "the agent ended while the VM was scanned", record.failures + 1, charge(begun->second)));
        }
        plan = next_sweep(settings_.sweep, sweep_vms(), sweeps_, asked_sweeps_, world_.sweeper->scans_running(), clock_.now(), settings_.local_offset);
        if (plan.again) next_sweep_ = std::min(next_sweep_, now + std::max(Milliseconds(1000), Milliseconds(*plan.again - clock_.now())));
    }
    const bool news = plan != sweep_plan_;
    sweep_plan_ = plan;
    if (plan.vm) begin_sweep(*plan.vm);
    if (news && on_sweep_plan) on_sweep_plan(sweep_plan_);
}

void Runner::begin_sweep(const VmId& vm) {
    const auto known = known_.find(vm);
    const std::string id = "sweep-" + random_.hex128(), name = known == known_.end() ? "" : known->second;
    note_sweep(id, "sweep_begun", {{"vm", vm.text()}, {"name", name}});
    log(LogLine::Level::info, "event=sweep vm=" + vm.text() + " text=\"begins: " + sweep_plan_.text + "\"");
    const auto stop = std::make_shared<std::atomic<bool>>(false);
    sweeping_ = Sweeping{id, vm, name, stop, "", std::nullopt};
    executor_.run(Lane::idle, [this, id, vm, stop] {
        Result<SweptDisks> swept = fail(Errc::unavailable, "");
        try {
            swept = world_.sweeper->scan_vm(vm, [stop] { return !*stop; });
        } catch (const Outage& outage) {
            swept = fail(Errc::unavailable, outage.what());
        }
        post([this, id, swept = std::move(swept)]() mutable {
            if (!sweeping_ || sweeping_->id != id) return;
            sweeping_->result = std::move(swept);
            end_sweep();
        });
    });
}

/// Ends the scan under way when it is of this VM; an empty one means any.
void Runner::stop_sweep(const VmId& vm, const std::string& why) {
    if (!sweeping_ || (!vm.empty() && sweeping_->vm != vm) || *sweeping_->stop) return;
    *sweeping_->stop = true;
    sweeping_->stopped = why;
    log(LogLine::Level::info, "event=sweep vm=" + sweeping_->vm.text() + " text=\"stops: " + why + "\"");
}

/// The debt after a scan that came to nothing: nobody knows what it read, so it counts as the VM's last whole one.
int64_t Runner::charge(const VmId& vm) const {
    const auto known = sweeps_.vms().find(vm);
    const int64_t bytes = known != sweeps_.vms().end() && known->second.last ? known->second.last->bytes : 0;
    return spend(settings_.sweep.mib_per_hour, sweeps_.debt(), sweeps_.debt_at(), bytes, clock_.now());
}

/// Writes down what came of it. When the journal fails, the result is kept and written later.
void Runner::end_sweep() {
    const Sweeping done = *sweeping_;
    const auto& result = *done.result;
    const auto& record = sweeps_.vms().at(done.vm);
    next_sweep_ = clock_.monotonic() + settings_.after_outage;
    if (result) {
        const auto found = discovery_of(done.vm, result->outcome, result->live, clock_.now(), most_hits);
        const int64_t debt = spend(settings_.sweep.mib_per_hour, sweeps_.debt(), sweeps_.debt_at(), found.bytes, clock_.now());
        note_sweep(done.id, "swept", swept_body(found, done.name, debt));
        log(found.hits.empty() ? LogLine::Level::info : LogLine::Level::warning,
            "event=swept vm=" + done.vm.text() + " verdict=" + std::string(name(found.verdict)) + " files=" + std::to_string(found.files) +
                " unchanged=" + std::to_string(result->outcome.unchanged) + " hits=" + std::to_string(found.hits_total));
    } else {
        const bool ours = done.stopped.empty() && result.error().code != Errc::conflict;
        const std::string text = done.stopped.empty() ? result.error().text : "it was stopped: " + done.stopped;
        note_sweep(done.id, ours ? "sweep_failed" : "sweep_stopped",
                   sweep_ended_body(done.vm, done.name, text, record.failures + (ours ? 1 : 0), charge(done.vm)));
        log(ours ? LogLine::Level::warning : LogLine::Level::info, "event=sweep_ended vm=" + done.vm.text() + " text=\"" + text + "\"");
    }
    sweeping_.reset();
    asked_sweeps_.erase(done.vm);
    next_sweep_ = clock_.monotonic();
    forget_sweeps();
    tell_discoveries();
}

void Runner::forget_sweeps() {
    if (!listed_) return;
    std::set<VmId> here;
    for (const auto& [vm, name] : known_) here.insert(vm);
    if (world_.sweeper) world_.sweeper->forget_others(here);
    const auto ids = sweeps_.forgettable(here, clock_.now() - settings_.remember);
    if (ids.empty()) return;
    journal_.forget(ids);
    sweeps_.forget(ids);
}

/// Only to a controller that says it takes them. What was sent on this connection is not sent again on it.
void Runner::tell_discoveries() {
    if (!welcomed_ || !takes_discoveries_) return;
    size_t told = 0;
    for (const auto& [id, found] : sweeps_.untold()) {
        if (told == most_discoveries_at_once) return;
        if (!sent_discoveries_.insert(id).second) continue;
        send(id, found);
        ++told;
    }
}

void Runner::discovery_told(const std::string& id) {
    if (!sweeps_.untold().contains(id)) return;
    note_sweep(id, "discovery_told", Json::object());
    forget_sweeps();
}

void Runner::sweep_now(std::vector<std::string> vms) {
    sweep_request_ = std::move(vms);
    next_sweep_ = clock_.monotonic();
}

void Runner::take_sweep_request() {
    const auto words = *std::exchange(sweep_request_, std::nullopt);
    const auto named = [&](const std::string& word) { return words.empty() || std::find(words.begin(), words.end(), word) != words.end(); };
    for (const auto& vm : vms_)
        if (named(vm.vm.text()) || named(vm.name)) asked_sweeps_.insert(vm.vm);
    log(LogLine::Level::info, "event=sweep_asked text=\"" + std::to_string(asked_sweeps_.size()) + " VMs are to be swept at once\"");
}

}  // namespace bailiff::agent
