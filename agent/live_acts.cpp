// SPDX-License-Identifier: Apache-2.0
// See live_acts.hpp.
#include "agent/live_acts.hpp"

#include "agent/core/records.hpp"

#include <algorithm>

namespace bailiff::agent {
namespace {

/// nbd+unix:///EXPORT?socket=PATH, with everything but plain letters escaped.
std::string export_uri(const std::string& target, const std::string& socket) {
    const auto escaped = [](const std::string& text) {
        static constexpr char digits[] = "0123456789ABCDEF";
        static constexpr std::string_view plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~/";
        std::string out;
        for (const char c : text) {
            const auto byte = static_cast<unsigned char>(c);
            if (plain.find(c) != std::string_view::npos) out += c;
            else out += {'%', digits[byte >> 4], digits[byte & 15]};
        }
        return out;
    };
    return "nbd+unix:///" + escaped(target) + "?socket=" + escaped(socket);
}

Error busy_with_another() {
    return {Errc::unavailable, "another program's backup job runs on the VM, and libvirt allows one at a time; it is tried again when that job has ended"};
}

}  // namespace

bool serves_from(const BackupJob& job, const std::string& folder) {
    return !job.files.empty() &&
           std::all_of(job.files.begin(), job.files.end(), [&](const auto& one) { return one.second.starts_with(folder + "/"); });
}

std::vector<ScanTarget> targets_of(const DiskExport& served) {
    std::vector<ScanTarget> out;
    for (const auto& [target, file] : served.scratch) out.push_back({target, export_uri(target, served.socket), "raw", "", ""});
    return out;
}

Result<void> look_at_export(const World& world, const VmId& vm, const JobId& job, Observation& into) {
    if (!into.vm.exists || into.vm.power == Power::off || into.vm.power == Power::crashed) return {};
    const auto running = world.hypervisor.backup(vm);
    if (!running) return fail(running.error());
    if (running->state != BackupJob::State::running) return {};
    into.backup = serves_from(*running, world.scratch.folder(job)) ? BackupSeen::ours : BackupSeen::foreign;
    return {};
}

Result<Json> prepare_export(const World& world, const Operation& op, const Observation& seen) {
    if (seen.backup == BackupSeen::foreign) return fail(busy_with_another());
    if (seen.vm.migrating) return fail(Errc::unavailable, "the VM is migrating; it is scanned when that has ended, on the host where it then is");
    // A job that still writes there would lose its files.
    if (seen.backup == BackupSeen::ours)
        if (auto ended = end_export(world.hypervisor, world.scratch, op.vm(), op.job()->job_id); !ended) return fail(ended.error());
    if (auto made = world.scratch.prepare(op.job()->job_id); !made) return fail(made.error());
    return Json::object();
}

Result<Json> begin_export(const World& world, const Operation& op) {
    const JobId& id = op.job()->job_id;
    const auto running = world.hypervisor.backup(op.vm());
    if (!running) return fail(running.error());
    const auto live = world.hypervisor.live(op.vm());
    if (!live) return fail(live.error());
    if (running->state == BackupJob::State::running) {
        if (!serves_from(*running, world.scratch.folder(id))) return fail(busy_with_another());
        bool same = running->files == world.scratch.made(id).scratch && running->files.size() == live->disks.size();
        for (const auto& one : live->disks) same = same && running->files.contains(one.disk.target);
        if (same) {
            const BackupBegun adopted{Consistency::crash, "the agent was restarted while the scan began, so it is not known whether the guest was frozen",
                                      false, false, running->run, {}};
            return Json{{"begun", to_json(adopted)}};
        }
        if (auto ended = world.hypervisor.abort_backup(op.vm(), world.scratch.folder(id)); !ended) return fail(ended.error());
    }
    const auto served = world.scratch.make(id, *live);
    if (!served) return fail(served.error());
    const auto begun = world.hypervisor.begin_export(op.vm(), *served);
    if (!begun) return fail(begun.error());
    return Json{{"begun", to_json(*begun)}};
}

Result<Json> scan_export(const World& world, const Operation& op, const std::function<void(int)>& percent, const std::function<std::string()>& stop) {
    auto outcome = world.scanner.scan_live(targets_of(world.scratch.made(op.job()->job_id)), percent, stop);
    if (!outcome) return fail(outcome.error());
    // What was read last may have come from a job that had ended: the verdict is of the disks only if it still stands.
    const auto running = world.hypervisor.backup(op.vm());
    if (!running) return fail(running.error());
    const bool stands = running->state == BackupJob::State::running && serves_from(*running, world.scratch.folder(op.job()->job_id)) &&
                        running->run == op.backup->run;
    if (!stands && outcome->verdict == ScanVerdict::clean) outcome->verdict = ScanVerdict::incomplete;
    return Json{{"outcome", to_json(*outcome)}};
}

Result<void> end_export(Hypervisor& hypervisor, Scratch& scratch, const VmId& vm, const JobId& job) {
    const auto ended = hypervisor.abort_backup(vm, scratch.folder(job));
    if (!ended && ended.error().code != Errc::not_found) return ended;
    return scratch.remove(job);
}

std::string watch_scratch(const World& world, const VmId& vm, const JobId& job) {
    const std::string why = world.scratch.shortage(job);
    if (why.empty()) return "";
    // The files go with the operation's own step; what counts is that QEMU needs them no more.
    const auto ended = world.hypervisor.abort_backup(vm, world.scratch.folder(job));
    if (ended || ended.error().code == Errc::not_found) return why;
    return why + "; the backup job could not be ended at once: " + ended.error().text;
}

}  // namespace bailiff::agent
