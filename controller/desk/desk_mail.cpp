// SPDX-License-Identifier: Apache-2.0
// Mails out of the outbox: written when sent, so that they say what is true then; recorded when the server has them.

#include "controller/desk/desk.hpp"

#include <algorithm>
#include <cstdlib>
#include <spdlog/spdlog.h>

namespace bailiff {

namespace {

/// How often a mail of a case that stands still is looked at.
constexpr Seconds between_looks{600};

/// 1, 2, 4 … 30 minutes: a mail server that is away comes back within hours, and a ticket must not wait long after.
Seconds patience(int64_t attempts) { return std::min(Seconds(1800), Seconds(60) * (int64_t{1} << std::min<int64_t>(attempts, 5))); }

/// The span in which `mails_per_hour` are counted.
constexpr Seconds flood_span{3600};
/// Notices that one mail tells of beside its own; what is more follows in the next.
constexpr size_t most_told_along = 200;

/// What begins a deadline or tells of a sanction is never late because of what else was sent.
bool goes_at_once(core::Notice notice) {
    return notice == core::Notice::ticket || notice == core::Notice::switched_off || notice == core::Notice::network_cut;
}

}  // namespace

/// When the order that a notice tells of was first given out; nothing before that.
std::optional<Instant> Desk::sanction_ordered_at(const core::Case& c, const core::NoticeDue& due) {
    // The key's number is the demand at which the notice fell due; the same sanction, demanded again, is not told again.
    const auto slash = due.key.find('/');
    const int64_t demand = slash == std::string::npos ? 0 : std::strtoll(due.key.c_str() + slash + 1, nullptr, 10);
    for (const StoredOrder& order : ports_.storage.orders_of(c.id)) {
        const bool off = order.order.desired == VmState::off;
        const bool cut = order.order.desired == VmState::isolated || order.order.desired == VmState::limited;
        if (order.demand >= demand && (due.notice == core::Notice::switched_off ? off : cut)) return order.order.issued_at;
    }
    return std::nullopt;
}

/// "We have switched it off" is true only once the order is out: a case that waits for another one's hold of the VM
/// tells its customer when its turn comes.
bool Desk::waits_for_its_order(const core::Case& c, const core::NoticeDue& due) {
    const bool sanction = due.notice == core::Notice::switched_off || due.notice == core::Notice::network_cut;
    return sanction && !sanction_ordered_at(c, due);
}

/// All mails of a case to one audience are one thread, so that a customer finds the ticket above the reminder. The first and
/// the newest few are named: a header must not grow with the case.
std::vector<std::string> Desk::thread_of(const OutboxMail& mail) {
    constexpr size_t newest = 9;
    std::vector<std::string> out;
    for (const OutboxMail& earlier : ports_.storage.mails_of(mail.case_id))
        if (earlier.id < mail.id && earlier.due.audience == mail.due.audience && earlier.state == MailState::sent) out.push_back(earlier.message_id);
    if (out.size() > newest + 1) out.erase(out.begin() + 1, out.end() - newest);
    return out;
}

void Desk::owe_notices(const core::Case& c, const core::Dues& dues) {
    std::vector<core::NoticeDue> due_now;
    for (const auto& due : dues.notices)
        if (!waits_for_its_order(c, due)) due_now.push_back(due);
    ports_.storage.owe(c.id, due_now, now(), [&](const std::string& key) {
        std::string local = key;
        for (char& ch : local)
            if (ch == '/') ch = '-';
        return "<" + c.id.text() + "." + local + "." + ports_.random.hex128().substr(0, 12) + "@" + options_.mail_domain + ">";
    });
}

/// What another mail told of is settled with that one. `why` is for staff, who finds it with the case's notices.
void Desk::put_off(OutboxMail mail, Instant until, const std::string& why) {
    mail.next_try = until;
    mail.last_reply = why;
    ports_.storage.update(mail);
}

/// Until when a mail to the contact waits, since he has had enough from us lately. The first further report after a quiet window goes
/// at once, for it is news that can be used; what follows within the window is told of together when that ends.
std::optional<Instant> Desk::waits_for_its_turn(const OutboxMail& mail, const std::string& recipient, const std::vector<UnderWay>& leaving, std::string& why) {
    const Seconds window = mail.due.notice == core::Notice::further_report ? options_.further_window : Seconds{0};
    std::vector<Posting> had = ports_.storage.postings_to(recipient, now() - std::max(flood_span, window));
    const auto count_now = [&](const UnderWay& one) {
        if (one.recipient == recipient) had.push_back({recipient, now(), one.reports});
    };
    for (const auto& [id, one] : mails_under_way_) count_now(one);
    for (const auto& one : leaving) count_now(one);
    std::optional<Instant> until;
    for (const Posting& posting : had)
        if (posting.reports && posting.at + window > now()) {
            until = posting.at + window;
            why = "waits until " + format_rfc3339(*until) + " with other further reports to this contact, as one mail";
        }
    std::erase_if(had, [&](const Posting& posting) { return posting.at + flood_span <= now(); });
    const auto most = size_t(options_.mails_per_hour);
    if (most == 0 || had.size() < most) return until;
    const Instant room = had[had.size() - most].at + flood_span;
    if (until && *until >= room) return until;
    why = "waits until " + format_rfc3339(room) + ": " + std::to_string(had.size()) + " mails went to this contact within an hour";
    spdlog::warn("case={} notice {} {}", mail.case_id.text(), mail.due.key, why);
    return room;
}

/// Which other notices the mail tells of as well: a ticket lists every report of its case, a further report all that wait for the contact.
std::vector<OutboxMail> Desk::told_along(const OutboxMail& lead, const core::Case& c, const std::string& recipient) {
    std::vector<OutboxMail> out;
    const bool ticket = lead.due.notice == core::Notice::ticket;
    if (recipient.empty() || (!ticket && lead.due.notice != core::Notice::further_report)) return out;
    for (const WaitingReport& waiting : ports_.storage.waiting_for(recipient, most_told_along)) {
        if (waiting.mail == lead.id || (ticket && waiting.case_id != c.id) || mails_under_way_.contains(waiting.mail)) continue;
        const auto other = waiting.case_id == c.id ? std::optional(c) : ports_.storage.find_case(waiting.case_id);
        const auto mails = ports_.storage.mails_of(waiting.case_id);
        const auto mail = std::find_if(mails.begin(), mails.end(), [&](const OutboxMail& one) { return one.id == waiting.mail; });
        if (!other || mail == mails.end() || mail->state != MailState::due) ports_.storage.drop_waiting(waiting.mail);
        else if (lower_address(core::addressee(*other).email) != recipient || held_back(*other, mail->due)) continue;
        // What was tried may have arrived; it goes again as it went, with the same others, under the same Message-ID.
        else if ((lead.attempts == 0 && mail->attempts == 0) || mail->message_id == lead.message_id) out.push_back(*mail);
    }
    return out;
}

Result<OutgoingMail> Desk::write_letter(const Letter& letter, const core::Case& c) {
    const core::NoticeDue& due = letter.lead.due;
    OutgoingMail out;
    out.message_id = letter.lead.message_id;
    out.date = now();
    out.references = thread_of(letter.lead);
    out.to = letter.to;
    const bool to_customer = due.audience == core::Audience::customer;
    if (to_customer) out.to_name = core::addressee(c).name;
    Json context = notice_context(c, due);
    if (const auto address = new_page_address(c, due)) context["page_url"] = *address;
    if (due.notice == core::Notice::further_report) tell_of_new_reports(context, c, letter.also);
    if (to_customer) context["answer_to"] = out.reply_to = new_reply_address(c, due);
    auto text = ports_.writer.write(due.notice, to_customer ? core::addressee(c).language : options_.staff_language, context);
    if (!text) return fail(text.error());
    out.subject = std::move(text->subject);
    out.text = std::move(text->text);
    out.html = std::move(text->html);
    return out;
}

Result<MailText> Desk::preview_notice(const CaseId& id, core::Notice notice, const std::string& language) {
    const auto c = ports_.storage.find_case(id);
    if (!c) return fail(Errc::not_found, "There is no case " + id.text() + "; `bailiffctl case list` shows those there are.");
    core::NoticeDue due{notice, std::string(name(notice)), core::Audience::customer};
    for (const core::Notice to_staff : {core::Notice::call_reminder, core::Notice::call_overdue, core::Notice::review_needed, core::Notice::operator_needed})
        if (notice == to_staff) due.audience = core::Audience::staff;
    Json context = notice_context(*c, due);
    // An address that was made would have to be kept; this one leads nowhere.
    if (due.audience == core::Audience::customer && !options_.page_url.empty() && c->phase != core::Phase::closed)
        context["page_url"] = options_.page_url + std::string(page_path) + "preview";
    if (!language.empty()) return ports_.writer.write(notice, language, context);
    return ports_.writer.write(notice, due.audience == core::Audience::customer ? core::addressee(*c).language : options_.staff_language, context);
}

void Desk::send_mails() {
    // What could not be committed when the server answered: tried again, and until then the mail is not sent again.
    for (const auto& [id, known] : std::map(mails_answered_)) settle_mail(known.letter, known.answer);
    std::vector<std::pair<OutboxMail, core::Case>> due;
    for (const OutboxMail& mail : ports_.storage.to_send(now(), size_t(options_.mails_per_tick))) {
        if (mails_under_way_.contains(mail.id)) continue;
        auto c = ports_.storage.find_case(mail.case_id);
        if (!c) continue;
        if (held_back(*c, mail.due)) {
            // Behind the others, so that they are not kept waiting; as soon as the case goes on it is looked at again.
            put_off(mail, now() + between_looks, mail.last_reply);
            continue;
        }
        // All of them first, so that those which fell due together are told of together.
        const std::string& email = core::addressee(*c).email;
        if (mail.due.notice == core::Notice::further_report && mail.due.audience == core::Audience::customer && !email.empty())
            ports_.storage.put_waiting({mail.id, c->id, lower_address(email)});
        due.emplace_back(mail, std::move(*c));
    }
    std::set<int64_t> told;
    std::vector<UnderWay> leaving;
    for (const auto& [mail, c] : due) {
        if (told.contains(mail.id)) continue;
        Letter letter{mail, {}, {}};
        switch (mail.due.audience) {
            case core::Audience::customer: letter.to = core::addressee(c).email; break;
            case core::Audience::staff: letter.to = options_.staff_address; break;
            case core::Audience::supervisor: letter.to = options_.supervisor_address; break;
        }
        const std::string recipient = mail.due.audience == core::Audience::customer ? lower_address(letter.to) : "";
        if (std::string why; !recipient.empty() && !goes_at_once(mail.due.notice)) {
            if (const auto until = waits_for_its_turn(mail, recipient, leaving, why)) {
                put_off(mail, *until, why);
                continue;
            }
        }
        letter.also = told_along(mail, c, recipient);
        std::erase_if(letter.also, [&](const OutboxMail& other) { return told.contains(other.id); });
        auto out = write_letter(letter, c);
        if (!out) {
            spdlog::error("case={} notice {} cannot be written: {}", c.id.text(), name(mail.due.notice), out.error().text);
            OutboxMail later = mail;
            later.attempts += 1;
            put_off(later, now() + patience(later.attempts), out.error().text);
            continue;
        }
        const UnderWay way{recipient, mail.due.notice == core::Notice::further_report};
        leaving.push_back(way);
        told.insert(mail.id);
        for (auto& other : letter.also) {
            told.insert(other.id);
            if (other.message_id == mail.message_id) continue;
            other.message_id = mail.message_id;
            ports_.storage.update(other);
        }
        leaving_.push_back([this, letter = std::move(letter), way, out = std::move(*out)] {
            if (!mails_under_way_.emplace(letter.lead.id, way).second) return;
            // Those beside it are not sent meanwhile, and are no further mails.
            for (const auto& other : letter.also) mails_under_way_.emplace(other.id, UnderWay{});
            ports_.mailer.send(out, [this, letter](MailAnswer answer) {
                auto back = [letter, answer](Desk& desk) { desk.mail_answered(letter, answer); };
                if (come_back_) come_back_(std::move(back));
                else back(*this);
            });
        });
    }
}

/// The server's answer is kept until it is committed: were it forgotten when the disk is full, the customer would get
/// the same mail at every tick.
void Desk::mail_answered(const Letter& letter, const MailAnswer& answer) {
    mails_answered_.insert_or_assign(letter.lead.id, Answered{letter, answer});
    settle_mail(letter, answer);
}

/// Whom the case writes to next, when the address of this one was refused.
std::optional<core::Contact> Desk::instead_of(const OutboxMail& mail, const std::string& to) {
    const auto c = mail.due.audience == core::Audience::customer ? ports_.storage.find_case(mail.case_id) : std::nullopt;
    return c ? next_to_write(*c, to) : std::nullopt;
}

void Desk::settle_mail(const Letter& letter, const MailAnswer& answer) {
    std::vector<OutboxMail> mails{letter.lead};
    mails.insert(mails.end(), letter.also.begin(), letter.also.end());
    leaving_.push_back([this, mails] {
        mails_answered_.erase(mails.front().id);
        for (const auto& mail : mails) mails_under_way_.erase(mail.id);
    });
    const std::string reply = std::to_string(answer.reply_code) + " " + answer.text;
    const bool later = answer.fate == MailFate::retry_later || answer.fate == MailFate::unknown;
    if (later) {
        const Instant next = now() + patience(letter.lead.attempts + 1);
        for (auto& mail : mails) {
            mail.attempts += 1;
            put_off(mail, next, reply);
        }
        spdlog::warn("case={} notice {} waits for the mail server: {}", letter.lead.case_id.text(), letter.lead.due.key, reply);
        return;
    }
    const bool accepted = answer.fate == MailFate::accepted;
    const std::string recipient = letter.lead.due.audience == core::Audience::customer ? lower_address(letter.to) : "";
    (void)ports_.storage.transaction([&]() -> Result<void> {
        if (const auto c = ports_.storage.find_case(letter.lead.case_id); c && !accepted && !recipient.empty())
            mark_mail(c->customer, letter.to, MailStanding::bouncing, reply.substr(0, 500));
        for (auto& mail : mails) {
            mail.state = accepted ? MailState::sent : MailState::failed;
            mail.message_id = letter.lead.message_id;
            mail.last_reply = reply;
            ports_.storage.update(mail);
            ports_.storage.drop_waiting(mail.id);
            if (accepted && mail.case_id != letter.lead.case_id) ports_.storage.put_told_together(letter.lead.case_id, mail.case_id);
            const core::Input input = accepted ? core::Input(core::NoticeAccepted{mail.due.notice, mail.due.key, letter.to, mail.message_id})
                                               : core::Input(core::NoticeRefused{mail.due.notice, mail.due.key, letter.to, reply, instead_of(mail, letter.to)});
            const auto acted = act(mail.case_id, input, "controller");
            if (!acted) return fail(acted.error());
        }
        if (accepted && !recipient.empty())
            ports_.storage.put_posting({recipient, now(), letter.lead.due.notice == core::Notice::further_report}, now() - std::max(flood_span, options_.further_window));
        return {};
    });
}

}  // namespace bailiff
