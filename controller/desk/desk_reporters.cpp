// SPDX-License-Identifier: Apache-2.0
// Who reports: how often they were right, whether their reports may open cases, and what they are told. Only what the mail server
// proved counts for a domain; whoever merely writes its name has a count of his own.

#include "controller/core/sources.hpp"
#include "controller/desk/desk.hpp"
#include "controller/desk/mail_address.hpp"

#include <bailiff/clean_text.hpp>

#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>

namespace bailiff {
namespace {

constexpr int64_t seconds_of_day = 86'400, days_judged = 90;
constexpr size_t reporters_of_a_case = 2000, most_addresses_told = 20, most_domain = 100;

int64_t day_of(Instant at) { return at.time_since_epoch().count() / seconds_of_day; }
int64_t hour_of(Instant at) { return at.time_since_epoch().count() / 3600; }

/// Of an address; "" where it is none that can be a domain's.
std::string domain_part(const std::string& address) {
    const size_t at = address.rfind('@');
    const std::string domain = at == std::string::npos ? std::string() : lower_address(address.substr(at + 1));
    const auto plain = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-'; };
    const bool good = !domain.empty() && domain.size() <= most_domain && domain.find('.') != std::string::npos && domain.find("..") == std::string::npos &&
                      std::all_of(domain.begin(), domain.end(), plain);
    return good ? domain : std::string();
}

/// Nobody reads what is sent there, or a machine answers it.
bool is_nobodys(const std::string& address) {
    const std::string local = lower_address(address.substr(0, address.find('@')));
    for (const char* word : {"noreply", "no-reply", "no_reply", "donotreply", "do-not-reply", "mailer-daemon", "postmaster", "bounce", "bounces"})
        if (local == word || local.starts_with(std::string(word) + "+") || local.starts_with(std::string(word) + "-")) return true;
    return false;
}

Seconds reporter_mail_patience(int64_t attempts) { return std::min(Seconds(21'600), Seconds(300) * (int64_t{1} << std::min<int64_t>(attempts, 7))); }
/// A reporter does not wait for it: what cannot be sent within a day or two is not sent.
constexpr int64_t most_attempts = 12;

std::string key_of(const ReporterMail& mail) { return mail.delivery.text() + "/" + std::string(name(mail.notice)); }

}  // namespace

/// Notes who sent the delivery, and where he may be told.
void Desk::count_delivery(const Delivery& delivery, const DeliveryInput& input, const std::string& actor) {
    DeliveryReporter entry{delivery.id, ReporterId(), ""};
    if (!input.by_mail) {
        entry.reporter = ReporterId("account:" + actor.substr(actor.find(':') + 1));
    } else {
        const ReadSender sender = input.reading.sender.value_or(ReadSender{});
        const std::string domain = domain_part(sender.from.empty() ? input.sender : sender.from);
        const bool proven = sender.proven && !domain.empty() && domain == domain_part(sender.from);
        entry.reporter = ReporterId((proven ? "" : std::string(core::unproven_party)) + domain);
        const bool ours = lower_address(sender.from) == lower_address(options_.answer_to) || lower_address(sender.from) == lower_address(options_.staff_address) ||
                          domain == lower_address(options_.mail_domain);
        if (proven && !sender.automatic && !ours && !input.reading.reply)
            for (const std::string& address : {sender.reply_to, sender.contact, sender.from}) {
                if (!is_mail_address(address) || domain_part(address) != domain || is_nobodys(address)) continue;
                entry.tell = address;
                break;
            }
    }
    ports_.storage.put_delivery_reporter(entry);
    count_report(entry.reporter, {.unparseable = delivery.state == DeliveryState::triage && delivery.events == 0 ? 1 : 0});
    if (delivery.events > 0) tell_reporter(delivery.id, ReporterNotice::received);
}

void Desk::count_report(const ReporterId& id, const ReporterCounts& more) {
    if (id.empty()) return;
    Reporter reporter = ports_.storage.find_reporter(id).value_or(Reporter{});
    if (reporter.id.empty()) reporter.id = id, reporter.first_at = now();
    reporter.last_at = now();
    if (reporter.hour != hour_of(now())) reporter.hour = hour_of(now()), reporter.in_hour = 0;
    reporter.in_hour += more.reports;
    ports_.storage.put_reporter(reporter);
    ports_.storage.count_reporter(id, day_of(now()), more);
}

/// A report has got its case.
void Desk::note_in_case(const StoredReport& report, bool opened) {
    if (report.reporter.empty()) return;
    ports_.storage.note_reporter_in_case({report.case_id, report.reporter, report.delivery});
    count_report(report.reporter, {.opened = opened ? 1 : 0, .duplicates = opened ? 0 : 1});
    tell_reporter(report.delivery, ReporterNotice::forwarded);
}

/// What a case came to is what its reporters' word was worth: once for each of them, however often they wrote. How it ended when
/// nobody looked (closed by staff, found clean after days) says nothing.
void Desk::judge_reporters(const core::Case& c) {
    ReporterCounts verdict;
    if (c.outcome == core::Outcome::false_positive) verdict.wrong = 1;
    else if (c.outcome == core::Outcome::fixed_by_customer || c.outcome == core::Outcome::cleaned || c.outcome == core::Outcome::accepted) verdict.right = 1;
    ReporterId last;
    for (const auto& entry : ports_.storage.reporters_in_case(c.id, reporters_of_a_case)) {
        if (entry.reporter != last && verdict != ReporterCounts{}) count_report(entry.reporter, verdict);
        last = entry.reporter;
        tell_reporter(entry.delivery, ReporterNotice::closed);
    }
}

std::string Desk::why_throttled(const ReporterId& id) {
    const auto reporter = id.empty() ? std::nullopt : ports_.storage.find_reporter(id);
    if (!reporter || reporter->standing == ReporterStanding::exempt) return {};
    const std::string remedy = "; look at its evidence, then give it its VM";
    if (reporter->standing == ReporterStanding::throttled) return "staff throttles the reporter " + id.text() + " (" + reporter->reason + ")" + remedy;
    if (options_.reporter_hourly > 0 && reporter->hour == hour_of(now()) && reporter->in_hour > options_.reporter_hourly)
        return "the reporter " + id.text() + " has sent more than " + std::to_string(options_.reporter_hourly) + " reports within the hour" + remedy;
    const ReporterCounts counts = ports_.storage.reporter_counts(id, day_of(now()) - days_judged);
    const int64_t judged = counts.right + counts.wrong;
    if (judged < options_.reporter_judged || judged == 0 || counts.wrong * 100 <= options_.reporter_wrong_percent * judged) return {};
    return "of the reporter " + id.text() + "'s cases of the last " + std::to_string(days_judged) + " days " + std::to_string(counts.wrong) + " of " +
           std::to_string(judged) + " were false positives" + remedy;
}

Result<Reporter> Desk::judge_reporter(const ReporterId& id, ReporterStanding standing, const std::string& reason, const std::string& actor) {
    if (clean_line(reason).empty()) return fail(Errc::invalid, "A reason is missing; whoever looks at the reporter next wants to know it.");
    Reporter reporter = ports_.storage.find_reporter(id).value_or(Reporter{});
    if (reporter.id.empty()) reporter.id = id, reporter.first_at = reporter.last_at = now();
    reporter.standing = standing;
    reporter.reason = clean_line(reason, 500);
    reporter.by = actor;
    reporter.standing_at = now();
    ports_.storage.put_reporter(reporter);
    spdlog::info("reporter={} standing={} actor={} reason=\"{}\"", id.text(), name(standing), actor, reporter.reason);
    return reporter;
}

Result<StoredReport> Desk::settle_report(const ReportId& id, const std::string& how, const std::string& reason, const std::string& actor) {
    constexpr std::array<std::string_view, 3> ways{"not_ours", "duplicate", "no_abuse"};
    if (std::find(ways.begin(), ways.end(), how) == ways.end())
        return fail(Errc::invalid, "'" + how.substr(0, 60) + "' is none of not_ours, duplicate, no_abuse.");
    if (clean_line(reason).empty()) return fail(Errc::invalid, "A reason is missing; it is kept with the report.");
    auto report = ports_.storage.find_report(id);
    if (!report) return fail(Errc::not_found, "There is no report " + id.text() + ".");
    if (!report->case_id.empty()) return fail(Errc::conflict, "Report " + id.text() + " belongs to case " + report->case_id.text() + "; close that one.");
    if (!report->settled.empty()) return fail(Errc::conflict, "Report " + id.text() + " is settled already (" + report->settled + ").");
    report->settled = how + ": " + clean_line(reason, 500) + " (" + actor + ", " + format_rfc3339(now()) + ")";
    report->wait = ReportWait::nothing;
    const auto done = ports_.storage.transaction([&]() -> Result<void> {
        ports_.storage.put_report(*report);
        if (how == "not_ours") {
            count_report(report->reporter, {.not_ours = 1});
            tell_reporter(report->delivery, ReporterNotice::not_ours);
        }
        return {};
    });
    if (!done) return fail(done.error());
    spdlog::info("report={} actor={} settled=\"{}\"", id.text(), actor, report->settled);
    return *report;
}

// ---- what they are told -------------------------------------------------------------------------------------------

/// One mail of each kind for one delivery, and so many a day to one domain.
void Desk::tell_reporter(const DeliveryId& id, ReporterNotice notice) {
    const auto& told = options_.tell_reporters;
    if (id.empty() || std::find(told.begin(), told.end(), notice) == told.end()) return;
    const auto entry = ports_.storage.delivery_reporter(id);
    if (!entry || entry->tell.empty()) return;
    auto reporter = ports_.storage.find_reporter(entry->reporter);
    if (!reporter) return;
    if (reporter->day != day_of(now())) reporter->day = day_of(now()), reporter->told_in_day = 0;
    if (reporter->told_in_day >= options_.reporter_mails_per_day) return;
    ReporterMail mail{id, notice, entry->reporter, entry->tell, "", MailState::due, 0, now(), ""};
    // Not of a case's form: an answer to it is no customer's answer.
    mail.message_id = "<" + id.text() + "." + std::string(name(notice)) + "." + ports_.random.hex128().substr(0, 12) + "@" + options_.mail_domain + ">";
    if (!ports_.storage.owe_reporter_mail(mail)) return;
    reporter->told_in_day += 1;
    ports_.storage.put_reporter(*reporter);
}

void Desk::send_reporter_mails() {
    for (ReporterMail& mail : ports_.storage.reporter_mails_to_send(now(), size_t(options_.mails_per_tick))) {
        if (reporter_mails_under_way_.contains(key_of(mail))) continue;
        // Nothing of the customer's: a number, the addresses that he named himself, and where to ask.
        Json context{{"reference", mail.delivery.text()}, {"answer_to", options_.answer_to}};
        Json addresses = Json::array();
        for (const auto& report : ports_.storage.reports_of(mail.delivery, most_addresses_told)) {
            const Json line{{"text", report.address}};
            if (!report.address.empty() && std::find(addresses.begin(), addresses.end(), line) == addresses.end()) addresses.push_back(line);
        }
        if (!addresses.empty()) context["reported_addresses"] = std::move(addresses);
        auto text = ports_.writer.write(mail.notice, options_.staff_language, context);
        if (!text) {
            reporter_mail_answered(mail, {MailFate::retry_later, 0, text.error().text});
            continue;
        }
        OutgoingMail out{mail.message_id, mail.to, "", std::move(text->subject), std::move(text->text), std::move(text->html), now(), {}};
        leaving_.push_back([this, mail, out = std::move(out)] {
            if (!reporter_mails_under_way_.insert(key_of(mail)).second) return;
            ports_.mailer.send(out, [this, mail](MailAnswer answer) {
                auto back = [mail, answer](Desk& desk) { desk.reporter_mail_answered(mail, answer); };
                if (come_back_) come_back_(std::move(back));
                else back(*this);
            });
        });
    }
}

void Desk::reporter_mail_answered(ReporterMail mail, const MailAnswer& answer) {
    mail.last_reply = clean_line(std::to_string(answer.reply_code) + " " + answer.text, 500);
    if (answer.fate == MailFate::accepted) {
        mail.state = MailState::sent;
    } else if (answer.fate == MailFate::refused || ++mail.attempts >= most_attempts) {
        mail.state = MailState::failed;
    } else {
        mail.next_try = now() + reporter_mail_patience(mail.attempts);
    }
    ports_.storage.update_reporter_mail(mail);
    leaving_.push_back([this, key = key_of(mail)] { reporter_mails_under_way_.erase(key); });
    if (answer.fate != MailFate::accepted) spdlog::warn("delivery={} mail to its reporter: {}", mail.delivery.text(), mail.last_reply);
}

}  // namespace bailiff
