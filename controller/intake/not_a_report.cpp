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

/// Old mail programs bounce in prose only.
bool is_prose_bounce(const MailContent& mail) {
    const std::string from = lower_case(mail.from_address), subject = lower_case(mail.subject);
    const bool daemon = from.starts_with("mailer-daemon") || from.starts_with("postmaster@") || from.empty() || mail.header("return-path") == "<>";
    constexpr std::array openings{"undelivered mail returned", "delivery status notification", "mail delivery failed", "mail delivery failure",
                                  "failure notice", "undeliverable", "returned mail", "delivery failure", "mail system error", "warning: message",
                                  "delayed mail", "message you sent blocked", "delivery notification"};
    return daemon && std::any_of(openings.begin(), openings.end(), [&](const char* opening) { return subject.starts_with(opening); });
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
