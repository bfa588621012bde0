// SPDX-License-Identifier: Apache-2.0
// bailiff-agent: options -> adapters -> Runner -> loop. The only file of the agent that knows every concrete type.
#include "agent/admin_commands.hpp"
#include "agent/evidence/file_evidence.hpp"
#include "agent/evidence/host_key.hpp"
#include "agent/evidence/qemu_overlays.hpp"
#include "agent/evidence/scan_reports.hpp"
#include "agent/evidence/scan_scratch.hpp"
#include "agent/files/durable_file.hpp"
#include "agent/guard/file_guard.hpp"
#include "agent/guard/gate_install.hpp"
#include "agent/host_rules.hpp"
#include "agent/hypervisor/libvirt_hypervisor.hpp"
#include "agent/inspect.hpp"
#include "agent/journal/sqlite_journal.hpp"
#include "agent/keep_key.hpp"
#include "agent/link_socket.hpp"
#include "agent/options.hpp"
#include "agent/process_scanner.hpp"
#include "agent/runner.hpp"
#include "agent/sweep_commands.hpp"
#include "agent/sweep_scanner.hpp"

#include <bailiff/system_clock.hpp>
#include <bailiff/system_random.hpp>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <ctime>
#include <exception>
#include <fcntl.h>
#include <malloc.h>
#include <mutex>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

namespace bailiff::agent {
namespace {

/// The state folder belongs to one agent: a second one would act on the same VMs with the same journal.
void claim(const std::string& state) {
    const std::string path = state + "/agent.lock";
    const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) throw Outage("cannot open " + path + "; see to the state folder");
    if (::flock(fd, LOCK_EX | LOCK_NB) != 0) throw Outage("another bailiff-agent works on " + state + "; stop it first");
    // Held open for the life of the process.
}

void make_folders(const Options& o) {
    // 0711: QEMU's user opens its overlay, or the copy it is to write, below and lists nothing.
    for (const auto& [folder, mode] : {std::pair{o.state, mode_t(0711)}, {o.overlays, mode_t(0711)}, {o.evidence, mode_t(0711)}})
        if (auto made = make_folder(folder, mode); !made) throw Outage(made.error().text);
}

std::string boot_id() {
    const auto text = read_file("/proc/sys/kernel/random/boot_id", 100);
    return text ? text->substr(0, 36) : "";
}

void log(const LogLine& line) {
    switch (line.level) {
        case LogLine::Level::info: return spdlog::info("{}", line.text);
        case LogLine::Level::warning: return spdlog::warn("{}", line.text);
        case LogLine::Level::error: return spdlog::error("{}", line.text);
    }
}

/// By the host's own time zone, with its changes of the clock.
Seconds local_offset(Instant at) {
    const std::time_t seconds = at.time_since_epoch().count();
    std::tm local{};
    return Seconds(::localtime_r(&seconds, &local) ? local.tm_gmtoff : 0);
}

SweepRules sweep_rules(const Options& o) {
    return {o.sweep, parse_duration(o.sweep_every).value(), parse_day_window(o.sweep_window).value(), o.sweep_budget_mib_per_hour};
}

GateOptions gate_options(const Options& o) { return {o.gate_program, o.hooks, o.locks(), o.libvirt_pid_files}; }

void tell_gate(const char* doing, const Result<GateChange>& change) {
    if (!change) return spdlog::error("event=gate doing={} text=\"{}\"", doing, change.error().text);
    if (change->restart_needed) return spdlog::warn("event=gate doing={} text=\"no libvirt daemon was found to tell of the hook; it reads it when it starts\"", doing);
    spdlog::info("event=gate doing={} changed={} signalled={}", doing, change->changed, change->signalled);
}

RunnerSettings runner_settings(const Options& o) {
    RunnerSettings s;
    s.host = HostId(o.host);
    s.boot_id = boot_id();
    s.keys = read_controllers(o.controllers).value();
    s.exempt = read_never_touch(o.never_touch).value();
    s.budget_per_hour = o.budget_per_hour;
    s.dry_run = o.dry_run;
    s.draining = o.draining;
    s.keep_evidence = Seconds(o.evidence_days * 86400);
    s.patience.agent = std::chrono::seconds(o.agent_patience);
    s.patience.acpi = std::chrono::seconds(o.acpi_patience);
    s.watch = std::chrono::seconds(o.watch_seconds);
    s.sweep = sweep_rules(o);
    s.local_offset = local_offset;
    if (o.install_gate) s.repair_gate = [gate = gate_options(o)] { tell_gate("repair", repair_gate(gate)); };
    if (s.keys.empty()) spdlog::warn("event=no_keys text=\"no controller's key in {}: every order will be refused\"", o.controllers);
    return s;
}

/// Descriptors that wake the loop.
struct Wakers {
    int event = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int signals = -1;
    Wakers() {
        sigset_t set;
        sigemptyset(&set);
        sigaddset(&set, SIGTERM);
        sigaddset(&set, SIGINT);
        sigaddset(&set, SIGHUP);
        // Before any thread starts, so that none of them takes the signals.
        pthread_sigmask(SIG_BLOCK, &set, nullptr);
        signals = ::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    }
    /// The signal that came; 0 when none did.
    int signal() const {
        signalfd_siginfo info{};
        return ::read(signals, &info, sizeof info) == ssize_t(sizeof info) ? int(info.ssi_signo) : 0;
    }
    void wake() const {
        const uint64_t one = 1;
        [[maybe_unused]] const auto n = ::write(event, &one, sizeof one);
    }
};

/// An exception of a worker ends the program, on the runner's thread: nothing here can mend it, a restart may.
class Deaths {
  public:
    void note(std::exception_ptr death) {
        const std::lock_guard lock(mutex_);
        if (!death_) death_ = std::move(death);
    }
    void rethrow() {
        const std::lock_guard lock(mutex_);
        if (death_) std::rethrow_exception(death_);
    }

