// SPDX-License-Identifier: Apache-2.0
// One reader per format. Each says whether it recognised the text as its own; if so it has added events, warnings or
// a reason for triage to the report, and no other reader is asked.
#pragma once

#include "controller/intake/report_parser.hpp"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bailiff {

class IntakeRules;
struct ReadTime;

/// XARF v4 and both shapes of v3: one object, an array of them, or one per line.
bool read_xarf_json(std::string_view text, const ReportLimits& limits, ParsedReport& report);
/// A message/feedback-report part: RFC 5965, and RFC 6591, which is not about abuse.
bool read_feedback_report(std::string_view text, ParsedReport& report);
/// X-ARF before JSON: "Report-Type: login-attack", "Source: 192.0.2.1", one per line; several documents between "---".
bool read_xarf_fields(std::string_view text, std::string_view hint, ParsedReport& report);
/// The same, where its keys and values came in another form; keys in lower case.
bool read_xarf_fields(const std::vector<std::pair<std::string, std::string>>& fields, std::string_view hint, ParsedReport& report);
/// JSON that is no XARF: X-ARF's keys as one object, or objects that name addresses as the columns of a table would.
bool read_json_events(std::string_view text, std::string_view hint, const ReportLimits& limits, ParsedReport& report);
/// XML that copyright agents (ACNS) and Google Safe Browsing send, alone or inside a text.
bool read_xml(std::string_view text, ParsedReport& report);
/// A table with a column for the address. `hint` (a file name or subject) may say what kind of abuse it lists.
bool read_csv(std::string_view text, std::string_view hint, const ReportLimits& limits, ParsedReport& report);
/// Why a person looks at a table whose columns were only guessed; a rule that reads the same text knows better.
inline constexpr std::string_view headerless_table =
    "The table has no header; its columns were told by what they hold. Look whether the address is the culprit's.";
/// A table that stands inside a text for people, its header line with it; what stands around it is left alone.
bool read_inline_table(std::string_view text, std::string_view hint, const ReportLimits& limits, ParsedReport& report);
/// Asks each of them; and again after undoing base64, quoted-printable or quoting that no header announced.
bool read_structured(std::string_view text, std::string_view hint, const ReportLimits& limits, ParsedReport& report);
/// Adds what a text names to the suggestions; recognises nothing and decides nothing. `stated` takes the times as read.
void read_prose(std::string_view text, ParsedReport& report, std::vector<ReadTime>* stated = nullptr);
/// Adds what handed a reported mail over, by its headers, the last hop first.
void read_received(std::string_view headers, ParsedReport& report);

/// A whole mail: parts, archives, text for people, rules.
void read_mail_report(std::string_view bytes, const ReportLimits& limits, const IntakeRules* rules, ParsedReport& report);
/// The files of an archive, each as its own report; false where none could be opened.
bool read_archive(std::string_view bytes, std::string_view name, const ReportLimits& limits, ParsedReport& report);

/// Why a person has to look; the first reason stays.
void need_a_person(ParsedReport& report, std::string why);
/// Adds a warning unless there are too many already; the last says how it goes on.
void warn(ParsedReport& report, std::string text, size_t most = 100);

}  // namespace bailiff
