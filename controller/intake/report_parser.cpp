// SPDX-License-Identifier: Apache-2.0
// Recognises what a report is and hands it to its reader. Formats are found by content: what a mail says it carries
// is often wrong, and what a sender sent last month may have changed.
#include "controller/intake/report_parser.hpp"

#include "controller/intake/fields.hpp"
#include "controller/intake/formats.hpp"
#include "controller/intake/mail_parts.hpp"

#include <bailiff/clean_text.hpp>

#include <algorithm>
#include <exception>

namespace bailiff {
namespace {

/// What one of them does not say cannot tell them apart.
bool same_event(const ReportedEvent& a, const ReportedEvent& b) {
    const auto agree = [](const std::string& x, const std::string& y) { return x.empty() || y.empty() || x == y; };
    return !(a.source.ip + a.source.host + a.source.url).empty() && a.source.ip == b.source.ip && a.source.host == b.source.host &&
           a.type == b.type && a.observed_at == b.observed_at && agree(a.source.url, b.source.url) && agree(a.report_id, b.report_id);
}

/// Two parts of a mail often describe one event: a JSON part and its older twin. `first` is where the second begins.
void drop_twins(ParsedReport& report, size_t first) {
    // Each is compared with each; long tables describe events of their own.
    if (report.events.size() > 500) return;
    for (size_t i = first; i < report.events.size();) {
        const auto before = report.events.begin() + static_cast<std::ptrdiff_t>(first);
        if (std::any_of(report.events.begin(), before, [&](const auto& e) { return same_event(e, report.events[i]); })) {
            report.events.erase(report.events.begin() + static_cast<std::ptrdiff_t>(i));
            warn(report, "Two parts describe the same event; it is counted once.");
        } else {
            ++i;
        }
    }
}

/// Text without tags, entities left as they are: enough to find addresses, and never shown as HTML.
std::string without_tags(std::string_view html) {
    std::string out;
    bool tag = false;
    for (const char c : html) {
        if (c == '<') tag = true;
        else if (c == '>') tag = false, out += ' ';
        else if (!tag) out += c;
    }
    return out;
}

/// Asks the readers of single texts. `hint`: a file name or the subject.
bool read_structured(std::string_view text, std::string_view hint, const ReportLimits& limits, ParsedReport& report) {
    if (read_xarf_json(text, limits, report)) return true;
    // Another kind of JSON is no table and no list of fields, however it looks.
    const auto start = trimmed(text.substr(0, 256));
    if (start.starts_with('{') || start.starts_with('[')) return false;
    return read_xarf_fields(text, report) || read_csv(text, hint, limits, report);
}

void read_parts(const MailContent& mail, bool enclosed, const ReportLimits& limits, ParsedReport& report) {
    for (const auto& part : mail.parts) {
        if (part.enclosed != enclosed || part.content_type == "message/rfc822" || part.content_type == "text/rfc822-headers") continue;
        const size_t before = report.events.size();
        const std::string kept_format = report.format;
        const bool found = part.content_type == "message/feedback-report"
                               ? read_feedback_report(part.text, report)
                               : (part.content_type != "text/html" && !part.content_type.starts_with("image/") &&
                                  read_structured(part.text, part.name + " " + mail.subject, limits, report));
        if (found && kept_format != "unknown") report.format = kept_format;
        if (found && before > 0) drop_twins(report, before);
    }
}

/// A person decides where the text for people names addresses, but not the one that the machine-readable part gives.
void compare_with_prose(const ParsedReport& prose, ParsedReport& report) {
    const auto& named = prose.suggestions.addresses;
    for (const auto& event : report.events) {
        if (event.source.ip.empty() || report.triage) continue;
        const auto others = std::count_if(named.begin(), named.end(), [&](const auto& ip) { return ip != event.destination.ip; });
        if (others > 0 && std::find(named.begin(), named.end(), event.source.ip) == named.end())
            report.triage = "The structured part says " + event.source.ip + ", but the text names " + named.front() + "; a person decides which is meant.";
    }
}

void attach_original(const MailContent& mail, ParsedReport& report) {
    if (!report.format.starts_with("arf")) return;
    for (const auto& part : mail.parts) {
        if (!part.enclosed || report.events.empty() || report.events[0].evidence.size() >= 10) continue;
        if (part.content_type == "message/rfc822" || part.content_type == "text/rfc822-headers")
            report.events[0].evidence.push_back({part.content_type, "headers of the reported mail", clean_block(part.text, 16 * 1024), part.text.size()});
    }
}

void read_as_mail(std::string_view bytes, const ReportLimits& limits, ParsedReport& report) {
    const MailContent mail = read_mail(bytes, limits);
    report.by_mail = true;
    report.subject = mail.subject;
    for (const auto& text : mail.warnings) warn(report, text);
    read_parts(mail, false, limits, report);
    // Somebody forwarded the report as an attachment; in a feedback report the attachment is the evidence instead.
    if (report.format == "unknown") read_parts(mail, true, limits, report);

    ParsedReport prose;
    size_t budget = 1 << 20;  // of text to look through, however many parts there are
    const auto look_through = [&](std::string_view text, ParsedReport& into) {
        read_prose(text.substr(0, budget), into);
        budget -= std::min(budget, text.size());
    };
    for (const auto& part : mail.parts) {
        if (part.enclosed) continue;
        if (part.content_type == "text/plain" && !looks_like_csv(part.text)) {
            ParsedReport fields_only;
            // A part that is itself the structured report is no second opinion about it.
            if (!read_structured(part.text, {}, limits, fields_only)) look_through(part.text, prose);
        } else if (part.content_type == "text/html") {
            look_through(without_tags(part.text), prose);
        }
    }
    compare_with_prose(prose, report);
    if (report.format == "unknown" || report.triage) {
        report.suggestions = prose.suggestions;
        for (const auto& part : mail.parts)
            if (part.enclosed && (part.content_type == "message/rfc822" || part.content_type == "text/rfc822-headers")) look_through(part.text, report);
    }
    attach_original(mail, report);
    if (report.reporter.contact.empty()) report.reporter.contact = mail.from_address;
    if (report.reporter.name.empty()) report.reporter.name = mail.from_name;
    if (report.reporter.domain.empty() && !report.reporter.contact.empty())
        report.reporter.domain = lower_case(report.reporter.contact.substr(std::min(report.reporter.contact.rfind('@') + 1, report.reporter.contact.size())));
}

void read_any(std::string_view bytes, const ReportLimits& limits, ParsedReport& report) {
    if (bytes.starts_with("\xEF\xBB\xBF")) bytes.remove_prefix(3);
    if (bytes.size() > limits.bytes) {
        report.triage = "The report has " + std::to_string(bytes.size()) + " bytes; at most " + std::to_string(limits.bytes) + " are read. Look at the original.";
        return;
    }
    if (trimmed(bytes).empty()) {
        report.triage = "The report is empty.";
        return;
    }
    if (bytes.starts_with("PK\x03\x04") || bytes.starts_with("\x1F\x8B")) {
        report.triage = "The report is packed; unpack it and hand in what it holds.";
        return;
    }
    if (looks_like_mail(bytes)) {
        read_as_mail(bytes, limits, report);
    } else if (!read_feedback_report(bytes.substr(0, bytes.find("\n\n")), report) && !read_structured(bytes, {}, limits, report)) {
        read_prose(bytes, report);
    }
    if (report.format != "unknown") return;
    const bool names_something = !report.suggestions.addresses.empty() || !report.suggestions.urls.empty();
    report.format = names_something || report.by_mail ? "prose" : "unknown";
    report.triage = names_something ? "The report is written for people; choose the machine and the kind of abuse from what it names."
                    : report.by_mail ? "The mail names no address; read it and find the machine by hand."
                                     : "The format is not known; read the original and find the machine by hand.";
}

}  // namespace

ParsedReport parse_report(std::string_view bytes, const ReportLimits& limits) {
    ParsedReport report;
    try {
        read_any(bytes, limits, report);
    } catch (const std::exception& problem) {
        // The readers are written not to throw; should one nevertheless, the report is still kept.
        report.triage = "Reading the report failed (" + clean_line(problem.what(), 200) + "); look at the original.";
    }
    if (report.events.empty() && !report.triage) report.triage = "No event could be read from the report; look at the original.";
    return report;
}

}  // namespace bailiff
