// SPDX-License-Identifier: Apache-2.0
// Feedback reports (RFC 5965), authentication failure reports (RFC 6591), and the X-ARF mails that came before JSON.
#include "controller/intake/fields.hpp"
#include "controller/intake/formats.hpp"

#include <bailiff/clean_text.hpp>

namespace bailiff {
namespace {

std::string first_of(const Fields& fields, std::initializer_list<std::string_view> keys, size_t most = 1024) {
    for (const auto key : keys)
        if (const auto value = field(fields, key); !value.empty()) return clean_line(value, most);
    return {};
}

}  // namespace

bool read_feedback_report(std::string_view text, ParsedReport& report) {
    const Fields fields = read_fields(text);
    if (field(fields, "feedback-type").empty()) return false;
    ReportedEvent event;
    event.category_raw = "feedback-report";
    event.type_raw = first_of(fields, {"feedback-type"}, 60);
    const std::string type = lower_case(event.type_raw);
    const bool about_authentication = type == "auth-failure" || type == "dkim";
    report.format = about_authentication ? "arf-auth-failure" : "arf";
    const auto decide = [&](std::string why) {
        if (!report.triage) report.triage = std::move(why);
    };
    if (about_authentication) {
        event.abuse = false;
        event.type = "auth_failure";
        decide("The report says that a mail failed authentication (RFC 6591); that is no abuse by a machine of ours. Pass it to whoever runs the mail.");
    } else if (type == "abuse") {
        event.category = "messaging";
        event.type = "spam";
    } else if (type == "fraud") {
        event.category = "content";
        event.type = "fraud";
    } else if (type == "virus") {
        event.category = "content";
        event.type = "malware";
    } else {
        event.abuse = type != "not-spam" && type != "opt-out" && type != "opt-out-list";
        decide("The feedback type '" + event.type_raw + "' does not say what abuse it is; a person decides.");
    }
    const auto ip = read_address(field(fields, "source-ip"));
    if (ip) event.source.ip = *ip;
    else if (!field(fields, "source-ip").empty())
        decide("The source '" + clean_line(field(fields, "source-ip"), 80) + "' is no address; find the machine by hand.");
    else
        decide("The report names no source address; choose the machine by hand from what its text names.");
    event.source.port = read_port(field(fields, "source-port"));
    event.report_id = first_of(fields, {"original-envelope-id"}, 200);
    read_observed_at(first_of(fields, {"arrival-date", "received-date"}), event, report.warnings);
    const std::string from = first_of(fields, {"original-mail-from"}, 200), domain = first_of(fields, {"reported-domain"}, 200);
    event.summary = "A mail" + (from.empty() ? std::string() : " from " + from) + (domain.empty() ? "" : " (" + domain + ")") +
                    (about_authentication ? " failed authentication." : " was reported as " + type + ".");
    const std::string uri = first_of(fields, {"reported-uri"}, 2048);
    if (looks_like_url(uri)) event.source.url = uri;
    if (!event.observed_at) warn(report, "The report does not say when it was observed.");
    report.events.push_back(std::move(event));
    return true;
}

bool read_xarf_fields(std::string_view text, ParsedReport& report) {
    // The YAML document marks stand alone on their lines and have no colon, so reading fields skips them.
    const Fields fields = read_fields(text.substr(0, 64 * 1024));
    const std::string type = first_of(fields, {"report-type"}, 60), source = first_of(fields, {"source"}, 2048);
    if (type.empty() || (source.empty() && field(fields, "category").empty())) return false;
    report.format = "x-arf";
    ReportedEvent event;
    event.category_raw = first_of(fields, {"category"}, 60);
    event.type_raw = type;
    if (const auto kind = kind_of_word(type)) {
        event.category = kind->first;
        event.type = kind->second;
    } else if (!report.triage) {
        report.triage = "The kind of abuse '" + event.category_raw + "/" + type + "' is not known; choose it by hand.";
    }
    if (source.empty() || !place_identifier(source, event.source)) {
        if (!report.triage) report.triage = "The source '" + clean_line(source, 80) + "' is no address, host name or URL; find the machine by hand.";
    }
    complete_from_url(event.source);
    event.source.port = read_port(first_of(fields, {"source-port"}));
    event.destination.port = read_port(first_of(fields, {"port", "destination-port"}));
    if (const auto ip = read_address(first_of(fields, {"destination"}))) event.destination.ip = *ip;
    event.report_id = first_of(fields, {"report-id"}, 200);
    read_observed_at(first_of(fields, {"date", "occurrence", "timestamp"}), event, report.warnings);
    const std::string service = first_of(fields, {"service"}, 60);
    event.summary = type + (service.empty() ? "" : " on " + service);
    report.reporter.contact = first_of(fields, {"reported-from"}, 200);
    if (!event.observed_at) warn(report, "The report does not say when it was observed.");
    report.events.push_back(std::move(event));
    return true;
}

}  // namespace bailiff
