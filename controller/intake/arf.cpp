// SPDX-License-Identifier: Apache-2.0
// Feedback reports (RFC 5965) and authentication failure reports (RFC 6591).
#include "controller/intake/fields.hpp"
#include "controller/intake/formats.hpp"

#include <bailiff/clean_text.hpp>

#include <algorithm>
#include <array>

namespace bailiff {
namespace {

struct FeedbackKind {
    std::string_view word, category, type;
};
// RFC 5965 §3.1 and §7.3, and the words that feedback loops made up.
constexpr auto feedback_kinds = std::to_array<FeedbackKind>({
    {"abuse", "messaging", "spam"}, {"spam", "messaging", "spam"}, {"complaint", "messaging", "spam"}, {"unsolicited", "messaging", "spam"},
    {"fraud", "content", "fraud"}, {"phishing", "content", "phishing"}, {"phish", "content", "phishing"},
    {"virus", "content", "malware"}, {"malware", "content", "malware"},
});

/// The fields that people look for, under their own names with underscores.
void add_details(const Fields& fields, ReportedEvent& event) {
    constexpr std::array wanted{"user-agent", "version", "original-mail-from", "original-rcpt-to", "original-envelope-id", "reporting-mta", "reported-domain",
                                "reported-uri", "auth-failure", "incidents", "delivery-result", "authentication-results", "dkim-domain", "dkim-identity",
                                "dkim-selector", "abuse-type", "identity-alignment", "removal-recipient", "source"};
    for (const auto& [key, value] : fields) {
        if (value.empty() || event.details.size() >= 100 || std::find(wanted.begin(), wanted.end(), key) == wanted.end()) continue;
        std::string name = key;
        std::replace(name.begin(), name.end(), '-', '_');
        event.details.emplace_back(std::move(name), clean_line(value, 1024));
    }
}

void read_kind(const std::string& type, ReportedEvent& event, ParsedReport& report) {
    const auto kind = std::find_if(feedback_kinds.begin(), feedback_kinds.end(), [&](const auto& k) { return k.word == type; });
    if (report.format == "arf-auth-failure") {
        event.abuse = false;
        event.type = "auth_failure";
        need_a_person(report, "The report says that a mail failed authentication (RFC 6591); that is no abuse by a machine of ours. "
                              "Pass it to whoever runs the mail.");
    } else if (kind != feedback_kinds.end()) {
        event.category = kind->category;
        event.type = kind->type;
    } else {
        event.abuse = type != "not-spam" && type != "opt-out" && type != "opt-out-list";
        need_a_person(report, "The feedback type '" + event.type_raw + "' does not say what abuse it is; a person decides.");
    }
}

void read_source(const Fields& fields, ReportedEvent& event, ParsedReport& report) {
    // RFC 5965's name, then those that loops use instead.
    std::string_view stated;
    for (const char* key : {"source-ip", "source", "source-address", "sourceip", "source-ip-address", "x-originating-ip"})
        if (stated.empty()) stated = field(fields, key);
    if (const auto source = find_endpoint(stated)) {
        event.source.ip = source->first;
        event.source.port = source->second;
    } else if (!stated.empty()) {
        need_a_person(report, "The source '" + clean_line(stated, 80) + "' is no address; find the machine by hand.");
    } else {
        need_a_person(report, "The report names no source address; choose the machine by hand from what its text names.");
    }
    // RFC 5965 §3.2 allows one.
    for (const auto& [key, value] : fields)
        if (const auto other = key == "source-ip" ? find_endpoint(value) : std::nullopt; other && other->first != event.source.ip)
            need_a_person(report, "The report names two sources, " + event.source.ip + " and " + other->first + "; a person decides which is meant.");
    if (const auto port = read_port(field(fields, "source-port"))) event.source.port = port;
}

}  // namespace

bool read_feedback_report(std::string_view text, ParsedReport& report) {
    const Fields fields = read_fields(text);
    // "Feedback-Type: xarf" is an envelope: the report is XARF, in a part of its own.
    if (field(fields, "feedback-type").empty() || lower_case(trimmed(field(fields, "feedback-type"))) == "xarf") return false;
    ReportedEvent event;
    event.category_raw = "feedback-report";
    event.type_raw = clean_line(field(fields, "feedback-type"), 60);
    const std::string type = lower_case(event.type_raw);
    report.format = type == "auth-failure" || type == "dkim" || type == "dmarc" ? "arf-auth-failure" : "arf";
    read_kind(type, event, report);
    read_source(fields, event, report);
    event.report_id = clean_line(field(fields, "original-envelope-id"), 200);
    // The first that can be read; what is odd about the others does not matter then.
    std::vector<std::string> about_time;
    for (const char* key : {"arrival-date", "received-date", "incident-date", "date"}) {
        if (event.observed_at || field(fields, key).empty()) continue;
        about_time.clear();
        read_observed_at(field(fields, key), event, about_time);
    }
    for (auto& text_ : about_time) warn(report, std::move(text_));
    const std::string from = clean_line(field(fields, "original-mail-from"), 200), domain = clean_line(field(fields, "reported-domain"), 200);
    event.summary = "A mail" + (from.empty() ? std::string() : " from " + from) + (domain.empty() ? "" : " (" + domain + ")") +
                    (event.abuse || event.type.empty() ? " was reported as " + type + "." : " failed authentication.");
    const std::string uri = clean_line(field(fields, "reported-uri"), 2048);
    if (looks_like_url(uri)) event.source.url = uri;
    add_details(fields, event);
    if (!event.observed_at) warn(report, "The report does not say when it was observed.");
    report.events.push_back(std::move(event));
    return true;
}

}  // namespace bailiff
