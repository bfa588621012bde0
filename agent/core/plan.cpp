// SPDX-License-Identifier: Apache-2.0
// Plays the ladder against a world in which every act works, and writes down what it does.
#include "agent/core/plan.hpp"

#include "agent/core/records.hpp"

#include <algorithm>

namespace bailiff::agent {
namespace {

constexpr int most_steps = 2000;       // an hour of waiting for ACPI is some hundreds
constexpr size_t most_lines = 100;

std::string yes_no(bool yes) { return yes ? "yes" : "no"; }

std::vector<std::string> probes(const Observation& seen, bool gate_up) {
    const auto& vm = seen.vm;
    std::vector<std::string> out{
        "seen: power " + std::string(name(vm.power)) + (vm.quarantine_running ? " in quarantine" : "") + (vm.stuck ? ", stuck" : "") +
            (vm.migrating ? ", migrating" : ""),
        "seen: locked " + yes_no(seen.lock.has_value()) + ", start gate holds " + yes_no(gate_up) + ", autostart " + (vm.autostart ? "on" : "off"),
    };
    const auto up = std::count_if(vm.nics.begin(), vm.nics.end(), [](const VmNic& nic) { return nic.link_up; });
    out.push_back("seen: links up " + std::to_string(up) + " of " + std::to_string(vm.nics.size()) + (vm.hold.limit.empty() ? "" : " and limited") + ", disks " +
                  std::to_string(vm.disks.size()) + ", overlays " + std::to_string(seen.overlays.size()) + ", evidence " + yes_no(seen.evidence.has_value()));
    return out;
}

/// What the act would leave behind, seen and remembered; false when that cannot be foreseen. No default: whoever adds an
/// act says here what a plan makes of it.
bool foresee(const Do& step, Operation& op, Observation& seen, Milliseconds now) {
    auto& vm = seen.vm;
    const auto restrict_network = [&](bool cut, const std::optional<Limit>& limit) {
        for (auto& nic : vm.nics) nic.link_up = !cut;
        vm.hold = NetworkHold{cut || limit, cut, cut || limit, limit.value_or(Limit{})};
        seen.history.isolated = cut;
        seen.history.limited = limit;
        seen.history.cut_begun = false;
    };
    switch (step.act) {
        case Act::lock: seen.lock = lock_record(op, seen, {}); return true;
        case Act::unlock: seen.lock.reset(); return true;
        case Act::autostart_off: vm.autostart = false; return true;
        case Act::autostart_on: vm.autostart = true; return true;
        case Act::end_gracefully: case Act::kill:
            vm.power = Power::off;
            vm.quarantine_running = false;
            return true;
        case Act::links_down: restrict_network(true, std::nullopt); return true;
        case Act::limit_on: restrict_network(false, op.order()->limit); return true;
        case Act::links_up: restrict_network(false, std::nullopt); return true;
        case Act::open_console: op.consoles.emplace(); return true;
        case Act::create_overlay: seen.overlays.push_back({step.target, "", "", ""}); return true;
        case Act::drop:
            std::erase_if(seen.overlays, [&](const Overlay& overlay) { return overlay.target == step.target; });
            return true;
        case Act::commit: seen.history.committed.insert(step.target); return true;
        case Act::put_back: seen.history.committed.erase(step.target); return true;
        case Act::start_quarantined:
            vm.power = Power::running;
            vm.quarantine_running = true;
            return true;
        case Act::start: case Act::resume: vm.power = Power::running; return true;
        case Act::pause: vm.power = Power::paused; return true;
        case Act::store_backup: seen.own_set = EvidenceSet{op.set_id(), op.vm(), op.case_id(), "", "", 0, {}, Consistency::crash}; return true;
        case Act::check_health: see_sign(op, {true, "it shows that it is well", vm.run}, now); return true;
        // What changes only what the operation remembers. That a backup runs is not foreseen: its end is waited for.
        case Act::prove_gate: case Act::ask_agent: case Act::ask_acpi: case Act::verify_evidence: case Act::copy_nvram: case Act::permit:
        case Act::revoke: case Act::compare_definition: case Act::rescan: case Act::prepare_backup: case Act::dump_memory:
        case Act::begin_backup: case Act::thaw: case Act::abort_backup: return true;
        // Of jobs, which are not planned.
        case Act::freeze: case Act::scan: case Act::scan_live: case Act::clean: return false;
    }
    return false;
}

/// The entries that the runner would write, folded as they would be.
void remember(Operation& op, const Do& step, const Observation& before, const Observation& after, bool gate_up, Milliseconds now) {
    if (step.act == Act::prove_gate) op.gate_holds = gate_up;
    if (of_the_moment(step.act)) return;
    BackupBegun begun;
    begun.paused = before.vm.power == Power::paused;
    ScanOutcome clean;
    clean.verdict = ScanVerdict::clean;
    const Json body{{"act", name(step.act)}, {"target", step.target}, {"ms", 0}, {"token", "planned"}, {"path", ""}, {"file", ""}, {"format", ""},
                    {"record", before.lock ? to_json(*before.lock) : Json(nullptr)}, {"set", after.own_set ? to_json(*after.own_set) : Json(nullptr)},
                    {"begun", to_json(begun)}, {"outcome", to_json(clean)}};
    if (!only_looks(step.act)) apply(op, {0, op.id(), "intent", body, {}}, now);
    apply(op, {0, op.id(), "done", body, {}}, now);
}

/// The acts as lines; the same act again, and the time that is waited after it, go into its one line.
class Lines {
  public:
    explicit Lines(std::vector<std::string> first) : out_(std::move(first)) {}
    void act(const Do& step, const std::string& condition) {
        const std::string key = key_of(step);
        if (key == last_) {
            ++times_;
            return;
        }
        flush();
        last_ = key;
        prefix_ = "would" + condition + ": ";
        times_ = 1;
    }
    void waited(Milliseconds span) { waited_ += span; }
    void say(const std::string& line) {
        flush();
        if (out_.size() < most_lines) out_.push_back(line);
    }
    std::vector<std::string> take() {
        flush();
        return std::move(out_);
    }

