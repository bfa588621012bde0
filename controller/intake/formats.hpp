// SPDX-License-Identifier: Apache-2.0
// One reader per format. Each says whether it recognised the text as its own; if so it has added events, warnings or
// a reason for triage to the report, and no other reader is asked.
#pragma once

#include "controller/intake/report_parser.hpp"

#include <string>
#include <string_view>

namespace bailiff {

/// XARF v4 and both shapes of v3: one object, an array of them, or one per line.
bool read_xarf_json(std::string_view text, const ReportLimits& limits, ParsedReport& report);
/// A message/feedback-report part: RFC 5965, and RFC 6591, which is not about abuse.
bool read_feedback_report(std::string_view text, ParsedReport& report);
/// X-ARF before JSON: "Report-Type: login-attack", "Source: 192.0.2.1", one per line.
bool read_xarf_fields(std::string_view text, ParsedReport& report);
/// A table with a column for the address. `hint` (a file name or subject) may say what kind of abuse it lists.
bool read_csv(std::string_view text, std::string_view hint, const ReportLimits& limits, ParsedReport& report);
/// Whether the text begins as such a table; read_csv asks the same.
bool looks_like_csv(std::string_view text);
/// Adds what a text names to the suggestions; recognises nothing and decides nothing.
void read_prose(std::string_view text, ParsedReport& report);
/// Adds a warning unless there are too many already; the last says how it goes on.
void warn(ParsedReport& report, std::string text, size_t most = 100);

}  // namespace bailiff