  private:
    std::mutex mutex_;
    std::exception_ptr death_;
};

/// What the admin may change beside the running agent: rules and forced releases.
class Admin {
  public:
    Admin(const Options& options, const Clock& clock, Runner& runner, std::function<Result<Options>()> reread)
        : folder_(options.state), watch_(options, clock, std::move(reread)), runner_(runner) {
        runner_.change_rules(watch_.rules());
    }
    /// Before every order, and every second.
    void look() {
        if (watch_.look()) runner_.change_rules(watch_.rules());
        for (const auto& request : folder_.asked()) runner_.release(request);
        if (const auto vms = folder_.take_sweep_request()) runner_.sweep_now(*vms);
    }
    void reload() {
        spdlog::info("event=reload");
        if (watch_.reload()) runner_.change_rules(watch_.rules());
    }
    void sweep_planned(const SweepPlan& plan) {
        const auto told = folder_.tell_sweep({{"next", plan.vm ? plan.vm->text() : ""}, {"text", plan.text}, {"due", plan.due},
                                              {"waiting_for_live", plan.waiting_for_live}, {"again", plan.again ? format_rfc3339(*plan.again) : ""}});
        if (!told) spdlog::warn("event=admin text=\"{}\"", told.error().text);
    }
    void released(const std::string& request, const Json& outcome) {
        if (auto answered = folder_.answer(request, outcome); !answered) spdlog::error("event=admin text=\"{}\"", answered.error().text);
    }

