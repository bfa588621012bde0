// SPDX-License-Identifier: Apache-2.0
// Contacts of customers, and mails that ask to change them.
#include "controller/api/handlers.hpp"
#include "controller/api/views.hpp"

#include <algorithm>
#include <charconv>

namespace bailiff {
namespace {

std::optional<int64_t> whole_number(const std::string& text) {
    int64_t out = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
    if (error != std::errc{} || end != text.data() + text.size() || out < 0) return std::nullopt;
    return out;
}

std::optional<CustomerContact> find_contact(ApiCall& call, const std::string& number) {
    const auto wanted = whole_number(number);
    for (const auto& one : call.desk.contacts(CustomerId(call.values[0])))
        if (wanted && one.number == *wanted) return one;
    return std::nullopt;
}

HttpResponse no_such_contact(ApiCall& call) {
    return problem(404, "Customer '" + call.values[0] + "' has no contact '" + call.values[1] + "'; GET /api/v1/customers/" + call.values[0] + "/contacts lists those there are.");
}

/// What is given; the rest stays as it is.
void read_contact(JsonReader& read, CustomerContact& c) {
    const auto text = [&](const char* field, std::string& value, size_t most) {
        if (read.has(field)) value = read.text(field, most);
    };
    text("name", c.contact.name, 256);
    const std::string email = c.contact.email, phone = c.contact.phone;
    text("email", c.contact.email, 254);
    text("phone", c.contact.phone, 64);
    text("language", c.contact.language, 16);
    text("zone", c.contact.zone, 64);
    c.role = read.word("role", c.role, false);
    c.preference = read.integer("preference", 1, 99, false, c.preference);
    // Another address is another matter, whatever was known of the one before.
    if (lower_address(email) != lower_address(c.contact.email)) c.mail = MailStanding::unverified, c.mail_note.clear();
    if (plain_number(phone) != plain_number(c.contact.phone)) c.phone = PhoneStanding::unknown;
    c.mail = read.word("mail", c.mail, false);
    c.phone = read.word("phone_state", c.phone, false);
    if (c.mail != MailStanding::bouncing) c.mail_note.clear();
}

void stamp_contact(ApiCall& call, CustomerContact& c) {
    c.changed_by = call.actor();
    c.changed_at = call.desk.now();
}

}  // namespace

HttpResponse no_such_customer(const std::string& id) { return problem(404, "There is no customer '" + id + "'; GET /api/v1/customers lists those there are."); }

HttpResponse list_contacts(ApiCall& call) {
    QueryReader query(call.request);
    if (const auto& mistakes = query.finish(); !mistakes.empty()) return problem(mistakes);
    if (!call.storage().find_customer(CustomerId(call.values[0]))) return no_such_customer(call.values[0]);
    Json items = Json::array();
    for (const auto& one : call.desk.contacts(CustomerId(call.values[0]))) items.push_back(customer_contact_json(one));
    return json_answer(200, {{"items", items}});
}

HttpResponse add_contact(ApiCall& call) {
    const CustomerId customer(call.values[0]);
    if (!call.storage().find_customer(customer)) return no_such_customer(customer.text());
    std::vector<Mistake> mistakes;
    JsonReader read(call.body, mistakes);
    CustomerContact contact;
    contact.customer = customer;
    read_contact(read, contact);
    read.finish();
    if (!mistakes.empty()) return problem(mistakes);
    if (int64_t(call.desk.contacts(customer).size()) >= Desk::most_contacts)
        return problem(409, "A customer has " + std::to_string(Desk::most_contacts) + " contacts at most; remove one first.");
    contact.number = call.storage().next_contact_number();
    stamp_contact(call, contact);
    if (const auto sound = check_contact(contact); !sound) return problem(sound.error());
    call.storage().put_contact(contact);
    return json_answer(201, customer_contact_json(contact));
}

HttpResponse put_contact(ApiCall& call) {
    auto contact = find_contact(call, call.values[1]);
    if (!contact) return no_such_contact(call);
    std::vector<Mistake> mistakes;
    JsonReader read(call.body, mistakes);
    const core::Contact before = contact->contact;
    const ContactRole role = contact->role;
    read_contact(read, *contact);
    read.finish();
    if (!mistakes.empty()) return problem(mistakes);
    if (contact->number == 0 && (contact->contact != before || contact->role != role || read.has("preference")))
        return problem(422, "Who the authorised contact is stands with the customer: PUT /api/v1/customers/" + call.values[0] + "; here only mail and phone_state are set.");
    stamp_contact(call, *contact);
    if (const auto sound = check_contact(*contact); !sound) return problem(sound.error());
    call.storage().put_contact(*contact);
    return json_answer(200, customer_contact_json(*contact));
}

HttpResponse remove_contact(ApiCall& call) {
    const auto contact = find_contact(call, call.values[1]);
    if (!contact) return no_such_contact(call);
    if (contact->number == 0) return problem(409, "The authorised contact cannot be removed; name another one with PUT /api/v1/customers/" + call.values[0] + ".");
    call.storage().remove_contact(contact->customer, contact->number);
    return json_answer(200, customer_contact_json(*contact));
}

HttpResponse list_contact_changes(ApiCall& call) {
    QueryReader query(call.request);
    const auto state = query.word<ChangeState>("state");
    const std::string before = query.cursor();
    const size_t limit = query.limit();
    if (const auto& mistakes = query.finish(); !mistakes.empty()) return problem(mistakes);
    std::vector<Json> items;
    for (const auto& change : call.storage().changes(state, before, limit + 1)) items.push_back(contact_change_json(change));
    return page_answer(std::move(items), limit, "id");
}

HttpResponse show_contact_change(ApiCall& call) {
    const auto change = call.storage().find_change(call.values[0]);
    if (!change) return problem(404, "There is no change request '" + call.values[0] + "'; GET /api/v1/contact-changes lists those there are.");
    Json out = contact_change_json(*change);
    // What stands now beside what was asked for.
    out["contacts"] = Json::array();
    for (const auto& one : call.desk.contacts(change->customer)) out["contacts"].push_back(customer_contact_json(one));
    return json_answer(200, out);
}

HttpResponse approve_contact_change(ApiCall& call) {
    std::vector<Mistake> mistakes;
    JsonReader read(call.body, mistakes);
    ApproveChange in;
    in.id = call.values[0];
    in.customer = CustomerId(read.optional_text("customer", 128));
    in.contact = read.integer("contact", -1, int64_t{1} << 53, false, 0);
    const auto text = [&](const char* field, size_t most) { return read.has(field) ? std::optional(read.text(field, most)) : std::nullopt; };
    in.name = text("name", 256);
    in.email = text("email", 254);
    in.phone = text("phone", 64);
    in.language = text("language", 16);
    in.zone = text("zone", 64);
    if (read.has("role")) in.role = read.word("role", ContactRole::technical);
    in.reason = read.text("reason");
    read.finish();
    if (!mistakes.empty()) return problem(mistakes);
    const auto change = call.desk.approve_change(in, call.actor());
    return change ? json_answer(200, contact_change_json(*change)) : problem(change.error());
}

HttpResponse reject_contact_change(ApiCall& call) {
    std::vector<Mistake> mistakes;
    JsonReader read(call.body, mistakes);
    const std::string reason = read.text("reason");
    read.finish();
    if (!mistakes.empty()) return problem(mistakes);
    const auto change = call.desk.reject_change(call.values[0], reason, call.actor());
    return change ? json_answer(200, contact_change_json(*change)) : problem(change.error());
}

}  // namespace bailiff
