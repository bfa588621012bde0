// SPDX-License-Identifier: Apache-2.0
// See admin_commands.hpp.
#include "agent/admin_commands.hpp"

#include "agent/inspect.hpp"
#include "agent/terminal.hpp"

#include <algorithm>
#include <cstdio>
#include <thread>

namespace bailiff::agent {
namespace {

int print_outcome(const Command& command, const ReleaseRequest& request, const Json& outcome) {
    const bool unlocked = outcome.value("unlocked", false);
    if (command.json) {
        print(dump_json(outcome, 2));
    } else {
        for (const auto& one : outcome.value("done", Json::array())) print("done: " + one.get<std::string>());
        for (const auto& one : outcome.value("left", Json::array())) print("left: " + one.get<std::string>());
        if (unlocked)
            print("VM " + request.vm + " is yours again. The controller is told, and may order it anew: to forbid that, write the VM into " +
                  command.options.never_touch);
    }
    if (unlocked) return 0;
    return complain("the lock of VM " + request.vm + " could not be taken off; what is left is said above");
}

}  // namespace

int drain(const Command& command, const Clock& clock) {
    AdminFolder folder(command.options.state);
    const DrainNote note{clock.now(), calling_person(), command.reason};
    const auto done = command.on ? folder.drain(note) : folder.undrain();
    if (!done) return complain(done.error().text + " Draining is as it was; see to the state folder, or set `draining` in agent.conf and reload.");
    const bool still = !command.on && command.options.draining;
    if (command.json) return print(dump_json({{"draining", command.on || still}, {"by_config", command.options.draining}}, 2)), 0;
    if (command.on) print("draining: no harmful order is taken any more; locks stay, what is open is finished. `bailiff-agent status` says when it is drained.");
    else if (still) print("agent.conf still says draining; change it and send the agent SIGHUP");
    else print("orders are taken again");
    return 0;
}

Result<ReleaseRequest> release_request(const Command& command, const std::string& id, const Clock& clock) {
    std::string vm = command.vm;
    std::transform(vm.begin(), vm.end(), vm.begin(), [](unsigned char c) { return char(std::tolower(c)); });
    bool known = false;
    for (const auto& lock : lock_files(command.options)) {
        const std::string uuid = lock.value("vm", "");
        if (uuid != vm && lock.value("name", "") != command.vm) continue;
        if (known && uuid != vm) return fail(Errc::conflict, "Several locked VMs are called " + command.vm + "; name it by UUID.");
        vm = uuid;
        known = true;
    }
    const Json networks = held_networks(command.options);
    const auto& cut = networks.at("isolated");
    if (!known && std::find(cut.begin(), cut.end(), vm) == cut.end() && !networks.at("limited").contains(vm))
        return fail(Errc::not_found, "The VM " + command.vm + " is neither locked nor isolated nor limited by this host's agent; `bailiff-agent locks` lists "
                                     "what is. An isolated or limited VM is named by its UUID.");
    return ReleaseRequest{id, vm, calling_person(), command.reason, command.start, clock.now()};
}

int release(const Command& command, const ReleaseRequest& request, const std::function<Result<Json>()>& here, const Clock& clock,
            std::chrono::milliseconds patience) {
    if (!agent_runs(command.options)) {
        const auto outcome = here();
        return outcome ? print_outcome(command, request, *outcome) : complain(outcome.error().text);
    }
    AdminFolder folder(command.options.state);
    if (auto asked = folder.ask(request); !asked) return complain(asked.error().text);
    for (const auto end = clock.monotonic() + patience; clock.monotonic() < end;) {
        if (const auto outcome = folder.answered(request.id)) {
            folder.forget(request.id);
            return print_outcome(command, request, *outcome);
        }
        if (!agent_runs(command.options))
            return complain("the agent ended meanwhile; the request stays, and it is carried out at the agent's next start. "
                            "To do it at once, run this command again.");
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    return complain("the agent is still finishing or undoing what is open on the VM, and releases it then by itself; see `bailiff-agent status`. "
                    "To do it at once, stop the agent and run this command again.");
}

}  // namespace bailiff::agent
