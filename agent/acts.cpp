// SPDX-License-Identifier: Apache-2.0
// See acts.hpp.
#include "agent/acts.hpp"

#include "agent/core/records.hpp"

#include <algorithm>

namespace bailiff::agent {
namespace {

Result<Json> nothing_more(const Result<void>& result) {
    if (!result) return fail(result.error());
    return Json::object();
}

LockRecord lock_record(const Operation& op, const VmObservation& vm, Instant now) {
    const bool off = vm.power == Power::off || vm.power == Power::crashed;
    return {op.vm(), op.case_id(), vm.name, vm.disks, !off && !vm.quarantine_running, vm.autostart, now};
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
    auto set = world.evidence.freeze({EvidenceId(op.case_id().text() + "-" + op.id()), op.vm(), op.case_id(), seen.vm.disks, *definition, now},
                                     percent);
    if (!set) return fail(set.error());
    return Json{{"set", to_json(*set)}};
}

Result<Json> scan(const World& world, const Observation& seen, const std::function<void(int)>& percent) {
    auto outcome = world.scanner.scan(scan_targets(seen), percent);
    if (!outcome) return fail(outcome.error());
    return Json{{"of_overlays", !seen.overlays.empty()}, {"outcome", to_json(*outcome)}};
}

Result<Json> clean(const World& world, const Operation& op, const Observation& seen) {
    const auto found = seen.history.scans.find(op.job()->scan_job.text());
    if (found == seen.history.scans.end()) return fail(Errc::not_found, "the scan that named the files is not in this host's journal; scan again");
    auto folder = world.evidence.removed_folder(*seen.evidence);
    if (!folder) return fail(folder.error());
    auto moved = world.scanner.clean(scan_targets(seen), found->second.outcome, *folder);
    if (!moved) return fail(moved.error());
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

Result<Observation> look(const World& world, const VmId& vm, const CaseId& case_id) {
    Observation out;
    auto seen = world.hypervisor.observe(vm);
    if (!seen) return fail(seen.error());
    out.vm = std::move(*seen);
    out.lock = world.guard.find(vm);
    auto overlays = world.overlays.find(vm, case_id);
    if (!overlays) return fail(overlays.error());
    out.overlays = std::move(*overlays);
    out.evidence = world.evidence.find(vm, case_id);
    return out;
}

Result<Json> carry_out(const World& world, const Operation& op, const Observation& seen, const Do& step, Instant now,
                       const std::function<void(int)>& percent) {
    const VmId& vm = op.vm();
    switch (step.act) {
        case Act::lock: return nothing_more(world.guard.lock(lock_record(op, seen.vm, now)));
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
        case Act::freeze: return freeze(world, op, seen, now, percent);
        case Act::verify_evidence: return nothing_more(world.evidence.verify(*seen.evidence));
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
        case Act::scan: return scan(world, seen, percent);
        case Act::clean: return clean(world, op, seen);
        case Act::commit:
        case Act::drop: {
            const auto* overlay = overlay_of(seen, step.target);
            if (!overlay) return Json::object();
            return nothing_more(step.act == Act::commit ? world.overlays.commit(*overlay) : world.overlays.drop(*overlay));
        }
        case Act::compare_definition: return compare_definition(world, op, seen);
        case Act::unlock: return nothing_more(world.guard.unlock(vm));
        case Act::start: return nothing_more(world.hypervisor.start(vm));
    }
    return fail(Errc::invalid, "an act that this version does not know");
}

bool takes_long(Act act) {
    return act == Act::freeze || act == Act::verify_evidence || act == Act::scan || act == Act::clean || act == Act::commit;
}

}  // namespace bailiff::agent
