// SPDX-License-Identifier: Apache-2.0
// Tables, as Shadowserver and many others send them: columns are found by name, and one bad line never costs the others.
#include "controller/intake/csv_table.hpp"
#include "controller/intake/fields.hpp"
#include "controller/intake/formats.hpp"

#include <bailiff/clean_text.hpp>

#include <algorithm>
#include <tuple>
#include <unordered_set>

namespace bailiff {
namespace {

/// One line's cells under the names of its table's columns.
class Line {
  public:
    Line(const CsvTable& table, const CsvRow& row) : table_(table), row_(row) {}
    std::string at(size_t column, size_t most = 300) const {
        if (column >= row_.size()) return {};
        std::string text = clean_line(row_[column], most);
        if (text.size() > 1 && text.front() == '\'' && text.back() == '\'') text = text.substr(1, text.size() - 2);
        return text;
    }
    /// The cell of the column with this role, where the first names did not have it.
    std::string by(ColumnRole role, std::string found, size_t most = 300) const {
        if (found.empty())
            if (auto text = at(table_.column(role), most); text != "-") return text;
        return found;
    }
    /// The first cell under one of these names that holds anything.
    std::string first(std::initializer_list<const char*> names, size_t most = 300) const {
        for (const char* name : names)
            if (auto text = at(table_.column(name), most); !text.empty() && text != "-") return text;
        return {};
    }

    /// The first that holds an address: "cc" is a country elsewhere.
    std::optional<std::pair<std::string, std::optional<uint16_t>>> endpoint(std::initializer_list<const char*> names) const {
        for (const char* name : names)
            if (auto found = read_endpoint(at(table_.column(name)))) return found;
        return std::nullopt;
    }

