// SPDX-License-Identifier: Apache-2.0
// Recognises what a report is and hands it to its reader. Formats are found by content: what a mail says it carries
// is often wrong, and what a sender sent last month may have changed.
#include "controller/intake/report_parser.hpp"

#include "controller/intake/fields.hpp"
#include "controller/intake/formats.hpp"
#include "controller/intake/mail_parts.hpp"
#include "controller/intake/not_a_report.hpp"
#include "controller/intake/rules.hpp"
#include "controller/intake/text_encoding.hpp"
#include "controller/intake/unpack.hpp"

#include <bailiff/clean_text.hpp>

#include <algorithm>
#include <exception>

namespace bailiff {
namespace {

/// A feedback report whose part says that it is something else.
bool looks_like_feedback(std::string_view text) {
    const std::string head = "\n" + lower_case(text.substr(0, 4096));
    const auto has = [&](const char* field) { return head.find(field) != std::string::npos; };
    return has("\nfeedback-type:") && (has("\nuser-agent:") || has("\nversion:") || has("\nsource-ip:"));
}

/// The readers of single texts, without undoing anything.
bool read_plainly(std::string_view text, std::string_view hint, const ReportLimits& limits, ParsedReport& report) {
    if (looks_like_feedback(text)) return read_feedback_report(text, report);
    if (read_xarf_json(text, limits, report)) return true;
    // Another kind of JSON is no table of lines and no list of fields, however it looks.
    const auto start = trimmed(text.substr(0, 256));
    if (start.starts_with('{') || start.starts_with('[')) return read_json_events(text, hint, limits, report);
    return read_xml(text, report) || read_xarf_fields(text, hint, report) || read_csv(text, hint, limits, report) ||
           read_inline_table(text, hint, limits, report);
}

/// Text for people, or a page of it.
void read_text(std::string_view text, const ReportLimits& limits, const IntakeRules* rules, ParsedReport& report) {
    text = text.substr(0, 4u << 20);
    const bool page = lower_case(text.substr(0, 512)).find("<html") != std::string::npos;
    const std::string plain = page ? text_of_html(text) : std::string(text);
    if (!rules || !read_by_rules(*rules, {{}, {}, {}, plain}, limits, report)) read_prose(plain, report);
}

void read_any(std::string_view bytes, std::string_view name, const ReportLimits& limits, const IntakeRules* rules, ParsedReport& report) {
    if (bytes.size() > limits.bytes)
        return need_a_person(report, "The report has " + std::to_string(bytes.size()) + " bytes; at most " + std::to_string(limits.bytes) +
                             " are read. Look at the original.");
    if (looks_packed(bytes)) {
        if (!read_archive(bytes, name, limits, report))
            report.triage = "The report is packed and cannot be opened" + (report.warnings.empty() ? std::string(".") : ": " + report.warnings[0]);
        if (report.format == "unknown") report.format = "packed";
        return;
    }
    if (trimmed(bytes).empty()) return need_a_person(report, "The report is empty.");
    // A mail's parts have charsets of their own; anything else is one text.
    std::string text;
    if (!looks_like_mail(bytes.substr(bytes.find_first_not_of(" \t\r\n")))) {
        text = as_utf8(std::string(bytes));
        bytes = text;
    }
    const std::string_view from_first = bytes.substr(std::min(bytes.find_first_not_of(" \t\r\n"), bytes.size()));
    if (looks_like_mail(from_first)) {
        read_mail_report(from_first, limits, rules, report);
    } else {
        const bool feedback = read_feedback_report(from_first.substr(0, from_first.find("\n\n")), report);
        if (!feedback && !read_statistics(bytes, report) && !read_structured(bytes, name, limits, report)) read_text(from_first, limits, rules, report);
    }
    if (report.format != "unknown") return;
    const bool names_something = !report.suggestions.addresses.empty() || !report.suggestions.urls.empty();
    report.format = names_something || report.by_mail ? "prose" : "unknown";
    need_a_person(report, names_something     ? "The report is written for people; choose the machine and the kind of abuse from what it names."
                          : report.by_mail ? "The mail names no address; read it and find the machine by hand."
                                           : "The format is not known; read the original and find the machine by hand.");
}

}  // namespace

bool read_structured(std::string_view text, std::string_view hint, const ReportLimits& limits, ParsedReport& report) {
    const std::string_view head = text.substr(0, 64 * 1024);
    const auto has = [&](const char* piece) { return head.find(piece) != std::string_view::npos; };
    // Some senders encode or quote a part and forget to say so. JSON with soft line breaks would only be broken JSON.
    const bool soft_breaks = has("=\n") || has("=\r\n"), printable = soft_breaks || has("=3D") || has("=22");
    if (!(soft_breaks && trimmed(head).starts_with('{')) && read_plainly(text, hint, limits, report)) return true;
    if (printable && read_plainly(undo_quoted_printable(text), hint, limits, report)) {
        warn(report, "A part is quoted-printable although its header does not say so.");
        return true;
    }
    if (soft_breaks && read_plainly(text, hint, limits, report)) return true;
    if (const std::string inside = undo_base64(text); !inside.empty() && read_plainly(as_utf8(inside), hint, limits, report)) {
        warn(report, "A part is base64 although its header does not say so.");
        return true;
    }
    if (has("-----BEGIN PGP SIGNED")) return read_plainly(without_quoting(text), hint, limits, report);
    if ((has("\n>") || head.starts_with('>')) && read_plainly(without_quoting(text), hint, limits, report)) {
        need_a_person(report, "The report is quoted in another text; look whether it is a new one.");
        return true;
    }
    return false;
}

bool read_archive(std::string_view bytes, std::string_view name, const ReportLimits& limits, ParsedReport& report) {
    std::vector<std::string> warnings;
    const auto files = unpack(bytes, name, limits, warnings);
    for (auto& text : warnings) warn(report, std::move(text), limits.warnings);
    bool found = false;
    for (const auto& file : files) {
        const std::string text = as_utf8(file.bytes);
        const std::string hint = file.name + " " + std::string(name);
        if (read_statistics(text, report) || read_structured(text, hint, limits, report)) found = true;
        else {
            warn(report, "The file '" + file.name + "' is of no format that is known; look at it in the original.", limits.warnings);
            read_prose(std::string_view(text).substr(0, 1 << 20), report);
        }
    }
    return found;
}

ParsedReport parse_report(std::string_view bytes, const ReportLimits& limits, const IntakeRules* rules, std::string_view name) {
    ParsedReport report;
    try {
        read_any(bytes, name, limits, rules, report);
    } catch (const std::exception& problem) {
        // The readers are written not to throw; should one nevertheless, the report is still kept.
        report.triage = "Reading the report failed (" + clean_line(problem.what(), 200) + "); look at the original.";
    }
    if (report.events.empty() && !report.triage) report.triage = "No event could be read from the report; look at the original.";
    return report;
}

}  // namespace bailiff
