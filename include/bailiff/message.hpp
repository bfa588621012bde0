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
    friend bool operator==(const Hello&, const Hello&) = default;
};

/// controller -> agent, the answer to Hello.
struct Welcome {
    int64_t epoch = 0;
    Instant now{};
    friend bool operator==(const Welcome&, const Welcome&) = default;
};

/// agent -> controller, every 10 s.
struct Heartbeat {
    Instant now{};
    bool gate_up = false;      ///< the canary was refused at its last run
    int64_t locks = 0;
    int64_t open_operations = 0;
    std::string trouble;       ///< "" or one sentence: libvirt unreachable, disk full
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
    std::vector<Console> consoles;     ///< isolated and quarantined: how the VM is still reached
    std::vector<std::string> plan;     ///< dry-run: the acts that it would take, in order
    friend bool operator==(const OrderAnswer&, const OrderAnswer&) = default;
};

/// One thing a scan found. Paths are bytes of the guest's choosing, escaped as bailiff-scan escapes them.
struct ScanHit {
    std::string path, signature, engine, sha256;
    friend bool operator==(const ScanHit&, const ScanHit&) = default;
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
    friend bool operator==(const JobAnswer&, const JobAnswer&) = default;
};

/// Either direction: these ids are stored durably and need not be sent again.
struct Ack {
    std::vector<std::string> ids;
    friend bool operator==(const Ack&, const Ack&) = default;
};

using Message = std::variant<Hello, Welcome, Heartbeat, InventoryPart, VmEvent, OrderFrame, JobFrame, OrderAnswer, JobAnswer, Ack>;

/// What travels: `{"id": …, "type": …, "body": {…}}`.
struct Frame {
    MessageId id;
    Message message;
    friend bool operator==(const Frame&, const Frame&) = default;
};

