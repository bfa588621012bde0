// SPDX-License-Identifier: Apache-2.0
// Tables inside a text for people: between commas, tabs or bars, or drawn with blanks.
#include "controller/intake/csv_table.hpp"
#include "controller/intake/fields.hpp"
#include "controller/intake/formats.hpp"

#include <algorithm>

namespace bailiff {
namespace {

/// Lines that look like the header of a table drawn with blanks, of which the first are believed: each costs a look at all that
/// follows, and a text can be made of nothing else.
constexpr size_t most_drawn = 8;

/// Nothing, or a line between the rows: "----", "|---|:--:|".
bool is_drawn(const CsvRow& row) {
    return std::all_of(row.begin(), row.end(), [](const auto& cell) { return trimmed(cell).find_first_not_of("-+=_:| ") == std::string_view::npos; });
}

/// "IP address      Date": the cells of a line, told apart by two blanks or more, between tabs.
std::string spread(std::string_view line) {
    std::string out;
    for (line = trimmed(line); !line.empty();) {
        const size_t gap = std::min(line.find("  "), line.size());
        out += (out.empty() ? "" : "\t") + std::string(line.substr(0, gap));
        line = trimmed(line.substr(gap));
    }
    return out;
}

/// A table drawn with blanks whose header begins at `at`, with tabs instead; empty where a line has other cells than its header.
std::string drawn_with_blanks(std::string_view text, size_t at) {
    std::string out;
    ptrdiff_t tabs = -1;
    while (at < text.size() && out.size() < (1u << 20)) {
        const size_t end = std::min(text.find('\n', at), text.size());
        const std::string_view line = trimmed(text.substr(at, end - at));
        at = end + 1;
        if (line.empty() && tabs >= 0) break;
        if (line.empty() || is_ruling(line)) continue;
        const std::string cells = spread(line);
        const auto here = std::count(cells.begin(), cells.end(), '\t');
        if (tabs < 0) tabs = here;
        if (here != tabs || here == 0) return {};
        out += cells + "\n";
    }
    return out;
}

bool read_table_of_blanks(std::string_view text, size_t at, size_t& drawn, std::string_view hint, const ReportLimits& limits, ParsedReport& report) {
    const std::string_view line = text.substr(at, std::min(text.find('\n', at), text.size()) - at);
    // Most lines with gaps are logs, and those have clock times.
    if (line.find(':') != std::string_view::npos || line.size() > 300 || !find_csv_table(spread(line) + "\n192.0.2.1\t", false)) return false;
    if (++drawn > most_drawn) return false;
    const std::string cells = drawn_with_blanks(text, at);
    const auto table = find_csv_table(cells, false);
    if (!table || table->ip == CsvTable::absent) return false;
    size_t row_at = table->first_row, lines = 0;
    const CsvRow first = next_csv_row(cells, table->separator, row_at, lines);
    if (table->ip >= first.size() || !read_endpoint(first[table->ip])) return false;
    read_rows(*table, cells, hint, limits, report);
    return true;
}

}  // namespace

bool read_inline_table(std::string_view text, std::string_view hint, const ReportLimits& limits, ParsedReport& report) {
    size_t looked_at = 0, drawn = 0;
    for (size_t at = 0; at < text.size() && looked_at < 2000; ++looked_at) {
        const size_t line_end = std::min(text.find('\n', at), text.size());
        std::string_view line = text.substr(at, line_end - at);
        const size_t colon = line.find(':');
        // CERT-Bund: "Format: ASN | IP address | Timestamp (UTC) | ...".
        const size_t label = colon != std::string_view::npos && lower_case(trimmed(line.substr(0, colon))) == "format" ? colon + 1 : 0;
        line.remove_prefix(label);
        const size_t begin = at + label;
        at = line_end + 1;
        if (line.find_first_of(",;|\t") == std::string_view::npos) {
            if (trimmed(line).find("  ") != std::string_view::npos && read_table_of_blanks(text, begin, drawn, hint, limits, report)) return true;
            continue;
        }
        if (line.size() > 4096) continue;
        if (!find_csv_table(text.substr(begin, 8192), false)) continue;
        // The table ends at the first empty line behind its first row.
        size_t end = std::min(line_end + 1, text.size());
        while (end < text.size() && (text[end] == '\n' || text[end] == '\r')) ++end;
        const size_t gap = std::min({text.find("\n\n", end), text.find("\n\r\n", end), text.size()});
        const std::string_view piece = text.substr(begin, gap - begin);
        const auto table = find_csv_table(piece, false);
        if (!table) continue;
        size_t row_at = table->first_row, lines = 0;
        CsvRow first;
        do {
            first = next_csv_row(piece, table->separator, row_at, lines);
        } while (row_at < piece.size() && is_drawn(first));
        if (table->ip >= first.size() || !read_endpoint(first[table->ip])) continue;
        read_rows(*table, piece, hint, limits, report);
        return true;
    }
    return false;
}

}  // namespace bailiff
