// SPDX-License-Identifier: Apache-2.0
// Events as JSON of somebody's own: what security systems export. Their members are named as the columns of tables are, so
// they are written as a table and read as one; only what is nested or listed has to be laid flat before.
#include "controller/intake/csv_table.hpp"
#include "controller/intake/fields.hpp"
#include "controller/intake/formats.hpp"

#include <bailiff/clean_text.hpp>
#include <bailiff/json.hpp>

#include <algorithm>
#include <array>
#include <map>

namespace bailiff {
namespace {

constexpr size_t most_columns = 200;

using FlatRow = std::map<std::string, std::string>;

/// "sourceIp" -> "source_Ip", so that its words can be told apart as those of "source_ip" are.
std::string in_words(std::string_view name) {
    std::string out;
    for (const char c : name.substr(0, 60)) {
        const bool begins = c >= 'A' && c <= 'Z' && !out.empty() && out.back() >= 'a' && out.back() <= 'z';
        if (begins) out += '_';
        out += c;
    }
    return out;
}

/// Several values of one name stand in one cell, a blank between them.
void set(FlatRow& row, const std::string& name, const std::string& value) {
    if (value.empty() || name.empty() || (row.size() >= most_columns && !row.contains(name))) return;
    auto& at = row[name];
    if (at.size() < 4096) at += (at.empty() ? "" : " ") + value;
}

void flatten(const Json& json, const std::string& name, size_t depth, FlatRow& row) {
    if (json.is_string()) return set(row, name, clean_line(json.get_ref<const std::string&>(), 2048));
    if (json.is_number()) return set(row, name, dump_json(json));
    if (depth == 0 || !json.is_structured()) return;
    if (json.is_array())
        for (const Json& item : json) flatten(item, name, depth - 1, row);
    else
        for (const auto& [key, value] : json.items()) flatten(value, name.empty() ? in_words(key) : name + "." + in_words(key), depth - 1, row);
}

/// In the common schema of log collectors the machine that saw it stands beside the one that did it.
void forget_observers(FlatRow& row) {
    if (!row.contains("@timestamp")) return;
    for (const char* who : {"host.", "agent.", "observer."})
        for (auto at = row.lower_bound(who); at != row.end() && at->first.starts_with(who);) at = row.erase(at);
}

bool is_list_of_objects(const Json& json) { return json.is_array() && !json.empty() && json.front().is_object(); }

/// What stands under such a name was attacked, and is no list of events.
bool names_the_other_end(std::string_view key) {
    constexpr std::array<std::string_view, 10> names{"target", "targets", "destination", "destinations", "dst", "dest", "victim", "victims", "node", "sensor"};
    return std::find(names.begin(), names.end(), lower_case(key)) != names.end();
}

std::string quoted(const std::string& cell) {
    std::string out = "\"";
    for (const char c : cell) {
        if (c == '"') out += '"';
        out += c;
    }
    return out + "\"";
}

std::string as_table(const std::vector<FlatRow>& rows) {
    std::map<std::string, size_t> columns;
    for (const auto& row : rows)
        for (const auto& [name, value] : row)
            if (columns.size() < most_columns) columns.emplace(name, 0);
    if (columns.empty()) return {};
    // What stands first is taken where several columns have one role, and the alphabet is no order of roles: short names first.
    std::vector<std::string> names;
    for (const auto& [name, place] : columns) names.push_back(name);
    std::stable_sort(names.begin(), names.end(), [](const auto& a, const auto& b) { return a.size() < b.size(); });
    std::string out;
    for (const auto& name : names) out += quoted(name) + ",";
    out.back() = '\n';
    for (const auto& row : rows) {
        for (const auto& name : names) {
            const auto cell = row.find(name);
            out += (cell == row.end() ? std::string() : quoted(cell->second)) + ",";
        }
        out.back() = '\n';
    }
    return out;
}

bool read_flat_rows(const std::vector<FlatRow>& rows, std::string_view hint, const ReportLimits& limits, ParsedReport& report) {
    if (rows.empty()) return false;
    const std::string text = as_table(rows);
    const auto table = find_csv_table(text, false);
    if (!table) return false;
    read_rows(*table, text, hint, limits, report);
    report.format = "json";
    return true;
}

/// The objects of a list, each with what its frame says for all of them.
std::vector<FlatRow> rows_of(const Json& list, const FlatRow& frame, size_t most) {
    std::vector<FlatRow> rows;
    for (const Json& item : list) {
        if (!item.is_object()) continue;
        if (rows.size() > most) break;
        FlatRow row;
        flatten(item, "", 6, row);
        forget_observers(row);
        for (const auto& [name, value] : frame) row.emplace(name, value);
        rows.push_back(std::move(row));
    }
    return rows;
}

/// Feeds that are one object, each of its members an event or a list of them under its number or its address.
std::vector<FlatRow> rows_by_key(const Json& json, size_t most) {
    std::vector<FlatRow> rows;
    for (const auto& [key, value] : json.items()) {
        const auto ip = read_address(key);
        const bool number = !key.empty() && key.find_first_not_of("0123456789") == std::string::npos;
        if ((!ip && !number) || !(value.is_object() || is_list_of_objects(value))) return {};
        for (auto& row : rows_of(value.is_object() ? Json::array({value}) : value, {}, most)) {
            if (ip) row.emplace("ip", *ip);
            if (rows.size() <= most) rows.push_back(std::move(row));
        }
    }
    return rows;
}

bool read_object(const Json& json, std::string_view hint, const ReportLimits& limits, ParsedReport& report) {
    if (read_flat_rows(rows_by_key(json, limits.events), hint, limits, report)) return true;
    FlatRow whole, frame;
    flatten(json, "", 6, whole);
    forget_observers(whole);
    std::vector<std::pair<std::string, std::string>> fields;
    for (const auto& [name, value] : json.items())
        if (value.is_string() || value.is_number())
            fields.emplace_back(lower_case(name), clean_line(value.is_string() ? value.get<std::string>() : dump_json(value), 2048));
    if (read_xarf_fields(fields, hint, report)) return true;
    for (const auto& [key, value] : json.items())
        if (names_the_other_end(key) || !(value.is_object() || is_list_of_objects(value))) flatten(value, in_words(key), 4, frame);
    for (const auto& [key, value] : json.items())
        if (is_list_of_objects(value) && !names_the_other_end(key) && read_flat_rows(rows_of(value, frame, limits.events), hint, limits, report)) return true;
    return read_flat_rows({whole}, hint, limits, report);
}

}  // namespace

bool read_json_events(std::string_view text, std::string_view hint, const ReportLimits& limits, ParsedReport& report) {
    text = trimmed(text);
    const JsonLimits json_limits{limits.bytes, 32};
    if (const auto whole = parse_json(text, json_limits)) {
        if (whole->is_object()) return read_object(*whole, hint, limits, report);
        return is_list_of_objects(*whole) && read_flat_rows(rows_of(*whole, {}, limits.events), hint, limits, report);
    }
    // One object per line.
    std::vector<FlatRow> rows;
    for (size_t at = 0; at < text.size() && rows.size() <= limits.events;) {
        const size_t end = std::min(text.find('\n', at), text.size());
        const auto line = trimmed(text.substr(at, end - at));
        at = end + 1;
        if (line.empty()) continue;
        const auto one = line.starts_with('{') ? parse_json(line, json_limits) : Result<Json>(fail(Errc::invalid, "no object"));
        // JSON that is broken in its first line is no list of lines.
        if (!one && rows.empty()) return false;
        if (!one) continue;
        rows.emplace_back();
        flatten(*one, "", 6, rows.back());
        forget_observers(rows.back());
    }
    return read_flat_rows(rows, hint, limits, report);
}

}  // namespace bailiff
