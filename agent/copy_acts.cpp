// SPDX-License-Identifier: Apache-2.0
// See copy_acts.hpp.
#include "agent/copy_acts.hpp"

#include "agent/core/records.hpp"

namespace bailiff::agent {
namespace {

/// Every file of the job lies where this operation's set is being made.
bool is_ours(const BackupJob& job, const std::string& staging) {
    if (job.files.empty()) return false;
    for (const auto& [target, file] : job.files)
        if (!file.starts_with(staging + "/")) return false;
    return true;
}

bool wants_memory(const Operation& op) { return op.order() ? op.order()->memory : op.job()->memory; }

Result<EvidenceRequest> request_of(const World& world, const Operation& op, Instant now) {
    auto live = world.hypervisor.live(op.vm());
    if (!live) return fail(live.error());
    auto stored = world.hypervisor.definition(op.vm(), false);
    if (!stored) return fail(stored.error());
    auto running = world.hypervisor.definition(op.vm(), true);
    if (!running) return fail(running.error());
    EvidenceRequest out{op.set_id(), op.vm(), op.case_id(), {}, std::move(*stored), now, std::move(*running), std::move(*live), wants_memory(op)};
    for (const auto& one : out.live->disks) out.disks.push_back(one.disk);
    return out;
}

Error somebody_elses() {
    return {Errc::unavailable, "another program's backup job runs on the VM, and libvirt allows one at a time; it is tried again when that job has ended"};
}

}  // namespace

Result<void> look_at_copy(const World& world, const VmId& vm, const EvidenceId& set, Observation& into) {
    into.own_set = world.evidence.find_set(vm, set);
    if (!into.vm.exists || into.vm.power == Power::off || into.vm.power == Power::crashed) return {};
    const auto job = world.hypervisor.backup(vm);
    if (!job) return fail(job.error());
    if (job->state != BackupJob::State::running) return {};
    into.backup = is_ours(*job, world.evidence.staging(vm, set)) ? BackupSeen::ours : BackupSeen::foreign;
    into.backup_percent = job->percent;
    into.backup_bytes = job->copied_bytes;
    return {};
}

Result<Json> prepare_backup(const World& world, const Operation& op, const Observation& seen, Instant now) {
    if (seen.backup == BackupSeen::foreign) return fail(somebody_elses());
    if (seen.vm.migrating) return fail(Errc::unavailable, "the VM is migrating; it is copied when that has ended, on the host where it then is");
    const auto request = request_of(world, op, now);
    if (!request) return fail(request.error());
    if (auto made = world.evidence.prepare(*request); !made) return fail(made.error());
    return Json::object();
}

Result<Json> dump_memory(const World& world, const Operation& op) {
    const std::string name = world.evidence.memory_name();
    const auto format = world.hypervisor.dump_memory(op.vm(), world.evidence.staging(op.vm(), op.set_id()) + "/" + name);
    if (!format) return fail(format.error());
    return Json{{"file", name}, {"format", *format}};
}

Result<Json> begin_backup(const World& world, const Operation& op, const Observation& seen, Instant now) {
    const std::string staging = world.evidence.staging(op.vm(), op.set_id());
    const auto job = world.hypervisor.backup(op.vm());
    if (!job) return fail(job.error());
    const auto request = request_of(world, op, now);
    if (!request) return fail(request.error());
    if (job->state == BackupJob::State::running) {
        if (!is_ours(*job, staging)) return fail(somebody_elses());
        // Exactly what was made for it, and of the disks that there are now. A job of an earlier try is not: its files are gone.
        bool same = job->files == world.evidence.targets(op.vm(), op.set_id()) && job->files.size() == request->disks.size();
        for (const auto& disk : request->disks) same = same && job->files.contains(disk.target);
        if (same) {
            const BackupBegun adopted{Consistency::crash, "the agent was restarted while the copy began, so it is not known whether the guest was frozen",
                                      seen.vm.power == Power::paused, seen.vm.power == Power::paused, job->run, {}};
            return Json{{"begun", to_json(adopted)}};
        }
        // Not what is to be kept.
        if (auto ended = world.hypervisor.abort_backup(op.vm(), staging); !ended) return fail(ended.error());
    }
    const auto files = world.evidence.make_targets(*request);
    if (!files) return fail(files.error());
    const auto begun = world.hypervisor.begin_backup(op.vm(), *files);
    if (!begun) return fail(begun.error());
    return Json{{"begun", to_json(*begun)}};
}

Result<Json> store_backup(const World& world, const Operation& op, const std::function<void(int)>& percent) {
    const VmId& vm = op.vm();
    const EvidenceId id = op.set_id();
    if (!world.evidence.find_set(vm, id) && !world.evidence.taken_over(vm, id)) {
        const auto job = world.hypervisor.backup(vm);
        if (!job) return fail(job.error());
        if (job->state != BackupJob::State::completed || job->run != op.backup->run)
            return fail(Errc::conflict, "the VM's backup job is not known to have ended well; it is begun anew");
        if (auto taken = world.evidence.take_over(vm, id); !taken) return fail(taken.error());
    }
    const auto set = world.evidence.store(vm, id, {*op.backup, op.memory}, percent);
    if (!set) return fail(set.error());
    return Json{{"set", to_json(*set)}};
}

Result<void> abort_backup(const World& world, const Operation& op) {
    const auto ended = world.hypervisor.abort_backup(op.vm(), world.evidence.staging(op.vm(), op.set_id()));
    if (!ended && ended.error().code != Errc::not_found) return ended;
    return world.evidence.discard(op.vm(), op.set_id());
}

}  // namespace bailiff::agent
