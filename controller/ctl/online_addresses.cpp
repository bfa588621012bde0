// SPDX-License-Identifier: Apache-2.0
// `bailiffctl address …`: whose an address was, and the provider's records of it.
#include "controller/ctl/online_commands.hpp"
#include "controller/ctl/online_session.hpp"
#include "controller/ctl/table.hpp"
#include "controller/intake/csv_table.hpp"

#include <algorithm>
#include <array>
#include <fstream>
#include <iterator>

namespace bailiff {
namespace {

/// Rows of one request; the controller takes no more at once.
constexpr size_t rows_at_once = 2000;
constexpr size_t largest_file = 512u << 20, most_mistakes_shown = 50;

/// The rows of a file with the lines on which they stand.
struct RowFile {
    std::vector<Json> rows;
    std::vector<size_t> lines;
    std::string trouble;
};

/// The first line names the columns.
RowFile rows_of_csv(std::string_view text) {
    constexpr std::array<std::string_view, 6> known{"address", "from", "to", "vm", "customer", "ports"};
    RowFile out;
    if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
    const char separator = text.substr(0, text.find('\n')).find(';') != std::string_view::npos ? ';' : ',';
    size_t at = 0, line = 0;
    CsvRow columns = next_csv_row(text, separator, at, line);
    for (auto& column : columns)
        if (std::find(known.begin(), known.end(), column) == known.end()) {
            out.trouble = "line 1 names the column '" + column.substr(0, 60) + "'; there are address, from, to, vm, customer and ports";
            return out;
        }
    while (at < text.size()) {
        const size_t begins = line + 1;
        const CsvRow cells = next_csv_row(text, separator, at, line);
        if (cells.empty() || (cells.size() == 1 && cells[0].empty())) continue;
        Json row = Json::object();
        for (size_t i = 0; i < cells.size() && i < columns.size(); ++i)
            if (!cells[i].empty()) row[columns[i]] = cells[i];
        out.rows.push_back(std::move(row));
        out.lines.push_back(begins);
    }
    return out;
}

RowFile rows_of_json(std::string_view text) {
    RowFile out;
    const auto json = parse_json(text, {largest_file, 8});
    if (!json || !json->is_array()) {
        out.trouble = json ? "a JSON file is a list of {\"address\", \"from\", \"to\", \"vm\", \"customer\", \"ports\"}" : json.error().text;
        return out;
    }
    out.rows.assign(json->begin(), json->end());
    for (size_t i = 0; i < out.rows.size(); ++i) out.lines.push_back(i + 1);
    return out;
}

}  // namespace

ExitCode address_who(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err) {
    Arguments a("Usage: bailiffctl address who ADDRESS [OPTIONS]\n"
                "Whose an address was at a time: which VM, since when, by which source, and how sure that is.\n");
    a.value("at", "TIME", "2026-03-02T05:00:00Z; default now").value("port", "N", "of the address, where ranges of ports belong to VMs");
    return online(a, arguments, {"ADDRESS"}, out, err, [](Session& s) {
        const auto found = s.ask("GET", "/api/v1/addresses/" + url_escaped(s.words[0]) + query_of(s.args, {"at", "port"}));
        if (!found) return s.code();
        if (s.printed(*found)) return exit_ok;
        Table table({"address", shown(*found, "address")});
        table.row({"at", shown(*found, "at")});
        for (const auto& [head, field, inner] : {std::array{"vm", "vm", "name"}, {"vm id", "vm", "id"}, {"host", "vm", "host"}, {"customer", "customer", "id"},
                                                 {"customer name", "customer", "name"}})
            if (const auto text = shown(*found, field, inner); !text.empty()) table.row({head, text});
        table.row({"confidence", shown(*found, "confidence")});
        table.row({"reason", shown(*found, "reason")});
        table.print(s.out);
        const auto history = found->find("history");
        if (history == found->end() || history->empty()) return exit_ok;
        s.out << "\n";
        Table spans({"FROM", "UNTIL", "ADDRESS", "PORTS", "VM", "CUSTOMER", "SOURCE"});
        for (const auto& span : *history) {
            const std::string until = shown(span, "until"), vm = shown(span, "vm_name");
            spans.row({shown(span, "from") + (span.value("earlier", false) ? " or earlier" : ""), until.empty() ? "still" : until, shown(span, "prefix"),
                       shown(span, "ports"), vm.empty() ? shown(span, "vm") : vm, shown(span, "customer"), shown(span, "source")});
        }
        spans.print(s.out);
        return exit_ok;
    });
}

ExitCode address_import(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err) {
    Arguments a(
        "Usage: bailiffctl address import FILE [OPTIONS]\n"
        "Takes over the provider's records of addresses: FILE.csv with a first line of address,from,to,vm,customer,ports, or FILE.json with a\n"
        "list of objects with these fields. `address` may be a prefix, `vm` an id or a name, `to` empty for what still holds. The same line again\n"
        "changes nothing. A line that is wrong is named and passed over; the others are taken.\n");
    a.flag("dry-run", "say what would become of the lines, and change nothing");
    return online(a, arguments, {"FILE"}, out, err, [](Session& s) {
        std::ifstream in(s.words[0], std::ios::binary);
        if (!in) return s.refuse("the file '" + s.words[0] + "' cannot be read");
        const std::string text(std::istreambuf_iterator<char>(in), {});
        if (text.size() > largest_file) return s.refuse("the file '" + s.words[0] + "' is larger than 512 MB; split it");
        const size_t first = text.find_first_not_of(" \t\r\n");
        const RowFile file = first != std::string::npos && text[first] == '[' ? rows_of_json(text) : rows_of_csv(text);
        if (!file.trouble.empty()) return s.refuse("'" + s.words[0] + "': " + file.trouble);
        Json sum{{"dry_run", s.args.flagged("dry-run")}, {"rows", file.rows.size()}, {"mistakes", Json::array()}};
        for (const char* field : {"added", "changed", "unchanged", "unknown_vms", "reports"}) sum[field] = 0;
        for (size_t begin = 0; begin < file.rows.size(); begin += rows_at_once) {
            const size_t end = std::min(begin + rows_at_once, file.rows.size());
            Json rows = Json::array();
            for (size_t i = begin; i < end; ++i) rows.push_back(file.rows[i]);
            const auto answer = s.ask("POST", "/api/v1/addresses/import", {{"dry_run", s.args.flagged("dry-run")}, {"rows", std::move(rows)}});
            if (!answer) {
                if (begin > 0) s.err << "The first " << begin << " rows were taken. Importing the file again changes nothing of them.\n";
                return s.code();
            }
            for (const char* field : {"added", "changed", "unchanged", "unknown_vms", "reports"})
                sum[field] = sum[field].get<int64_t>() + answer->value(field, int64_t{0});
            for (const auto& mistake : answer->value("mistakes", Json::array()))
                sum["mistakes"].push_back({{"line", file.lines[begin + mistake.value("row", size_t{0})]}, {"text", mistake.value("text", "")}});
        }
        const size_t wrong = sum["mistakes"].size();
        if (!s.printed(sum)) {
            s.out << (s.args.flagged("dry-run") ? "Nothing was changed. Of " : "Of ") << file.rows.size() << " rows: " << sum["added"] << " new, "
                  << sum["changed"] << " corrected, " << sum["unchanged"] << " known already, " << wrong << " wrong.\n";
            if (sum["unknown_vms"] != 0) s.out << sum["unknown_vms"] << " name a VM that is not known here yet.\n";
            if (sum["reports"] != 0) s.out << sum["reports"] << " reports in triage are looked at again.\n";
            for (size_t i = 0; i < wrong && i < most_mistakes_shown; ++i)
                s.err << s.words[0] << ":" << shown(sum["mistakes"][i], "line") << ": " << shown(sum["mistakes"][i], "text") << "\n";
            if (wrong > most_mistakes_shown) s.err << "... and " << wrong - most_mistakes_shown << " more; --json lists them all\n";
        }
        return wrong == 0 ? exit_ok : exit_refused;
    });
}

}  // namespace bailiff