  private:
    AdminFolder folder_;
    HostRulesWatch watch_;
    Runner& runner_;
};

void loop(Runner& runner, LinkSocket& socket, const Wakers& wakers, Deaths& deaths, const Clock& clock, Admin& admin) {
    for (;;) {
        admin.look();
        runner.tick();
        deaths.rethrow();
        std::vector<pollfd> descriptors{{wakers.event, POLLIN, 0}, {wakers.signals, POLLIN, 0}};
        socket.add_to(descriptors);
        const auto wait = std::clamp<int64_t>((runner.next_tick() - clock.monotonic()).count(), 0, 1'000);
        if (::poll(descriptors.data(), descriptors.size(), int(wait)) < 0 && errno != EINTR) throw Outage("poll(2) failed");
        uint64_t count = 0;
        [[maybe_unused]] const auto n = ::read(wakers.event, &count, sizeof count);
        if (descriptors[1].revents) {
            if (wakers.signal() != SIGHUP) return;
            admin.reload();
        }
        socket.serve(descriptors);
    }
}

std::unique_ptr<SystemClock> clock_of(const Options& o) {
    if (o.lab_clock.empty()) return std::make_unique<SystemClock>();
    return std::make_unique<LabClock>(o.lab_clock);
}

/// The ports but the guard, as the options say.
struct Adapters {
    Adapters(const Options& o, const Clock& clock)
        : hypervisor(libvirt_options(o), clock), overlays(o.overlays, nvram_of), evidence(o.evidence, nvram_of, {o.host, host_key(o), o.tpm_state}),
          scanner(scanner_programs(o)), scratch(o.live_scan_scratch, {o.live_scan_scratch_mib << 20, o.live_scan_keep_percent}),
          reports(o.state + "/scans", host_key(o), clock), sweeper(hypervisor, scanner, scratch, o.sweep_running, sweep_states(o), random) {}

    static LibvirtOptions libvirt_options(const Options& o) {
        LibvirtOptions libvirt;
        libvirt.uri = o.libvirt_uri;
        libvirt.run_folder = o.libvirt_run;
        libvirt.definitions_folder = o.state + "/definitions";
        libvirt.canary_type = o.canary_type;
        libvirt.backup_mib_per_s = o.evidence_mib_per_s;
        libvirt.notes_folder = o.state + "/networks";
        libvirt.network_namespace = o.network_namespace;
        libvirt.isolate_by = o.isolate_by == "network" ? IsolateBy::network : o.isolate_by == "filter" ? IsolateBy::filter : IsolateBy::link;
        if (auto made = make_folder(libvirt.definitions_folder, 0700); !made) throw Outage(made.error().text);
        return libvirt;
    }
    static std::string sweep_states(const Options& o) {
        const std::string folder = o.sweep_checkpoints ? o.state + "/sweep-states" : "";
        if (auto made = folder.empty() ? Result<void>() : make_folder(folder, 0700); !made) throw Outage(made.error().text);
        return folder;
    }
    static SignatureKey host_key(const Options& o) {
        auto key = load_or_make_host_key(o.host_key());
        if (!key) throw Outage(key.error().text);
        return std::move(*key);
    }
    static ScannerPrograms scanner_programs(const Options& o) {
        ScannerPrograms programs;
        programs.scan = o.scan_program;
        programs.clean = o.clean_program;
        programs.clamd = o.clamd;
        programs.clamd_config = o.clamd_config;
        programs.clamd_database = o.clamd_database;
        programs.yara = o.yara;
        programs.hash_lists = o.hash_lists;
        programs.hash_list_keys = o.hash_list_keys;
        if (o.scan_cache != "none") programs.cache = o.scan_cache;
        programs.cache_mib = o.scan_cache_mib;
        programs.cgroup = o.scan_cgroup;
        programs.timeout = std::chrono::hours(o.scan_hours);
        const auto key = load_or_make_keep_key(o);
        if (!key) throw Outage(key.error().text);
        if (key->own)
            spdlog::warn("event=keep_key text=\"what cleaning takes away is sealed for this host's own key {}; name the security staff's public key with keep-key\"", o.own_keep_key());
        programs.keep_key = key->path;
        programs.known_good = o.known_good;
        programs.live_mib_per_s = o.live_scan_mib_per_s;
        return programs;
    }
    World world(Guard& guard) { return {hypervisor, guard, overlays, evidence, scanner, scratch, reports, &sweeper}; }

    LibvirtHypervisor hypervisor;
    NvramOf nvram_of = [this](const VmId& vm) { return hypervisor.nvram_path(vm); };
    QemuOverlays overlays;
    FileEvidence evidence;
    ProcessScanner scanner;
    FolderScratch scratch;
    FileScanReports reports;
    SystemRandom random;
    DiskSweep sweeper;
};

/// No agent runs: the admin's release is done here. What is open on the VM is marked as given up, so that the next agent
/// takes it back and does not go on with it.
Result<Json> release_here(const Options& o, const ReleaseRequest& request, const Clock& clock) {
    make_folders(o);
    claim(o.state);
    SqliteJournal journal(o.journal());
    Ledger ledger;
    for (const auto& entry : journal.read_all()) ledger.apply(entry);
    bool paused = false;
    for (const auto& id : ledger.open()) {
        const auto& one = *ledger.find(id);
        if (one.vm.text() != request.vm) continue;
        bool given_up = false;
        for (const auto& entry : one.entries) {
            if (entry.body.value("act", "") == "pause") paused = true;
            const auto act = entry.body.value("act", "");
            if (entry.kind == "intent" && (act == "commit" || act == "unlock"))
                return fail(Errc::conflict, "A release of the VM has begun to write its disks; start the agent, which finishes that first.");
            given_up = given_up || entry.kind == "gave_up";
        }
        if (!given_up)
            journal.append(id, "gave_up", {{"refusal", "none"}, {"text", "the host's admin released the VM by force: " + request.reason}}, clock.now());
    }
    std::string damaged;
    std::unique_ptr<FileGuard> guard;
    try {
        guard = std::make_unique<FileGuard>(o.locks());
    } catch (const Outage& outage) {
        // Its own record is damaged: exactly what a forced release is for. The file is kept aside.
        const std::string record = o.locks() + "/" + request.vm + ".json";
        if (std::string_view(outage.what()).find(record) == std::string_view::npos) throw;
        damaged = outage.what();
        if (auto moved = rename_durably(record, record + ".damaged"); !moved) return fail(moved.error());
        guard = std::make_unique<FileGuard>(o.locks());
    }
    Adapters adapters(o, clock);
    const World world = adapters.world(*guard);
    Json before = before_release(world, request, ledger.describe(VmId(request.vm), CaseId()));
    before["paused"] = paused;
    if (!damaged.empty()) before.update({{"locked", true}, {"overlays", true}, {"damaged", damaged}});
    std::vector<int64_t> begun{journal.append("", "admin_release", before, clock.now())};
    Json outcome = force_release(world, before);
    // One that a crash interrupted earlier has its end here too.
    for (const auto& forced : ledger.forced_releases())
        if (forced.outcome.is_null() && forced.request.value("vm", "") == request.vm) begun.push_back(forced.position);
    for (const auto position : begun) {
        outcome["release"] = position;
        journal.append("", "admin_released", outcome, clock.now());
    }
    return outcome;
}

int release_by_force(const Command& command) {
    const auto clock = clock_of(command.options);
    SystemRandom random;
    const auto request = release_request(command, random.hex128(), *clock);
    if (!request) {
        std::fprintf(stderr, "bailiff-agent: %s\n", request.error().text.c_str());
        return 1;
    }
    spdlog::set_level(spdlog::level::err);
    const int status = release(command, *request, [&] { return release_here(command.options, *request, *clock); }, *clock, std::chrono::seconds(120));
    std::fflush(stdout);
    // As at the agent's end: a call that hangs in libvirt is not waited for.
    ::_exit(status);
}

int run(const Options& o, std::function<Result<Options>()> reread) {
    const Wakers wakers;
    make_folders(o);
    claim(o.state);
    const auto clock = clock_of(o);
    if (!o.lab_clock.empty()) spdlog::warn("event=lab_clock text=\"the clock is moved by {}: never in production\"", o.lab_clock);
    SystemRandom random;
    SqliteJournal journal(o.journal());
    FileGuard guard(o.locks(), o.hold_program);
    if (o.install_gate) tell_gate("install", install_gate(gate_options(o)));

    Adapters adapters(o, *clock);
    Deaths deaths;
    LinkSocket socket(o.socket, o.socket_group);
    // A call that hangs keeps its thread until its watchdog lets go: enough of them, so that others are not held up.
    ThreadExecutor executor(16, 2, [&](std::exception_ptr death) {
        deaths.note(std::move(death));
        wakers.wake();
    });
    RunnerSettings settings = runner_settings(o);
    settings.host_key = Adapters::host_key(o).public_pem();
    Runner runner(adapters.world(guard), journal, socket, executor, *clock, random, std::move(settings));
    runner.on_wake = [&] { wakers.wake(); };
    runner.on_log = log;
    socket.on_connected = [&] {
        spdlog::info("event=link text=connected");
        runner.connected();
    };
    socket.on_disconnected = [&] { runner.disconnected(); };
    Admin admin(o, *clock, runner, std::move(reread));
    runner.on_released = [&](const std::string& request, const Json& outcome) { admin.released(request, outcome); };
    runner.on_sweep_plan = [&](const SweepPlan& plan) { admin.sweep_planned(plan); };
    socket.on_frame = [&](const Frame& frame) {
        admin.look();   // what the admin has written before an order came counts for it
        runner.on_frame(frame);
    };
    socket.on_trouble = [](const std::string& text) { spdlog::info("event=link text=\"{}\"", text); };
    int status = 0;
    try {
        runner.start();
        spdlog::info("event=up host={} socket={} version={}", o.host, o.socket, BAILIFF_VERSION);
        if (const auto advice = advice_of(o); !advice.empty()) spdlog::info("event=advice text=\"{}\"", advice);
        loop(runner, socket, wakers, deaths, *clock, admin);
        // Nobody watches the scratch space of a scan when this process has ended; the next one begins it anew.
        for (const auto& [vm, job] : runner.served())
            if (auto ended = adapters.hypervisor.abort_backup(vm, adapters.scratch.folder(job)); !ended)
                spdlog::error("event=still_served vm={} text=\"{}\"", vm.text(), ended.error().text);
        spdlog::info("event=stopped");
        ::unlink(o.socket.c_str());
    } catch (const std::exception& error) {
        spdlog::critical("event=died text=\"{}\"", error.what());
        status = 1;
    }
    // The same end as by kill -9, on purpose: what is under way is journaled, and the next start takes it up. Waiting
    // for a worker that hangs in libvirt would only delay that, and nothing that it uses is taken down beneath it.
    spdlog::shutdown();
    ::_exit(status);
}

int check(const Options& o) {
    std::printf("the options are good; %zu controller keys, %zu names never to be touched\n", read_controllers(o.controllers)->size(),
                read_never_touch(o.never_touch)->size());
    if (const auto advice = advice_of(o); !advice.empty()) std::puts(advice.c_str());
    return 0;
}

}  // namespace
}  // namespace bailiff::agent

