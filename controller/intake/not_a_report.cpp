// SPDX-License-Identifier: Apache-2.0
// Statistics about mail, bounces, receipts and automatic answers.
#include "controller/intake/not_a_report.hpp"

#include "controller/intake/fields.hpp"
#include "controller/intake/formats.hpp"

#include <bailiff/clean_text.hpp>

#include <algorithm>
#include <array>

namespace bailiff {
namespace {

void tell(ParsedReport& report, const char* format, const std::string& what) {
    report.format = format;
    report.about_abuse = false;
    need_a_person(report, "This is no abuse report: " + what);
}

/// Between the first <name> and </name>: enough for the two fields that are shown.
std::string between(std::string_view text, std::string_view name) {
    const std::string open = "<" + std::string(name) + ">", close = "</" + std::string(name) + ">";
    const size_t begin = text.find(open);
    const size_t end = begin == std::string_view::npos ? begin : text.find(close, begin);
    return end == std::string_view::npos ? std::string() : clean_line(text.substr(begin + open.size(), end - begin - open.size()), 200);
}

size_t count_of(std::string_view text, std::string_view piece) {
    size_t count = 0;
    for (size_t at = text.find(piece); at != std::string_view::npos; at = text.find(piece, at + piece.size())) ++count;
    return count;
}

bool is_automatic_answer(const MailContent& mail) {
    const std::string automatic = lower_case(mail.header("auto-submitted"));
    if (automatic.starts_with("auto-replied")) return true;
    for (const char* name : {"x-autoreply", "x-autorespond", "x-autoresponse", "x-auto-reply"})
        if (const auto value = lower_case(mail.header(name)); !value.empty() && value != "no") return true;
    if (lower_case(mail.header("precedence")) == "auto_reply") return true;
    const std::string subject = lower_case(mail.subject);
    constexpr std::array openings{"automatic reply:", "auto reply:", "auto-reply:", "autoreply:", "auto response:", "automatische antwort:",
                                  "abwesenheitsnotiz", "abwesend:", "out of office", "out of the office", "réponse automatique", "respuesta automática",
                                  "risposta automatica", "automatisch antwoord", "[auto-reply]", "[autoreply]", "automatic response"};
    return std::any_of(openings.begin(), openings.end(), [&](const char* opening) { return subject.starts_with(opening); });
}

/// The beginning of the text for people, in lower case.
std::string opening_of(const MailContent& mail) {
    for (const auto& part : mail.parts)
        if (!part.enclosed && part.content_type == "text/plain" && !trimmed(part.text).empty()) return lower_case(trimmed(part.text).substr(0, 400));
    return {};
}

template <size_t N>
bool begins_with_one(std::string_view text, const std::array<const char*, N>& openings) {
    return std::any_of(openings.begin(), openings.end(), [&](const char* opening) { return text.starts_with(opening); });
}

/// Old mail programs bounce in prose only. Some subjects and first sentences are theirs alone; the others count only from
/// somebody who is a mail program.
bool is_prose_bounce(const MailContent& mail) {
    const std::string from = lower_case(mail.from_address), subject = lower_case(trimmed(mail.subject)), text = opening_of(mail);
    const bool daemon = from.starts_with("mailer-daemon") || from.starts_with("postmaster@") || from.empty() || trimmed(mail.header("return-path")) == "<>";
    if (!mail.header("x-failed-recipients").empty()) return true;
    constexpr std::array their_subjects{"undelivered mail returned to sender", "delivery status notification (", "mail delivery failed: returning message",
                                        "undeliverable:", "unzustellbar:", "mail delivery subsystem", "returned mail: see transcript"};
    constexpr std::array openings{"undelivered mail returned", "delivery status notification", "mail delivery failed", "mail delivery failure",
                                  "failure notice", "undeliverable", "returned mail", "delivery failure", "mail system error", "warning: message",
                                  "delayed mail", "message you sent blocked", "delivery notification", "unzustellbar", "nicht zustellbar", "non remis",
                                  "message non distribu", "delivery problem", "delivery error", "could not send message", "mail could not be delivered",
                                  "nondeliverable", "non-deliverable", "undelivered", "unable to deliver", "message not delivered", "error sending"};
    if (begins_with_one(subject, their_subjects) || (daemon && begins_with_one(subject, openings))) return true;
    for (const char* sentence : {"this is the qmail-send program", "created automatically by mail delivery software", "this is the mail system at host",
                                 "did not reach some or all of the intended recipients", "this is the postfix program at host",
                                 "this is an automatically generated delivery status notification"})
        if (text.find(sentence) != std::string::npos) return true;
    return daemon && (text.find("could not be delivered") != std::string::npos || text.find("delivery to the following recipient") != std::string::npos ||
                      text.find("user unknown") != std::string::npos || text.find("no such user") != std::string::npos);
}

}  // namespace

bool read_statistics(std::string_view text, ParsedReport& report) {
    const std::string_view head = text.substr(0, 64 * 1024);
    const auto has = [&](std::string_view piece) { return head.find(piece) != std::string_view::npos; };
    if (has("<report_metadata") && (has("<policy_published") || has("<feedback"))) {
        const std::string org = between(head, "org_name");
        if (report.reporter.name.empty()) report.reporter.name = org;
        if (report.reporter.contact.empty()) report.reporter.contact = between(head, "email");
        const std::string records = std::to_string(count_of(text, "<record>")) + " records";
        tell(report, "dmarc-aggregate", "it is a DMARC aggregate report" + (org.empty() ? std::string() : " of " + org) + " on " + between(head, "domain") +
                                            " with " + records + ". Pass it to whoever runs the mail.");
        return true;
    }
    if (has("\"organization-name\"") && has("\"policies\"") && has("\"report-id\"")) {
        tell(report, "tls-report", "it is a TLS report (RFC 8460). Pass it to whoever runs the mail.");
        return true;
    }
    return false;
}

bool is_no_report(const MailContent& mail, ParsedReport& report) {
    const auto has = [&](std::string_view type) {
        return std::any_of(mail.parts.begin(), mail.parts.end(), [&](const MailPart& part) { return !part.enclosed && part.content_type == type; });
    };
    if (has("message/disposition-notification") || mail.report_type == "disposition-notification") {
        tell(report, "receipt", "it says that a mail of ours was read or deleted.");
    } else if (has("message/delivery-status") || mail.report_type == "delivery-status" || is_prose_bounce(mail)) {
        tell(report, "bounce", "a mail of ours could not be delivered, or not yet.");
    } else if (is_automatic_answer(mail)) {
        tell(report, "auto-reply", "it is an automatic answer to a mail of ours.");
    } else {
        return false;
    }
    return true;
}

}  // namespace bailiff
