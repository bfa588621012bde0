// SPDX-License-Identifier: Apache-2.0
// From the parser's many fields to the few that the desk acts on.
#include "controller/parsing/reading_of.hpp"

#include "controller/intake/bounce.hpp"
#include "controller/intake/mail_reply.hpp"

#include <bailiff/clean_text.hpp>

#include <algorithm>
#include <array>

namespace bailiff {
namespace {

// As desk/reading.cpp takes them back.
constexpr size_t word = 128, line = 512, paragraph = 4096, most_events = 20'000, most_notes = 200;

/// Formats that are never about abuse by a VM, whatever their text names: bounces, receipts, machines that answer.
bool is_about_something_else(const std::string& format) {
    static constexpr std::array others{"arf-auth-failure", "dsn", "delivery-status", "mdn", "auto-reply", "auto_reply", "dmarc", "dmarc-aggregate", "tls-rpt"};
    return std::find(others.begin(), others.end(), format) != others.end();
}

std::string where(const ReportedPlace& place) {
    std::string out = !place.url.empty() ? place.url : !place.host.empty() ? place.host : "";
    if (place.port && place.url.empty()) out += (out.empty() ? "port " : ":") + std::to_string(*place.port);
    return clean_line(out, line);
}

ReadEvent event_of(const ReportedEvent& e) {
    ReadEvent out;
    // Words that are not XARF v4's never stand as "category/type", so that no policy takes them for a known kind.
    if (!e.category.empty() && !e.type.empty()) out.type = e.category + "/" + e.type;
    else out.type = clean_line(e.category_raw + " " + (e.type_raw.empty() ? e.type : e.type_raw), word);
    std::replace_if(out.type.begin(), out.type.end(), [&](char c) { return c == '/' && e.type.empty(); }, ' ');
    out.type = clean_line(out.type, word);
    out.address = e.source.ip;
    out.place = where(e.source);
    out.number = clean_line(e.report_id, word);
    out.summary = clean_block(e.summary, paragraph / 2);
    out.observed_at = e.observed_at.value_or(Instant{});
    out.abuse = e.abuse;
    out.port = e.source.port.value_or(0);
    return out;
}

/// "Name <a@b>" or "a@b"; "" for anything else.
std::string address_of(std::string_view text) {
    const size_t open = text.rfind('<');
    if (open != std::string_view::npos) text = text.substr(open + 1, text.find('>', open) - open - 1);
    while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
    while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
    const bool one = text.find('@') != std::string_view::npos && text.find_first_of(" ,;<>\"\t\r\n") == std::string_view::npos;
    return one ? std::string(text) : std::string();
}

std::vector<std::string> lines_of(const std::vector<std::string>& texts) {
    std::vector<std::string> out;
    for (size_t i = 0; i < texts.size() && i < most_notes; ++i) out.push_back(clean_line(texts[i], line));
    return out;
}

}  // namespace

Reading reading_of(const ParsedReport& report) {
    Reading out;
    out.format = clean_line(report.format, word);
    out.subject = clean_line(report.subject, line);
    const ReportedBy& by = report.reporter;
    out.reporter = clean_line(!by.contact.empty() ? by.contact : !by.name.empty() ? by.name : by.domain, line);
    for (size_t i = 0; i < report.events.size() && i < most_events; ++i) out.events.push_back(event_of(report.events[i]));
    out.warnings = lines_of(report.warnings);
    out.addresses = lines_of(report.suggestions.addresses);
    out.urls = lines_of(report.suggestions.urls);
    if (report.triage) out.triage = clean_line(*report.triage, paragraph / 2);
    out.abuse = !is_about_something_else(report.format);
    return out;
}

namespace {

/// Of the header alone: a mail of 25 MB is not taken apart a second time for its sender.
ReadSender sender_of(std::string_view bytes, const ParsedReport& report, const ReadingContext& context) {
    constexpr size_t longest_header = 256 << 10;
    size_t end = bytes.find("\n\n");
    if (const size_t crlf = bytes.find("\r\n\r\n"); crlf != std::string_view::npos) end = std::min(end, crlf + 2);
    const MailContent header = read_mail(bytes.substr(0, std::min(end == std::string_view::npos ? longest_header : end + 2, longest_header)), {});
    ReadSender out;
    out.from = clean_line(header.from_address, line);
    out.reply_to = clean_line(address_of(header.header("reply-to")), line);
    out.contact = clean_line(address_of(report.reporter.contact), line);
    out.proven = proof_of(header, context.authserv) == SenderProof::aligned;
    out.automatic = is_automatic(header);
    return out;
}

}  // namespace

Reading read_delivery(std::string_view bytes, const ReadingContext& context) {
    const ParsedReport report = parse_report(bytes, {}, context.rules);
    Reading out = reading_of(report);
    if (looks_like_mail(bytes)) out.sender = sender_of(bytes, report, context);
    // Few mails name a case of ours; the others are not taken apart a second time.
    const bool names_a_case = bytes.find("<C-") != std::string_view::npos || bytes.find("[C-") != std::string_view::npos || bytes.find("=?") != std::string_view::npos;
    constexpr size_t most_header = 64 << 10;
    const std::string_view header = bytes.substr(0, std::min(bytes.find("\n\n"), bytes.find("\n\r\n"))).substr(0, most_header);
    const bool answers = names_a_case || !token_in_addresses(header).empty();
    // Nor are reports; of what is none, a person may want to know who wrote it (it may ask for other contact data).
    if ((!answers && !out.events.empty()) || !looks_like_mail(bytes)) return out;
    const MailContent mail = read_mail(bytes, {});
    if (out.events.empty()) {
        const MailAuthor author = read_author(mail, context.authserv);
        out.from = clean_line(author.from, line);
        out.proven = author.proof == SenderProof::aligned;
        out.automatic = author.automatic || !out.abuse;
        out.words = clean_block(author.text, 16 << 10);
    }
    if (!answers) return out;
    if (const auto bounce = read_bounce(mail))
        out.bounce = ReadBounce{clean_line(bounce->message_id, line), clean_line(bounce->recipient, line), clean_line(bounce->status, word),
                                clean_line(bounce->text, line), bounce->final};
    const auto reply = read_reply(mail, context.authserv);
    if (!reply) return out;
    out.reply = ReadReply{reply->case_id, clean_line(reply->from, line), reply->proof == SenderProof::aligned, reply->automatic, reply->by_reference, clean_block(reply->text, 16 << 10),
                          lines_of(reply->attachments), reply->token};
    return out;
}

}  // namespace bailiff
