// SPDX-License-Identifier: Apache-2.0
// Whom of a customer we reach: the order of contacts, what is known of each, and who is next when a mail comes back.

#include "controller/desk/desk.hpp"

#include <algorithm>
#include <spdlog/spdlog.h>

namespace bailiff {

namespace {

constexpr size_t most_bounce_text = 500, most_history = 5000;

bool failed_before(const core::Case& c, const std::string& address) {
    return std::any_of(c.mail_failures.begin(), c.mail_failures.end(),
                       [&](const core::MailFailure& f) { return f.final && lower_address(f.to) == lower_address(address); });
}

}  // namespace

std::string plain_number(std::string_view number) {
    std::string out;
    for (const char c : number)
        if ((c >= '0' && c <= '9') || (c == '+' && out.empty())) out += c;
    return out;
}

std::vector<CustomerContact> contacts_in_order(Contacts& contacts, const Customer& customer) {
    CustomerContact first;
    first.customer = customer.id;
    first.role = ContactRole::authorised;
    first.contact = customer.contact;
    first.preference = 0;
    auto rows = contacts.contacts_of(customer.id);
    if (!rows.empty() && rows.front().number == 0) {
        const CustomerContact& known = rows.front();
        if (lower_address(known.contact.email) == lower_address(customer.contact.email)) first.mail = known.mail, first.mail_note = known.mail_note;
        if (plain_number(known.contact.phone) == plain_number(customer.contact.phone)) first.phone = known.phone;
        first.changed_by = known.changed_by;
        first.changed_at = known.changed_at;
        rows.erase(rows.begin());
    }
    std::stable_sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) { return a.preference < b.preference; });
    rows.insert(rows.begin(), std::move(first));
    return rows;
}

std::string contact_warning(const std::vector<CustomerContact>& contacts) {
    std::string out;
    const auto add = [&](bool lacks, const std::string& text) {
        if (lacks) out += (out.empty() ? "" : "; ") + text;
    };
    if (contacts.empty()) return "no contact: nobody could be reached";
    const CustomerContact& first = contacts.front();
    const core::Contact& c = first.contact;
    add(c.email.empty(), "no mail address: no ticket would arrive");
    add(!c.email.empty() && first.mail == MailStanding::bouncing, "mail to " + c.email + " comes back: the ticket would go to the next contact, if there is one");
    add(!c.email.empty() && first.mail == MailStanding::unverified, "mail never verified");
    add(c.phone.empty(), "no phone number: nobody could be called");
    add(!c.phone.empty() && first.phone == PhoneStanding::wrong, "the phone number is wrong");
    add(c.name.empty(), "no name to ask for");
    add(contacts.size() < 2, "no second contact: nobody else to turn to");
    return out;
}

std::vector<CustomerContact> Desk::contacts(const CustomerId& id) {
    const auto customer = ports_.storage.find_customer(id);
    return customer ? contacts_in_order(ports_.storage, *customer) : std::vector<CustomerContact>{};
}

bool Desk::is_contact(const core::Case& c, const std::string& address) {
    const std::string wanted = lower_address(address);
    if (wanted.empty()) return false;
    if (wanted == lower_address(c.contact.email)) return true;
    const auto all = contacts(c.customer);
    return std::any_of(all.begin(), all.end(), [&](const CustomerContact& one) { return lower_address(one.contact.email) == wanted; });
}

/// Who hears it when `failed` did not: whoever the case writes to since then, else the first contact whose mail is not known to
/// come back. Nobody when no such one is left.
std::optional<core::Contact> Desk::next_to_write(const core::Case& c, const std::string& failed) {
    const auto usable = [&](const core::Contact& contact) {
        return !contact.email.empty() && lower_address(contact.email) != lower_address(failed) && !failed_before(c, contact.email);
    };
    if (c.writes_to && usable(*c.writes_to)) return c.writes_to;
    for (const CustomerContact& one : contacts(c.customer))
        if (one.mail != MailStanding::bouncing && usable(one.contact)) return one.contact;
    return std::nullopt;
}

void Desk::mark_mail(const CustomerId& customer, const std::string& address, MailStanding standing, const std::string& note) {
    for (CustomerContact& one : contacts(customer)) {
        if (lower_address(one.contact.email) != lower_address(address) || one.contact.email.empty()) continue;
        if (one.mail == standing && standing != MailStanding::bouncing) continue;
        one.mail = standing;
        one.mail_note = note;
        one.changed_by = "controller";
        one.changed_at = now();
        ports_.storage.put_contact(one);
        spdlog::info("customer={} contact={} mail={}", customer.text(), one.number, name(standing));
    }
}

/// What a call tells of the number.
void Desk::mark_phone(const core::Case& c, const core::LogCall& call) {
    if (call.outcome != core::CallOutcome::reached && call.outcome != core::CallOutcome::wrong_number) return;
    const auto standing = call.outcome == core::CallOutcome::reached ? PhoneStanding::ok : PhoneStanding::wrong;
    const std::string number = plain_number(call.number);
    if (number.empty()) return;
    for (CustomerContact& one : contacts(c.customer)) {
        if (plain_number(one.contact.phone) != number || one.phone == standing) continue;
        one.phone = standing;
        one.changed_by = "controller";
        one.changed_at = now();
        ports_.storage.put_contact(one);
    }
}

/// A bounce counts for exactly the mail that it returns: the Message-ID, random part and all, must be one that we sent to that
/// case's customer. It stops nothing; the worst that a forged one does is that the next contact hears of the case too. Which case;
/// or nothing, when no mail of ours is meant.
std::optional<CaseId> Desk::take_bounce(const ReadBounce& bounce) {
    const size_t dot = bounce.message_id.find('.');
    if (!bounce.message_id.starts_with('<') || dot == std::string::npos) return std::nullopt;
    const auto c = ports_.storage.find_case(CaseId(bounce.message_id.substr(1, dot - 1)));
    if (!c) return std::nullopt;
    const auto mails = ports_.storage.mails_of(c->id);
    const auto mail = std::find_if(mails.begin(), mails.end(), [&](const OutboxMail& m) {
        return m.message_id == bounce.message_id && m.due.audience == core::Audience::customer && m.state != MailState::withdrawn;
    });
    if (mail == mails.end()) return std::nullopt;
    // To whom it went is ours to know: a mail that is forwarded comes back from an address that nobody here has seen.
    std::string to = core::addressee(*c).email;
    for (const auto& item : ports_.storage.history(c->id, 0, most_history))
        if (const auto* sent = std::get_if<core::NoticeSent>(&item.fact); sent && sent->key == mail->due.key) to = sent->to;
    const std::string text = bounce.text.substr(0, most_bounce_text);
    const auto next = bounce.final ? next_to_write(*c, to) : std::nullopt;
    const auto acted = act(c->id, core::MailBounced{mail->due.notice, mail->due.key, to, bounce.status, text, bounce.final, next}, "intake");
    // A copy of an old bounce says nothing new, also of an address that was mended since.
    if (acted && acted->c.revision > c->revision && bounce.final) mark_mail(c->customer, to, MailStanding::bouncing, bounce.status + " " + text);
    return c->id;
}

}  // namespace bailiff
