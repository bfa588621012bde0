// SPDX-License-Identifier: Apache-2.0
// Contacts on the stage: further ones, the queue of calls, mails that come back, wishes by mail, a machine that dials.
#include "tests/scenarios/stage.hpp"

#include "controller/desk/contacts.hpp"

#include <algorithm>

namespace bailiff::test {

/// "contact name="Vikram Iyer" role=technical mail=… phone=… [order=10] [customer=7]".
void Stage::contact(const Command& c, Lines& out) {
    CustomerContact one;
    one.customer = CustomerId(value(c, "customer", "7"));
    one.number = storage_->next_contact_number();
    const auto role = parse_name<ContactRole>(value(c, "role", "technical"));
    if (!role) return out.push_back("script: " + role.error().text);
    one.role = *role;
    one.contact = {value(c, "name"), value(c, "mail"), value(c, "phone"), value(c, "language", "en"), value(c, "zone")};
    one.preference = std::strtoll(value(c, "order", "50").c_str(), nullptr, 10);
    if (const auto sound = check_contact(one); !sound) return out.push_back("script: " + sound.error().text);
    storage_->put_contact(one);
}

/// "contacts [customer=7]": all of them with what is known, and what would keep us from reaching them.
void Stage::contacts(const Command& c, Lines& out) {
    const auto all = desk_->contacts(CustomerId(value(c, "customer", "7")));
    for (const auto& one : all)
        out.push_back(std::string(name(one.role)) + "  " + one.contact.name + "  " + one.contact.email + " (" + std::string(name(one.mail)) + ")  " +
                      one.contact.phone + " (" + std::string(name(one.phone)) + ")");
    if (const auto warning = contact_warning(all); !warning.empty()) out.push_back("warning: " + warning);
}

/// "queue": whom to phone now, as staff sees it; promised calls that are still to come too.
void Stage::queue(Lines& out) {
    for (const auto& c : storage_->calls(CaseId(), 50)) {
        const auto view = desk_->view(c.id);
        const auto sheet = view ? desk_->call_sheet(view->c, view->dues) : std::nullopt;
        if (!sheet) continue;
        out.push_back(c.id.text() + "  " + std::string(sheet->call_back ? "promised for " : "due since ") + local(sheet->since) + ": " + sheet->contact.name + " (" +
                      std::string(name(sheet->role)) + ") " + (sheet->contact.phone.empty() ? "no number" : sheet->contact.phone) + ", " +
                      sheet->local_time + " there, " + std::to_string(sheet->attempts) + " attempts");
        for (const auto& line : sheet->script) out.push_back("  - " + line);
        if (!sheet->warning.empty()) out.push_back("  ! " + sheet->warning);
    }
    if (out.empty()) out.push_back("nobody is to be phoned");
}

/// "bounce [late] [id=<…>]": the newest mail to a customer comes back, as a mail server would say it.
void Stage::bounce(const Command& c, Lines& out) {
    std::string id = value(c, "id");
    for (size_t i = mailer_.sent.size(); i-- > 0 && id.empty();)
        if (mailer_.sent[i].to != "desk@provider.example" && mailer_.sent[i].to != "supervisor@provider.example") id = mailer_.sent[i].message_id;
    const bool late = !c.words.empty() && c.words[0] == "late";
    DeliveryInput input;
    const std::string raw = "bounce " + std::to_string(++answers_);
    input.raw = raw;
    input.digest = sha256_hex(raw);
    input.sender = "";
    input.by_mail = true;
    input.reading.format = "bounce";
    input.reading.triage = "This is no abuse report: a mail of ours could not be delivered, or not yet.";
    input.reading.automatic = true;
    input.reading.bounce = late ? ReadBounce{id, "asha@lotus.example", "4.4.1", "no answer from host, tried again", false}
                                : ReadBounce{id, "asha@lotus.example", "5.1.1", "550 no such user", true};
    const auto taken = desk_->receive(input, "intake");
    if (!taken) return out.push_back("error " + taken.error().text);
    desk_->tick();
    out.push_back(taken->delivery.id.text() + " " + std::string(name(taken->delivery.state)) + (taken->delivery.triage.empty() ? "" : ": " + taken->delivery.triage));
}

/// "wish from=asha@lotus.example [proven] "our new number is …"": a mail to the address for contact data.
void Stage::wish(const Command& c, Lines& out) {
    DeliveryInput input;
    const std::string raw = "wish " + std::to_string(++answers_) + c.text;
    input.raw = raw;
    input.digest = sha256_hex(raw);
    input.recipient = "contacts@provider.example";
    input.by_mail = true;
    input.reading.subject = "new contact data";
    input.reading.from = value(c, "from");
    input.reading.proven = !c.words.empty() && c.words[0] == "proven";
    input.reading.words = c.text;
    input.reading.triage = "no format of reports was recognised";
    const auto taken = desk_->receive(input, "intake");
    if (!taken) return out.push_back("error " + taken.error().text);
    out.push_back(taken->delivery.id.text() + " " + std::string(name(taken->delivery.state)));
    for (const auto& one : storage_->changes(ChangeState::waiting, "", 50))
        if (one.delivery == taken->delivery.id)
            out.push_back(one.id + " waits for a person: from " + one.from + (one.proven ? " (proven)" : " (not proven)") +
                          (one.customer.empty() ? ", of no customer's contact" : ", customer " + one.customer.text()));
}

/// "approve-change K-1 [contact=0|-1] [customer=7] [name=…] [mail=…] [phone=…] "how it was verified"", "reject-change K-1 "why"".
void Stage::decide_change(const Command& c, Lines& out, bool approve) {
    ApproveChange in;
    in.id = c.words.empty() ? "" : c.words[0];
    in.customer = CustomerId(value(c, "customer"));
    in.contact = std::strtoll(value(c, "contact", "0").c_str(), nullptr, 10);
    if (c.named.contains("name")) in.name = value(c, "name");
    if (c.named.contains("mail")) in.email = value(c, "mail");
    if (c.named.contains("phone")) in.phone = value(c, "phone");
    in.reason = c.text;
    const auto done = approve ? desk_->approve_change(in, "staff:meera") : desk_->reject_change(in.id, c.text, "staff:meera");
    if (!done) return out.push_back("error " + done.error().text);
    out.push_back(done->id + " " + std::string(name(done->state)) + " by " + done->decided_by + ": " + done->reason);
    if (!done->applied.empty()) out.push_back("  " + done->applied);
}

/// "dialler up|down|deaf": a machine that phones is there; it takes what it is told, or not now.
void Stage::dialler(const Command& c, Lines& out) {
    const std::string word = c.words.empty() ? "" : c.words[0];
    if (word != "up" && word != "down") return out.push_back("script: dialler up or down");
    dialler_.answer.accepted = word == "up";
    dialler_.answer.text = word == "up" ? "taken" : "no route to the machine";
    if (!with_dialler_) begin(true);
    desk_->tick();
}

void Stage::tell_dials(Lines& out) {
    for (; told_dials_ < dialler_.told.size(); ++told_dials_) {
        const DialMessage& message = dialler_.told[told_dials_];
        const auto body = parse_json(message.body);
        std::string line = "dial  " + message.id + (message.cancel ? " cancel" : " call");
        if (body && body->contains("number"))
            line += " " + body->at("contact").get<std::string>() + " " + body->at("number").get<std::string>() + " for " + body->at("case").get<std::string>();
        out.push_back(line);
    }
}

}  // namespace bailiff::test
