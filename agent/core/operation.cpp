// SPDX-License-Identifier: Apache-2.0
// How an operation remembers: the fold of its journal, and the judgement of failures.
#include "agent/core/operation.hpp"

#include "agent/core/records.hpp"

#include <algorithm>
#include <stdexcept>

namespace bailiff::agent {

const std::string& Operation::id() const { return order() ? order()->order_id.text() : job()->job_id.text(); }
const VmId& Operation::vm() const { return order() ? order()->vm_uuid : job()->vm_uuid; }
const CaseId& Operation::case_id() const { return order() ? order()->case_id : job()->case_id; }

EvidenceId Operation::set_id() const { return EvidenceId(case_id().text() + "-" + id()); }
bool Operation::copies() const {
    return order() ? order()->evidence == EvidenceRule::first : job()->kind == JobKind::evidence;
}

bool Operation::scans_live() const { return job() && job()->kind == JobKind::scan_live; }

std::string key_of(const Do& step) {
    return std::string(name(step.act)) + (step.target.empty() ? "" : " " + step.target);
}

bool only_looks(Act act) {
    return of_the_moment(act) || act == Act::verify_evidence || act == Act::compare_definition;
}

bool of_the_moment(Act act) { return act == Act::prove_gate || act == Act::check_health || act == Act::open_console; }

void see_sign(Operation& op, HealthSign sign, Milliseconds now) {
    op.last_sign = std::move(sign);
    op.last_sign_at = now;
    if (op.first_sign) return;
    op.first_sign = op.last_sign;
    op.first_sign_at = now;
}

bool see_copy(Operation& op, const Observation& seen, const Patience& patience, Milliseconds now) {
    // What serves disks copies nothing, and stands for as long as it is read.
    if (seen.backup != BackupSeen::ours || op.scans_live()) {
        op.copied_bytes.reset();
        return false;
    }
    if (op.copied_bytes != seen.backup_bytes) {
        op.copied_bytes = seen.backup_bytes;
        op.copied_at = now;
    }
    if (op.copy_broken || now < op.copied_at + patience.copy_stands) return false;
    return op.copy_broken = true;
}

namespace {

Do step_of(const Json& body) {
    const auto act = find_name<Act>(body.at("act").get<std::string>());
    if (!act) throw std::runtime_error("the journal names an act that this version does not know; finish with the version that began");
    return {*act, body.at("target").get<std::string>()};
}

void apply_intent(Operation& op, const Do& step, const Json& body) {
    op.begun = true;
    // A new password for its console changes nothing about the state of a VM.
    if (step.act != Act::open_console) op.acted = true;
    switch (step.act) {
        case Act::lock: op.locked_here = true; break;
        case Act::create_overlay: op.overlays_created.insert(step.target); break;
        case Act::commit: op.commit_begun = true; break;
        case Act::clean: op.cleaned_begun = true; break;
        case Act::permit:
            op.token = body.at("token").get<std::string>();
            op.token_out = true;
            break;
        case Act::unlock:
            op.unlocked = true;
            op.released_lock = lock_record_of(body.at("record"));
            break;
        case Act::start: op.start_begun = true; break;
        case Act::prepare_backup: case Act::dump_memory: case Act::freeze: op.copy_begun = true; break;
        case Act::pause:
            op.paused_here = true;
            op.memory.reset();   // the guest has run since
            break;
        case Act::begin_backup:
            op.copy_begun = op.perhaps_frozen = true;
            op.backup.reset();
            break;
        case Act::revoke: op.permitted = false; break;
        case Act::thaw: case Act::resume: case Act::store_backup: case Act::abort_backup: break;
        case Act::put_back: op.put_back.insert(step.target); break;
        case Act::rescan: case Act::check_health:
        case Act::prove_gate: case Act::autostart_off: case Act::ask_agent: case Act::ask_acpi: case Act::end_gracefully:
        case Act::kill: case Act::links_down: case Act::links_up: case Act::limit_on: case Act::open_console: case Act::verify_evidence:
        case Act::copy_nvram: case Act::start_quarantined: case Act::scan: case Act::scan_live: case Act::drop:
        case Act::compare_definition: case Act::autostart_on: break;
    }
}

void apply_done(Operation& op, const Do& step, const Json& body, Milliseconds now) {
    ++op.done[key_of(step)];
    op.failures.erase(key_of(step));
    op.steps.push_back({key_of(step), body.at("ms").get<int64_t>()});
    switch (step.act) {
        case Act::ask_agent: op.agent_asked = now; break;
        case Act::ask_acpi:
            if (!op.acpi_first) op.acpi_first = now;
            op.acpi_last = now;
            break;
        case Act::verify_evidence: op.evidence_verified = true; break;
        case Act::freeze:
        case Act::store_backup:
            op.frozen = evidence_set_of(body.at("set"));
            op.copy_begun = false;
            break;
        case Act::prepare_backup: op.prepared = true; break;
        case Act::dump_memory: op.memory = MemoryDump{body.at("file").get<std::string>(), body.at("format").get<std::string>()}; break;
        case Act::begin_backup:
            op.backup = backup_begun_of(body.at("begun"));
            op.perhaps_frozen = !op.backup->thawed;
            // The calls inside, above all how long the guest stood still.
            for (const auto& part : op.backup->parts) op.steps.push_back(part);
            break;
        case Act::thaw: op.perhaps_frozen = false; break;
        case Act::abort_backup:
            op.copy_begun = op.prepared = op.copy_broken = false;
            op.copied_bytes.reset();
            op.memory.reset();
            op.backup.reset();
            break;
        // A pause that libvirt still held of a killed agent may come after our resume, so `paused_here` stays.
        case Act::pause: case Act::resume: break;
        case Act::copy_nvram: op.nvram = body.at("path").get<std::string>(); break;
        case Act::permit: op.permitted = true; break;
        case Act::revoke:
            op.token_out = false;
            op.token.reset();   // it was for one start
            break;
        case Act::scan: op.scanned = scan_outcome_of(body.at("outcome")); break;
        case Act::scan_live:
            op.scanned = scan_outcome_of(body.at("outcome"));
            op.scanned_of = op.backup;
            break;
        case Act::clean: op.cleaned = hits_of(body.at("moved")); break;
        case Act::commit: op.committed.insert(step.target); break;
        case Act::rescan: op.rescanned = scan_outcome_of(body.at("outcome")); break;
        case Act::compare_definition: case Act::check_health: case Act::put_back:
        case Act::lock: case Act::prove_gate: case Act::autostart_off: case Act::end_gracefully: case Act::kill:
        case Act::links_down: case Act::links_up: case Act::limit_on: case Act::open_console: case Act::create_overlay: case Act::start_quarantined:
        case Act::drop: case Act::autostart_on: case Act::unlock: case Act::start: break;
    }
}

}  // namespace

void apply(Operation& operation, const JournalEntry& entry, Milliseconds now) {
    if (entry.kind == "intent") apply_intent(operation, step_of(entry.body), entry.body);
    if (entry.kind == "done") apply_done(operation, step_of(entry.body), entry.body, now);
    if (entry.kind == "superseded") operation.superseded_by = entry.body.at("by").get<std::string>();
    if (entry.kind == "gave_up")
        operation.gave_up = GiveUp{find_name<Refusal>(entry.body.at("refusal").get<std::string>()).value_or(Refusal::none),
                                   entry.body.at("text").get<std::string>()};
}

std::optional<GiveUp> after_failure(Operation& op, const Do& step, const Error& error, const Patience& patience, Milliseconds now) {
    const auto give_up = [&](const std::string& text) {
        return GiveUp{step.act == Act::verify_evidence ? Refusal::no_evidence : Refusal::none, text};
    };
    // A way to ask the guest that is closed leads to the next way, never to an end.
    if (step.act == Act::ask_agent) return op.no_agent = true, std::nullopt;
    if (step.act == Act::ask_acpi) return op.no_acpi = true, std::nullopt;
    // A state is reached without its console too; the answer then names none.
    if (step.act == Act::open_console) return op.consoles.emplace(), std::nullopt;
    // A sign that could not be looked for is a sign that does not show; the next look is not far.
    if (step.act == Act::check_health) return see_sign(op, {false, error.text, 0}, now), std::nullopt;
    const int failed = ++op.failures[key_of(step)];
    if (step.act == Act::thaw) {
        // A guest that cannot be thawed cannot be frozen either, as far as we can tell; asked some times, then let be.
        if (error.code == Errc::not_found || failed >= patience.repeats) op.thaw_unanswered = true;
        op.not_before = now + std::min<Milliseconds>(patience.first_retry * (int64_t{1} << std::min(failed - 1, 16)), patience.longest_retry);
        return std::nullopt;
    }
    // Whoever reports a failure has thawed; only a call that was lost leaves it open.
    if (step.act == Act::begin_backup && error.code != Errc::unknown_outcome) op.perhaps_frozen = false;
    if (step.act == Act::store_backup && error.code == Errc::conflict && failed <= patience.repeats) return op.copy_broken = true, std::nullopt;
    if (step.act == Act::end_gracefully) return std::nullopt;   // the next rung is to kill it
    // While it would be tried again, the guest would go on paying for it.
    if (step.act == Act::scan_live) return give_up(key_of(step) + ": " + (op.cut_short.empty() ? error.text : op.cut_short));
    switch (error.code) {
        case Errc::unknown_outcome:
            // It may have happened: the next look decides. Only a call that never gets through ends in giving up.
            if (failed <= patience.retries) return std::nullopt;
            return give_up(key_of(step) + " has no known outcome after " + std::to_string(failed) + " tries: " + error.text);
        case Errc::unavailable: {
            if (failed > patience.retries) return give_up(key_of(step) + " failed " + std::to_string(failed) + " times: " + error.text);
            const auto wait = patience.first_retry * (int64_t{1} << std::min(failed - 1, 16));
            op.not_before = now + std::min<Milliseconds>(wait, patience.longest_retry);
            return std::nullopt;
        }
        case Errc::not_found:
        case Errc::conflict:
        case Errc::invalid:
        case Errc::forbidden: return give_up(key_of(step) + ": " + error.text);
    }
    return give_up(error.text);
}

LockRecord lock_record(const Operation& op, const Observation& seen, Instant now) {
    const VmObservation& vm = seen.vm;
    // What stands on this host of a VM that lives on another one is not what is to be given back.
    if (op.job()) return {op.vm(), op.case_id(), vm.name, {}, false, false, now, true};
    const bool off = vm.power == Power::off || vm.power == Power::crashed;
    // A VM that came to this host and was stopped by our guard, or that another host switched off for the same case, is off
    // because of us: its release starts it.
    const bool off_because_of_us = (seen.guard && seen.guard->was_running) || op.order()->was_running;
    return {op.vm(), op.case_id(), vm.name, vm.disks, (!off && !vm.quarantine_running) || off_because_of_us, vm.autostart, now};
}

}  // namespace bailiff::agent
