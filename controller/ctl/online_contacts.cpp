// SPDX-License-Identifier: Apache-2.0
// `bailiffctl customer contact …` and `bailiffctl contact-change …`.
#include "controller/ctl/online_commands.hpp"
#include "controller/ctl/online_session.hpp"
#include "controller/ctl/table.hpp"

#include <bailiff/clean_text.hpp>

#include <charconv>
#include <sstream>

namespace bailiff {
namespace {

constexpr std::pair<const char*, const char*> contact_fields[] = {{"name", "name"}, {"email", "email"}, {"phone", "phone"}, {"language", "language"},
                                                                  {"zone", "zone"}, {"role", "role"},   {"mail", "mail"},   {"phone-state", "phone_state"}};

void contact_options(Arguments& a) {
    a.value("name", "NAME", "the person").value("email", "ADDRESS", "where mails go").value("phone", "NUMBER", "whom staff phone")
        .value("language", "CODE", "of the notices").value("zone", "ZONE", "where the contact lives: Asia/Kolkata")
        .value("role", "WORD", "technical, billing or security");
}

/// What was given; a number that is none is a complaint.
std::optional<Json> contact_body(Session& s) {
    Json body = Json::object();
    for (const auto& [option, field] : contact_fields)
        if (s.args.has(option)) body[field] = s.args.text(option);
    if (!s.args.has("order")) return body;
    const std::string text = s.args.text("order");
    int64_t order = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), order);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    body["preference"] = order;
    return body;
}

void contact_row(Table& table, const Json& c) {
    table.row({shown(c, "number"), shown(c, "role"), shown(c, "name"), shown(c, "email"), shown(c, "mail"), shown(c, "phone"), shown(c, "phone_state"),
               shown(c, "language"), shown(c, "zone"), shown(c, "preference"), shown(c, "mail_note")});
}

ExitCode show_contacts(Session& s, const Json& items) {
    if (s.printed(items)) return exit_ok;
    Table table({"NUMBER", "ROLE", "NAME", "E-MAIL", "MAIL", "PHONE", "NUMBER IS", "LANGUAGE", "ZONE", "ORDER", "LAST BOUNCE"});
    for (const auto& c : items) contact_row(table, c);
    table.print(s.out);
    return exit_ok;
}

ExitCode show_contact(Session& s, const std::optional<Json>& answer) {
    if (!answer) return s.code();
    if (s.printed(*answer)) return exit_ok;
    return show_contacts(s, Json::array({*answer}));
}

ExitCode show_change(Session& s, const std::optional<Json>& answer) {
    if (!answer) return s.code();
    if (s.printed(*answer)) return exit_ok;
    const Json& c = *answer;
    Table table({"request", shown(c, "id") + "  " + shown(c, "state")});
    const auto line = [&](const char* head, const std::string& text) { if (!text.empty()) table.row({head, text}); };
    line("from", shown(c, "from") + (c.value("proven", false) ? "  (its mail server vouches for it)" : "  (not proven: anybody can write this)"));
    line("customer", shown(c, "customer").empty() ? "no contact, or several customers', has this address" : shown(c, "customer"));
    line("at", shown_time(c, "at"));
    line("subject", shown(c, "subject"));
    line("mail", shown(c, "delivery").empty() ? "" : "bailiffctl intake show " + shown(c, "delivery"));
    line("decided", shown(c, "decided_by").empty() ? "" : shown(c, "decided_by") + " " + shown_time(c, "decided_at") + ": " + shown(c, "reason"));
    if (c.contains("applied") && c["applied"].is_object())
        for (const auto& [field, value] : c["applied"].value("new", Json::object()).items())
            line(field.c_str(), shown(c["applied"]["old"], field.c_str()) + " -> " + (value.is_string() ? value.get<std::string>() : value.dump()));
    table.print(s.out);
    if (!shown(c, "text").empty()) {
        s.out << "\n";
        std::istringstream words(shown(c, "text"));
        for (std::string one; std::getline(words, one);) s.out << "  " << clean_line(one) << "\n";
    }
    if (!c.contains("contacts") || c["contacts"].empty()) return exit_ok;
    s.out << "\nWhat stands now\n";
    return show_contacts(s, c["contacts"]);
}

}  // namespace

