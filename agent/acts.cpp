// SPDX-License-Identifier: Apache-2.0
// See acts.hpp.
#include "agent/acts.hpp"

#include "agent/copy_acts.hpp"
#include "agent/core/records.hpp"
#include "agent/live_acts.hpp"

#include <algorithm>

namespace bailiff::agent {
namespace {

Result<Json> nothing_more(const Result<void>& result) {
    if (!result) return fail(result.error());
    return Json::object();
}

const Overlay* overlay_of(const Observation& seen, const std::string& target) {
    for (const auto& overlay : seen.overlays)
        if (overlay.target == target) return &overlay;
    return nullptr;
}

/// Overlays where they exist, the customer's own disks elsewhere. Formats are the definition's, never probed.
std::vector<ScanTarget> scan_targets(const Observation& seen) {
    std::vector<ScanTarget> out;
    for (const auto& disk : writable_disks(seen.vm.disks)) {
        if (const auto* overlay = overlay_of(seen, disk.target))
            out.push_back({disk.target, overlay->path, "qcow2", overlay->base, overlay->base_format});
        else
            out.push_back({disk.target, disk.source, disk.format, "", ""});
    }
    return out;
}

QuarantineBoot quarantine_boot(const Operation& op, const Observation& seen) {
    QuarantineBoot boot;
    for (const auto& overlay : seen.overlays) boot.overlays[overlay.target] = overlay.path;
    boot.token = op.token.value_or("");
    boot.nvram = op.nvram.value_or("");
    return boot;
}

Result<Json> freeze(const World& world, const Operation& op, const Observation& seen, Instant now, const std::function<void(int)>& percent) {
    auto definition = world.hypervisor.definition(op.vm(), false);
    if (!definition) return fail(definition.error());
    auto set = world.evidence.freeze({op.set_id(), op.vm(), op.case_id(), seen.vm.disks, *definition, now, {}, {}, false},
                                     percent);
    if (!set) return fail(set.error());
    return Json{{"set", to_json(*set)}};
}

/// The verdict stands also when its report cannot be kept: a scan takes hours, and a full state folder says so by itself.
Result<Json> scan(const World& world, const HostId& host, const Operation& op, const Observation& seen, Instant now,
                  const std::function<void(int)>& percent) {
    auto outcome = world.scanner.scan(scan_targets(seen), percent);
    if (!outcome) return fail(outcome.error());
    ScanReport report{host, op.vm(), op.case_id(), op.id(), op.order() != nullptr, now, now, outcome->verdict, outcome->skipped_sha256};
    for (const auto& [target, text] : outcome->reports) {
        auto verdict = parse_json(text, JsonLimits{size_t{64} << 20, 16});
        report.disks[target] = verdict ? std::move(*verdict) : Json::object();
    }
    const auto kept = world.reports.keep(std::move(report));
    if (kept) outcome->report_sha256 = *kept;
    Json out{{"of_overlays", !seen.overlays.empty()}, {"outcome", to_json(*outcome)}};
    if (!kept) out["no_report"] = kept.error().text;
    return out;
}

Result<Json> clean(const World& world, const Operation& op, const Observation& seen) {
    const auto found = seen.history.scans.find(op.job()->scan_job.text());
    if (found == seen.history.scans.end()) return fail(Errc::not_found, "the scan that named the files is not in this host's journal; scan again");
    auto folder = world.evidence.removed_folder(*seen.evidence);
    if (!folder) return fail(folder.error());
    auto moved = world.scanner.clean(scan_targets(seen), found->second.outcome, *folder);
    if (!moved) return fail(moved.error());
    // What was moved away is evidence too, and stands outside of the set's own manifest.
    if (auto indexed = world.evidence.index_removed(*seen.evidence); !indexed) return fail(indexed.error());
    return Json{{"moved", to_json(*moved)}};
}

Result<Json> compare_definition(const World& world, const Operation& op, const Observation& seen) {
    const auto now = world.hypervisor.definition(op.vm(), false);
    if (!now) return fail(now.error());
    const auto then = world.evidence.definition(*seen.evidence);
    if (!then) return fail(then.error());
    if (*now != *then)
        return fail(Errc::conflict, "the VM's definition differs from the one in its evidence set; compare them, then release by hand");
    return Json::object();
}

}  // namespace

Result<Observation> look(const World& world, const VmId& vm, const CaseId& case_id, const EvidenceId& set, const JobId& live) {
    Observation out;
    auto seen = world.hypervisor.observe(vm);
    if (!seen) return fail(seen.error());
    out.vm = std::move(*seen);
    if (auto held = world.guard.find(vm)) (held->guard ? out.guard : out.lock) = std::move(held);
    auto overlays = world.overlays.find(vm, case_id);
    if (!overlays) return fail(overlays.error());
    out.overlays = std::move(*overlays);
    out.evidence = world.evidence.find(vm, case_id);
    if (!set.empty())
        if (auto looked = look_at_copy(world, vm, set, out); !looked) return fail(looked.error());
    if (!live.empty())
        if (auto looked = look_at_export(world, vm, live, out); !looked) return fail(looked.error());
    return out;
}

Result<Json> carry_out(const World& world, const Operation& op, const Observation& seen, const Do& step, Instant now,
                       const std::function<void(int)>& percent, const std::function<std::string()>& stop) {
    const VmId& vm = op.vm();
    switch (step.act) {
        case Act::lock: return nothing_more(world.guard.lock(lock_record(op, seen, now)));
        case Act::prove_gate: {
            const auto holds = world.hypervisor.prove_gate();
            if (!holds) return fail(holds.error());
            return Json{{"holds", *holds}};
        }
        case Act::autostart_off: return nothing_more(world.hypervisor.set_autostart(vm, false));
        case Act::autostart_on: return nothing_more(world.hypervisor.set_autostart(vm, true));
        case Act::ask_agent: return nothing_more(world.hypervisor.shut_down(vm, ShutdownBy::guest_agent));
        case Act::ask_acpi: return nothing_more(world.hypervisor.shut_down(vm, ShutdownBy::acpi));
        case Act::end_gracefully: return nothing_more(world.hypervisor.power_off(vm, true));
        case Act::kill: return nothing_more(world.hypervisor.power_off(vm, false));
        case Act::links_down: return nothing_more(world.hypervisor.set_links(vm, false));
        case Act::links_up: return nothing_more(world.hypervisor.set_links(vm, true));
        case Act::limit_on: {
            const auto limited = world.hypervisor.set_limit(vm, op.order()->limit);
            if (!limited) return fail(limited.error());
            return to_json(op.order()->limit);
        }
        case Act::open_console: {
            auto consoles = world.hypervisor.open_consoles(vm, op.console_password, now + console_life);
            if (!consoles) return fail(consoles.error());
            return Json{{"consoles", codec::list_of(*consoles)}};
        }
        case Act::freeze: return freeze(world, op, seen, now, percent);
        case Act::verify_evidence: return nothing_more(world.evidence.verify(seen.own_set ? *seen.own_set : *seen.evidence));
        case Act::create_overlay:
            for (const auto& disk : seen.vm.disks)
                if (disk.target == step.target) {
                    const auto made = world.overlays.create(vm, op.case_id(), disk);
                    if (!made) return fail(made.error());
                    return Json::object();
                }
            return fail(Errc::not_found, "the VM has no disk " + step.target + " any more");
        case Act::copy_nvram: {
            auto path = world.overlays.copy_nvram(vm, op.case_id());
            if (!path) return fail(path.error());
            return Json{{"path", *path}};
        }
        case Act::permit: return nothing_more(world.guard.permit(vm, op.token.value_or("")));
        case Act::revoke: return nothing_more(world.guard.revoke(vm));
        case Act::start_quarantined: return nothing_more(world.hypervisor.start_quarantined(vm, quarantine_boot(op, seen)));
        case Act::scan:
        case Act::rescan: return scan(world, op.order() ? op.order()->host : op.job()->host, op, seen, now, percent);
        case Act::check_health: {
            const auto sign = world.hypervisor.sign_of_health(vm, op.order()->health);
            if (!sign) return fail(sign.error());
            return Json{{"shows", sign->shows}, {"text", sign->text}, {"run", sign->run}};
        }
        case Act::put_back:
            for (const auto& disk : seen.vm.disks)
                if (disk.target == step.target) {
                    if (auto let_go = world.guard.let_go(vm); !let_go) return fail(let_go.error());
                    if (auto done = world.evidence.put_back(*seen.evidence, disk); !done) return fail(done.error());
                    // The disk may be another file under its old name now, and the gate knows locked disks by their inode too.
                    return nothing_more(world.guard.lock(*seen.lock));
                }
            return fail(Errc::not_found, "the VM has no disk " + step.target + " any more");
        case Act::clean: return clean(world, op, seen);
        case Act::commit:
        case Act::drop: {
            const auto* overlay = overlay_of(seen, step.target);
            if (!overlay) return Json::object();
            // It writes to the customer's disks: the holder would refuse it as it refuses everybody.
            if (step.act == Act::commit)
                if (auto let_go = world.guard.let_go(vm); !let_go) return fail(let_go.error());
            return nothing_more(step.act == Act::commit ? world.overlays.commit(*overlay) : world.overlays.drop(*overlay));
        }
        case Act::compare_definition: return compare_definition(world, op, seen);
        case Act::unlock: return nothing_more(world.guard.unlock(vm));
        case Act::start: return nothing_more(world.hypervisor.start(vm));
        case Act::prepare_backup: return op.scans_live() ? prepare_export(world, op, seen) : prepare_backup(world, op, seen, now);
        case Act::pause: return nothing_more(world.hypervisor.pause(vm));
        case Act::resume: return nothing_more(world.hypervisor.resume(vm));
        case Act::dump_memory: return dump_memory(world, op);
        case Act::begin_backup: return op.scans_live() ? begin_export(world, op) : begin_backup(world, op, seen, now);
        case Act::scan_live: return scan_export(world, op, percent, stop);
        case Act::thaw: return nothing_more(world.hypervisor.thaw(vm));
        case Act::store_backup: return store_backup(world, op, percent);
        case Act::abort_backup: return nothing_more(op.scans_live() ? end_export(world.hypervisor, world.scratch, vm, op.job()->job_id) : abort_backup(world, op));
    }
    return fail(Errc::invalid, "an act that this version does not know");
}

Lane lane_of(Act act) {
    // It does not queue behind others either: while its disks are served, the guest pays for it. See Runner::decide.
    if (act == Act::scan_live) return Lane::live;
    // A memory dump takes long too, but the guest stands still for it: it does not queue behind another VM's scan.
    const bool takes_long = act == Act::store_backup || act == Act::freeze || act == Act::verify_evidence || act == Act::scan || act == Act::clean ||
                            act == Act::commit || act == Act::rescan || act == Act::put_back;
    return takes_long ? Lane::slow : Lane::quick;
}

}  // namespace bailiff::agent