int main(int argc, char** argv) {
    using namespace bailiff::agent;
    ::umask(077);
    // Two dozen threads that mostly wait: an arena of the heap for each of them would hold what none of them uses.
    ::mallopt(M_ARENA_MAX, 2);
    ::prctl(PR_SET_DUMPABLE, 0);
    std::signal(SIGPIPE, SIG_IGN);
    spdlog::set_default_logger(spdlog::stderr_logger_mt("agent"));
    spdlog::set_pattern("%l %v");   // journald adds the time
    const auto command = read_command(argc, argv);
    if (!command) {
        std::fprintf(stderr, "bailiff-agent: %s\n", command.error().text.c_str());
        return 2;
    }
    const auto& options = command->options;
    spdlog::set_level(spdlog::level::from_str(options.log_level));
    try {
        switch (command->kind) {
            case Command::Kind::print: std::fputs(command->text.c_str(), stdout); return 0;
            case Command::Kind::check: return check(options);
            case Command::Kind::status: case Command::Kind::locks: case Command::Kind::journal: case Command::Kind::evidence: return inspect(*command);
            case Command::Kind::drain: return drain(*command, *clock_of(options));
            case Command::Kind::release: return release_by_force(*command);
            case Command::Kind::sweep: return sweep(*command);
            case Command::Kind::run:
                return run(options, [argc, argv]() -> bailiff::Result<Options> {
                    auto again = read_command(argc, argv);
                    if (!again) return bailiff::fail(again.error());
                    return std::move(again->options);
                });
        }
    } catch (const std::exception& error) {
        spdlog::critical("event=died text=\"{}\"", error.what());
    }
    spdlog::shutdown();
    ::_exit(1);
}
