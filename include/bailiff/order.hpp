// SPDX-License-Identifier: Apache-2.0
// An order: the state that a case demands of one VM on one host. One order, one VM: no lists, no selectors, no paths.
// A job: a piece of work on that VM's disks, mostly frozen or powered-off ones. Both travel in a DSSE envelope and are read strictly.
#pragma once

#include <bailiff/id.hpp>
#include <bailiff/json.hpp>
#include <bailiff/names.hpp>
#include <bailiff/time.hpp>
#include <bailiff/vm.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bailiff {

/// The DSSE payload types; a signature over one is no signature over the other.
inline constexpr std::string_view order_payload_type = "application/vnd.bailiff.order.v1+json";
inline constexpr std::string_view job_payload_type = "application/vnd.bailiff.job.v1+json";

/// What evidence the order asks of the host.
enum class EvidenceRule {
    required,      ///< a verified set of the case must lie on the host before it obeys
    not_required,
    first,         ///< the host freezes a set of the running VM before it cuts or ends it: a wiper may watch the link
};

/// Whether a power-off needs the start gate to hold. Without a gate anyone can start the VM again.
enum class GateRule { required, not_required };

/// What tells that a VM given back is well.
enum class Health {
    unchecked,
    steady,        ///< it runs, and did not crash or stop, for the whole span
    guest_agent,   ///< its guest agent answers within the span
    network,       ///< its address shows in a lease or in the neighbour table within the span
};

/// What the agent must find for the order to apply; anything else means that the world moved since it was signed.
enum class Expect { any, running, off, isolated, limited, quarantined };

/// What a job does. `clean` names no paths: it works on what the host's own scan found.
enum class JobKind {
    evidence,  ///< freeze the powered-off VM's disks with a manifest
    scan,      ///< scan the VM's disks, or their overlays where they exist
    clean,     ///< move what scan `scan_job` found out of an overlay, into the evidence set
    revert,    ///< drop the overlays; the disks are as they were at power-off
    guard,     ///< hold the lock of a VM that lives on another host, so that it cannot be started on this one
    unguard,   ///< let go of it
    scan_live, ///< scan the disks of the running VM as they are at one instant; its verdict releases nothing
};

/// Why an agent does not obey. Each check has its own word; the order of the words is the order of the checks.
enum class Refusal {
    none,
    too_large,           ///< over 16 KiB before parsing
    bad_envelope,        ///< not a DSSE envelope
    unknown_key,         ///< no signature by a key that this host trusts
    bad_signature,       ///< a trusted key id, but the signature does not fit the bytes
    wrong_type,          ///< the payload type is not that of an order or job
    malformed,           ///< the payload is not JSON, or too deep
    duplicate_key,       ///< one key twice in an object
    missing_field,
    unknown_field,
    bad_field,           ///< wrong JSON type, unknown word, out of range, float
    other_host,          ///< signed for another host
    stale_epoch,         ///< an older controller generation (restored backup, second controller)
    conflict,            ///< an id seen before, with other content
    replayed,            ///< a sequence number at or below the highest seen
    from_the_future,     ///< issued later than this host's clock allows (60 s)
    expired,             ///< not_after has passed
    bad_window,          ///< not_after before issued_at, or more than 15 minutes after it
    unsupported,         ///< this agent's version or this kind of VM cannot do it
    unknown_vm,          ///< the VM is not on this host
    stale_generation,    ///< a newer order for this VM was seen
    exempt,              ///< on the host's never-touch list
    over_budget,         ///< the host's own ceiling of VMs harmed per hour
    draining,            ///< the host admin drains this agent
    unexpected_state,    ///< `expect` does not hold; the first check that looks at the hypervisor
    gate_down,           ///< the start gate does not hold: a power-off would not last
    no_evidence,         ///< evidence required, and no verified set of this case on the host
    not_verified_clean,  ///< restore demanded without a complete clean verdict newer than the last write
    unhealthy,           ///< given back, and what the order asks of its health was not seen: the only word that comes with the state reached
    dry_run,             ///< the host is in dry-run: checked, planned, not done
};

