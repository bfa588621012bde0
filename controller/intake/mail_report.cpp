// SPDX-License-Identifier: Apache-2.0
// A mail as a report: each part by its reader, what the parts say together, and what the text for people adds to it.
#include "controller/intake/event_twins.hpp"
#include "controller/intake/fields.hpp"
#include "controller/intake/formats.hpp"
#include "controller/intake/mail_parts.hpp"
#include "controller/intake/not_a_report.hpp"
#include "controller/intake/rules.hpp"
#include "controller/intake/text_encoding.hpp"
#include "controller/intake/unpack.hpp"

#include <bailiff/clean_text.hpp>

#include <algorithm>
#include <iterator>

namespace bailiff {
namespace {

bool is_headers(const MailPart& part) { return part.content_type == "message/rfc822" || part.content_type == "text/rfc822-headers"; }

bool is_readable(const MailPart& part) {
    const auto& type = part.content_type;
    const bool media = type.starts_with("image/") || type.starts_with("audio/") || type.starts_with("video/") || type == "application/pdf";
    return !media && type != "text/html" && type != "application/pgp-signature" && !is_headers(part);
}

/// Reads a part into a report of its own; format "unknown": no reader knew it.
ParsedReport read_part(const MailPart& part, const MailContent& mail, const ReportLimits& limits) {
    ParsedReport one;
    const std::string hint = part.name + " " + mail.subject;
    if (looks_packed(part.text)) {
        read_archive(part.text, hint, limits, one);
    } else if (part.content_type == "message/feedback-report") {
        if (!read_feedback_report(part.text, one)) read_structured(part.text, hint, limits, one);
    } else if (!read_statistics(part.text, one)) {
        read_structured(part.text, hint, limits, one);
    }
    return one;
}

/// Takes over what a part said. What came later may describe what is there already.
void merge(ParsedReport&& one, const ReportLimits& limits, ParsedReport& report) {
    if (report.format == "unknown" || (!report.about_abuse && one.about_abuse)) {
        report.format = one.format;
        report.about_abuse = one.about_abuse;
    }
    for (auto& text : one.warnings) warn(report, std::move(text), limits.warnings);
    if (one.triage && !report.triage) report.triage = std::move(one.triage);
    for (auto [mine, theirs] : {std::pair{&report.reporter.name, &one.reporter.name}, std::pair{&report.reporter.contact, &one.reporter.contact},
                                std::pair{&report.reporter.domain, &one.reporter.domain}})
        if (mine->empty()) *mine = std::move(*theirs);
    for (auto& address : one.suggestions.addresses) report.suggestions.addresses.push_back(std::move(address));
    for (auto& url : one.suggestions.urls) report.suggestions.urls.push_back(std::move(url));
}

/// Which parts a reader knew, in the mail's order; the rest is text for people.
struct PartsRead {
    std::vector<ParsedReport> reports;
    std::vector<bool> known;  ///< by part
    std::vector<std::string> archives;           ///< what is to be said of those that no reader knew
    ParsedReport::Suggestions in_archives;       ///< what their files name
};

PartsRead read_parts(const MailContent& mail, bool enclosed, const ReportLimits& limits) {
    PartsRead out;
    out.known.resize(mail.parts.size());
    size_t unpacked = 0;
    const auto look_at = [&](size_t i, ParsedReport one) {
        if (one.format == "unknown") return;
        out.known[i] = true;
        out.reports.push_back(std::move(one));
    };
    for (size_t i = 0; i < mail.parts.size(); ++i) {
        const auto& part = mail.parts[i];
        if (part.enclosed != enclosed || !is_readable(part)) continue;
        const bool packed = looks_packed(part.text);
        // Each archive has the limit for itself, so their number has one too.
        if (packed && ++unpacked > 5) {
            out.archives.push_back("The mail holds more than 5 archives; the rest was not opened.");
            continue;
        }
        ParsedReport one = read_part(part, mail, limits);
        if (packed && one.format == "unknown") {
            std::move(one.warnings.begin(), one.warnings.end(), std::back_inserter(out.archives));
            out.in_archives = std::move(one.suggestions);
        } else {
            look_at(i, std::move(one));
        }
    }
    if (!out.reports.empty()) return out;
    // Some mail programs send everything as a page.
    for (size_t i = 0; i < mail.parts.size(); ++i) {
        if (mail.parts[i].enclosed != enclosed || mail.parts[i].content_type != "text/html") continue;
        ParsedReport one;
        read_structured(text_of_html(std::string_view(mail.parts[i].text).substr(0, 1 << 20)), mail.subject, limits, one);
        look_at(i, std::move(one));
    }
    return out;
}

/// A person decides where the text for people names addresses, but not those that the machine-readable part gives.
void compare_with_prose(const std::vector<std::string>& named, ParsedReport& report) {
    // Long tables list what no text repeats.
    if (report.triage || named.empty() || report.events.size() > 20) return;
    const auto is_named = [&](const std::string& ip) { return std::find(named.begin(), named.end(), ip) != named.end(); };
    if (std::any_of(report.events.begin(), report.events.end(), [&](const auto& e) { return is_named(e.source.ip); })) return;
    for (const auto& event : report.events) {
        if (event.source.ip.empty()) continue;
        // Mail servers and logs name addresses of their own networks too; those contradict nothing.
        const bool inner = !on_the_internet(event.source.ip);
        const auto other =
            std::find_if(named.begin(), named.end(), [&](const auto& ip) { return ip != event.destination.ip && (inner || on_the_internet(ip)); });
        if (other == named.end()) continue;
        return need_a_person(report, "The structured part says " + event.source.ip + ", but the text names " + *other + "; a person decides which is meant.");
    }
}

void attach_original(const MailContent& mail, ParsedReport& report) {
    if (report.events.empty() || !(report.format.starts_with("arf") || report.format == "rule")) return;
    auto& evidence = report.events[0].evidence;
    for (const auto& part : mail.parts)
        if (part.enclosed && is_headers(part) && evidence.size() < 10)
            evidence.push_back({part.content_type, "headers of the reported mail", clean_block(part.text, 16 * 1024), part.text.size()});
}

/// The text for people of the mail itself, or of the mails attached to it. Rules read the page only where there is no
/// plain text, since it says the same again; suggestions are looked for in both.
struct PeopleText {
    std::string plain, page;
    const std::string& for_rules() const { return trimmed(plain).empty() ? page : plain; }
};

PeopleText text_for_people(const MailContent& mail, const std::vector<bool>& known, bool enclosed) {
    constexpr size_t most = 1 << 20;
    PeopleText out;
    for (size_t i = 0; i < mail.parts.size(); ++i) {
        const auto& part = mail.parts[i];
        if (part.enclosed != enclosed || known[i] || is_headers(part) || out.plain.size() + out.page.size() > most) continue;
        const std::string_view text = std::string_view(part.text).substr(0, most);
        if (part.content_type == "text/html") out.page += text_of_html(text) + "\n";
        else if (part.content_type.starts_with("text/")) out.plain += std::string(text) + "\n";
    }
    return out;
}

/// The rules, on the mail itself and then on what it forwards.
bool read_rules(const IntakeRules& rules, const MailContent& mail, const PeopleText& text, const PeopleText& forwarded, const ReportLimits& limits,
                ParsedReport& report) {
    if (read_by_rules(rules, {mail.from_address, mail.subject, mail.date, text.for_rules()}, limits, report)) return true;
    const auto inner = std::find_if(mail.parts.begin(), mail.parts.end(), [](const auto& part) { return part.content_type == "message/rfc822"; });
    if (inner == mail.parts.end()) return false;
    const Fields fields = read_fields(inner->text);
    std::string from = clean_line(field(fields, "from"), 300);
    if (const size_t open = from.rfind('<'); open != std::string::npos) from = from.substr(open + 1, from.find('>', open) - open - 1);
    return read_by_rules(rules, {from, clean_line(field(fields, "subject")), clean_line(field(fields, "date"), 100), forwarded.for_rules()}, limits, report);
}

/// A table whose columns were only guessed gives way to a rule that reads the same text without a doubt.
void prefer_rules(const IntakeRules& rules, const MailContent& mail, const ReportLimits& limits, PartsRead& parts, ParsedReport& report) {
    if (parts.reports.empty() || std::any_of(parts.reports.begin(), parts.reports.end(), [](const auto& one) { return one.triage != headerless_table; }))
        return;
    ParsedReport told = report;
    const auto text = text_for_people(mail, std::vector<bool>(mail.parts.size()), false);
    if (!read_by_rules(rules, {mail.from_address, mail.subject, mail.date, text.for_rules()}, limits, told) || told.triage) return;
    report = std::move(told);
    parts.reports.clear();
}

/// A feedback report without a source, whose sender names it in the text instead: the rule for that sender reads it there.
void place_by_rules(const IntakeRules& rules, const MailContent& mail, const PeopleText& text, const ReportLimits& limits, ParsedReport& report) {
    if (report.format != "arf" || report.events.size() != 1 || report.events[0].category.empty()) return;
    auto& event = report.events[0];
    if (!(event.source.ip + event.source.host).empty()) return;
    ParsedReport told;
    if (!read_by_rules(rules, {mail.from_address, mail.subject, mail.date, text.for_rules()}, limits, told) || told.triage || told.events.size() != 1) return;
    if (told.events[0].source.ip.empty()) return;
    event.source.ip = told.events[0].source.ip;
    if (!event.observed_at) event.observed_at = told.events[0].observed_at;
    if (event.report_id.empty()) event.report_id = told.events[0].report_id;
    report.rule = told.rule;
    report.triage.reset();
    warn(report, "The feedback report names no source; the text does, as the rule '" + told.rule + "' reads it.");
}

void name_reporter(const MailContent& mail, ParsedReport& report) {
    auto& who = report.reporter;
    if (who.contact.empty()) who.contact = mail.from_address;
    if (who.name.empty()) who.name = mail.from_name;
    if (who.domain.empty() && who.contact.find('@') != std::string::npos) who.domain = lower_case(who.contact.substr(who.contact.rfind('@') + 1));
}

/// What a person may choose from: what the text names, then what the reported mail came through.
void suggest(const ParsedReport& prose, const ParsedReport::Suggestions& in_archives, const MailContent& mail, ParsedReport& report) {
    auto& mine = report.suggestions;
    const auto take_over = [](auto& list, const auto& items) {
        for (const auto& item : items)
            if (list.size() < 50 && std::find(list.begin(), list.end(), item) == list.end()) list.push_back(item);
    };
    take_over(mine.addresses, prose.suggestions.addresses);
    take_over(mine.urls, prose.suggestions.urls);
    take_over(mine.times, prose.suggestions.times);
    take_over(mine.addresses, in_archives.addresses);
    take_over(mine.urls, in_archives.urls);
    take_over(mine.times, in_archives.times);
    for (const auto& part : mail.parts)
        if (part.enclosed && is_headers(part)) read_received(part.text, report);
    std::stable_partition(mine.addresses.begin(), mine.addresses.end(), [](const auto& ip) { return on_the_internet(ip); });
}

}  // namespace

void read_mail_report(std::string_view bytes, const ReportLimits& limits, const IntakeRules* rules, ParsedReport& report) {
    const MailContent mail = read_mail(bytes, limits);
    report.by_mail = true;
    report.subject = mail.subject;
    for (const auto& text : mail.warnings) warn(report, text);
    PartsRead parts = read_parts(mail, false, limits);
    ParsedReport prose;
    std::vector<ReadTime> stated;
    const PeopleText text = text_for_people(mail, parts.known, false), forwarded = text_for_people(mail, parts.known, true);
    for (const auto& piece : {text.plain, text.page}) read_prose(piece, prose, &stated);
    // What the text names can contradict the rest; the subject is asked only where the text names nothing.
    const bool text_names = !prose.suggestions.addresses.empty();
    auto named = prose.suggestions.addresses;
    read_prose(mail.subject, prose, &stated);
    if (!text_names) named = prose.suggestions.addresses;

    std::vector<std::string> archives = std::move(parts.archives);
    if (parts.reports.empty() && is_no_report(mail, report)) return name_reporter(mail, report);
    if (parts.reports.empty() && rules) read_rules(*rules, mail, text, forwarded, limits, report);
    else if (rules) prefer_rules(*rules, mail, limits, parts, report);
    // Somebody forwarded the report as an attachment; in a feedback report the attachment is the evidence instead.
    if (parts.reports.empty() && report.format == "unknown") {
        parts = read_parts(mail, true, limits);
        archives.insert(archives.end(), parts.archives.begin(), parts.archives.end());
    }
    for (auto& one : parts.reports) {
        add_events(std::move(one.events), one.format, stated, limits, report);
        merge(std::move(one), limits, report);
    }
    if (rules) place_by_rules(*rules, mail, text, limits, report);
    for (const auto& why : archives) warn(report, why);
    if (report.format == "unknown" && !archives.empty()) {
        report.format = "packed";
        need_a_person(report, "The mail holds an archive that cannot be read: " + archives[0]);
    }

    if (report.format != "rule") compare_with_prose(named, report);
    const bool unplaced = std::any_of(report.events.begin(), report.events.end(), [](const auto& e) { return e.source.ip.empty(); });
    if (report.about_abuse && (report.format == "unknown" || report.triage || unplaced)) {
        if (prose.suggestions.addresses.empty() && prose.suggestions.urls.empty())
            for (const auto& piece : {forwarded.plain, forwarded.page}) read_prose(piece, prose);
        suggest(prose, parts.in_archives, mail, report);
    }
    attach_original(mail, report);
    name_reporter(mail, report);
}

}  // namespace bailiff
