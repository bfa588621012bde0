// SPDX-License-Identifier: Apache-2.0
// The few frames between controller and agent. Each has an id chosen by its sender; answers are delivered at least
// once and deduplicated by id. Unknown *fields* are ignored, so that versions can differ; unknown *words* are errors.
// Prefer adding a new message to changing an existing one.
#pragma once

#include <bailiff/id.hpp>
#include <bailiff/json.hpp>
#include <bailiff/order.hpp>
#include <bailiff/vm.hpp>

#include <string>
#include <variant>
#include <vector>

namespace bailiff {

/// No frame is larger, in either direction (an inventory is sent in parts of at most 500 VMs).
inline constexpr size_t largest_frame = 1 << 20;

/// How far an order or job has come. `done` and `already` both mean that the demanded state holds now.
enum class AnswerStatus {
    accepted,        ///< checked and journaled; work begins
    progress,        ///< jobs only
    done,
    already,         ///< it held before we did anything
    refused,         ///< `refusal` says why; nothing was touched
    failed,          ///< tried and undone; `text` says what stood in the way
    needs_operator,  ///< tried, neither finished nor undone; a person must look at the host
};

template <>
struct Names<AnswerStatus> {
    static constexpr std::string_view what = "answer status";
    static constexpr std::array table{
        std::pair{AnswerStatus::accepted, std::string_view("accepted")}, std::pair{AnswerStatus::progress, std::string_view("progress")},
        std::pair{AnswerStatus::done, std::string_view("done")},         std::pair{AnswerStatus::already, std::string_view("already")},
        std::pair{AnswerStatus::refused, std::string_view("refused")},   std::pair{AnswerStatus::failed, std::string_view("failed")},
        std::pair{AnswerStatus::needs_operator, std::string_view("needs_operator")}};
};

/// What a scan says of a VM. Only `clean` lets a VM come back.
enum class ScanVerdict { clean, infected, incomplete };

template <>
struct Names<ScanVerdict> {
    static constexpr std::string_view what = "scan verdict";
    static constexpr std::array table{std::pair{ScanVerdict::clean, std::string_view("clean")},
                                      std::pair{ScanVerdict::infected, std::string_view("infected")},
                                      std::pair{ScanVerdict::incomplete, std::string_view("incomplete")}};
};

/// agent -> controller, first on every connection.
struct Hello {
    HostId host;
    std::string version;
    int64_t epoch = 0;         ///< highest seen
    int64_t seq = 0;           ///< highest seen in that epoch
    std::string boot_id;
    std::string host_key{};    ///< PEM of the public key that the host signs evidence and scan reports with
    friend bool operator==(const Hello&, const Hello&) = default;
};

/// controller -> agent, the answer to Hello.
struct Welcome {
    int64_t epoch = 0;
    Instant now{};
    /// Types of frames that came after 0.1.0 and that this controller takes: an older one ends the connection over a
    /// type that it does not know, so an agent keeps back what is not named here.
    std::vector<std::string> takes{};
    friend bool operator==(const Welcome&, const Welcome&) = default;
};

/// agent -> controller, every 10 s.
struct Heartbeat {
    Instant now{};
    bool gate_up = false;      ///< the canary was refused at its last run
    int64_t locks = 0;
    int64_t open_operations = 0;
    std::string trouble;       ///< "" or one sentence: libvirt unreachable, disk full
    std::string sweep{};       ///< one sentence: how far the host's own sweep has come; "" from agents without one
    friend bool operator==(const Heartbeat&, const Heartbeat&) = default;
};

/// agent -> controller: VMs of the host. A full inventory comes in parts that share a generation.
struct InventoryPart {
    int64_t generation = 0;
    bool last = true;          ///< VMs of the host that no part of this generation named are gone
    std::vector<VmRecord> vms;
    friend bool operator==(const InventoryPart&, const InventoryPart&) = default;
};

/// agent -> controller: something happened to a VM.
struct VmEvent {
    VmId vm;
    std::string what;          ///< started, stopped, crashed, defined, undefined, migrated, lock_bypassed, gate_down, gate_up
    Instant at{};
    std::string text;
    friend bool operator==(const VmEvent&, const VmEvent&) = default;
};

/// controller -> agent.
struct OrderFrame {
    std::string envelope;      ///< DSSE text
    friend bool operator==(const OrderFrame&, const OrderFrame&) = default;
};
struct JobFrame {
    std::string envelope;
    friend bool operator==(const JobFrame&, const JobFrame&) = default;
};

/// One step of an answer with the time it took.
struct StepTime {
    std::string step;
    int64_t milliseconds = 0;
    friend bool operator==(const StepTime&, const StepTime&) = default;
};

/// How a person reaches the screen or serial line of a VM whose network is cut.
struct Console {
    std::string kind;          ///< vnc, spice, serial
    std::string address;       ///< "127.0.0.1:5901" on the host, or the device of a serial line
    std::string password;      ///< one-time; empty when the console has none
    Instant until{};           ///< when the password ends; 0 = it has no end
    friend bool operator==(const Console&, const Console&) = default;
};

/// agent -> controller.
struct OrderAnswer {
    OrderId order_id;
    AnswerStatus status = AnswerStatus::accepted;
    Refusal refusal = Refusal::none;
    std::string text;          ///< a sentence for staff
    VmState state = VmState::running;  ///< what the agent observes now
    Power power = Power::unknown;
    Instant at{};
    std::vector<StepTime> steps;
    std::vector<Console> consoles{};   ///< isolated and quarantined: how the VM is still reached
    std::vector<std::string> plan{};   ///< dry-run: the acts that it would take, in order
    EvidenceId evidence{};             ///< evidence first: the set that this order froze
    std::string manifest_sha256{};     ///< of that set's manifest
    bool was_running = false;          ///< off: a release by this host would start it
    std::string scan_report{};         ///< running: of the scan after a commit, as in JobAnswer
    std::string scan_report_sha256{};
    friend bool operator==(const OrderAnswer&, const OrderAnswer&) = default;
};

/// One thing a scan found. Paths are bytes of the guest's choosing, escaped as bailiff-scan escapes them.
struct ScanHit {
    std::string path, signature, engine, sha256;
    friend bool operator==(const ScanHit&, const ScanHit&) = default;
};

/// One thing that a scan found odd without knowing it to be malicious: a person should look. It decides nothing.
struct ScanSuspicion {
    std::string path;          ///< escaped like a hit's
    std::string rule, reason;  ///< bailiff-scan's word for the rule, and a sentence with what was seen
    friend bool operator==(const ScanSuspicion&, const ScanSuspicion&) = default;
};

/// agent -> controller. Which of the result fields count depends on the kind of the job.
struct JobAnswer {
    JobId job_id;
    JobKind kind = JobKind::scan;
    AnswerStatus status = AnswerStatus::accepted;
    Refusal refusal = Refusal::none;
    std::string text;
    Instant at{};
    int64_t percent = 0;                               ///< progress: 0-100
    EvidenceId evidence;                               ///< evidence: the set's name
    std::string manifest_sha256;                       ///< evidence: of the manifest file
    ScanVerdict verdict = ScanVerdict::incomplete;     ///< scan
    int64_t files = 0;                                 ///< scan: read. clean: moved away
    int64_t bytes = 0;                                 ///< evidence: stored. scan: read
    int64_t skipped = 0;                               ///< scan: named as not scanned
    std::vector<ScanHit> hits;                         ///< scan: at most 200 of them. clean: what was moved away
    std::vector<StepTime> steps;
    Instant signatures_at{};                           ///< scan: when the engine's signatures were made; 0 = it does not say
    int64_t suspicious = 0;                            ///< scan: how many suspicions there are
    std::vector<ScanSuspicion> suspicions{};           ///< scan: the first 20 of them
    std::string scan_report{};                         ///< scan: the signed report, at most `largest_scan_report`; see scan_report.hpp
    std::string scan_report_sha256{};                  ///< scan: of the whole report's payload
    friend bool operator==(const JobAnswer&, const JobAnswer&) = default;
};

/// Exactly what an engine matched with.
struct EngineSet {
    std::string engine;        ///< "clamav", "yara"
    std::string version;       ///< as the engine itself says
    std::string set;           ///< names exactly what was loaded; "" when that was not proven
    Instant signatures_at{};   ///< when it was made; 0 = it does not say
    friend bool operator==(const EngineSet&, const EngineSet&) = default;
};

/// agent -> controller: the host's own sweep found something in a VM, unasked. Sent until the frame's id is acknowledged.
/// Which host it is says the connection, not the frame.
struct Discovery {
    VmId vm;
    Instant at{};                                      ///< when the scan had ended
    ScanVerdict verdict = ScanVerdict::incomplete;
    bool live = false;                                 ///< of a running VM
    int64_t files = 0, bytes = 0, skipped = 0;         ///< as in a scan's answer
    int64_t hits_total = 0;                            ///< `hits` names at most 200 of them, each content at least once if it can
    std::vector<ScanHit> hits;
    std::vector<EngineSet> engines;
    friend bool operator==(const Discovery&, const Discovery&) = default;
};
/// The word of a discovery's frame: in `type` and in Welcome::takes.
inline constexpr std::string_view discovery_type = "discovery";

/// Either direction: these ids are stored durably and need not be sent again.
struct Ack {
    std::vector<std::string> ids;
    friend bool operator==(const Ack&, const Ack&) = default;
};

using Message = std::variant<Hello, Welcome, Heartbeat, InventoryPart, VmEvent, OrderFrame, JobFrame, OrderAnswer, JobAnswer, Ack, Discovery>;

/// What travels: `{"id": …, "type": …, "body": {…}}`.
struct Frame {
    MessageId id;
    Message message;
    friend bool operator==(const Frame&, const Frame&) = default;
};

/// The bodies of frames as JSON, one by one: for the journal, the database and the API.
namespace codec {

Json json_of(const VmDisk& value);
Json json_of(const VmNic& value);
Json json_of(const VmAddress& value);
Json json_of(const StepTime& value);
Json json_of(const Console& value);
Json json_of(const ScanHit& value);
Json json_of(const ScanSuspicion& value);
Json json_of(const VmRecord& value);
Json json_of(const Hello& value);
Json json_of(const Welcome& value);
Json json_of(const Heartbeat& value);
Json json_of(const InventoryPart& value);
Json json_of(const VmEvent& value);
Json json_of(const OrderFrame& value);
Json json_of(const JobFrame& value);
Json json_of(const OrderAnswer& value);
Json json_of(const JobAnswer& value);
Json json_of(const EngineSet& value);
Json json_of(const Discovery& value);
Json json_of(const Ack& value);
template <class T>
Json list_of(const std::vector<T>& items) {
    Json out = Json::array();
    for (const auto& item : items) out.push_back(json_of(item));
    return out;
}
inline constexpr int64_t any = std::numeric_limits<int64_t>::max();
/// The field `addresses` of a VM's record.
std::vector<VmAddress> read_addresses(JsonReader& r, std::vector<Mistake>& mistakes);
/// The field `consoles` of an answer.
std::vector<Console> read_consoles(JsonReader& r, std::vector<Mistake>& mistakes);
/// The body of a discovery.
Discovery read_discovery(JsonReader& r, std::vector<Mistake>& mistakes);
/// A frame's body of the type `type`; what is wrong with it is added to `mistakes`.
Message read_message(std::string_view type, JsonReader& r, std::vector<Mistake>& mistakes);

}  // namespace codec

/// The word that stands in a frame's `type`.
std::string_view type_of(const Message& message);
std::string encode(const Frame& frame);
Result<Frame> decode(std::string_view text);

}  // namespace bailiff
