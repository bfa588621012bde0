// SPDX-License-Identifier: Apache-2.0
// Whose addresses were, and who reports them.
#include "tests/scenarios/stage.hpp"

#include <bailiff/dsse.hpp>

#include <algorithm>
#include <utility>

namespace bailiff::test {

/// `key="2026-03-01 09:00"`, in the zone that is shown.
Instant Stage::time_of(const Command& c, const std::string& key, Instant otherwise, Lines& out) const {
    const std::string text = value(c, key);
    if (text.empty()) return otherwise;
    Command time;
    const size_t blank = text.find(' ');
    time.words = {text.substr(0, blank), blank == std::string::npos ? "" : text.substr(blank + 1)};
    return read_time(time, out);
}

void Stage::had(const Command& c, Lines& out) {
    if (c.words.size() < 2) return out.push_back("script: had web1 203.0.113.7 from=\"2026-03-01 09:00\"");
    Json row{{"vm", c.words[0]}, {"address", c.words[1]}, {"from", format_rfc3339(time_of(c, "from", Instant{}, out))}};
    if (!value(c, "until").empty()) row["to"] = format_rfc3339(time_of(c, "until", Instant{}, out));
    if (!value(c, "ports").empty()) row["ports"] = value(c, "ports");
    const auto span = span_from(row, AddressSource::import_, clock_.now());
    if (!span) return out.push_back("error " + span.error().text);
    const auto taken = desk_->take_spans({*span});
    if (!taken) return out.push_back("error " + taken.error().text);
    if (taken->woken > 0) out.push_back(std::to_string(taken->woken) + " reports in triage are looked at again");
    desk_->tick();
}

void Stage::who(const Command& c, Lines& out) {
    const int64_t port = std::strtoll(value(c, "port", "0").c_str(), nullptr, 10);
    const auto found = desk_->locate(c.words.empty() ? "" : c.words[0], port, time_of(c, "at", clock_.now(), out));
    out.push_back((found.vm ? found.vm->name + ", " : "") + std::string(name(found.who.confidence)) + ": " + found.who.reason);
}

/// One record out of a host's inventory: the VM runs there, and these are all addresses that the host knows of it.
void Stage::knows(const Command& c, Lines& out) {
    const auto vm = c.words.size() == 2 ? storage_->vm_by_name(c.words[1]) : std::nullopt;
    if (!vm) return out.push_back("script: knows h1 web1 [enforced=203.0.113.7,...] [lease=...]");
    VmRecord record;
    record.vm = vm->id;
    record.name = vm->name;
    record.power = Power::running;
    for (const KnownBy by : {KnownBy::enforced, KnownBy::lease}) {
        std::string one;
        for (const char letter : value(c, std::string(name(by))) + ",") {
            if (letter != ',') one += letter;
            else if (!one.empty()) record.addresses.push_back({by, std::exchange(one, {})});
        }
    }
    const std::string id = "inventory-" + std::to_string(++answers_);
    desk_->on_frame(HostId(c.words[0]), Frame{MessageId(id), InventoryPart{answers_, false, {record}}});
    desk_->tick();
}

void Stage::mailed(const Command& c, Lines& out) {
    ReadEvent event;
    event.type = c.words.empty() ? "" : c.words[0];
    event.address = value(c, "address");
    event.summary = c.text;
    event.observed_at = time_of(c, "at", clock_.now(), out);
    ReadSender sender;
    sender.from = value(c, "from", "cert@reporter.example");
    sender.proven = std::find(c.words.begin(), c.words.end(), "proven") != c.words.end();
    Reading reading;
    reading.format = "prose";
    reading.reporter = sender.from;
    reading.events = {event};
    reading.sender = sender;
    const std::string bytes = "Subject: mail " + std::to_string(++mailed_) + "\n\n" + c.text;
    const auto got = desk_->receive({bytes, sha256_hex(bytes), "", sender.from, "abuse@provider.example", 0, true, reading}, "staff:intake");
    if (!got) return out.push_back("error " + got.error().text);
    for (const auto& report : storage_->reports_of(got->delivery.id, 10)) {
        if (report.case_id.empty()) out.push_back(report.id.text() + " waits in triage: " + report.triage);
        else last_case_ = report.case_id;
    }
    desk_->tick();
}

void Stage::reporter(const Command& c, Lines& out) {
    const auto standing = parse_name<ReporterStanding>(c.words.size() > 1 ? c.words[1] : "");
    if (!standing) return out.push_back("script: " + standing.error().text);
    const auto done = desk_->judge_reporter(ReporterId(c.words[0]), *standing, c.text, "staff:ravi");
    if (!done) return out.push_back("error " + done.error().text);
}

}  // namespace bailiff::test
