// SPDX-License-Identifier: Apache-2.0
// Tables with a header line, as Shadowserver and many others send them: columns are found by name, and one bad line
// never costs the others.
#include "controller/intake/fields.hpp"
#include "controller/intake/formats.hpp"

#include <bailiff/clean_text.hpp>

#include <algorithm>
#include <array>

namespace bailiff {
namespace {

using Row = std::vector<std::string>;

/// Reads the next record (RFC 4180: quoted fields may hold separators, quotes and line ends); moves `at` and counts
/// the lines it took.
Row next_row(std::string_view text, char separator, size_t& at, size_t& lines) {
    Row row(1);
    bool quoted = false;
    while (at < text.size()) {
        const char c = text[at++];
        if (quoted) {
            if (c == '"' && at < text.size() && text[at] == '"') row.back() += text[at++];
            else if (c == '"') quoted = false;
            else row.back() += c;
            if (c == '\n') ++lines;
        } else if (c == '"' && row.back().empty()) {
            quoted = true;
        } else if (c == separator) {
            if (row.size() < 500) row.emplace_back();
        } else if (c == '\n') {
            break;
        } else if (c != '\r') {
            row.back() += c;
        }
    }
    ++lines;
    return row;
}

constexpr std::array ip_names{"ip", "src_ip", "source_ip", "sourceip", "srcip", "src", "ip_address", "ipaddress", "address", "source", "source_address"};
constexpr std::array time_names{"timestamp", "time", "date", "datetime", "date_time", "detected_at", "observed_at", "first_seen", "last_seen", "time_utc"};
constexpr std::array kind_names{"type", "abuse_type", "event_type", "classification", "classification_type", "category", "report_type"};
constexpr std::array port_names{"src_port", "source_port", "port"};
constexpr std::array to_ip_names{"dst_ip", "destination_ip", "dest_ip", "target_ip"};
constexpr std::array to_port_names{"dst_port", "destination_port", "dest_port"};
constexpr std::array url_names{"url", "source_url", "http_url"};
constexpr std::array id_names{"report_id", "event_id", "id"};
constexpr std::array what_names{"description", "summary", "detail", "infection", "malware", "tag", "message"};

constexpr size_t absent = static_cast<size_t>(-1);

template <size_t N>
size_t column(const Row& header, const std::array<const char*, N>& names) {
    for (const char* wanted : names)
        for (size_t i = 0; i < header.size(); ++i)
            if (header[i] == wanted) return i;
    return absent;
}

Row header_of(std::string_view text, char& separator, size_t& at, size_t& lines) {
    const std::string_view line = text.substr(0, text.find('\n'));
    separator = ',';
    for (const char candidate : {';', '\t', '|'})
        if (std::count(line.begin(), line.end(), candidate) > std::count(line.begin(), line.end(), separator)) separator = candidate;
    Row header = next_row(text, separator, at, lines);
    for (auto& name : header) {
        name = lower_case(trimmed(name));
        std::replace(name.begin(), name.end(), ' ', '_');
        std::replace(name.begin(), name.end(), '-', '_');
    }
    return header;
}

/// The kind of abuse that a whole table is about, from its file name, as in "2025-01-11-scan_rdp-example-asn.csv".
std::optional<std::pair<std::string, std::string>> kind_of_hint(std::string_view hint) {
    struct Hint {
        const char *part, *category, *type;
    };
    constexpr std::array hints{Hint{"honeypot_brute", "connection", "login_attack"}, Hint{"honeypot_ddos", "connection", "ddos"},
                               Hint{"brute_force", "connection", "login_attack"},    Hint{"ddos", "connection", "ddos"},
                               Hint{"sinkhole", "connection", "infected_host"},      Hint{"drone", "connection", "infected_host"},
                               Hint{"botnet", "infrastructure", "botnet"},           Hint{"infected", "connection", "infected_host"},
                               Hint{"compromised_website", "content", "remote_compromise"},
                               Hint{"phish", "content", "phishing"},                 Hint{"malware_url", "content", "malware"},
                               Hint{"spam", "messaging", "spam"},                    Hint{"blocklist", "reputation", "blocklist"},
                               Hint{"scan_", "vulnerability", "open_service"},       Hint{"scan6_", "vulnerability", "open_service"}};
    const std::string text = lower_case(hint);
    for (const auto& h : hints)
        if (text.find(h.part) != std::string::npos) return std::pair{std::string(h.category), std::string(h.type)};
    return std::nullopt;
}

}  // namespace

bool looks_like_csv(std::string_view text) {
    char separator;
    size_t at = 0, lines = 0;
    text = text.substr(0, 64 * 1024);
    if (text.find('\n') == std::string_view::npos) return false;
    const Row header = header_of(text, separator, at, lines);
    // Names are short single words; prose that happens to have commas is not a header.
    const bool names = std::all_of(header.begin(), header.end(), [](const std::string& name) { return name.size() <= 60 && name.find(':') == std::string::npos; });
    return lines == 1 && header.size() >= 2 && names && column(header, ip_names) != absent;
}

bool read_csv(std::string_view text, std::string_view hint, const ReportLimits& limits, ParsedReport& report) {
    text = text.substr(std::min(text.find_first_not_of("\r\n \t"), text.size()));
    if (!looks_like_csv(text)) return false;
    char separator;
    size_t at = 0, lines = 0;
    const Row header = header_of(text, separator, at, lines);
    const size_t ip = column(header, ip_names), time = column(header, time_names), kind = column(header, kind_names),
                 port = column(header, port_names), to_ip = column(header, to_ip_names), to_port = column(header, to_port_names),
                 url = column(header, url_names), id = column(header, id_names), what = column(header, what_names);
    report.format = "csv";
    const auto table_kind = kind_of_hint(hint);
    bool kind_missing = false;
    const size_t before = report.events.size();
    while (at < text.size()) {
        const size_t line = lines + 1;
        const Row row = next_row(text, separator, at, lines);
        if (row.size() == 1 && trimmed(row[0]).empty()) continue;
        const auto cell = [&](size_t i, size_t most = 300) { return i < row.size() ? clean_line(row[i], most) : std::string(); };
        const auto odd = [&](const std::string& text_) { warn(report, "Line " + std::to_string(line) + ": " + text_, limits.warnings); };
        if (report.events.size() >= limits.events) {
            report.triage = "The table lists more than " + std::to_string(limits.events) + " events; the rest was not read.";
            break;
        }
        ReportedEvent event;
        const auto address = read_address(cell(ip));
        if (!address) {
            odd("'" + cell(ip, 60) + "' is no address; the line was passed over.");
            continue;
        }
        if (row.size() != header.size()) odd("it has " + std::to_string(row.size()) + " fields instead of " + std::to_string(header.size()) + ".");
        event.source.ip = *address;
        event.source.port = read_port(cell(port));
        event.source.url = cell(url, 2048);
        if (const auto to = read_address(cell(to_ip))) event.destination.ip = *to;
        event.destination.port = read_port(cell(to_port));
        event.report_id = cell(id);
        event.summary = cell(what);
        event.type_raw = cell(kind, 60);
        // Only the first time without a zone is worth a warning; the others are the same.
        std::vector<std::string> about_time;
        read_observed_at(cell(time), event, about_time);
        if (!about_time.empty() && (!event.observed_at || report.events.size() == before)) odd(about_time[0]);
        auto found = kind_of_word(event.type_raw);
        if (!found && header[what == absent ? 0 : what] == "infection" && !event.summary.empty()) found = std::pair{std::string("connection"), std::string("infected_host")};
        if (!found) found = table_kind;
        if (found) {
            event.category = found->first;
            event.type = found->second;
        } else {
            kind_missing = true;
        }
        report.events.push_back(std::move(event));
    }
    if (report.events.size() == before) report.triage = "The table has no line with an address that can be read.";
    else if (kind_missing && !report.triage) report.triage = "The table does not say what kind of abuse it lists; choose it by hand.";
    if (time == absent) warn(report, "The table has no column with the time of observation.");
    return true;
}

}  // namespace bailiff