ExitCode customer_contact(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err) {
    Arguments a("Usage: bailiffctl customer contact list|add|set|remove CUSTOMER [NUMBER] [OPTIONS]\n"
                "Whom of a customer we can reach, in order: who is next when a number is wrong or a mail comes back.\n"
                "NUMBER names one of the list, for set and remove; 0 is the authorised contact, who is set with `customer set`.\n");
    contact_options(a);
    a.value("order", "N", "the lower the sooner, 1 to 99; default 50").value("mail", "WORD", "what is known of the address: unverified, verified or bouncing")
        .value("phone-state", "WORD", "what is known of the number: unknown, ok or wrong");
    return online(a, arguments, {"ACTION", "CUSTOMER", "[NUMBER]"}, out, err, [](Session& s) {
        const std::string& action = s.words[0];
        const std::string place = "/api/v1/customers/" + url_escaped(s.words[1]) + "/contacts";
        const bool one = action == "set" || action == "remove";
        if (action != "list" && action != "add" && !one) return s.args.complain(s.err, "'" + action + "' is none of list, add, set and remove");
        if (one != (s.words.size() > 2)) return s.args.complain(s.err, one ? "name the contact by its NUMBER of the list" : "a NUMBER goes with set and remove only");
        if (action == "list") {
            const auto all = s.ask("GET", place);
            return all ? show_contacts(s, all->value("items", Json::array())) : s.code();
        }
        if (action == "remove") return show_contact(s, s.ask("POST", place + "/" + url_escaped(s.words[2]) + "/remove"));
        const auto body = contact_body(s);
        if (!body) return s.args.complain(s.err, "--order is a number from 1 to 99");
        return show_contact(s, action == "add" ? s.ask("POST", place, *body) : s.ask("PUT", place + "/" + url_escaped(s.words[2]), *body));
    });
}

ExitCode contact_change_list(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err) {
    Arguments a("Usage: bailiffctl contact-change list [OPTIONS]\nMails that ask for other contact data (to the controller's contacts-address), newest first.\n");
    a.value("state", "WORD", "waiting, approved or rejected").value("limit", "N", "at most so many, 0 = all; default 50");
    return online(a, arguments, {}, out, err, [](Session& s) {
        const auto items = s.list("/api/v1/contact-changes", query_of(s.args, {"state"}));
        if (!items) return s.code();
        if (s.printed(*items)) return exit_ok;
        Table table({"REQUEST", "STATE", "AT", "CUSTOMER", "FROM", "PROVEN", "SUBJECT"});
        for (const auto& c : *items)
            table.row({shown(c, "id"), shown(c, "state"), shown_time(c, "at"), shown(c, "customer"), shown(c, "from"), shown(c, "proven"), shown(c, "subject")});
        table.print(s.out);
        return exit_ok;
    });
}

ExitCode contact_change_show(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err) {
    Arguments a("Usage: bailiffctl contact-change show REQUEST [OPTIONS]\nOne such mail beside what stands now.\n");
    return online(a, arguments, {"REQUEST"}, out, err, [](Session& s) { return show_change(s, s.ask("GET", "/api/v1/contact-changes/" + url_escaped(s.words[0]))); });
}

ExitCode contact_change_approve(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err) {
    Arguments a("Usage: bailiffctl contact-change approve REQUEST --reason TEXT [OPTIONS]\n"
                "Changes the contact as you name it: what the mail asks for is a stranger's word until you have made sure.\n");
    contact_options(a);
    a.value("customer", "ID", "whose contact; default the customer of the sender's address").value("contact", "NUMBER", "which one of the list; 0, the authorised one, is the default; new = one more")
        .value("reason", "TEXT", "how you know that it is right");
    return online(a, arguments, {"REQUEST"}, out, err, [](Session& s) {
        Json body = Json::object();
        for (const char* field : {"name", "email", "phone", "language", "zone", "role", "customer", "reason"})
            if (s.args.has(field)) body[field] = s.args.text(field);
        if (s.args.has("contact")) {
            const std::string text = s.args.text("contact");
            int64_t number = -1;
            const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
            if (text != "new" && (error != std::errc{} || end != text.data() + text.size() || number < 0))
                return s.args.complain(s.err, "--contact is a NUMBER of `bailiffctl customer contact list`, or new");
            body["contact"] = text == "new" ? -1 : number;
        }
        return show_change(s, s.ask("POST", "/api/v1/contact-changes/" + url_escaped(s.words[0]) + "/approve", body));
    });
}

ExitCode contact_change_reject(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err) {
    Arguments a("Usage: bailiffctl contact-change reject REQUEST --reason TEXT [OPTIONS]\nLeaves everything as it is.\n");
    a.value("reason", "TEXT", "why");
    return online(a, arguments, {"REQUEST"}, out, err, [](Session& s) {
        Json body = Json::object();
        if (s.args.has("reason")) body["reason"] = s.args.text("reason");
        return show_change(s, s.ask("POST", "/api/v1/contact-changes/" + url_escaped(s.words[0]) + "/reject", body));
    });
}

}  // namespace bailiff
