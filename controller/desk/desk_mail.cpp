// SPDX-License-Identifier: Apache-2.0
// Mails out of the outbox: written when sent, so that they say what is true then; recorded when the server has them.

#include "controller/desk/desk.hpp"

#include <algorithm>
#include <spdlog/spdlog.h>

namespace bailiff {

namespace {

/// 1, 2, 4 … 30 minutes: a mail server that is away comes back within hours, and a ticket must not wait long after.
Seconds patience(int64_t attempts) { return std::min(Seconds(1800), Seconds(60) * (int64_t{1} << std::min<int64_t>(attempts, 5))); }

}  // namespace

void Desk::send_mails() {
    for (const OutboxMail& mail : ports_.storage.to_send(now(), size_t(options_.mails_per_tick))) {
        if (mails_under_way_.contains(mail.id)) continue;
        const auto c = ports_.storage.find_case(mail.case_id);
        if (!c) continue;
        OutgoingMail out;
        out.message_id = mail.message_id;
        out.date = now();
        switch (mail.due.audience) {
            case core::Audience::customer: out.to = c->contact.email, out.to_name = c->contact.name; break;
            case core::Audience::staff: out.to = options_.staff_address; break;
            case core::Audience::supervisor: out.to = options_.supervisor_address; break;
        }
        const std::string language = mail.due.audience == core::Audience::customer ? c->contact.language : "en";
        auto text = ports_.writer.write(mail.due.notice, language, notice_context(*c, mail.due));
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

void Desk::mail_answered(const OutboxMail& sent, const std::string& to, const MailAnswer& answer) {
    mails_under_way_.erase(sent.id);
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
        case MailFate::refused: return settle(MailState::failed, core::NoticeRefused{mail.due.notice, mail.due.key, to, mail.last_reply});
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
