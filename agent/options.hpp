// SPDX-License-Identifier: Apache-2.0
// What bailiff-agent is told, by flags and /etc/bailiff/agent.conf with the same names. The host's own file wins over
// any order, so what limits the agent stands here and is never set over the wire.
#pragma once

#include <bailiff/dsse.hpp>
#include <bailiff/result.hpp>

#include <cstdint>
#include <set>
#include <string>
#include <vector>

namespace bailiff::agent {

/// Immutable after reading; every mistake was listed at once.
struct Options {
    std::string host;                                   ///< the name given at enrolment
    std::string state = "/var/lib/bailiff";
    std::string controllers = "/etc/bailiff/controllers";   ///< folder of *.pub: the keys that sign orders
    std::string socket = "/run/bailiff/agent.sock";
    std::string socket_group;
    std::string evidence, overlays;                     ///< default: below state
    std::string never_touch = "/etc/bailiff/never-touch";
    int64_t budget_per_hour = 10;
    bool dry_run = false, draining = false;
    int64_t agent_patience = 60, acpi_patience = 90;    ///< seconds
    std::string libvirt_uri = "qemu:///system";
    std::string libvirt_run = "/run/libvirt/qemu";
    std::vector<std::string> libvirt_pid_files{"/run/libvirtd.pid", "/run/libvirt/libvirtd.pid", "/run/virtqemud.pid"};
    std::string isolate_by = "link";                    ///< link, network or filter
    int64_t watch_seconds = 5;
    std::string network_namespace;
    std::string canary_type;
    std::string hooks = "/etc/libvirt/hooks";
    bool install_gate = true;
    std::string gate_program, hold_program, scan_program, clean_program;   ///< default: beside this program, then /usr/lib/bailiff, /usr/bin
    std::string clamd, yara;
    std::string clamd_config;                           ///< empty: known contents are matched with all signatures after an update
    std::string clamd_database;                         ///< empty: what ClamAV says is not remembered
    std::vector<std::string> hash_lists, hash_list_keys;   ///< files; a list needs a key that signed it
    std::string scan_cache;                             ///< default: below state; "none": nothing is remembered
    int64_t scan_cache_mib = 512;
    std::string scan_cgroup;                            ///< folder of a control group; empty: the agent's own
    int64_t scan_hours = 6;
    std::vector<std::string> known_good;                ///< trees of files that may take the place of what cleaning takes away
    std::string keep_key;                               ///< public key for what cleaning takes away; empty: the host's own
    std::string live_scan_scratch;                      ///< default: below state
    int64_t live_scan_scratch_mib = 4096;               ///< what a VM may overwrite while it is scanned
    int64_t live_scan_keep_percent = 10;                ///< of the file system below it that stay free
    int64_t live_scan_mib_per_s = 24;                   ///< 0: as fast as it goes
    bool sweep = false;
    bool sweep_running = true;                          ///< also VMs that run, through a backup job of libvirt's
    bool sweep_checkpoints = false;                     ///< those have a checkpoint, and are read where they were written since
    std::string sweep_every = "P7D", sweep_window;      ///< ISO 8601; "22:00-06:00", empty: any time
    int64_t sweep_budget_mib_per_hour = 0;              ///< 0: no limit
    int64_t evidence_days = 180;                        ///< 0: for ever
    int64_t evidence_mib_per_s = 0;                     ///< 0: as fast as it goes
    std::string tpm_state = "/var/lib/libvirt/swtpm";
    std::string lab_clock;
    std::string log_level = "info";

    std::string locks() const { return state + "/locks"; }
    std::string journal() const { return state + "/journal.sqlite"; }
    std::string host_key() const { return state + "/host-key.pem"; }
    std::string own_keep_key() const { return state + "/keep-key.pem"; }
    std::string own_keep_key_public() const { return state + "/keep-key.pub"; }
};

/// What the command line asks for.
struct Command {
    enum class Kind { run, check, print, status, locks, journal, evidence, drain, release, sweep } kind = Kind::run;
    Options options;
    std::string text;   ///< print
    std::vector<std::string> words = {};   ///< evidence: list | verify SET [KEY.pub] | expire | key | unseal FILE. sweep: list | now [VM...]
    bool json = false;  ///< status, locks, journal, drain, release, sweep: for programs
    bool on = false;    ///< drain
    std::string vm{};   ///< release: UUID, or a name that a lock knows
    std::string reason{};   ///< drain on, release
    bool start = false; ///< release: start the VM afterwards
};

/// All mistakes in one error.
Result<Command> read_command(int argc, const char* const* argv);

/// What works as it stands and would work better, in whole sentences; "" when nothing does.
std::string advice_of(const Options& options);

/// The never-touch file: a UUID or name per line, `#` begins a comment. A missing file is an empty list; what is no name
/// makes the whole file invalid, since half a list protects half.
Result<std::set<std::string>> read_never_touch(const std::string& path);

/// Every *.pub of the folder. An error names the file that is no key; an empty folder is no error, only useless.
Result<TrustedKeys> read_controllers(const std::string& folder);

}  // namespace bailiff::agent
