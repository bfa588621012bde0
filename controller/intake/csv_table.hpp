// SPDX-License-Identifier: Apache-2.0
// Where a table begins, what separates its columns, and what they are called.
#pragma once

#include "controller/intake/csv_kinds.hpp"
#include "controller/intake/report_parser.hpp"

#include <array>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bailiff {

using CsvRow = std::vector<std::string>;

/// Reads the next record (RFC 4180: quoted fields may hold separators, quotes and line ends); moves `at` and counts
/// the lines it took.
CsvRow next_csv_row(std::string_view text, char separator, size_t& at, size_t& lines);

/// What a column is for, told by the words of its name where no known name fits: "attackerAddress", "Adresse IP source".
enum class ColumnRole { source_ip, source_port, destination_ip, destination_port, url, time, kind };

/// "+-----+-----+": drawn between the rows, nothing in it.
bool is_ruling(std::string_view line);

struct CsvTable {
    static constexpr size_t absent = static_cast<size_t>(-1);
    CsvRow header;  ///< names in lower case, words joined by underscores
    char separator = ',';
    size_t first_row = 0;     ///< offset in the text
    size_t lines_before = 0;  ///< the first row's number less one
    size_t ip = absent, time = absent, date = absent;
    std::vector<std::pair<size_t, std::string>> other_times;  ///< asked where that column is empty, each with its zone
    std::string zone;          ///< of its times, where the header says it: "Timestamp (UTC)", "Date [CET]"
    bool guessed = false;      ///< there is no header; the columns were told by what they hold
    bool by_words = false;     ///< the address's column was told by the words of its name only
    std::map<std::string, size_t, std::less<>> places;  ///< of the names; the first of equal ones
    /// Takes the columns' names.
    void name_columns(CsvRow names);
    /// The place of a column, or `absent`.
    size_t column(std::string_view name) const;
    /// The first column whose name's words say so, or `absent`. Told once, when the columns are named.
    size_t column(ColumnRole role) const { return roles[static_cast<size_t>(role)]; }
    std::array<size_t, 7> roles = {absent, absent, absent, absent, absent, absent, absent};
    std::vector<size_t> sources;  ///< all columns that may hold the culprit's address by the words of their names
};

/// The table that a text begins with, after comments ("# …", the last of which may be the header) and "sep=;". Only its
/// beginning is looked at. Nothing where it is no table that names addresses or URLs. `guess`: also a table without header.
std::optional<CsvTable> find_csv_table(std::string_view text, bool guess = true);

/// Adds an event for each row that names something.
void read_rows(const CsvTable& table, std::string_view text, std::string_view hint, const ReportLimits& limits, ParsedReport& report);

}  // namespace bailiff
