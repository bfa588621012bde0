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

void Desk::send_mails() {
    // What could not be committed when the server answered: tried again, and until then the mail is not sent again.
    for (const auto& [id, known] : std::map(mails_answered_)) settle_mail(known.mail, known.to, known.answer);
    for (const OutboxMail& mail : ports_.storage.to_send(now(), size_t(options_.mails_per_tick))) {
        if (mails_under_way_.contains(mail.id)) continue;
        const auto c = ports_.storage.find_case(mail.case_id);
        if (!c) continue;
        if (held_back(*c, mail.due)) {
            // Behind the others, so that they are not kept waiting; as soon as the case goes on it is looked at again.
            OutboxMail later = mail;
            later.next_try = now() + between_looks;
            ports_.storage.update(later);
            continue;
        }
        OutgoingMail out;
        out.message_id = mail.message_id;
        out.date = now();
        out.references = thread_of(mail);
        switch (mail.due.audience) {
            case core::Audience::customer: out.to = core::addressee(*c).email, out.to_name = core::addressee(*c).name; break;
            case core::Audience::staff: out.to = options_.staff_address; break;
            case core::Audience::supervisor: out.to = options_.supervisor_address; break;
        }
        const std::string language = mail.due.audience == core::Audience::customer ? core::addressee(*c).language : options_.staff_language;
        Json context = notice_context(*c, mail.due);
        if (const auto address = new_page_address(*c, mail.due)) context["page_url"] = *address;
        auto text = ports_.writer.write(mail.due.notice, language, context);
        if (!text) {
            spdlog::error("case={} notice {} cannot be written: {}", c->id.text(), name(mail.due.notice), text.error().text);
            OutboxMail later = mail;
            later.attempts += 1;
            later.next_try = now() + patience(later.attempts);
            later.last_reply = text.error().text;
            ports_.storage.update(later);
            continue;
        }
        out.subject = std::move(text->subject);
        out.text = std::move(text->text);
        out.html = std::move(text->html);
        leaving_.push_back([this, mail, out = std::move(out)] {
            if (!mails_under_way_.insert(mail.id).second) return;
            const std::string to = out.to;
            ports_.mailer.send(out, [this, mail, to](MailAnswer answer) {
                auto back = [mail, to, answer](Desk& desk) { desk.mail_answered(mail, to, answer); };
                if (come_back_) come_back_(std::move(back));
                else back(*this);
            });
        });
    }
}

/// The server's answer is kept until it is committed: were it forgotten when the disk is full, the customer would get
/// the same mail at every tick.
void Desk::mail_answered(const OutboxMail& sent, const std::string& to, const MailAnswer& answer) {
    mails_answered_.insert_or_assign(sent.id, Answered{sent, to, answer});
    settle_mail(sent, to, answer);
}

void Desk::settle_mail(const OutboxMail& sent, const std::string& to, const MailAnswer& answer) {
    leaving_.push_back([this, id = sent.id] {
        mails_answered_.erase(id);
        mails_under_way_.erase(id);
    });
    OutboxMail mail = sent;
    mail.last_reply = std::to_string(answer.reply_code) + " " + answer.text;
    const auto settle = [&](MailState state, const core::Input& input) {
        (void)ports_.storage.transaction([&]() -> Result<void> {
            mail.state = state;
            ports_.storage.update(mail);
            const auto acted = act(mail.case_id, input, "controller");
            return acted ? Result<void>{} : fail(acted.error());
        });
    };
    switch (answer.fate) {
        case MailFate::accepted: return settle(MailState::sent, core::NoticeAccepted{mail.due.notice, mail.due.key, to, mail.message_id});
        case MailFate::refused: {
            const auto c = ports_.storage.find_case(mail.case_id);
            const bool to_customer = c && mail.due.audience == core::Audience::customer;
            if (to_customer) mark_mail(c->customer, to, MailStanding::bouncing, mail.last_reply.substr(0, 500));
            return settle(MailState::failed, core::NoticeRefused{mail.due.notice, mail.due.key, to, mail.last_reply, to_customer ? next_to_write(*c, to) : std::nullopt});
        }
        case MailFate::retry_later:
        case MailFate::unknown:
            mail.attempts += 1;
            mail.next_try = now() + patience(mail.attempts);
            ports_.storage.update(mail);
            spdlog::warn("case={} notice {} waits for the mail server: {}", mail.case_id.text(), mail.due.key, mail.last_reply);
            return;
    }
}

}  // namespace bailiff