template <>
struct Names<EvidenceRule> {
    static constexpr std::string_view what = "evidence rule";
    static constexpr std::array table{std::pair{EvidenceRule::required, std::string_view("required")},
                                      std::pair{EvidenceRule::not_required, std::string_view("not_required")},
                                      std::pair{EvidenceRule::first, std::string_view("first")}};
};
template <>
struct Names<GateRule> {
    static constexpr std::string_view what = "gate rule";
    static constexpr std::array table{std::pair{GateRule::required, std::string_view("required")},
                                      std::pair{GateRule::not_required, std::string_view("not_required")}};
};
template <>
struct Names<Health> {
    static constexpr std::string_view what = "health check";
    static constexpr std::array table{
        std::pair{Health::unchecked, std::string_view("unchecked")}, std::pair{Health::steady, std::string_view("steady")},
        std::pair{Health::guest_agent, std::string_view("guest_agent")}, std::pair{Health::network, std::string_view("network")}};
};
template <>
struct Names<Expect> {
    static constexpr std::string_view what = "expected state";
    static constexpr std::array table{
        std::pair{Expect::any, std::string_view("any")},           std::pair{Expect::running, std::string_view("running")},
        std::pair{Expect::off, std::string_view("off")},           std::pair{Expect::isolated, std::string_view("isolated")},
        std::pair{Expect::limited, std::string_view("limited")},   std::pair{Expect::quarantined, std::string_view("quarantined")}};
};
template <>
struct Names<JobKind> {
    static constexpr std::string_view what = "job kind";
    static constexpr std::array table{
        std::pair{JobKind::evidence, std::string_view("evidence")}, std::pair{JobKind::scan, std::string_view("scan")},
        std::pair{JobKind::clean, std::string_view("clean")}, std::pair{JobKind::revert, std::string_view("revert")},
        std::pair{JobKind::guard, std::string_view("guard")}, std::pair{JobKind::unguard, std::string_view("unguard")},
        std::pair{JobKind::scan_live, std::string_view("scan_live")}};
};
template <>
struct Names<Refusal> {
    static constexpr std::string_view what = "refusal";
    static constexpr std::array table{
        std::pair{Refusal::none, std::string_view("none")},
        std::pair{Refusal::too_large, std::string_view("too_large")},
        std::pair{Refusal::bad_envelope, std::string_view("bad_envelope")},
        std::pair{Refusal::unknown_key, std::string_view("unknown_key")},
        std::pair{Refusal::bad_signature, std::string_view("bad_signature")},
        std::pair{Refusal::wrong_type, std::string_view("wrong_type")},
        std::pair{Refusal::malformed, std::string_view("malformed")},
        std::pair{Refusal::duplicate_key, std::string_view("duplicate_key")},
        std::pair{Refusal::missing_field, std::string_view("missing_field")},
        std::pair{Refusal::unknown_field, std::string_view("unknown_field")},
        std::pair{Refusal::bad_field, std::string_view("bad_field")},
        std::pair{Refusal::other_host, std::string_view("other_host")},
        std::pair{Refusal::stale_epoch, std::string_view("stale_epoch")},
        std::pair{Refusal::conflict, std::string_view("conflict")},
        std::pair{Refusal::replayed, std::string_view("replayed")},
        std::pair{Refusal::from_the_future, std::string_view("from_the_future")},
        std::pair{Refusal::expired, std::string_view("expired")},
        std::pair{Refusal::bad_window, std::string_view("bad_window")},
        std::pair{Refusal::unsupported, std::string_view("unsupported")},
        std::pair{Refusal::unknown_vm, std::string_view("unknown_vm")},
        std::pair{Refusal::stale_generation, std::string_view("stale_generation")},
        std::pair{Refusal::exempt, std::string_view("exempt")},
        std::pair{Refusal::over_budget, std::string_view("over_budget")},
        std::pair{Refusal::draining, std::string_view("draining")},
        std::pair{Refusal::unexpected_state, std::string_view("unexpected_state")},
        std::pair{Refusal::gate_down, std::string_view("gate_down")},
        std::pair{Refusal::no_evidence, std::string_view("no_evidence")},
        std::pair{Refusal::not_verified_clean, std::string_view("not_verified_clean")},
        std::pair{Refusal::unhealthy, std::string_view("unhealthy")},
        std::pair{Refusal::dry_run, std::string_view("dry_run")}};
};

