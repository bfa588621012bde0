// SPDX-License-Identifier: Apache-2.0
// The X-ARF mails that came before JSON, as a list of keys and values in YAML's simplest form; and their likes.
#include "controller/intake/csv_kinds.hpp"
#include "controller/intake/fields.hpp"
#include "controller/intake/formats.hpp"

#include <bailiff/clean_text.hpp>

#include <algorithm>
#include <array>
#include <tuple>

namespace bailiff {
namespace {

std::string first_of(const Fields& fields, std::initializer_list<std::string_view> keys, size_t most = 1024) {
    for (const auto key : keys)
        if (const auto value = field(fields, key); !value.empty()) return clean_line(value, most);
    return {};
}

/// Whether these keys are an X-ARF report, or the list of one incident as C-SIRTs attach it ("ip", "uri", "last_seen").
bool is_document(const Fields& fields, bool marked) {
    const bool source = !first_of(fields, {"source", "source-ip"}).empty();
    if (!field(fields, "report-type").empty() && (source || !field(fields, "category").empty())) return true;
    const bool place = source || !first_of(fields, {"ip", "uri", "url"}).empty();
    return marked && place && !first_of(fields, {"last_seen", "first_seen", "signature", "report-id", "schema-url"}).empty();
}

/// The type's own word; else the service that was attacked; else what the file or the finding is called.
std::optional<KindPair> kind_of_document(const Fields& fields, const std::string& type, std::string_view hint) {
    if (auto kind = kind_of_word(type)) return kind;
    if (auto kind = kind_of_hint(type)) return kind;
    const std::string service = lower_case(first_of(fields, {"service"}, 60));
    constexpr std::array logins{"ssh", "ftp", "imap", "pop3", "sasl", "smtpauth", "mail", "telnet", "rdp", "sip", "bruteforcelogin", "courierauth", "dovecot"};
    if (std::find(logins.begin(), logins.end(), service) != logins.end()) return KindPair{"connection", "login_attack"};
    if (auto kind = kind_of_word(service)) return kind;
    if (auto kind = kind_of_hint(first_of(fields, {"signature"}, 100))) return kind;
    if (auto kind = kind_of_word(first_of(fields, {"category"}, 60))) return kind;
    return type.empty() ? kind_of_hint(hint) : std::nullopt;
}

void read_places(const Fields& fields, ReportedEvent& event, ParsedReport& report) {
    const std::string source = first_of(fields, {"source", "source-ip", "ip", "uri", "url"}, 2048);
    if (!place_identifier(source, event.source))
        need_a_person(report, source.empty() ? std::string("The report names no source; find the machine by hand.")
                                             : "The source '" + clean_line(source, 80) + "' is no address, host name or URL; find the machine by hand.");
    const std::string url = refanged(first_of(fields, {"download-link", "uri", "url", "source-url"}, 2048));
    if (event.source.url.empty() && looks_like_url(url)) event.source.url = url;
    if (event.source.ip.empty())
        if (const auto ip = read_address(first_of(fields, {"ip", "source-ip"}))) event.source.ip = *ip;
    complete_from_url(event.source);
    if (const auto port = read_port(first_of(fields, {"source-port", "download-port"}))) event.source.port = port;
    // "Port" is the attacked one, but where content is reported nobody was attacked: there it is the server's own.
    const auto port = read_port(first_of(fields, {"port"}));
    if (event.category == "content") {
        if (!event.source.port) event.source.port = port;
    } else {
        event.destination.port = port;
    }
    if (const auto there = read_port(first_of(fields, {"destination-port"}))) event.destination.port = there;
    if (const auto ip = read_address(first_of(fields, {"destination", "destination-ip"}))) event.destination.ip = *ip;
}

void read_document(const Fields& fields, std::string_view hint, ParsedReport& report) {
    ReportedEvent event;
    event.category_raw = first_of(fields, {"category"}, 60);
    event.type_raw = first_of(fields, {"report-type", "signature"}, 60);
    if (auto kind = kind_of_document(fields, first_of(fields, {"report-type"}, 60), hint)) std::tie(event.category, event.type) = std::move(*kind);
    else need_a_person(report, "The kind of abuse '" + event.category_raw + "/" + event.type_raw + "' is not known; choose it by hand.");
    read_places(fields, event, report);
    event.report_id = first_of(fields, {"report-id", "id"}, 200);
    read_observed_at(first_of(fields, {"date", "occurrence", "timestamp", "last_seen", "last-seen", "first_seen"}), event, report.warnings);
    const std::string service = first_of(fields, {"service"}, 60);
    event.summary = (event.type_raw.empty() ? "incident" : event.type_raw) + (service.empty() ? "" : " on " + service);
    for (const char* key : {"service", "user-agent", "reported-from", "schema-url", "domain", "signature", "tlp", "feedback-link", "feedback_url",
                            "occurrences"}) {
        std::string name = key;
        std::replace(name.begin(), name.end(), '-', '_');
        if (auto value = first_of(fields, {key}); !value.empty()) event.details.emplace_back(std::move(name), std::move(value));
    }
    if (const auto from = first_of(fields, {"reported-from"}, 200); !from.empty()) report.reporter.contact = from;
    if (!event.observed_at) warn(report, "The report does not say when it was observed.");
    report.events.push_back(std::move(event));
}

}  // namespace

bool read_xarf_fields(const Fields& fields, std::string_view hint, ParsedReport& report) {
    if (!is_document(fields, false)) return false;
    report.format = "x-arf";
    read_document(fields, hint, report);
    return true;
}

bool read_xarf_fields(std::string_view text, std::string_view hint, ParsedReport& report) {
    text = text.substr(0, 256 * 1024);
    bool found = false, marked = false;
    size_t documents = 0;
    // YAML's documents: "---" alone on a line begins one, "..." ends it.
    for (size_t at = 0; at < text.size() && documents < 200; ++documents) {
        size_t end = at, next = text.size();
        bool next_marked = false;
        while (end < text.size()) {
            const size_t line_end = std::min(text.find('\n', end), text.size());
            const auto line = trimmed(text.substr(end, line_end - end));
            if (line == "---" || line == "...") {
                next = std::min(line_end + 1, text.size());
                next_marked = line == "---";
                break;
            }
            end = std::min(line_end + 1, text.size());
        }
        const Fields fields = read_fields(text.substr(at, end - at));
        if (is_document(fields, marked)) {
            if (!found) report.format = "x-arf";
            found = true;
            read_document(fields, hint, report);
        }
        marked = next_marked;
        at = next;
    }
    return found;
}

}  // namespace bailiff
