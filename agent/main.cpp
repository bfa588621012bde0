// SPDX-License-Identifier: Apache-2.0
// bailiff-agent: options -> adapters -> Runner -> loop. The only file of the agent that knows every concrete type.
#include "agent/evidence/file_evidence.hpp"
#include "agent/evidence/qemu_overlays.hpp"
#include "agent/files/durable_file.hpp"
#include "agent/guard/file_guard.hpp"
#include "agent/guard/gate_install.hpp"
#include "agent/hypervisor/libvirt_hypervisor.hpp"
#include "agent/inspect.hpp"
#include "agent/journal/sqlite_journal.hpp"
#include "agent/link_socket.hpp"
#include "agent/options.hpp"
#include "agent/process_scanner.hpp"
#include "agent/runner.hpp"

#include <bailiff/system_clock.hpp>
#include <bailiff/system_random.hpp>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <exception>
#include <fcntl.h>
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
    // 0711: QEMU's user opens its overlay below and lists nothing.
    for (const auto& [folder, mode] : {std::pair{o.state, mode_t(0711)}, {o.overlays, mode_t(0711)}, {o.evidence, mode_t(0700)}})
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
    s.patience.agent = std::chrono::seconds(o.agent_patience);
    s.patience.acpi = std::chrono::seconds(o.acpi_patience);
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
        // Before any thread starts, so that none of them takes the signals.
        pthread_sigmask(SIG_BLOCK, &set, nullptr);
        signals = ::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
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

void loop(Runner& runner, LinkSocket& socket, const Wakers& wakers, Deaths& deaths, const Clock& clock) {
    for (;;) {
        runner.tick();
        deaths.rethrow();
        std::vector<pollfd> descriptors{{wakers.event, POLLIN, 0}, {wakers.signals, POLLIN, 0}};
        socket.add_to(descriptors);
        const auto wait = std::clamp<int64_t>((runner.next_tick() - clock.monotonic()).count(), 0, 10'000);
        if (::poll(descriptors.data(), descriptors.size(), int(wait)) < 0 && errno != EINTR) throw Outage("poll(2) failed");
        uint64_t count = 0;
        [[maybe_unused]] const auto n = ::read(wakers.event, &count, sizeof count);
        if (descriptors[1].revents) return;
        socket.serve(descriptors);
    }
}

int run(const Options& o) {
    const Wakers wakers;
    make_folders(o);
    claim(o.state);
    std::unique_ptr<SystemClock> clock = std::make_unique<SystemClock>();
    if (!o.lab_clock.empty()) {
        clock = std::make_unique<LabClock>(o.lab_clock);
        spdlog::warn("event=lab_clock text=\"the clock is moved by {}: never in production\"", o.lab_clock);
    }
    SystemRandom random;
    SqliteJournal journal(o.journal());
    FileGuard guard(o.locks());
    if (o.install_gate) tell_gate("install", install_gate(gate_options(o)));

    LibvirtOptions libvirt;
    libvirt.uri = o.libvirt_uri;
    libvirt.run_folder = o.libvirt_run;
    libvirt.definitions_folder = o.state + "/definitions";
    libvirt.canary_type = o.canary_type;
    if (auto made = make_folder(libvirt.definitions_folder, 0700); !made) throw Outage(made.error().text);
    LibvirtHypervisor hypervisor(libvirt, *clock);
    const NvramOf nvram_of = [&hypervisor](const VmId& vm) { return hypervisor.nvram_path(vm); };
    QemuOverlays overlays(o.overlays, nvram_of);
    FileEvidence evidence(o.evidence, nvram_of);
    ScannerPrograms programs;
    programs.scan = o.scan_program;
    programs.clean = o.clean_program;
    programs.clamd = o.clamd;
    programs.yara = o.yara;
    programs.timeout = std::chrono::hours(o.scan_hours);
    ProcessScanner scanner(programs);

    Deaths deaths;
    LinkSocket socket(o.socket, o.socket_group);
    ThreadExecutor executor(6, 2, [&](std::exception_ptr death) {
        deaths.note(std::move(death));
        wakers.wake();
    });
    Runner runner({hypervisor, guard, overlays, evidence, scanner}, journal, socket, executor, *clock, random, runner_settings(o));
    runner.on_wake = [&] { wakers.wake(); };
    runner.on_log = log;
    socket.on_connected = [&] {
        spdlog::info("event=link text=connected");
        runner.connected();
    };
    socket.on_disconnected = [&] { runner.disconnected(); };
    socket.on_frame = [&](const Frame& frame) { runner.on_frame(frame); };
    socket.on_trouble = [](const std::string& text) { spdlog::info("event=link text=\"{}\"", text); };
    runner.start();
    spdlog::info("event=up host={} socket={} version={}", o.host, o.socket, BAILIFF_VERSION);
    loop(runner, socket, wakers, deaths, *clock);
    spdlog::info("event=stopped");
    spdlog::shutdown();
    ::unlink(o.socket.c_str());
    // The same end as by kill -9, on purpose: what is under way is journaled, and the next start takes it up. Waiting
    // for a worker that hangs in libvirt would only delay that.
    ::_exit(0);
}

int check(const Options& o) {
    std::printf("the options are good; %zu controller keys, %zu names never to be touched\n", read_controllers(o.controllers)->size(),
                read_never_touch(o.never_touch)->size());
    return 0;
}

}  // namespace
}  // namespace bailiff::agent

int main(int argc, char** argv) {
    using namespace bailiff::agent;
    ::umask(077);
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
            case Command::Kind::status: case Command::Kind::locks: case Command::Kind::journal: return inspect(*command);
            case Command::Kind::run: return run(options);
        }
    } catch (const std::exception& error) {
        spdlog::critical("event=died text=\"{}\"", error.what());
    }
    // Workers may still run, so nothing is taken down in order: as after kill -9, the journal knows what is open.
    spdlog::shutdown();
    ::_exit(1);
}
