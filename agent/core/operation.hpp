// SPDX-License-Identifier: Apache-2.0
// One order or job being carried out, and the one function that says what to do next.
//
//   accepted ─> look ─> next_step ─┬─ Do ──> intent ─> act ─> done ─┐
//                ^                 ├─ Wait ────────────────────────┤
//                └─────────────────┼─ GiveUp ─> (undo steps) ──────┘
//                                  └─ End ──> answer
//
// next_step decides from what is observed now, so a crash anywhere needs no recovery code: look again and go on.
#pragma once

#include "agent/core/verify.hpp"
#include "agent/core/world.hpp"

#include <bailiff/message.hpp>
#include <bailiff/names.hpp>
#include <bailiff/order.hpp>

#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

namespace bailiff::agent {

using Milliseconds = std::chrono::milliseconds;

/// Everything that an agent can do to its host. The words stand in the journal and in the answers' steps.
enum class Act {
    lock, prove_gate, autostart_off, ask_agent, ask_acpi, end_gracefully, kill,
    links_down, links_up, limit_on, open_console,
    freeze, verify_evidence,
    create_overlay, copy_nvram, permit, start_quarantined, revoke,
    scan, clean, commit, drop,
    compare_definition, autostart_on, unlock, start,
    prepare_backup, pause, dump_memory, begin_backup, thaw, resume, store_backup, abort_backup,
    rescan, check_health, put_back,
    scan_live,
};

/// Do one act. `target` is the disk for acts on one overlay, else empty.
struct Do {
    Act act;
    std::string target;
    friend bool operator==(const Do&, const Do&) = default;
};
/// Nothing to do until `until` (monotonic) or until something happens to the VM.
struct Wait {
    Milliseconds until;
    friend bool operator==(const Wait&, const Wait&) = default;
};
/// It cannot be reached: from here on, undo.
struct GiveUp {
    Refusal refusal = Refusal::none;
    std::string text;
    friend bool operator==(const GiveUp&, const GiveUp&) = default;
};
struct End {
    AnswerStatus status = AnswerStatus::done;
    Refusal refusal = Refusal::none;
    std::string text;
    friend bool operator==(const End&, const End&) = default;
};
using Step = std::variant<Do, Wait, GiveUp, End>;

/// How long guests may take to obey, and how stubborn we are.
struct Patience {
    Milliseconds agent{60'000};        ///< after asking through the guest agent
    Milliseconds acpi{90'000};         ///< after the first ACPI request
    Milliseconds acpi_again{10'000};   ///< between ACPI requests: a guest that boots ignores the first
    Milliseconds look_again{1'000};    ///< between looks at a guest that shuts down
    Milliseconds copy_stands{120'000}; ///< a running backup of ours that copies nothing more
    Milliseconds first_retry{1'000};   ///< doubles up to longest_retry
    Milliseconds longest_retry{60'000};
    int retries = 8;                   ///< per act, of what is `unavailable`
    int repeats = 5;                   ///< per act, without the effect that it should have
};

/// How long the one-time password of a console is good. A further order for the same state gives a new one.
inline constexpr Seconds console_life{4 * 3600};

/// What the journal says of the operation, folded by `apply`, and what only this process knows.
struct Operation {
    std::variant<Order, Job> demand;

    // From the journal.
    bool begun = false;                               ///< an intent stands: the checks before the first act are behind us
    bool acted = false;                               ///< something was or may have been changed: `done`, not `already`
    bool locked_here = false;                         ///< the lock is this operation's
    std::set<std::string> overlays_created;           ///< by this operation, perhaps: those exist that are observed too
    std::set<std::string> committed;
    bool commit_begun = false;
    bool cleaned_begun = false;
    bool unlocked = false;
    bool start_begun = false;                         ///< a VM found paused may be one that our start has not let go yet
    bool evidence_verified = false;
    std::optional<LockRecord> released_lock;          ///< what the lock remembered, when it was taken off
    std::optional<std::string> token;
    bool token_out = false;                           ///< permitted, and not known to be revoked
    bool permitted = false;                           ///< known to be, and not revoked since: the gate lets our start pass
    std::optional<std::string> nvram;
    std::optional<EvidenceSet> frozen;
    bool copy_begun = false;                          ///< a set is not complete yet: files, perhaps a backup job
    bool prepared = false;                            ///< there is room for it
    bool perhaps_frozen = false;                      ///< the guest was to be frozen, and its thaw is not known
    bool paused_here = false;                         ///< we stopped the guest, or may have: found paused, it is ours to let go
    std::optional<MemoryDump> memory;
    std::optional<BackupBegun> backup;                ///< the disks' instant
    std::optional<ScanOutcome> scanned;
    std::optional<BackupBegun> scanned_of;            ///< live: the instant that was scanned
    std::optional<ScanOutcome> rescanned;             ///< of the disks themselves, after the last commit
    std::set<std::string> put_back;                   ///< disks that an evidence set was or may have been written back to
    std::optional<std::vector<ScanHit>> cleaned;
    std::map<std::string, int> done;                  ///< how often, by act and target
    std::optional<GiveUp> gave_up;
    std::string superseded_by;
    std::vector<StepTime> steps;                      ///< for the answer

    // Of this process only.
    std::optional<bool> gate_holds;
    std::optional<Milliseconds> agent_asked, acpi_first, acpi_last;
    bool no_agent = false, no_acpi = false;           ///< the way is not available
    bool copy_broken = false;                         ///< the backup job ended badly, or stands: what it left goes, then anew
    std::optional<int64_t> copied_bytes;              ///< by the backup job that runs, when it last went on
    Milliseconds copied_at{0};
    std::string cut_short;                            ///< why a live scan was ended early; empty: it was not
    bool thaw_unanswered = false;                     ///< the guest's agent does not answer, and was asked often enough
    std::map<std::string, int> failures;
    Milliseconds not_before{0};
    std::string console_password;                     ///< one-time; never in the journal
    std::optional<std::vector<Console>> consoles;     ///< opened by this process; a restart opens them anew
    std::optional<HealthSign> first_sign, last_sign;  ///< of the VM that was given back; the first one says which run is meant
    Milliseconds first_sign_at{0}, last_sign_at{0};

    const Order* order() const { return std::get_if<Order>(&demand); }
    const Job* job() const { return std::get_if<Job>(&demand); }
    const std::string& id() const;
    const VmId& vm() const;
    const CaseId& case_id() const;
    /// The name of the set that this operation makes, when it makes one.
    EvidenceId set_id() const;
    /// Whether it may copy a running VM.
    bool copies() const;
    /// Whether it scans a running VM: its backup job serves disks and copies nothing.
    bool scans_live() const;
};

/// Folds one entry of the operation's journal; `now` is the monotonic time at which it is read or was written.
void apply(Operation& operation, const JournalEntry& entry, Milliseconds now);

/// Pure and exhaustive.
Step next_step(const Operation& operation, const Observation& seen, const Patience& patience, Milliseconds now);

/// Judges an error of an act: changes the operation's own memory (retry later, this way is closed) or gives up.
std::optional<GiveUp> after_failure(Operation& operation, const Do& step, const Error& error, const Patience& patience, Milliseconds now);

/// Remembers what was seen of the health of a VM that was given back.
void see_sign(Operation& operation, HealthSign sign, Milliseconds now);

/// Remembers how far the operation's running backup has come. One that copies nothing for `copy_stands` is broken: a daemon
/// that dies at the end of a copy may take it for running ever after. True when it was found out now.
bool see_copy(Operation& operation, const Observation& seen, const Patience& patience, Milliseconds now);

/// Acts that change nothing about a VM's state: they have no intent.
bool only_looks(Act act);

/// Acts that are not journaled at all: the canary's proof and a sign of health say something of their moment only, and a
/// console's password is made anew after a restart.
bool of_the_moment(Act act);

/// The key of `done` and `failures`.
std::string key_of(const Do& step);

/// What `Act::lock` writes down of the VM, as a release needs it.
LockRecord lock_record(const Operation& op, const Observation& seen, Instant now);

}  // namespace bailiff::agent

template <>
struct bailiff::Names<bailiff::agent::Act> {
    using Act = bailiff::agent::Act;
    static constexpr std::string_view what = "act";
    static constexpr std::array table{
        std::pair{Act::lock, std::string_view("lock")},
        std::pair{Act::prove_gate, std::string_view("prove_gate")},
        std::pair{Act::autostart_off, std::string_view("autostart_off")},
        std::pair{Act::ask_agent, std::string_view("ask_agent")},
        std::pair{Act::ask_acpi, std::string_view("ask_acpi")},
        std::pair{Act::end_gracefully, std::string_view("end_gracefully")},
        std::pair{Act::kill, std::string_view("kill")},
        std::pair{Act::links_down, std::string_view("links_down")},
        std::pair{Act::links_up, std::string_view("links_up")},
        std::pair{Act::limit_on, std::string_view("limit_on")},
        std::pair{Act::open_console, std::string_view("open_console")},
        std::pair{Act::freeze, std::string_view("freeze")},
        std::pair{Act::verify_evidence, std::string_view("verify_evidence")},
        std::pair{Act::create_overlay, std::string_view("create_overlay")},
        std::pair{Act::copy_nvram, std::string_view("copy_nvram")},
        std::pair{Act::permit, std::string_view("permit")},
        std::pair{Act::start_quarantined, std::string_view("start_quarantined")},
        std::pair{Act::revoke, std::string_view("revoke")},
        std::pair{Act::scan, std::string_view("scan")},
        std::pair{Act::clean, std::string_view("clean")},
        std::pair{Act::commit, std::string_view("commit")},
        std::pair{Act::drop, std::string_view("drop")},
        std::pair{Act::compare_definition, std::string_view("compare_definition")},
        std::pair{Act::autostart_on, std::string_view("autostart_on")},
        std::pair{Act::unlock, std::string_view("unlock")},
        std::pair{Act::start, std::string_view("start")},
        std::pair{Act::prepare_backup, std::string_view("prepare_backup")},
        std::pair{Act::pause, std::string_view("pause")},
        std::pair{Act::dump_memory, std::string_view("dump_memory")},
        std::pair{Act::begin_backup, std::string_view("begin_backup")},
        std::pair{Act::thaw, std::string_view("thaw")},
        std::pair{Act::resume, std::string_view("resume")},
        std::pair{Act::store_backup, std::string_view("store_backup")},
        std::pair{Act::abort_backup, std::string_view("abort_backup")},
        std::pair{Act::rescan, std::string_view("rescan")},
        std::pair{Act::check_health, std::string_view("check_health")},
        std::pair{Act::put_back, std::string_view("put_back")},
        std::pair{Act::scan_live, std::string_view("scan_live")}};
};