  private:
    void flush() {
        if (last_.empty()) return;
        std::string line = prefix_ + last_;
        if (times_ > 1) line += ", " + std::to_string(times_) + " times";
        if (waited_.count() >= 1000) line += ", and wait up to " + std::to_string(waited_.count() / 1000) + " s";
        if (out_.size() < most_lines) out_.push_back(std::move(line));
        last_.clear();
        waited_ = {};
    }
    std::vector<std::string> out_;
    std::string last_, prefix_;
    int times_ = 0;
    Milliseconds waited_{0};
};

}  // namespace

std::vector<std::string> plan_of(Operation op, Observation seen, const Patience& patience, Milliseconds now, bool gate_up) {
    Lines lines(probes(seen, gate_up));
    bool asked = false;
    for (int i = 0; i < most_steps; ++i) {
        const Step step = next_step(op, seen, patience, now);
        if (const auto* pause = std::get_if<Wait>(&step)) {
            const auto until = std::max(pause->until, now + Milliseconds(1));
            lines.waited(until - now);
            now = until;
        } else if (const auto* why = std::get_if<GiveUp>(&step)) {
            if (op.gave_up) return lines.take();
            lines.say("would give up: " + why->text);
            op.gave_up = *why;
        } else if (const auto* end = std::get_if<End>(&step)) {
            lines.say("would answer: " + std::string(name(end->status)) + ", " + end->text);
            return lines.take();
        } else {
            const Do& act = std::get<Do>(step);
            if (act.act == Act::store_backup) lines.say("would wait until the copy of the running VM is complete");
            const bool ends = act.act == Act::ask_acpi || act.act == Act::end_gracefully || act.act == Act::kill;
            lines.act(act, asked && ends ? ", if the guest still runs" : "");
            asked = asked || act.act == Act::ask_agent || act.act == Act::ask_acpi;
            const Observation before = seen;
            if (!foresee(act, op, seen, now)) {
                lines.say("would then look again; what follows depends on what is seen");
                return lines.take();
            }
            remember(op, act, before, seen, gate_up, now);
            if (seen.vm.power == Power::off) asked = false;
        }
    }
    lines.say("would go on beyond what a plan can tell");
    return lines.take();
}

}  // namespace bailiff::agent