  private:
    const CsvTable& table_;
    const CsvRow& row_;
};

/// What programs write where they have nothing to say.
bool no_value(std::string_view text) {
    const std::string word = text.size() > 5 ? std::string() : lower_case(text);
    return text.empty() || word == "-" || word == "null" || word == "none" || word == "n/a";
}

/// Date and time can stand in two columns, and the zone in a third or in the header's own words.
std::string time_of(const CsvTable& table, const Line& line) {
    std::string text = line.at(table.time, 100), zone_of_column = table.zone;
    for (auto other = table.other_times.begin(); no_value(text) && other != table.other_times.end(); ++other)
        text = line.at(other->first, 100), zone_of_column = other->second;
    if (no_value(text)) return {};
    if (table.date != CsvTable::absent && text.find_first_of("-/.") == std::string::npos) text = line.at(table.date, 60) + " " + text;
    const std::string zone = line.first({"timezone", "time_zone", "tz", "utc_offset"}, 20);
    if (!zone.empty()) return text + " " + zone;
    const auto read = zone_of_column.empty() ? std::nullopt : read_time(text);
    return read && !read->zone_minutes ? text + " " + zone_of_column : text;
}

/// "/header.php" of host "example.com" becomes the URL that it is.
std::string url_of(const Line& line) {
    const std::string text = refanged(line.by(
        ColumnRole::url,
        line.first({"url", "source_url", "src_url", "malicious_url", "phishing_url", "phishing", "uri", "http_referer", "link", "download_url"}, 2048), 2048));
    if (text.empty() || looks_like_url(text)) return text;
    const std::string host = lower_case(line.first({"http_host", "host", "source_fqdn", "domain", "domain_name"}, 253));
    if (!looks_like_host(host) || text.find(' ') != std::string::npos) return {};
    const std::string scheme = lower_case(line.first({"application", "scheme", "protocol_application"}, 20)) == "https" ? "https://" : "http://";
    return scheme + host + (text.starts_with('/') ? "" : "/") + text;
}

void place_destination(const Line& line, ReportedEvent& event) {
    auto to = line.endpoint({"dst_ip", "destination_ip", "dest_ip", "target_ip", "destip", "dstip", "destinationip", "victim_ip", "destination_address",
                             "destination", "zieladresse", "ziel_ip", "tgt", "target", "cc", "cc_ip", "dst", "dip", "daddr", "id_resp_h", "resp_h",
                             "networkdestinationipv4"});
    if (!to) to = read_endpoint(line.by(ColumnRole::destination_ip, {}));
    const auto port = read_port(line.by(ColumnRole::destination_port, line.first({"dst_port", "destination_port", "dest_port", "target_port", "dstport",
                                                                                  "cc_port", "dport", "id_resp_p", "networkdestinationport"})));
    if (to && to->first == event.source.ip) return;
    event.destination.port = port;
    if (!to) return;
    event.destination.ip = to->first;
    if (!event.destination.port) event.destination.port = to->second;
}

/// What the line says itself, else what the file is about, else what its looser words mean.
std::optional<KindPair> kind_of_line(const CsvTable& table, const Line& line, const std::optional<KindPair>& of_table, ReportedEvent& event) {
    const std::string tag = line.first({"tag", "tags", "family"}, 100);
    const auto said = [&](const std::string& word) -> std::optional<KindPair> {
        if (event.type_raw.empty()) event.type_raw = word;
        auto kind = kind_of_word(word);
        if (!kind) kind = kind_of_hint(word);
        if (kind) event.type_raw = word;
        return kind;
    };
    for (const char* name : {"classification_type", "abuse_type", "event_type", "report_type", "incident_type", "attack_type", "threat_type", "threat",
                             "classification", "type", "indicatorthreattype"})
        if (const std::string word = line.at(table.column(name), 60); !word.empty())
            if (auto kind = said(word)) return kind;
    const std::string infection =
        line.first({"infection", "infection_type", "malware", "malware_name", "malware_family", "virusname", "virus", "bot", "botnet", "botname",
                    "bot_name", "malware_printable"}, 60);
    const std::string reason = line.first({"alert_signature", "category", "reason", "title", "abuse", "attack", "service", "event", "alert", "signature", "msg",
                                           "note", "message", "threat_name", "detection_name"},
                                          100);
    for (const auto& word : {infection, tag, reason})
        if (event.type_raw.empty() || event.type_raw == "tcp" || event.type_raw == "udp") event.type_raw = word;
    const std::string& place = table.ip == CsvTable::absent ? std::string() : table.header[table.ip];
    if (place == "cc" || place == "cc_ip") return KindPair{"infrastructure", "botnet"};
    // What malware talks to, and nobody who does.
    if (place == "dst_ip" && !infection.empty()) return KindPair{"infrastructure", "botnet"};
    auto tagged = kind_of_tag(tag);
    // An open service whose tag names a vulnerability is about that.
    if (of_table && of_table->first == "vulnerability" && tagged && tagged->second == "cve") return tagged;
    if (of_table) return of_table;
    if (table.column("c&c") != CsvTable::absent) return KindPair{"infrastructure", "botnet"};
    if (auto kind = kind_of_word(infection)) return kind;
    if (lower_case(infection).find("scan") != std::string::npos)
        if (auto kind = kind_of_hint(infection)) return kind;
    if (!infection.empty()) return KindPair{"connection", "infected_host"};
    // Files at URLs, by their hashes: malware, whatever else they are tagged with.
    const auto has = [&](const char* name) { return table.column(name) != CsvTable::absent; };
    if (!event.source.url.empty() && (has("sha256") || has("md5") || has("sha1"))) return KindPair{"content", "malware"};
    if (tagged) return tagged;
    if (auto kind = kind_of_word(reason)) return kind;
    if (auto kind = kind_of_hint(tag + " " + reason)) return kind;
    if (auto kind = kind_of_tag(reason)) return kind;
    if (const std::string word = line.at(table.column(ColumnRole::kind), 100); !word.empty())
        if (auto kind = said(word)) return kind;
    // Whose list it is can say what it lists.
    if (table.column("source") != table.ip) return kind_of_hint(line.first({"source", "feed_name", "feed", "source_name", "owner_name"}, 100));
    return std::nullopt;
}

struct Tally {
    size_t repeated = 0, networks = 0, zoneless = 0;
    bool kind_missing = false, victims = false;
};

/// Lists of those that were attacked look like lists of those that attack.
bool speaks_of_victims(std::string_view text) {
    const std::string lower = lower_case(text.substr(0, 400));
    for (const char* word : {"dos-victim", "dos_victim", "dos victim", "dos-target", "dos_target", "dos target"})
        if (lower.find(word) != std::string::npos) return true;
    return false;
}

/// False where the line names nothing that could be found.
bool place_source(const CsvTable& table, const Line& line, ReportedEvent& event, Tally& tally) {
    event.source.url = url_of(line);
    const std::string given = line.at(table.ip);
    if (!given.empty() && !place_identifier(given, event.source) && event.source.url.empty()) return false;
    if (!event.source.network.empty()) ++tally.networks;
    // The indicator is a URL; where it is served from stands in another column.
    if (!given.empty() && looks_like_url(event.source.url) && event.source.ip.empty())
        for (const size_t column : table.sources)
            if (const auto ip = read_address(line.at(column)); ip && event.source.ip.empty()) event.source.ip = *ip;
    if (event.source.ip.empty() && event.source.network.empty()) {
        complete_from_url(event.source);
        const std::string host = lower_case(line.first({"http_host", "hostname", "host", "source_fqdn", "domain", "domain_name", "fqdn"}, 253));
        if (event.source.host.empty() && event.source.ip.empty() && looks_like_host(host) && !place_identifier(host, event.source)) return false;
    }
    const auto port = read_port(line.by(ColumnRole::source_port, line.first({"src_port", "source_port", "port", "sourceport", "sport", "srcport", "c&c_port",
                                                                             "http_referer_port", "id_orig_p", "networksourceport"})));
    if (port) event.source.port = port;
    // Where only the other end is listed, the port beside it is its own.
    else if (table.ip != CsvTable::absent && table.header[table.ip] == "dst_ip" && !event.source.port) event.source.port = read_port(line.first({"dst_port"}));
    return !(event.source.ip + event.source.network + event.source.host + event.source.url).empty();
}

/// "192.0.2.1 192.0.2.2" in one cell: each is a machine of its own.
std::vector<std::string> further_addresses(const std::string& cell, const std::string& first) {
    std::vector<std::string> out;
    for (size_t at = cell.find_first_of(" ,;|"); at != std::string::npos && out.size() < 20; at = cell.find_first_of(" ,;|", at)) {
        const size_t end = std::min(cell.find_first_of(" ,;|", ++at), cell.size());
        const auto ip = read_address(std::string_view(cell).substr(at, end - at));
        if (ip && *ip != first && std::find(out.begin(), out.end(), *ip) == out.end()) out.push_back(*ip);
    }
    return out;
}

}  // namespace

void read_rows(const CsvTable& table, std::string_view text, std::string_view hint, const ReportLimits& limits, ParsedReport& report) {
    report.format = "csv";
    const auto of_table = kind_of_hint(hint);
    const bool of_victims = speaks_of_victims(hint);
    Tally tally;
    std::unordered_set<std::string_view> seen;
    size_t at = table.first_row, lines = table.lines_before, events = 0;
    while (at < text.size()) {
        const size_t line_number = lines + 1, begin = at;
        const CsvRow row = next_csv_row(text, table.separator, at, lines);
        const std::string_view whole = trimmed(text.substr(begin, at - begin));
        if (whole.empty() || whole.starts_with('#') || is_ruling(whole)) continue;
        const auto odd = [&](const std::string& what) { warn(report, "Line " + std::to_string(line_number) + ": " + what, limits.warnings); };
        if (report.events.size() >= limits.events) {
            need_a_person(report, "The table lists more than " + std::to_string(limits.events) + " events; the rest was not read.");
            break;
        }
        if (!seen.insert(whole).second) {
            ++tally.repeated;
            continue;
        }
        const Line line(table, row);
        ReportedEvent event;
        if (!place_source(table, line, event, tally)) {
            odd("'" + (line.at(table.ip, 60).empty() ? clean_line(whole, 60) : line.at(table.ip, 60)) + "' is no address; the line was passed over.");
            continue;
        }
        if (row.size() != table.header.size() && !(row.size() == table.header.size() + 1 && row.back().empty()) &&
            !(row.size() + 1 == table.header.size() && table.header.back().empty()))
            odd("it has " + std::to_string(row.size()) + " fields instead of " + std::to_string(table.header.size()) + ".");
        place_destination(line, event);
        event.report_id = line.first({"report_id", "event_id", "incident_id", "case_id", "ticket", "rid", "id"}, 200);
        if (event.report_id == "0") event.report_id.clear();
        event.summary = line.first({"description", "event_description_text", "summary", "detail", "infection", "malware", "tag", "message", "comment",
                                    "reason", "signature", "threat"});
        std::vector<std::string> about_time;
        read_observed_at(time_of(table, line), event, about_time);
        // Only the first time without a zone is worth a warning; the others are the same.
        if (!about_time.empty() && (!event.observed_at || tally.zoneless++ == 0)) odd(about_time[0]);
        if (of_victims || speaks_of_victims(line.first({"category", "classification_type", "type"}, 60))) tally.victims = true;
        else if (auto kind = kind_of_line(table, line, of_table, event)) std::tie(event.category, event.type) = std::move(*kind);
        else tally.kind_missing = true;
        const auto others = further_addresses(line.at(table.ip), event.source.ip);
        report.events.push_back(event);
        ++events;
        for (const auto& ip : others) {
            event.source.ip = ip;
            report.events.push_back(event);
        }
    }
    if (tally.repeated > 0) {
        const std::string lines_repeat = tally.repeated == 1 ? " line repeats another" : " lines repeat others";
        warn(report, std::to_string(tally.repeated) + lines_repeat + " exactly and counts once.", limits.warnings);
    }
    if (tally.networks > 0) warn(report, std::to_string(tally.networks) + " of the lines name a whole network instead of an address.", limits.warnings);
    if (events == 0) need_a_person(report, "The table has no line with an address that can be read.");
    else if (tally.victims) need_a_person(report, "The table lists victims of attacks; look whose address is the culprit's, if any.");
    else if (tally.kind_missing) need_a_person(report, "The table does not say what kind of abuse it lists; choose it by hand.");
    if (table.time == CsvTable::absent) warn(report, "The table has no column with the time of observation.");
    if (table.guessed) need_a_person(report, std::string(headerless_table));
}

bool read_csv(std::string_view text, std::string_view hint, const ReportLimits& limits, ParsedReport& report) {
    const auto table = find_csv_table(text);
    if (!table) return false;
    read_rows(*table, text, hint, limits, report);
    return true;
}

}  // namespace bailiff
