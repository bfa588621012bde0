// SPDX-License-Identifier: Apache-2.0
// Finds the header of a table, or what its columns must be where there is none.
#include "controller/intake/csv_table.hpp"

#include "controller/intake/fields.hpp"

#include <algorithm>
#include <array>

namespace bailiff {
namespace {

// In the order of trust: what stands first is the culprit's address wherever it is there.
constexpr std::array address_columns{"ip", "src_ip", "source_ip", "sourceip", "srcip", "ip_address", "ipaddress", "ip_addr", "source_address", "src_addr",
                                     "source_ip_address", "attacker_ip", "attackerip", "attacker", "offending_ip", "abuser_ip", "remote_ip", "remote_addr",
                                     "client_ip", "quelladresse", "quell_adresse", "quell_ip", "quellip", "absender_ip", "host_ip", "infected_ip",
                                     "infringer_ip", "infringing_ip", "networksourceipv4", "ip_source", "ip_src", "ipv4", "ipv6", "src",
                                     "saddr", "id_orig_h", "orig_h", "sip",
                                     "c&c", "http_referer_ip", "attack_src_ip", "address", "source", "ips", "server_inet", "smtp_inet", "server_ip", "cc_ip",
                                     "dst_ip", "cc", "raw_indicator",
                                     "indicator", "ioc", "ioc_value", "observable"};
constexpr std::array time_columns{"timestamp", "time_source", "source_time", "observation_time", "event_timestamp", "detected_at", "observed_at", "time_utc",
                                  "timestamp_utc", "date_time", "datetime", "event_time", "detect_time", "time", "time_stamp", "ts", "last_seen", "lastseen",
                                  "last_seen_utc", "seen", "first_seen", "firstseen", "first_seen_utc", "dateadded", "date_added", "start_time", "starttime",
                                  "created_at", "reported_at", "detection_time", "attack_time", "attack_date", "detected", "date_detected", "detected_on",
                                  "detection_date", "occurred_at", "incident_time", "incident_date", "when", "date", "event_date", "last_updated",
                                  "updated_at", "added_on", "created", "firstreporteddatetime"};
constexpr std::array url_columns{"url", "source_url", "malicious_url", "phishing_url", "uri"};

/// Whether one of the words is among these; `word` ends where the next "_" begins.
template <size_t N>
bool has_word(std::string_view name, const std::array<std::string_view, N>& words) {
    for (size_t at = 0; at <= name.size();) {
        const size_t end = std::min(name.find('_', at), name.size());
        if (std::find(words.begin(), words.end(), name.substr(at, end - at)) != words.end()) return true;
        at = end + 1;
    }
    return false;
}

constexpr std::array<std::string_view, 16> address_words{"ip", "ips", "ipv4", "ipv6", "ip4", "ip6", "addr", "address", "addresses", "ipaddr", "ipaddress",
                                                         "adresse", "direccion", "indirizzo", "endereco", "host"};
constexpr std::array<std::string_view, 30> there_words{"dst", "dest", "destination", "target", "targeted", "victim", "victims", "tgt", "c2", "c2s", "cc", "cnc",
                                                       "honeypot", "sensor", "reporter", "reporting", "local", "ziel", "destino", "destinazione", "cible",
                                                       "daddr", "recipient", "resolver", "gateway", "proxy", "response",
                                                       "observer", "collector", "detector"};
constexpr std::array<std::string_view, 12> time_words{"time", "timestamp", "date", "datetime", "seen", "detected", "observed", "zeit", "zeitstempel", "datum",
                                                      "fecha", "horodatage"};
constexpr std::array<std::string_view, 11> not_time_words{"zone", "timezone", "end", "expires", "count", "duration", "added", "updated", "create", "cease",
                                                          "expiration"};
constexpr std::array<std::string_view, 16> kind_words{"type", "types", "category", "categories", "classification", "threat", "attack", "abuse", "malware",
                                                      "infection",
                                                      "incident", "kind", "typ", "kategorie", "art", "angriffsart"};
constexpr std::array<std::string_view, 13> not_kind_words{"id", "ids", "count", "time", "date", "source", "name", "url", "ip", "port", "hash", "content",
                                                          "mime"};
constexpr std::array<std::string_view, 3> url_words{"url", "uri", "link"};
constexpr std::array<std::string_view, 4> port_words{"port", "sport", "dport", "ports"};

/// The role that a name's words give it. Mail addresses are no addresses; of long names nothing is believed.
std::optional<ColumnRole> role_of(std::string_view name) {
    if (std::count(name.begin(), name.end(), '_') > 3 || name.size() > 40) return std::nullopt;
    const bool there = has_word(name, there_words);
    const bool mail = name.find("mail") != std::string_view::npos || name.find("mac") == 0;
    if (has_word(name, port_words)) return there || name == "dport" ? ColumnRole::destination_port : ColumnRole::source_port;
    if (has_word(name, url_words)) return there ? std::optional<ColumnRole>() : ColumnRole::url;
    if (has_word(name, address_words) && !mail) return there ? ColumnRole::destination_ip : ColumnRole::source_ip;
    if (has_word(name, time_words) && !has_word(name, not_time_words)) return ColumnRole::time;
    if (has_word(name, kind_words) && !has_word(name, not_kind_words)) return ColumnRole::kind;
    return std::nullopt;
}

/// "Timestamp (UTC)" -> "timestamp"; "C&C Port" -> "c&c_port"; "source.ip" -> "source_ip".
std::string column_name(std::string_view given) {
    given = trimmed(given);
    while (!given.empty() && std::string_view("#\"' ").find(given.front()) != std::string_view::npos) given.remove_prefix(1);
    given = given.substr(0, given.find_first_of("(["));
    std::string out;
    for (const char c : lower_case(trimmed(given))) {
        const bool word = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '&' || static_cast<unsigned char>(c) >= 0x80;
        if (word) out += c;
        else if (!out.empty() && out.back() != '_') out += '_';
    }
    while (!out.empty() && out.back() == '_') out.pop_back();
    return out;
}

/// "Timestamp (CET)", "time_utc", "Date [UTC+2]": the zone that a column's own words say.
std::string zone_in(std::string_view name) {
    for (size_t at = 0; at < name.size();) {
        const size_t end = std::min(name.find_first_of(" _()[]", at), name.size());
        const std::string word(name.substr(at, end - at));
        at = end + 1;
        if (word.size() < 2) continue;
        if (const auto read = read_time("2026-01-01 00:00:00 " + word); read && read->zone_minutes) return word;
    }
    return {};
}

template <size_t N>
size_t first_column(const CsvTable& table, const std::array<const char*, N>& names) {
    for (const char* name : names)
        if (const size_t at = table.column(name); at != CsvTable::absent) return at;
    return CsvTable::absent;
}

char separator_of(std::string_view line) {
    char separator = ',';
    for (const char candidate : {';', '\t', '|'})
        if (std::count(line.begin(), line.end(), candidate) > std::count(line.begin(), line.end(), separator)) separator = candidate;
    return separator;
}

/// Whether the line names columns that can be used; fills in the table.
bool take_header(std::string_view line, CsvTable& table) {
    size_t at = 0, lines = 0;
    table.separator = separator_of(line);
    const CsvRow names = next_csv_row(line, table.separator, at, lines);
    if (names.size() < 2 || lines != 1) return false;
    CsvRow plain;
    for (const auto& given : names) {
        const std::string_view name = trimmed(given);
        // Names are short; prose that happens to have commas is not a header.
        if (name.size() > 60 || name.find(':') != std::string_view::npos || std::count(name.begin(), name.end(), ' ') > 5) return false;
        plain.push_back(column_name(name));
    }
    table.name_columns(std::move(plain));
    table.ip = first_column(table, address_columns);
    table.time = first_column(table, time_columns);
    if (table.time == CsvTable::absent) table.time = table.column(ColumnRole::time);
    if (table.ip == CsvTable::absent) table.ip = table.column(ColumnRole::source_ip), table.by_words = table.ip != CsvTable::absent;
    for (const char* name : time_columns)
        if (const size_t other = table.column(name); other != CsvTable::absent && other != table.time)
            table.other_times.emplace_back(other, zone_in(names[other]));
    const bool urls = first_column(table, url_columns) != CsvTable::absent && (table.time != CsvTable::absent || names.size() > 2);
    if (table.ip == CsvTable::absent && !urls) return false;
    if (table.time != CsvTable::absent) {
        table.zone = zone_in(names[table.time]);
        // "Date" and "Time", "event_date" and "event_time": two halves of one.
        const std::string& name = table.header[table.time];
        if (name == "time" || name == "event_time") table.date = table.column(name == "time" ? "date" : "event_date");
    }
    return true;
}

/// "source" and "address" are also what others call who says so, and where it is: a column that holds an address is believed
/// before one of these that holds none.
void distrust_weak_name(std::string_view text, CsvTable& table) {
    if (table.ip == CsvTable::absent || (table.header[table.ip] != "source" && table.header[table.ip] != "address")) return;
    size_t at = table.first_row, lines = 0;
    const CsvRow row = next_csv_row(text, table.separator, at, lines);
    if (table.ip < row.size() && find_endpoint(row[table.ip])) return;
    for (const size_t column : table.sources) {
        if (column == table.ip || column >= row.size() || !find_endpoint(row[column].substr(0, row[column].find(' ')))) continue;
        table.ip = column;
        return;
    }
}

/// Words prove little: the first row has to hold in that column what names say it does. "ip_asn" and "ip_prefix" have the
/// word too, so the first column that holds an address is taken.
bool row_has_place(std::string_view text, CsvTable& table) {
    size_t at = table.first_row, lines = 0;
    CsvRow row;
    while (at < text.size() && lines < 20) {
        row = next_csv_row(text, table.separator, at, lines);
        if (row.size() > 1 && !is_ruling(row[0])) break;
    }
    for (const size_t column : table.sources) {
        ReportedPlace place;
        if (column >= row.size() || row.size() < 2 || !place_identifier(row[column], place) || !place.url.empty()) continue;
        table.ip = column;
        return true;
    }
    return false;
}

/// A column that holds an address in each of the first rows, and one that holds a time; two of the former: nothing.
bool guess_columns(std::string_view text, CsvTable& table) {
    const std::string_view line = text.substr(table.first_row, text.find('\n', table.first_row) - table.first_row);
    table.separator = separator_of(line);
    size_t at = table.first_row, lines = 0, rows = 0, width = 0;
    std::vector<size_t> addresses, times, kinds;
    while (at < text.size() && rows < 20) {
        const CsvRow row = next_csv_row(text, table.separator, at, lines);
        if (row.size() == 1 && trimmed(row[0]).empty()) continue;
        if (row.size() < 2 || (width && row.size() != width)) return false;
        width = row.size();
        addresses.resize(width);
        times.resize(width);
        kinds.resize(width);
        for (size_t i = 0; i < width; ++i) {
            addresses[i] += read_address(row[i]).has_value();
            times[i] += read_time(row[i]).has_value();
            kinds[i] += row[i].size() < 40 && kind_of_word(row[i]).has_value();
        }
        ++rows;
    }
    if (rows == 0 || std::count(addresses.begin(), addresses.end(), rows) != 1) return false;
    CsvRow names(width);
    table.ip = static_cast<size_t>(std::find(addresses.begin(), addresses.end(), rows) - addresses.begin());
    const auto time = std::find(times.begin(), times.end(), rows);
    if (time == times.end()) return false;
    table.time = static_cast<size_t>(time - times.begin());
    names[table.ip] = "ip";
    names[table.time] = "timestamp";
    if (const auto kind = std::find(kinds.begin(), kinds.end(), rows); kind != kinds.end()) names[static_cast<size_t>(kind - kinds.begin())] = "type";
    table.name_columns(std::move(names));
    table.guessed = true;
    return true;
}

}  // namespace

CsvRow next_csv_row(std::string_view text, char separator, size_t& at, size_t& lines) {
    CsvRow row(1);
    bool quoted = false;
    while (at < text.size()) {
        const char c = text[at++];
        if (quoted) {
            if (c == '"' && at < text.size() && text[at] == '"') row.back() += text[at++];
            else if (c == '"') quoted = false;
            else row.back() += c;
            if (c == '\n') ++lines;
        } else if (c == '"' && trimmed(row.back()).empty()) {
            quoted = true;
            row.back().clear();
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

bool is_ruling(std::string_view line) { return line.size() > 2 && line.find_first_not_of("-+=|_: \r\t") == std::string_view::npos; }

void CsvTable::name_columns(CsvRow names) {
    header = std::move(names);
    places.clear();
    roles.fill(absent);
    sources.clear();
    for (size_t i = 0; i < header.size(); ++i) {
        places.emplace(header[i], i);
        const auto role = role_of(header[i]);
        if (role && column(*role) == absent) roles[static_cast<size_t>(*role)] = i;
        if (role == ColumnRole::source_ip) sources.push_back(i);
    }
}

size_t CsvTable::column(std::string_view name) const {
    const auto found = places.find(name);
    return found == places.end() ? absent : found->second;
}

std::optional<CsvTable> find_csv_table(std::string_view text, bool guess) {
    text = text.substr(0, 64 * 1024);
    CsvTable table;
    size_t at = 0;
    CsvTable commented;
    for (size_t line_count = 0; at < text.size() && line_count < 200; ++line_count) {
        const size_t end = std::min(text.find('\n', at), text.size());
        std::string_view line = trimmed(text.substr(at, end - at));
        const size_t next = std::min(end + 1, text.size());
        if (line.empty() || line.starts_with("sep=")) {
            at = next;
            continue;
        }
        if (line.starts_with('#') || line.starts_with("//")) {
            commented = {};
            // Zeek's word before the names is no name.
            if (line.starts_with("#fields\t")) line.remove_prefix(8);
            if (!take_header(line, commented)) commented = {};
            at = next;
            continue;
        }
        table.lines_before = line_count + 1;
        table.first_row = next;
        if (end == text.size()) return std::nullopt;
        if (take_header(line, table) && (!table.by_words || row_has_place(text, table))) {
            distrust_weak_name(text, table);
            return table;
        }
        if (!commented.header.empty()) {
            // abuse.ch and others comment their header out.
            commented.lines_before = line_count;
            commented.first_row = at;
            return commented;
        }
        if (!guess) return std::nullopt;
        table = {};
        table.first_row = at;
        table.lines_before = line_count;
        if (guess_columns(text.substr(0, text.size() == 64 * 1024 ? text.rfind('\n') + 1 : text.size()), table)) return table;
        return std::nullopt;
    }
    return std::nullopt;
}

}  // namespace bailiff
