// SPDX-License-Identifier: Apache-2.0
// Mails that ask for other contact data. Whoever can write a mail can ask; a person decides, and names what changes to what.

#include "controller/desk/desk.hpp"
#include "controller/desk/mail_address.hpp"

#include <algorithm>
#include <spdlog/spdlog.h>

namespace bailiff {

namespace {

constexpr size_t most_change_words = 4000, most_subject = 300, most_cases_told = 50;

/// What is wrong with a contact's data, in one sentence; "" when nothing is.
std::string mistake_in_contact(const core::Contact& contact, bool authorised) {
    if (contact.name.empty()) return "A contact needs a name.";
    if (!contact.email.empty() && !is_mail_address(contact.email)) return "'" + contact.email + "' is no plain address; write abuse@customer.example.";
    if (authorised && contact.email.empty()) return "The authorised contact needs a mail address.";
    if (contact.email.empty() && contact.phone.empty()) return "A contact needs a mail address or a number.";
    if (!contact.phone.empty() && plain_number(contact.phone).size() < 3) return "'" + contact.phone + "' is no number; write +91 80 5550 0117.";
    if (!contact.zone.empty() && !is_zone(contact.zone)) return "'" + contact.zone + "' is no zone of the tz database; write Asia/Kolkata.";
    return {};
}

}  // namespace

bool is_zone(const std::string& zone) {
    core::CalendarData data;
    data.timezone = zone;
    for (auto& day : data.hours) day = {{0, 1440}};
    return core::Calendar::build(std::move(data)).has_value();
}

Result<void> check_contact(const CustomerContact& contact) {
    if (const auto mistake = mistake_in_contact(contact.contact, contact.number == 0); !mistake.empty()) return fail(Errc::invalid, mistake);
    if (contact.number != 0 && contact.role == ContactRole::authorised)
        return fail(Errc::invalid, "A customer has one authorised contact, who is set with the customer; the others are technical, billing or security.");
    if (contact.number != 0 && (contact.preference < 1 || contact.preference > 99)) return fail(Errc::invalid, "The order of preference is a number from 1 to 99.");
    return {};
}

bool Desk::asks_for_change(const std::string& recipient) const {
    return !options_.contacts_address.empty() && lower_address(recipient) == lower_address(options_.contacts_address);
}

/// Why the mail became no change request; "" when it did, or had before.
std::string Desk::open_change(const Delivery& delivery, const Reading& reading) {
    Storage& storage = ports_.storage;
    if (storage.change_of(delivery.id)) return {};
    ContactChange change;
    change.from = lower_address(!reading.from.empty() ? reading.from : !delivery.sender.empty() ? delivery.sender : delivery.reporter).substr(0, 254);
    // Who floods the queue fills the ordinary triage instead: nothing is lost, and the queue stays one that people read.
    if (storage.waiting_changes(change.from) >= most_changes_of_one)
        return "it asks for other contact data, and " + std::to_string(most_changes_of_one) + " requests of " + change.from + " wait already; decide those first";
    if (storage.waiting_changes("") >= most_changes)
        return "it asks for other contact data, and " + std::to_string(most_changes) + " such requests wait already; decide those first";
    change.id = storage.next_change_id();
    change.subject = delivery.subject.substr(0, most_subject);
    change.text = reading.words.substr(0, most_change_words);
    change.proven = reading.proven;
    change.delivery = delivery.id;
    change.at = now();
    if (const auto whose = storage.customers_by_mail(change.from, 2); whose.size() == 1) change.customer = whose.front();
    storage.put_change(change);
    spdlog::info("change={} delivery={} from={} customer={} proven={}", change.id, delivery.id.text(), change.from, change.customer.text(), change.proven);
    return {};
}

Result<ContactChange> Desk::reject_change(const std::string& id, const std::string& reason, const std::string& actor) {
    auto change = ports_.storage.find_change(id);
    if (!change) return fail(Errc::not_found, "There is no change request " + id + ".");
    if (reason.empty()) return fail(Errc::invalid, "To reject a change takes a reason.");
    if (change->state != ChangeState::waiting) return fail(Errc::conflict, "Change request " + id + " is " + std::string(name(change->state)) + " already.");
    change->state = ChangeState::rejected;
    change->decided_by = actor;
    change->reason = reason;
    change->decided_at = now();
    ports_.storage.put_change(*change);
    spdlog::info("change={} rejected actor={} reason=\"{}\"", id, actor, reason);
    return *change;
}

Result<ContactChange> Desk::approve_change(const ApproveChange& in, const std::string& actor) {
    Result<ContactChange> out = fail(Errc::not_found, "There is no change request " + in.id + ".");
    const auto done = ports_.storage.transaction([&]() -> Result<void> {
        Storage& storage = ports_.storage;
        auto change = storage.find_change(in.id);
        if (!change) return fail(out.error());
        if (in.reason.empty()) return fail(Errc::invalid, "To approve a change takes a reason: how you know that it is right.");
        if (change->state != ChangeState::waiting) return fail(Errc::conflict, "Change request " + in.id + " is " + std::string(name(change->state)) + " already.");
        const CustomerId whose = in.customer.empty() ? change->customer : in.customer;
        auto customer = storage.find_customer(whose);
        if (!customer) return fail(Errc::invalid, whose.empty() ? "Name the customer: no contact, or several customers', has the address " + change->from + "." : "There is no customer " + whose.text() + ".");
        auto people = contacts_in_order(storage, *customer);
        CustomerContact contact;
        contact.customer = whose;
        if (in.contact < 0) {
            if (int64_t(people.size()) >= most_contacts) return fail(Errc::conflict, "Customer " + whose.text() + " has " + std::to_string(most_contacts) + " contacts already; remove one first.");
            contact.number = storage.next_contact_number();
        } else {
            const auto found = std::find_if(people.begin(), people.end(), [&](const CustomerContact& one) { return one.number == in.contact; });
            if (found == people.end()) return fail(Errc::invalid, "Customer " + whose.text() + " has no contact " + std::to_string(in.contact) + ".");
            contact = *found;
        }
        Json before = Json::object(), after = Json::object();
        const auto change_to = [&](const char* field, std::string& value, const std::optional<std::string>& wanted) {
            if (!wanted || *wanted == value) return;
            before[field] = value;
            after[field] = *wanted;
            value = *wanted;
        };
        change_to("name", contact.contact.name, in.name);
        change_to("email", contact.contact.email, in.email);
        change_to("phone", contact.contact.phone, in.phone);
        change_to("language", contact.contact.language, in.language);
        change_to("zone", contact.contact.zone, in.zone);
        if (in.role && *in.role != contact.role) {
            before["role"] = name(contact.role);
            after["role"] = name(*in.role);
            contact.role = *in.role;
        }
        if (after.empty()) return fail(Errc::invalid, "Nothing would change; name the fields with their new values.");
        if (auto sound = check_contact(contact); !sound) return fail(sound.error());
        if (after.contains("email")) contact.mail = MailStanding::unverified, contact.mail_note.clear();
        if (after.contains("phone")) contact.phone = PhoneStanding::unknown;
        contact.changed_by = actor;
        contact.changed_at = now();
        if (contact.number == 0) {
            if (contact.role != ContactRole::authorised) return fail(Errc::invalid, "The authorised contact stays that; make the other one a contact of its own.");
            customer->contact = contact.contact;
            storage.put_customer(*customer);
        }
        storage.put_contact(contact);
        change->state = ChangeState::approved;
        change->customer = whose;
        change->decided_by = actor;
        change->reason = in.reason;
        change->decided_at = now();
        change->applied = dump_json({{"customer", whose.text()}, {"contact", contact.number}, {"old", before}, {"new", after}});
        storage.put_change(*change);
        // Who works on a case of this customer reads it there.
        CaseFilter open;
        open.open_only = true;
        open.customer = whose;
        open.limit = most_cases_told;
        for (const auto& c : storage.list_cases(open))
            (void)act(c.id, core::AddNote{"contact data of the customer changed (request " + in.id + "): " + contact.contact.name + ": " + in.reason}, actor);
        spdlog::info("change={} approved actor={} customer={} contact={}", in.id, actor, whose.text(), contact.number);
        out = *change;
        return {};
    });
    if (!done) return fail(done.error());
    return out;
}

}  // namespace bailiff