/// The longest that an order may live: a harmful act must be fresh (SECURITY.md §3.1).
inline constexpr Seconds longest_order_life{15 * 60};
/// How far two hosts' clocks may differ.
inline constexpr Seconds clock_tolerance{60};

/// What `limited` closes. Plain scalars, since an order has no lists.
struct Limit {
    std::string closed_ports;  ///< "25,465,587": destination ports, TCP and UDP, that the VM cannot reach; ascending, at most 16
    int64_t rate_kbit = 0;     ///< kilobits a second, in each direction, for every NIC; 0 = no cap
    bool empty() const { return closed_ports.empty() && rate_kbit == 0; }
    friend bool operator==(const Limit&, const Limit&) = default;
};

/// The ports of `Limit::closed_ports`; nothing when the text is not ascending numbers from 1 to 65535, at most 16.
std::optional<std::vector<uint16_t>> parse_ports(std::string_view text);

/// The longest that a health check may wait.
inline constexpr int64_t longest_health_seconds = 900;

/// Times are UTC seconds. `vm_generation` fences: a host never obeys a lower one than it has seen for the VM.
struct Order {
    OrderId order_id;         ///< 32 hex digits; the same id acts once
    int64_t epoch = 1;        ///< generation of the controller's database; grows when a backup is restored
    HostId host;
    int64_t seq = 0;          ///< per host, strictly growing over orders and jobs
    VmId vm_uuid;
    int64_t vm_generation = 0;
    CaseId case_id;
    VmState desired = VmState::running;
    EvidenceRule evidence = EvidenceRule::not_required;
    Expect expect = Expect::any;
    std::string policy;       ///< "virus-content/1": for the host's log
    Instant issued_at{};
    Instant not_after{};
    std::string reason;       ///< one sentence for the host admin
    Limit limit;                            ///< limited: what is closed; empty for every other state
    GateRule gate = GateRule::required;     ///< off, quarantined
    bool memory = false;                    ///< evidence first: the guest's memory too
    Health health = Health::unchecked;      ///< running: what must hold after the release
    int64_t health_seconds = 0;
    int64_t signatures_seconds = 0;         ///< running: how old the clean scan's signatures may be; 0 = any age
    bool was_running = false;               ///< off: the VM ran when its case first switched it off, maybe on another host; what a release restores
    JobId accepted_scan{};                  ///< running: the incomplete scan that two people accepted in place of a clean one; empty otherwise
    friend bool operator==(const Order&, const Order&) = default;
};

/// As Order; a job has no generation of its own: it applies to the state of the last order that the host obeyed.
struct Job {
    JobId job_id;
    int64_t epoch = 1;
    HostId host;
    int64_t seq = 0;
    VmId vm_uuid;
    CaseId case_id;
    JobKind kind = JobKind::scan;
    JobId scan_job;           ///< clean: whose hits; empty otherwise
    std::string policy;
    Instant issued_at{};
    Instant not_after{};
    std::string reason;
    bool memory = false;      ///< evidence of a running VM: its memory too, at the same instant as its disks
    friend bool operator==(const Job&, const Job&) = default;
};

/// What strict reading found wrong.
struct RefusedPayload {
    Refusal code;
    std::string text;
};

Json to_json(const Order& o);
Json to_json(const Job& j);

/// Every field present, known, typed and in range; anything else is refused with its own code.
tl::expected<Order, RefusedPayload> parse_order(std::string_view text);
/// An order that this host accepted and journaled, maybe under an earlier version: a field that came later has its nothing.
tl::expected<Order, RefusedPayload> parse_journaled_order(std::string_view text);
tl::expected<Job, RefusedPayload> parse_job(std::string_view text);

}  // namespace bailiff
