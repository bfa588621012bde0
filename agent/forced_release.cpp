// SPDX-License-Identifier: Apache-2.0
// See forced_release.hpp.
#include "agent/forced_release.hpp"

#include <algorithm>

namespace bailiff::agent {
namespace {

/// What was done and what is left, as sentences.
struct Account {
    Json done = Json::array(), left = Json::array();
    /// True when it worked.
    bool note(const Result<void>& result, const std::string& what, const std::string& remedy) {
        if (result) done.push_back(what);
        else left.push_back("not done: " + what + " (" + result.error().text + "); " + remedy);
        return result.has_value();
    }
};

bool is_off(const VmObservation& vm) { return vm.power == Power::off || vm.power == Power::crashed; }

/// A note of what stood on the interfaces says so; links that an earlier version cut have none.
bool network_is_ours(const VmObservation& vm, const Json& before) {
    return vm.hold.kept || (before.at("links").get<bool>() && !vm.nics.empty() && links_down(vm));
}

Result<void> end_run(const World& world, const VmId& vm) {
    auto off = world.hypervisor.power_off(vm, true);
    return off ? off : world.hypervisor.power_off(vm, false);
}

Result<void> take_lock_off(const World& world, const VmId& vm) {
    try {
        return world.guard.unlock(vm);
    } catch (const Outage& outage) {
        return fail(Errc::unavailable, outage.what());
    }
}

void name_what_stays(const World& world, const VmId& vm, const CaseId& case_id, Account& account) {
    if (case_id.empty()) return;
    if (const auto overlays = world.overlays.find(vm, case_id))
        for (const auto& overlay : *overlays)
            account.left.push_back("overlay " + overlay.path + " of " + overlay.target +
                                   ": what cleaning or quarantine changed; it fits the disk no more once the VM has run. Delete it when nobody needs it");
    try {
        if (const auto set = world.evidence.find(vm, case_id)) account.left.push_back("evidence set " + set->id.text() + " in " + set->folder);
    } catch (const Outage& outage) {
        account.left.push_back(std::string("evidence sets could not be looked for: ") + outage.what());
    }
}

}  // namespace

Json before_release(const World& world, const ReleaseRequest& request, const CaseFacts& history) {
    const VmId vm(request.vm);
    Json out{{"request", request.id}, {"vm", request.vm}, {"by", request.by}, {"reason", request.reason}, {"start", request.start},
             {"name", ""}, {"case", ""}, {"locked", false}, {"had_autostart", false}, {"overlays", false},
             {"links", history.isolated || history.cut_begun || history.limited.has_value()}};
    try {
        if (const auto lock = world.guard.find(vm)) {
            out["locked"] = true;
            out["name"] = lock->name;
            out["case"] = lock->case_id.text();
            out["had_autostart"] = lock->had_autostart;
            out["guard"] = lock->guard;
            const auto overlays = world.overlays.find(vm, lock->case_id);
            out["overlays"] = !overlays || !overlays->empty();
        }
    } catch (const Outage& outage) {
        // The record cannot be read. What it remembered is lost, and the gate's file is still to be removed.
        out["locked"] = true;
        out["damaged"] = outage.what();
        out["overlays"] = true;
    }
    return out;
}

Json force_release(const World& world, const Json& before) {
    const VmId vm(before.at("vm").get<std::string>());
    const CaseId case_id(before.at("case").get<std::string>());
    Account account;
    // The VM of a guard runs on another host, perhaps on the same disks: it is not started twice.
    const bool guard = before.value("guard", false);
    bool links_up = true;
    if (before.contains("damaged"))
        account.left.push_back("the lock's record was damaged, so whether the VM had autostart is not known; see `virsh autostart`");
    auto seen = world.hypervisor.observe(vm);
    if (!seen) account.left.push_back("the hypervisor could not be asked (" + seen.error().text + "): links and autostart are as they were; see `virsh domif-setlink` and `virsh autostart`");
    if (seen && !seen->exists) account.left.push_back("the VM is not on this host");
    const bool here = seen && seen->exists;
    if (!here) links_up = !before.at("links").get<bool>();
    if (here && seen->quarantine_running) {
        account.note(end_run(world, vm), "ended the quarantine run", "end it with `virsh destroy`");
        if (auto again = world.hypervisor.observe(vm)) seen = std::move(again);
    }
    if (here && network_is_ours(*seen, before))
        links_up = account.note(world.hypervisor.set_links(vm, true), seen->hold.limit.empty() ? "raised its network links" : "took the limit off its network",
                                "give the interfaces back by hand: `virsh domif-setlink`, `virsh edit`");
    if (here && before.at("had_autostart").get<bool>() && !seen->autostart)
        account.note(world.hypervisor.set_autostart(vm, true), "switched autostart on again", "switch it on with `virsh autostart`");
    const auto unlocked = take_lock_off(world, vm);
    if (before.at("locked").get<bool>() || !unlocked)
        account.note(unlocked, "took the lock off", "see to the state folder's disk and try again");
    if (here && before.value("paused", false) && seen->power == Power::paused)
        account.note(world.hypervisor.resume(vm), "let its guest go on, which stood still to be copied", "let it go on with `virsh resume`");
    if (before.at("start").get<bool>() && guard) {
        account.left.push_back("not started: this host only guards the VM, which lives on another one; start it there");
    } else if (before.at("start").get<bool>() && unlocked && here) {
        if (is_off(*seen)) account.note(world.hypervisor.start(vm), "started the VM", "start it with `virsh start`");
        else account.done.push_back("left it running");
    }
    name_what_stays(world, vm, case_id, account);
    return {{"unlocked", unlocked.has_value()}, {"links_up", links_up}, {"done", account.done}, {"left", account.left}};
}

std::string release_sentence(const Json& before, const Json& outcome) {
    std::string out = "the host's admin (" + before.value("by", "") + ") released the VM by force: " + before.value("reason", "") + ".";
    for (const auto& one : outcome.value("done", Json::array())) out += " " + one.get<std::string>() + ".";
    for (const auto& one : outcome.value("left", Json::array())) out += " Left: " + one.get<std::string>() + ".";
    return out.substr(0, 2000);
}

}  // namespace bailiff::agent
