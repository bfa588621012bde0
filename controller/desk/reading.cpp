// SPDX-License-Identifier: Apache-2.0
// Readings as JSON, taken back with suspicion; and what makes two copies of a mail the same.

#include "controller/desk/delivery.hpp"

#include <bailiff/clean_text.hpp>
#include <bailiff/dsse.hpp>

#include <arpa/inet.h>

#include <algorithm>

namespace bailiff {
namespace {

constexpr size_t most_events = 20'000, most_notes = 200;
constexpr size_t word = 128, line = 512, paragraph = 4096, most_reply = 16 << 10;

/// Digits, dots and colons that the system itself takes for an address, and nothing else.
bool is_address(const std::string& text) {
    unsigned char bytes[16];
    return inet_pton(AF_INET, text.c_str(), bytes) == 1 || inet_pton(AF_INET6, text.c_str(), bytes) == 1;
}

ReadEvent event_from(const Json& json, std::vector<Mistake>& mistakes, const std::string& pointer) {
    JsonReader read(json, mistakes, pointer);
    ReadEvent out;
    out.type = clean_line(read.optional_text("type", word), word);
    out.address = read.optional_text("address", 64);
    out.place = clean_line(read.optional_text("place", line), line);
    out.number = clean_line(read.optional_text("number", word), word);
    out.summary = clean_block(read.optional_text("summary", paragraph), paragraph);
    out.observed_at = read.instant("observed_at", false);
    out.abuse = read.boolean("abuse", false, true);
    out.port = read.integer("port", 0, 65535, false);
    read.finish();
    if (!out.address.empty() && !is_address(out.address)) read.mistake("address", "is no address");
    return out;
}

std::vector<std::string> lines_from(JsonReader& read, const char* field);

ReadReply reply_from(JsonReader& read) {
    ReadReply out;
    out.case_id = clean_line(read.optional_text("case", word), word);
    out.from = clean_line(read.optional_text("from", line), line);
    out.proven = read.boolean("proven", false);
    out.automatic = read.boolean("automatic", false);
    out.by_reference = read.boolean("by_reference", false);
    out.text = clean_block(read.optional_text("text", most_reply), most_reply);
    out.attachments = lines_from(read, "attachments");
    out.token = clean_line(read.optional_text("token", word), word);
    if (out.case_id.empty() && out.token.empty()) read.mistake("case", "is missing, and so is the token of an address");
    read.finish();
    return out;
}

ReadSender sender_from(JsonReader& read) {
    ReadSender out;
    out.from = clean_line(read.optional_text("from", line), line);
    out.reply_to = clean_line(read.optional_text("reply_to", line), line);
    out.contact = clean_line(read.optional_text("contact", line), line);
    out.proven = read.boolean("proven", false);
    out.automatic = read.boolean("automatic", false, true);
    read.finish();
    return out;
}

ReadBounce bounce_from(JsonReader& read) {
    ReadBounce out;
    out.message_id = clean_line(read.text("message_id", line), line);
    out.recipient = clean_line(read.optional_text("recipient", line), line);
    out.status = clean_line(read.optional_text("status", word), word);
    out.text = clean_line(read.optional_text("text", line), line);
    out.final = read.boolean("final", false, false);
    read.finish();
    return out;
}

std::vector<std::string> lines_from(JsonReader& read, const char* field) {
    std::vector<std::string> out;
    read.each(field, false, most_notes, [&](const Json& item, const std::string&) {
        if (item.is_string()) out.push_back(clean_line(item.get<std::string>(), line));
        else read.mistake(field, "must hold texts only");
    });
    return out;
}

}  // namespace

Json to_json(const ReadEvent& e) {
    Json out{{"type", e.type}, {"address", e.address}, {"place", e.place}, {"number", e.number}, {"summary", e.summary}, {"abuse", e.abuse}};
    if (e.observed_at != Instant{}) out["observed_at"] = format_rfc3339(e.observed_at);
    if (e.port != 0) out["port"] = e.port;
    return out;
}

Json to_json(const Reading& r) {
    Json events = Json::array();
    for (const auto& event : r.events) events.push_back(to_json(event));
    Json out{{"format", r.format}, {"subject", r.subject}, {"reporter", r.reporter}, {"events", events}, {"warnings", r.warnings},
             {"addresses", r.addresses}, {"urls", r.urls}, {"triage", r.triage}, {"abuse", r.abuse}};
    if (r.reply)
        out["reply"] = {{"case", r.reply->case_id}, {"from", r.reply->from}, {"proven", r.reply->proven}, {"automatic", r.reply->automatic}, {"by_reference", r.reply->by_reference},
                        {"text", r.reply->text}, {"attachments", r.reply->attachments}, {"token", r.reply->token}};
    if (r.sender)
        out["sender"] = {{"from", r.sender->from}, {"reply_to", r.sender->reply_to}, {"contact", r.sender->contact}, {"proven", r.sender->proven},
                         {"automatic", r.sender->automatic}};
    if (r.bounce)
        out["bounce"] = {{"message_id", r.bounce->message_id}, {"recipient", r.bounce->recipient}, {"status", r.bounce->status}, {"text", r.bounce->text}, {"final", r.bounce->final}};
    if (!r.from.empty()) out["from"] = r.from;
    if (r.proven) out["proven"] = true;
    if (r.automatic) out["automatic"] = true;
    if (!r.words.empty()) out["words"] = r.words;
    return out;
}

Result<std::vector<ReadEvent>> events_from(const Json& json) {
    if (!json.is_array() || json.size() > most_events) return fail(Errc::invalid, "the events are no list, or too many");
    std::vector<Mistake> mistakes;
    std::vector<ReadEvent> out;
    out.reserve(json.size());
    for (const auto& item : json) out.push_back(event_from(item, mistakes, "/" + std::to_string(out.size())));
    if (!mistakes.empty()) return fail(Errc::invalid, describe(mistakes, 3));
    return out;
}

Result<Reading> reading_from(const Json& json) {
    std::vector<Mistake> mistakes;
    JsonReader read(json, mistakes);
    Reading out;
    out.format = clean_line(read.text("format", word), word);
    if (out.format.empty()) out.format = "unknown";
    out.subject = clean_line(read.optional_text("subject", line), line);
    out.reporter = clean_line(read.optional_text("reporter", line), line);
    out.triage = clean_line(read.optional_text("triage", paragraph), paragraph);
    out.abuse = read.boolean("abuse", false, true);
    if (auto reply = read.object("reply", false)) out.reply = reply_from(*reply);
    if (auto sender = read.object("sender", false)) out.sender = sender_from(*sender);
    if (auto bounce = read.object("bounce", false)) out.bounce = bounce_from(*bounce);
    out.from = clean_line(read.optional_text("from", line), line);
    out.proven = read.boolean("proven", false);
    out.automatic = read.boolean("automatic", false);
    out.words = clean_block(read.optional_text("words", most_reply), most_reply);
    out.warnings = lines_from(read, "warnings");
    out.addresses = lines_from(read, "addresses");
    out.urls = lines_from(read, "urls");
    read.each("events", true, most_events, [&](const Json& item, const std::string& pointer) { out.events.push_back(event_from(item, mistakes, pointer)); });
    read.finish();
    if (!mistakes.empty()) return fail(Errc::invalid, describe(mistakes, 3));
    return out;
}

std::string likeness_of(std::string_view mail) {
    std::string plain;
    plain.reserve(mail.size());
    std::copy_if(mail.begin(), mail.end(), std::back_inserter(plain), [](char c) { return c != '\r'; });
    const size_t end = plain.find("\n\n");
    if (end == std::string::npos || end > 256 * 1024) return {};
    constexpr std::string_view field = "message-id:";
    std::string id;
    for (size_t at = 0; at < end;) {
        size_t stop = std::min(plain.find('\n', at), end);
        const bool named = stop - at >= field.size() && std::equal(field.begin(), field.end(), plain.begin() + std::ptrdiff_t(at), [](char a, char b) {
                               return a == (b >= 'A' && b <= 'Z' ? char(b - 'A' + 'a') : b);
                           });
        // A field goes on where the next line begins with a blank.
        while (stop < end && (plain[stop + 1] == ' ' || plain[stop + 1] == '\t')) stop = std::min(plain.find('\n', stop + 1), end);
        if (named) {
            if (!id.empty()) return {};
            id = clean_line(std::string_view(plain).substr(at + field.size(), stop - at - field.size()), 1024);
        }
        at = stop + 1;
    }
    if (id.empty()) return {};
    return sha256_hex(id + "\n" + sha256_hex(std::string_view(plain).substr(end + 2)));
}

}  // namespace bailiff
