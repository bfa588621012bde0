// SPDX-License-Identifier: Apache-2.0
// The acts that copy a running VM: pause, memory, freeze, backup job, thaw.
//
// What was measured and decides the design (libvirt 9.0, QEMU 7.2): a push backup begins on a paused guest as on a running
// one, and goes on when the guest does; links, pause and resume work meanwhile; a second backup waits for up to 30 s instead
// of failing, so one is looked for first; a job's last outcome is told until the daemon restarts.
#include "agent/hypervisor/backup_xml.hpp"
#include "agent/hypervisor/libvirt_hypervisor.hpp"

#include <libvirt/virterror.h>
#include <unistd.h>
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <thread>

namespace bailiff::agent {

using std::chrono::milliseconds;

namespace {

/// A running VM, with the connection that it was found on.
struct ActiveVm {
    ConnectionHandle connection;
    DomainHandle domain;
    virDomainPtr get() const { return domain.get(); }
};

/// A VM that runs, or not_found: what these acts are about.
Result<ActiveVm> open_active(LibvirtConnections& connections, const VmId& vm) {
    auto connection = connections.open();
    if (!connection) return fail(connection.error());
    auto domain = find_domain(*connection, vm.text());
    if (!domain) return fail(domain.error());
    if (virDomainIsActive(domain->get()) != 1) return fail(Errc::not_found, "VM " + vm.text() + " does not run.");
    return ActiveVm{std::move(*connection), std::move(*domain)};
}

int state_of(virDomainPtr domain) {
    int state = VIR_DOMAIN_NOSTATE;
    virDomainGetState(domain, &state, nullptr, 0);
    return state;
}

Result<std::string> live_xml(virDomainPtr domain) {
    const LibvirtText xml(virDomainGetXMLDesc(domain, 0));
    if (!xml) return fail(libvirt_error("describe a VM"));
    return std::string(xml.get());
}

/// The numbers of a job: what it is, and how far.
struct JobNumbers {
    int type = VIR_DOMAIN_JOB_NONE;
    int operation = VIR_DOMAIN_JOB_OPERATION_UNKNOWN;
    unsigned long long processed = 0, total = 0;
};

std::optional<JobNumbers> job_numbers(virDomainPtr domain, unsigned flags) {
    JobNumbers out;
    int count = 0;
    virTypedParameterPtr parameters = nullptr;
    if (virDomainGetJobStats(domain, &out.type, &parameters, &count, flags) < 0) return std::nullopt;
    virTypedParamsGetInt(parameters, count, VIR_DOMAIN_JOB_OPERATION, &out.operation);
    virTypedParamsGetULLong(parameters, count, VIR_DOMAIN_JOB_DISK_PROCESSED, &out.processed);
    virTypedParamsGetULLong(parameters, count, VIR_DOMAIN_JOB_DISK_TOTAL, &out.total);
    virTypedParamsFree(parameters, count);
    return out;
}

/// The description of the running backup job; "" when there is none.
Result<std::string> running_backup(virDomainPtr domain) {
    const LibvirtText xml(virDomainBackupGetXMLDesc(domain, 0));
    if (xml) return std::string(xml.get());
    const virErrorPtr error = virGetLastError();
    if (error && error->code == VIR_ERR_NO_DOMAIN_BACKUP) return std::string();
    return fail(libvirt_error("describe the VM's backup job"));
}

/// A guest whose write found our scratch files unable to grow was stopped by QEMU, and stays so when they are gone. Then it
/// goes on, and its write is tried again. One whose own disk is full is stopped again by that.
Result<void> go_on_after_io_error(LibvirtConnections& urgent, const VmId& vm) {
    const auto domain = open_active(urgent, vm);
    if (!domain) return {};
    int state = VIR_DOMAIN_NOSTATE, reason = 0;
    if (virDomainGetState(domain->get(), &state, &reason, 0) < 0 || state != VIR_DOMAIN_PAUSED || reason != VIR_DOMAIN_PAUSED_IOERROR) return {};
    if (virDomainResume(domain->get()) == 0) return {};
    return fail(libvirt_error("let VM " + vm.text() + " go on, which an I/O error had stopped"));
}

std::string run_of(virDomainPtr domain) { return std::to_string(virDomainGetID(domain)); }

}  // namespace

Result<LiveVm> LibvirtHypervisor::live(const VmId& vm) {
    return watchdog_.run<LiveVm>(
        vm, core_->options.read_timeout, Error{Errc::unavailable, "libvirt did not describe the VM's disks in time; it is asked again later."},
        [core = core_, vm]() -> Result<LiveVm> {
            const auto domain = open_active(core->operations, vm);
            if (!domain) return fail(domain.error());
            const auto xml = live_xml(domain->get());
            if (!xml) return fail(xml.error());
            const auto facts = read_live(*xml);
            if (!facts) return fail(facts.error());
            LiveVm out;
            out.memory_bytes = facts->memory_bytes;
            out.user = facts->user;
            out.group = facts->group;
            for (const auto& disk : facts->disks) {
                virDomainBlockInfo info{};
                if (virDomainGetBlockInfo(domain->get(), disk.disk.target.c_str(), &info, 0) < 0)
                    return fail(libvirt_error("tell the size of disk " + disk.disk.target));
                const auto capacity = int64_t(info.capacity), allocation = int64_t(info.allocation);
                out.disks.push_back({disk.disk, capacity, disk.chained ? capacity : std::min(capacity, allocation)});
            }
            return out;
        });
}

Result<void> LibvirtHypervisor::pause(const VmId& vm) {
    return act(vm, core_->options.ask_timeout, "pause the VM", [vm](Core& core) -> Result<void> {
        const auto domain = open_active(core.operations, vm);
        if (!domain) return fail(domain.error());
        if (state_of(domain->get()) == VIR_DOMAIN_PAUSED || virDomainSuspend(domain->get()) == 0) return {};
        Error error = libvirt_error("pause VM " + vm.text());
        if (state_of(domain->get()) == VIR_DOMAIN_PAUSED) return {};
        return fail(std::move(error));
    });
}

Result<void> LibvirtHypervisor::resume(const VmId& vm) {
    return act(vm, core_->options.ask_timeout, "let the VM go on", [vm](Core& core) -> Result<void> {
        // On the urgent connection: a customer's machine stands still.
        const auto domain = open_active(core.urgent, vm);
        if (!domain && domain.error().code == Errc::not_found) return {};
        if (!domain) return fail(domain.error());
        if (state_of(domain->get()) != VIR_DOMAIN_PAUSED || virDomainResume(domain->get()) == 0) return {};
        Error error = libvirt_error("let VM " + vm.text() + " go on");
        if (state_of(domain->get()) != VIR_DOMAIN_PAUSED) return {};
        return fail(std::move(error));
    });
}

Result<std::string> LibvirtHypervisor::dump_memory(const VmId& vm, const std::string& path) {
    return watchdog_.run<std::string>(
        vm, core_->options.memory_timeout, Error{Errc::unknown_outcome, "libvirt did not dump the VM's memory in time; it is looked at before the next step."},
        [core = core_, vm, path]() -> Result<std::string> {
            const auto domain = open_active(core->operations, vm);
            if (!domain) return fail(domain.error());
            // A dump of ours outlives us when we are killed; its file is written anew, so it must have ended.
            if (const auto job = job_numbers(domain->get(), 0); job && job->operation == VIR_DOMAIN_JOB_OPERATION_DUMP && job->type != VIR_DOMAIN_JOB_NONE)
                virDomainAbortJob(domain->get());
            if (::unlink(path.c_str()) != 0 && errno != ENOENT)
                return fail(Errc::unavailable, "Cannot remove the old " + path + ": " + std::strerror(errno) + ".");
            const unsigned flags = VIR_DUMP_MEMORY_ONLY;
            if (virDomainCoreDumpWithFormat(domain->get(), path.c_str(), VIR_DOMAIN_CORE_DUMP_FORMAT_KDUMP_ZLIB, flags) == 0)
                return std::string("kdump-zlib");
            const virErrorPtr error = virGetLastError();
            if (!error || error->code != VIR_ERR_OPERATION_UNSUPPORTED) return fail(libvirt_error("dump the memory of VM " + vm.text()));
            ::unlink(path.c_str());
            if (virDomainCoreDumpWithFormat(domain->get(), path.c_str(), VIR_DOMAIN_CORE_DUMP_FORMAT_RAW, flags) == 0) return std::string("elf");
            return fail(libvirt_error("dump the memory of VM " + vm.text()));
        });
}

Result<BackupBegun> LibvirtHypervisor::begin_backup(const VmId& vm, const BackupFiles& files) {
    const auto describe = [files](const auto& disks) { return JobDescription{backup_description(disks, files), ""}; };
    return begin_job(vm, describe, core_->options.agent_timeout_seconds, core_->options.backup_mib_per_s, files);
}

Result<BackupBegun> LibvirtHypervisor::begin_export(const VmId& vm, const DiskExport& served) {
    const auto describe = [served](const auto& disks) {
        return JobDescription{export_description(disks, served), served.mark.empty() ? "" : checkpoint_description(disks, served)};
    };
    return begin_job(vm, describe, core_->options.export_freeze_seconds, 0, {});
}

Result<BackupBegun> LibvirtHypervisor::begin_job(const VmId& vm, DescribeJob describe, int freeze_seconds, int64_t mib_per_s,
                                                 const BackupFiles& files) {
    return watchdog_.run<BackupBegun>(
        vm, core_->options.backup_timeout, Error{Errc::unknown_outcome, "libvirt did not begin the VM's backup in time; it is looked at before the next step."},
        [core = core_, vm, describe = std::move(describe), freeze_seconds, mib_per_s, files, &clock = clock_]() -> Result<BackupBegun> {
            const auto domain = open_active(core->operations, vm);
            if (!domain) return fail(domain.error());
            const auto running = running_backup(domain->get());
            if (!running) return fail(running.error());
            if (!running->empty()) return fail(Errc::unavailable, "A backup job runs on VM " + vm.text() + " already; it is tried again later.");
            const auto xml = live_xml(domain->get());
            if (!xml) return fail(xml.error());
            const auto facts = read_live(*xml);
            if (!facts) return fail(facts.error());
            const auto targets = disk_targets(*xml);
            if (!targets) return fail(targets.error());
            const JobDescription description = describe(*targets);

            BackupBegun out;
            out.run = run_of(domain->get());
            out.paused = state_of(domain->get()) == VIR_DOMAIN_PAUSED;
            const auto timed = [&](const char* step, auto call) {
                const auto began = clock.monotonic();
                const bool done = call();
                out.parts.push_back({step, (clock.monotonic() - began).count()});
                return done;
            };
            auto before = clock.monotonic();
            bool tried = false;
            if (out.paused) {
                out.note = "the guest was paused, so what it had not written yet is in its memory only";
            } else if (!facts->agent_connected) {
                out.note = "the guest has no agent that could freeze its file systems";
            } else {
                tried = true;
                // Bounded for certain: libvirt waits for an agent for ever unless it was told otherwise on this very run.
                virDomainAgentSetResponseTimeout(domain->get(), freeze_seconds, 0);
                before = clock.monotonic();
                if (timed("freeze", [&] { return virDomainFSFreeze(domain->get(), nullptr, 0, 0) >= 0; })) out.consistency = Consistency::frozen;
                else out.note = "the guest's file systems were not frozen: " + libvirt_error("freeze them").text;
            }
            const auto let_go = [&] {
                const auto thaw = [&] { return virDomainFSThaw(domain->get(), nullptr, 0, 0) >= 0; };
                out.thawed = timed("thaw", thaw);
                auto until = clock.monotonic();
                // More patience only once it is needed: whatever is asked in between lengthens the guest's pause.
                if (freeze_seconds != core->options.agent_timeout_seconds) {
                    virDomainAgentSetResponseTimeout(domain->get(), core->options.agent_timeout_seconds, 0);
                    if (!out.thawed) {
                        out.thawed = timed("thaw", thaw);
                        until = clock.monotonic();
                    }
                }
                out.parts.push_back({"frozen", (until - before).count()});
            };
            // ALWAYS: also after a freeze that failed, which the guest may have heard and answered too late. Then at once, since
            // the copy gains nothing from a guest that stands.
            const bool frozen = out.consistency == Consistency::frozen;
            if (tried && !frozen) let_go();
            Error error{Errc::unavailable, ""};
            const bool begun = timed("backup_begin", [&] {
                // The files are there already and belong to root: nobody else can put something in their place.
                const char* checkpoint = description.checkpoint.empty() ? nullptr : description.checkpoint.c_str();
                return virDomainBackupBegin(domain->get(), description.backup.c_str(), checkpoint, VIR_DOMAIN_BACKUP_BEGIN_REUSE_EXTERNAL) == 0;
            });
            if (!begun) error = libvirt_error("begin the backup of VM " + vm.text());
            if (tried && frozen) let_go();
            if (!begun) {
                // A guest that may still be frozen is told to the caller as a lost call: it is then thawed until it answers.
                if (!out.thawed) error.code = Errc::unknown_outcome;
                return fail(std::move(error));
            }
            if (mib_per_s > 0)
                for (const auto& [target, file] : files) {
                    const auto share = std::max<int64_t>((mib_per_s << 20) / int64_t(files.size()), 65536);
                    // A disk that is copied already has no job any more.
                    virDomainBlockJobSetSpeed(domain->get(), target.c_str(), static_cast<unsigned long>(share), VIR_DOMAIN_BLOCK_JOB_SPEED_BANDWIDTH_BYTES);
                }
            return out;
        });
}

Result<BackupJob> LibvirtHypervisor::backup(const VmId& vm) {
    return watchdog_.run<BackupJob>(
        vm, core_->options.read_timeout, Error{Errc::unavailable, "libvirt did not tell the VM's backup job in time; it is asked again later."},
        [core = core_, vm]() -> Result<BackupJob> {
            const auto domain = open_active(core->operations, vm);
            if (!domain && domain.error().code == Errc::not_found) return BackupJob{};
            if (!domain) return fail(domain.error());
            BackupJob out;
            out.run = run_of(domain->get());
            const auto running = running_backup(domain->get());
            if (!running) return fail(running.error());
            if (!running->empty()) {
                auto files = files_of_backup(*running);
                if (!files) return fail(files.error());
                out.state = BackupJob::State::running;
                out.files = std::move(*files);
                if (const auto job = job_numbers(domain->get(), 0); job && job->total > 0) {
                    out.percent = int(job->processed * 100 / job->total);
                    out.copied_bytes = int64_t(job->processed);
                }
                return out;
            }
            const auto last = job_numbers(domain->get(), VIR_DOMAIN_JOB_STATS_COMPLETED | VIR_DOMAIN_JOB_STATS_KEEP_COMPLETED);
            if (last && last->type == VIR_DOMAIN_JOB_COMPLETED && last->operation == VIR_DOMAIN_JOB_OPERATION_BACKUP)
                out.state = BackupJob::State::completed;
            return out;
        });
}

Result<void> LibvirtHypervisor::abort_backup(const VmId& vm, const std::string& folder) {
    return act(vm, core_->options.backup_timeout, "end the VM's backup job", [vm, folder](Core& core) -> Result<void> {
        const auto domain = open_active(core.operations, vm);
        if (!domain && domain.error().code == Errc::not_found) return {};
        if (!domain) return fail(domain.error());
        const auto running = running_backup(domain->get());
        if (!running) return fail(running.error());
        if (running->empty()) return {};
        const auto files = files_of_backup(*running);
        if (!files) return fail(files.error());
        // Somebody else's is none of our business.
        if (files->empty() || !std::all_of(files->begin(), files->end(), [&](const auto& one) { return one.second.starts_with(folder + "/"); })) return {};
        if (virDomainAbortJob(domain->get()) < 0) {
            Error error = libvirt_error("end the backup of VM " + vm.text());
            const auto still = running_backup(domain->get());
            if (!still || !still->empty()) return fail(std::move(error));
        }
        // It ends a moment later, and until then QEMU holds the files.
        for (int look = 0; look < 500; ++look) {
            const auto still = running_backup(domain->get());
            if (!still || still->empty()) return go_on_after_io_error(core.urgent, vm);
            std::this_thread::sleep_for(milliseconds{20});
        }
        return fail(Errc::unavailable, "The backup job of VM " + vm.text() + " does not end although it was told to; it is told again later.");
    });
}

Result<void> LibvirtHypervisor::thaw(const VmId& vm) {
    return act(vm, core_->options.ask_timeout, "thaw the guest's file systems", [vm](Core& core) -> Result<void> {
        const auto domain = open_active(core.operations, vm);
        if (!domain) return fail(domain.error());
        const auto xml = live_xml(domain->get());
        if (!xml) return fail(xml.error());
        const auto facts = read_live(*xml);
        if (!facts) return fail(facts.error());
        // Without an agent nobody was frozen by one, and nobody could be thawed.
        if (!facts->agent_connected || state_of(domain->get()) == VIR_DOMAIN_PAUSED) return {};
        virDomainAgentSetResponseTimeout(domain->get(), core.options.agent_timeout_seconds, 0);
        if (virDomainFSThaw(domain->get(), nullptr, 0, 0) >= 0) return {};
        return fail(libvirt_error("thaw the file systems of VM " + vm.text()));
    });
}

}  // namespace bailiff::agent
