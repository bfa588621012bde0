// SPDX-License-Identifier: Apache-2.0
// See message.hpp: the frames' bodies as JSON, and back.
#include <bailiff/message.hpp>

#include <bailiff/scan_report.hpp>

namespace bailiff {

namespace codec {

Json json_of(const VmDisk& d) {
    return {{"target", d.target}, {"format", d.format}, {"source", d.source}, {"read_only", d.read_only}};
}
Json json_of(const VmNic& n) { return {{"mac", n.mac}, {"network", n.network}, {"link_up", n.link_up}}; }
Json json_of(const VmAddress& a) { return {{"by", name(a.by)}, {"address", a.address}}; }
Json json_of(const StepTime& s) { return {{"step", s.step}, {"ms", s.milliseconds}}; }
Json json_of(const Console& c) {
    return {{"kind", c.kind}, {"address", c.address}, {"password", c.password}, {"until", format_rfc3339(c.until)}};
}
Json json_of(const ScanHit& h) {
    return {{"path", h.path}, {"signature", h.signature}, {"engine", h.engine}, {"sha256", h.sha256}};
}
Json json_of(const ScanSuspicion& s) { return {{"path", s.path}, {"rule", s.rule}, {"reason", s.reason}}; }
Json json_of(const VmRecord& r) {
    return {{"vm", r.vm.text()}, {"name", r.name}, {"power", name(r.power)}, {"persistent", r.persistent},
            {"autostart", r.autostart}, {"locked", r.locked}, {"state", name(r.state)},
            {"disks", list_of(r.disks)}, {"nics", list_of(r.nics)}, {"addresses", list_of(r.addresses)}};
}
Json json_of(const Hello& m) {
    return {{"host", m.host.text()}, {"version", m.version}, {"epoch", m.epoch}, {"seq", m.seq}, {"boot_id", m.boot_id},
            {"host_key", m.host_key}};
}
Json json_of(const Welcome& m) { return {{"epoch", m.epoch}, {"now", format_rfc3339(m.now)}, {"takes", m.takes}}; }
Json json_of(const Heartbeat& m) {
    return {{"now", format_rfc3339(m.now)}, {"gate_up", m.gate_up}, {"locks", m.locks},
            {"open_operations", m.open_operations}, {"trouble", m.trouble}, {"sweep", m.sweep}};
}
Json json_of(const InventoryPart& m) {
    return {{"generation", m.generation}, {"last", m.last}, {"vms", list_of(m.vms)}};
}
Json json_of(const VmEvent& m) {
    return {{"vm", m.vm.text()}, {"what", m.what}, {"at", format_rfc3339(m.at)}, {"text", m.text}};
}
Json json_of(const OrderFrame& m) { return {{"envelope", m.envelope}}; }
Json json_of(const JobFrame& m) { return {{"envelope", m.envelope}}; }
Json json_of(const OrderAnswer& m) {
    return {{"order_id", m.order_id.text()}, {"status", name(m.status)}, {"refusal", name(m.refusal)}, {"text", m.text},
            {"state", name(m.state)}, {"power", name(m.power)}, {"at", format_rfc3339(m.at)}, {"steps", list_of(m.steps)},
            {"consoles", list_of(m.consoles)}, {"plan", m.plan}, {"evidence", m.evidence.text()},
            {"manifest_sha256", m.manifest_sha256}, {"was_running", m.was_running},
            {"scan_report", m.scan_report}, {"scan_report_sha256", m.scan_report_sha256}};
}
Json json_of(const JobAnswer& m) {
    return {{"job_id", m.job_id.text()}, {"kind", name(m.kind)}, {"status", name(m.status)}, {"refusal", name(m.refusal)},
            {"text", m.text}, {"at", format_rfc3339(m.at)}, {"percent", m.percent}, {"evidence", m.evidence.text()},
            {"manifest_sha256", m.manifest_sha256}, {"verdict", name(m.verdict)}, {"files", m.files}, {"bytes", m.bytes},
            {"skipped", m.skipped}, {"hits", list_of(m.hits)}, {"steps", list_of(m.steps)},
            {"signatures_at", format_rfc3339(m.signatures_at)}, {"suspicious", m.suspicious}, {"suspicions", list_of(m.suspicions)},
            {"scan_report", m.scan_report}, {"scan_report_sha256", m.scan_report_sha256}};
}
Json json_of(const EngineSet& e) {
    return {{"engine", e.engine}, {"version", e.version}, {"set", e.set}, {"signatures_at", format_rfc3339(e.signatures_at)}};
}
Json json_of(const Discovery& m) {
    return {{"vm", m.vm.text()}, {"at", format_rfc3339(m.at)}, {"verdict", name(m.verdict)}, {"live", m.live}, {"files", m.files},
            {"bytes", m.bytes}, {"skipped", m.skipped}, {"hits_total", m.hits_total}, {"hits", list_of(m.hits)}, {"engines", list_of(m.engines)}};
}
Json json_of(const Ack& m) { return {{"ids", m.ids}}; }

namespace {

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

void read(JsonReader& r, VmDisk& d) {
    d = {r.text("target", 64), r.text("format", 32), r.optional_text("source"), r.boolean("read_only", false)};
}
void read(JsonReader& r, VmNic& n) { n = {r.text("mac", 32), r.optional_text("network", 256), r.boolean("link_up", false, true)}; }
void read(JsonReader& r, StepTime& s) { s = {r.text("step", 64), r.integer("ms", 0, any)}; }
void read(JsonReader& r, Console& c) {
    c = {r.text("kind", 16), r.text("address", 256), r.optional_text("password", 64), r.instant("until", false)};
}
void read(JsonReader& r, ScanHit& h) {
    h = {r.text("path", 32768), r.text("signature", 512), r.text("engine", 64), r.optional_text("sha256", 64)};
}
void read(JsonReader& r, ScanSuspicion& s) { s = {r.text("path", 32768), r.text("rule", 64), r.text("reason", 2048)}; }
void read(JsonReader& r, EngineSet& e) {
    e = {r.text("engine", 64), r.optional_text("version", 512), r.optional_text("set", 512), r.instant("signatures_at", false)};
}
void read(JsonReader& r, VmRecord& v, std::vector<Mistake>& mistakes) {
    v.vm = VmId(r.text("vm", 36));
    v.name = r.text("name", 256);
    v.power = r.word("power", Power::unknown);
    v.persistent = r.boolean("persistent", false, true);
    v.autostart = r.boolean("autostart", false);
    v.locked = r.boolean("locked", false);
    v.state = r.word("state", VmState::running);
    v.disks = read_list<VmDisk>(r, "disks", 256, mistakes, [](JsonReader& one, VmDisk& d) { read(one, d); });
    v.nics = read_list<VmNic>(r, "nics", 256, mistakes, [](JsonReader& one, VmNic& n) { read(one, n); });
    v.addresses = read_addresses(r, mistakes);
}
std::vector<StepTime> read_steps(JsonReader& r, std::vector<Mistake>& mistakes) {
    return read_list<StepTime>(r, "steps", 256, mistakes, [](JsonReader& one, StepTime& s) { read(one, s); });
}

}  // namespace

std::vector<VmAddress> read_addresses(JsonReader& r, std::vector<Mistake>& mistakes) {
    return read_list<VmAddress>(r, "addresses", most_vm_addresses, mistakes,
                                [](JsonReader& one, VmAddress& a) { a = {one.word("by", KnownBy::enforced), one.text("address", 64)}; });
}

std::vector<Console> read_consoles(JsonReader& r, std::vector<Mistake>& mistakes) {
    return read_list<Console>(r, "consoles", 16, mistakes, [](JsonReader& one, Console& c) { read(one, c); });
}

Discovery read_discovery(JsonReader& r, std::vector<Mistake>& mistakes) {
    Discovery m;
    m.vm = VmId(r.text("vm", 36));
    m.at = r.instant("at");
    m.verdict = r.word("verdict", ScanVerdict::incomplete);
    m.live = r.boolean("live", false);
    m.files = r.integer("files", 0, any, false);
    m.bytes = r.integer("bytes", 0, any, false);
    m.skipped = r.integer("skipped", 0, any, false);
    m.hits_total = r.integer("hits_total", 0, any, false);
    m.hits = read_list<ScanHit>(r, "hits", 1000, mistakes, [](JsonReader& one, ScanHit& h) { read(one, h); });
    m.engines = read_list<EngineSet>(r, "engines", 16, mistakes, [](JsonReader& one, EngineSet& e) { read(one, e); });
    return m;
}

Message read_message(std::string_view type, JsonReader& r, std::vector<Mistake>& mistakes) {
    if (type == "hello")
        return Hello{HostId(r.text("host", 64)), r.text("version", 64), r.integer("epoch", 0, any), r.integer("seq", 0, any),
                     r.optional_text("boot_id", 64), r.optional_text("host_key", 1024)};
    if (type == "welcome") return Welcome{r.integer("epoch", 0, any), r.instant("now"), r.texts("takes", false, 64)};
    if (type == "heartbeat")
        return Heartbeat{r.instant("now"), r.boolean("gate_up"), r.integer("locks", 0, any), r.integer("open_operations", 0, any),
                         r.optional_text("trouble"), r.optional_text("sweep")};
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
        m.consoles = read_consoles(r, mistakes);
        m.plan = r.texts("plan", false, 256);
        m.evidence = EvidenceId(r.optional_text("evidence", 128));
        m.manifest_sha256 = r.optional_text("manifest_sha256", 64);
        m.was_running = r.boolean("was_running", false);
        m.scan_report = r.optional_text("scan_report", largest_scan_report);
        m.scan_report_sha256 = r.optional_text("scan_report_sha256", 64);
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
        m.suspicious = r.integer("suspicious", 0, any, false);
        m.suspicions = read_list<ScanSuspicion>(r, "suspicions", 100, mistakes, [](JsonReader& one, ScanSuspicion& s) { read(one, s); });
        m.scan_report = r.optional_text("scan_report", largest_scan_report);
        m.scan_report_sha256 = r.optional_text("scan_report_sha256", 64);
        return m;
    }
    if (type == discovery_type) return read_discovery(r, mistakes);
    if (type == "ack") return Ack{r.texts("ids", true, 10'000)};
    mistakes.push_back({"/type", "'" + std::string(type.substr(0, 60)) + "' is no message type"});
    return Ack{};
}

}  // namespace codec

std::string_view type_of(const Message& message) {
    static constexpr std::array<std::string_view, std::variant_size_v<Message>> names{
        "hello", "welcome", "heartbeat", "inventory", "vm_event", "order", "job", "order_answer", "job_answer", "ack", discovery_type};
    return names[message.index()];
}

std::string encode(const Frame& frame) {
    return dump_json(Json{{"id", frame.id.text()}, {"type", type_of(frame.message)},
                          {"body", std::visit([](const auto& m) { return codec::json_of(m); }, frame.message)}});
}

Result<Frame> decode(std::string_view text) {
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
