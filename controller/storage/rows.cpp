// SPDX-License-Identifier: Apache-2.0
// JSON texts in rows. Orders and jobs are read leniently here: whether a host may obey one is decided by its envelope.
#include "controller/storage/rows.hpp"

#include <bailiff/json.hpp>

#include <charconv>

namespace bailiff {

namespace {
/// Our own rows: large cases and long scan answers are no attack.
constexpr JsonLimits row_limits{64 << 20, 64};

Json read_row(std::string_view text, const char* what) {
    // Written by ourselves: what a stranger's text is searched for costs a third, and is searched for only to say what is wrong.
    Json json = Json::parse(text, nullptr, false);
    if (!json.is_discarded()) return json;
    const auto why = parse_json(text, row_limits);
    unreadable(what, why ? "not valid JSON" : why.error().text);
}
void refuse_mistakes(const char* what, const std::vector<Mistake>& mistakes) {
    if (!mistakes.empty()) unreadable(what, describe(mistakes, 3));
}

template <class Document>
void read_shared(JsonReader& read, Document& out) {
    out.epoch = read.integer("epoch", 0, codec::any);
    out.host = HostId(read.optional_text("host"));
    out.seq = read.integer("seq", 0, codec::any);
    out.vm_uuid = VmId(read.optional_text("vm_uuid"));
    out.case_id = CaseId(read.optional_text("case"));
    out.policy = read.optional_text("policy");
    out.issued_at = read.instant("issued_at");
    out.not_after = read.instant("not_after");
    out.reason = read.optional_text("reason", 1 << 20);
}

template <class Answer>
Answer answer_from(std::string_view text, const char* type) {
    const Json json = read_row(text, "an answer");
    std::vector<Mistake> mistakes;
    JsonReader read(json, mistakes);
    auto message = codec::read_message(type, read, mistakes);
    refuse_mistakes("an answer", mistakes);
    return std::get<Answer>(std::move(message));
}
}  // namespace

std::optional<int64_t> number_of(std::string_view id, char prefix) {
    if (id.size() < 3 || id[0] != prefix || id[1] != '-' || id[2] == '0' || id[2] == '-') return std::nullopt;
    int64_t number = 0;
    const auto [end, error] = std::from_chars(id.data() + 2, id.data() + id.size(), number);
    if (error != std::errc{} || end != id.data() + id.size()) return std::nullopt;
    return number;
}

void unreadable(const std::string& what, const std::string& why) {
    throw StorageOutage(what + " in the database cannot be read (" + why +
                        "); it was changed by hand or by a newer version: run `bailiffctl audit verify`, then restore or update");
}

std::string text_of(const core::Case& c) { return dump_json(core::json_of(c)); }
core::Case case_from(std::string_view text) {
    auto c = core::parse_case(read_row(text, "a case"));
    if (!c) unreadable("a case", c.error().text);
    return std::move(*c);
}
core::HistoryItem item_from(std::string_view text) {
    Json json = read_row(text, "a history item");
    if (json.is_object()) json.erase("case");
    auto item = core::parse_item(json);
    if (!item) unreadable("a history item", item.error().text);
    return std::move(*item);
}

std::string text_of(const core::Deadline& deadline) { return dump_json(Json{{"what", deadline.what}, {"why", deadline.why}}); }
core::Deadline deadline_from(std::string_view text, Instant at) {
    const Json json = read_row(text, "a deadline");
    std::vector<Mistake> mistakes;
    JsonReader read(json, mistakes);
    core::Deadline out{at, read.optional_text("what"), read.texts("why", false)};
    refuse_mistakes("a deadline", mistakes);
    return out;
}

std::string text_of(const Order& order) { return dump_json(to_json(order)); }
Order order_from(std::string_view text) {
    const Json json = read_row(text, "an order");
    std::vector<Mistake> mistakes;
    JsonReader read(json, mistakes);
    Order out;
    read_shared(read, out);
    out.order_id = OrderId(read.optional_text("order_id"));
    out.vm_generation = read.integer("vm_generation", 0, codec::any);
    out.desired = read.word("desired", VmState::running);
    out.evidence = read.word("evidence", EvidenceRule::required);
    out.expect = read.word("expect", Expect::any);
    // Fields that came later: an order stored before them has their nothing.
    out.limit = {read.optional_text("closed_ports"), read.integer("rate_kbit", 0, codec::any, false)};
    out.gate = read.word("gate", GateRule::required, false);
    out.memory = read.boolean("memory", false);
    out.health = read.word("health", Health::unchecked, false);
    out.health_seconds = read.integer("health_seconds", 0, codec::any, false);
    out.signatures_seconds = read.integer("signatures_seconds", 0, codec::any, false);
    out.was_running = read.boolean("was_running", false);
    out.accepted_scan = JobId(read.optional_text("accepted_scan", 32));
    refuse_mistakes("an order", mistakes);
    return out;
}

std::string text_of(const Job& job) { return dump_json(to_json(job)); }
Job job_from(std::string_view text) {
    const Json json = read_row(text, "a job");
    std::vector<Mistake> mistakes;
    JsonReader read(json, mistakes);
    Job out;
    read_shared(read, out);
    out.job_id = JobId(read.optional_text("job_id"));
    out.kind = read.word("kind", JobKind::scan);
    out.scan_job = JobId(read.optional_text("scan_job"));
    out.memory = read.boolean("memory", false);
    refuse_mistakes("a job", mistakes);
    return out;
}

std::string text_of(const OrderAnswer& answer) { return dump_json(codec::json_of(answer)); }
OrderAnswer order_answer_from(std::string_view text) { return answer_from<OrderAnswer>(text, "order_answer"); }
std::string text_of(const JobAnswer& answer) { return dump_json(codec::json_of(answer)); }
JobAnswer job_answer_from(std::string_view text) { return answer_from<JobAnswer>(text, "job_answer"); }

std::string text_of(const std::vector<VmAddress>& addresses) {
    return addresses.empty() ? std::string() : dump_json(Json{{"addresses", codec::list_of(addresses)}});
}
std::vector<VmAddress> host_addresses_from(std::string_view text) {
    if (text.empty()) return {};
    const Json json = read_row(text, "a VM's addresses");
    std::vector<Mistake> mistakes;
    JsonReader read(json, mistakes);
    auto out = codec::read_addresses(read, mistakes);
    refuse_mistakes("a VM's addresses", mistakes);
    return out;
}

std::string waiting_key(const StoredReport& report) {
    if (report.wait == ReportWait::nothing) return {};
    const auto address = parse_address(report.address);
    return address ? key_of(*address) : std::string();
}

bool is_clean_text(std::string_view text) {
    // Ranges of RFC 3629 §4; NUL is left out because PostgreSQL has no place for it.
    for (size_t i = 0; i < text.size();) {
        const auto at = [&](size_t k) { return k < text.size() ? static_cast<unsigned char>(text[k]) : 0u; };
        const unsigned lead = at(i);
        if (lead == 0) return false;
        if (lead < 0x80) {
            ++i;
            continue;
        }
        const size_t more = lead >= 0xC2 && lead <= 0xDF ? 1 : lead >= 0xE0 && lead <= 0xEF ? 2 : lead >= 0xF0 && lead <= 0xF4 ? 3 : 0;
        if (more == 0) return false;
        const unsigned low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
        const unsigned high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
        if (at(i + 1) < low || at(i + 1) > high) return false;
        for (size_t k = 2; k <= more; ++k)
            if (at(i + k) < 0x80 || at(i + k) > 0xBF) return false;
        i += more + 1;
    }
    return true;
}

}  // namespace bailiff