namespace codec {

inline Json json_of(const VmRecord& r);
inline Json json_of(const VmDisk& d) {
    return {{"target", d.target}, {"format", d.format}, {"source", d.source}, {"read_only", d.read_only}};
}
inline Json json_of(const VmNic& n) { return {{"mac", n.mac}, {"network", n.network}, {"link_up", n.link_up}}; }
inline Json json_of(const StepTime& s) { return {{"step", s.step}, {"ms", s.milliseconds}}; }
inline Json json_of(const Console& c) {
    return {{"kind", c.kind}, {"address", c.address}, {"password", c.password}, {"until", format_rfc3339(c.until)}};
}
inline Json json_of(const ScanHit& h) {
    return {{"path", h.path}, {"signature", h.signature}, {"engine", h.engine}, {"sha256", h.sha256}};
}
template <class T>
Json list_of(const std::vector<T>& items) {
    Json out = Json::array();
    for (const auto& item : items) out.push_back(json_of(item));
    return out;
}
inline Json json_of(const VmRecord& r) {
    return {{"vm", r.vm.text()}, {"name", r.name}, {"power", name(r.power)}, {"persistent", r.persistent},
            {"autostart", r.autostart}, {"locked", r.locked}, {"state", name(r.state)},
            {"disks", list_of(r.disks)}, {"nics", list_of(r.nics)}};
}
inline Json json_of(const Hello& m) {
    return {{"host", m.host.text()}, {"version", m.version}, {"epoch", m.epoch}, {"seq", m.seq}, {"boot_id", m.boot_id}};
}
inline Json json_of(const Welcome& m) { return {{"epoch", m.epoch}, {"now", format_rfc3339(m.now)}}; }
inline Json json_of(const Heartbeat& m) {
    return {{"now", format_rfc3339(m.now)}, {"gate_up", m.gate_up}, {"locks", m.locks},
            {"open_operations", m.open_operations}, {"trouble", m.trouble}};
}
inline Json json_of(const InventoryPart& m) {
    return {{"generation", m.generation}, {"last", m.last}, {"vms", list_of(m.vms)}};
}
inline Json json_of(const VmEvent& m) {
    return {{"vm", m.vm.text()}, {"what", m.what}, {"at", format_rfc3339(m.at)}, {"text", m.text}};
}
inline Json json_of(const OrderFrame& m) { return {{"envelope", m.envelope}}; }
inline Json json_of(const JobFrame& m) { return {{"envelope", m.envelope}}; }
inline Json json_of(const OrderAnswer& m) {
    return {{"order_id", m.order_id.text()}, {"status", name(m.status)}, {"refusal", name(m.refusal)}, {"text", m.text},
            {"state", name(m.state)}, {"power", name(m.power)}, {"at", format_rfc3339(m.at)}, {"steps", list_of(m.steps)},
            {"consoles", list_of(m.consoles)}, {"plan", m.plan}};
}
inline Json json_of(const JobAnswer& m) {
    return {{"job_id", m.job_id.text()}, {"kind", name(m.kind)}, {"status", name(m.status)}, {"refusal", name(m.refusal)},
            {"text", m.text}, {"at", format_rfc3339(m.at)}, {"percent", m.percent}, {"evidence", m.evidence.text()},
            {"manifest_sha256", m.manifest_sha256}, {"verdict", name(m.verdict)}, {"files", m.files}, {"bytes", m.bytes},
            {"skipped", m.skipped}, {"hits", list_of(m.hits)}, {"steps", list_of(m.steps)},
            {"signatures_at", format_rfc3339(m.signatures_at)}};
}
inline Json json_of(const Ack& m) { return {{"ids", m.ids}}; }

template <class T, class Read>
std::vector<T> read_list(JsonReader& r, const char* field, size_t most, std::vector<Mistake>& mistakes, Read read) {
    std::vector<T> out;
    r.each(field, false, most, [&](const Json& item, const std::string& at) {
        JsonReader one(item, mistakes, at);
        T value;
        read(one, value);
        out.push_back(std::move(value));
    });
    return out;
}
inline constexpr int64_t any = std::numeric_limits<int64_t>::max();

inline void read(JsonReader& r, VmDisk& d) {
    d = {r.text("target", 64), r.text("format", 32), r.optional_text("source"), r.boolean("read_only", false)};
}
inline void read(JsonReader& r, VmNic& n) { n = {r.text("mac", 32), r.optional_text("network", 256), r.boolean("link_up", false, true)}; }
inline void read(JsonReader& r, StepTime& s) { s = {r.text("step", 64), r.integer("ms", 0, any)}; }
inline void read(JsonReader& r, Console& c) {
    c = {r.text("kind", 16), r.text("address", 256), r.optional_text("password", 64), r.instant("until", false)};
}
inline void read(JsonReader& r, ScanHit& h) {
    h = {r.text("path", 32768), r.text("signature", 512), r.text("engine", 64), r.optional_text("sha256", 64)};
}
inline void read(JsonReader& r, VmRecord& v, std::vector<Mistake>& mistakes) {
    v.vm = VmId(r.text("vm", 36));
    v.name = r.text("name", 256);
    v.power = r.word("power", Power::unknown);
    v.persistent = r.boolean("persistent", false, true);
    v.autostart = r.boolean("autostart", false);
    v.locked = r.boolean("locked", false);
    v.state = r.word("state", VmState::running);
    v.disks = read_list<VmDisk>(r, "disks", 256, mistakes, [](JsonReader& one, VmDisk& d) { read(one, d); });
    v.nics = read_list<VmNic>(r, "nics", 256, mistakes, [](JsonReader& one, VmNic& n) { read(one, n); });
}
inline std::vector<StepTime> read_steps(JsonReader& r, std::vector<Mistake>& mistakes) {
    return read_list<StepTime>(r, "steps", 256, mistakes, [](JsonReader& one, StepTime& s) { read(one, s); });
}

inline Message read_message(std::string_view type, JsonReader& r, std::vector<Mistake>& mistakes) {
    if (type == "hello")
        return Hello{HostId(r.text("host", 64)), r.text("version", 64), r.integer("epoch", 0, any), r.integer("seq", 0, any),
                     r.optional_text("boot_id", 64)};
    if (type == "welcome") return Welcome{r.integer("epoch", 0, any), r.instant("now")};
    if (type == "heartbeat")
        return Heartbeat{r.instant("now"), r.boolean("gate_up"), r.integer("locks", 0, any), r.integer("open_operations", 0, any),
                         r.optional_text("trouble")};
    if (type == "inventory") {
        InventoryPart m{r.integer("generation", 0, any), r.boolean("last"), {}};
        m.vms = read_list<VmRecord>(r, "vms", 1000, mistakes, [&](JsonReader& one, VmRecord& v) { read(one, v, mistakes); });
        return m;
    }
    if (type == "vm_event") return VmEvent{VmId(r.text("vm", 36, false)), r.text("what", 64), r.instant("at"), r.optional_text("text")};
    if (type == "order") return OrderFrame{r.text("envelope", 64 * 1024)};
    if (type == "job") return JobFrame{r.text("envelope", 64 * 1024)};
    if (type == "order_answer") {
        OrderAnswer m;
        m.order_id = OrderId(r.text("order_id", 64));
        m.status = r.word("status", AnswerStatus::failed);
        m.refusal = r.word("refusal", Refusal::none, false);
        m.text = r.optional_text("text");
        m.state = r.word("state", VmState::running);
        m.power = r.word("power", Power::unknown);
        m.at = r.instant("at");
        m.steps = read_steps(r, mistakes);
        m.consoles = read_list<Console>(r, "consoles", 16, mistakes, [](JsonReader& one, Console& c) { read(one, c); });
        m.plan = r.texts("plan", false, 256);
        return m;
    }
    if (type == "job_answer") {
        JobAnswer m;
        m.job_id = JobId(r.text("job_id", 64));
        m.kind = r.word("kind", JobKind::scan);
        m.status = r.word("status", AnswerStatus::failed);
        m.refusal = r.word("refusal", Refusal::none, false);
        m.text = r.optional_text("text");
        m.at = r.instant("at");
        m.percent = r.integer("percent", 0, 100, false);
        m.evidence = EvidenceId(r.optional_text("evidence", 128));
        m.manifest_sha256 = r.optional_text("manifest_sha256", 64);
        m.verdict = r.word("verdict", ScanVerdict::incomplete, false);
        m.files = r.integer("files", 0, any, false);
        m.bytes = r.integer("bytes", 0, any, false);
        m.skipped = r.integer("skipped", 0, any, false);
        m.hits = read_list<ScanHit>(r, "hits", 1000, mistakes, [](JsonReader& one, ScanHit& h) { read(one, h); });
        m.steps = read_steps(r, mistakes);
        m.signatures_at = r.instant("signatures_at", false);
        return m;
    }
    if (type == "ack") return Ack{r.texts("ids", true, 10'000)};
    mistakes.push_back({"/type", "'" + std::string(type.substr(0, 60)) + "' is no message type"});
    return Ack{};
}

}  // namespace codec

/// The word that stands in a frame's `type`.
inline std::string_view type_of(const Message& message) {
    static constexpr std::array<std::string_view, std::variant_size_v<Message>> names{
        "hello", "welcome", "heartbeat", "inventory", "vm_event", "order", "job", "order_answer", "job_answer", "ack"};
    return names[message.index()];
}

inline std::string encode(const Frame& frame) {
    return dump_json(Json{{"id", frame.id.text()}, {"type", type_of(frame.message)},
                          {"body", std::visit([](const auto& m) { return codec::json_of(m); }, frame.message)}});
}

inline Result<Frame> decode(std::string_view text) {
    const auto json = parse_json(text, JsonLimits{largest_frame, 16});
    if (!json) return fail(json.error());
    std::vector<Mistake> mistakes;
    JsonReader read(*json, mistakes);
    Frame out{MessageId(read.text("id", 128)), Ack{}};
    const std::string type = read.text("type", 64);
    if (auto body = read.object("body")) out.message = codec::read_message(type, *body, mistakes);
    if (!mistakes.empty()) return fail(Errc::invalid, "a frame that cannot be read: " + describe(mistakes, 5));
    return out;
}

}  // namespace bailiff
