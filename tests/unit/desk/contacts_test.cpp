// SPDX-License-Identifier: Apache-2.0
// Several contacts of a customer: who is next, what a bounce does and what it cannot do, who may change whom.
#include "tests/unit/desk/contacts_world.hpp"

namespace bailiff::test {
namespace {

TEST_F(ContactsDesk, a_wrong_number_leads_to_the_next_contact_at_once) {
    open();
    an_hour();
    ASSERT_TRUE(sheet());
    EXPECT_EQ(sheet()->contact.name, "Asha Rao");
    EXPECT_EQ(sheet()->role, ContactRole::authorised);
    EXPECT_FALSE(sheet()->found.empty());
    call(core::CallOutcome::wrong_number);
    ASSERT_TRUE(sheet()) << "nobody was reached";
    EXPECT_EQ(sheet()->contact.name, "Vikram Iyer");
    EXPECT_EQ(of(0).phone, PhoneStanding::wrong);
    call(core::CallOutcome::wrong_number);
    EXPECT_EQ(sheet()->contact.name, "Meena Das");
    EXPECT_NE(sheet()->script.front().find("billing contact"), std::string::npos);
    call(core::CallOutcome::wrong_number);
    EXPECT_EQ(sheet()->contact.phone, "") << "nobody is left";
    storage.put_customer({CustomerId("7"), "Lotus Textiles", {"Asha Rao", "asha@lotus.example", "+91 80 5550 0999", "en", ""}, 0});
    EXPECT_EQ(sheet()->contact.phone, "+91 80 5550 0999") << "a number that was put right is phoned, also in an open case";
    EXPECT_EQ(of(0).phone, PhoneStanding::unknown);
    call(core::CallOutcome::reached);
    EXPECT_FALSE(sheet());
    EXPECT_EQ(of(0).phone, PhoneStanding::ok);
}

TEST_F(ContactsDesk, an_attempt_to_any_contact_of_the_customer_counts) {
    open();
    an_hour();
    call(core::CallOutcome::wrong_number);
    call(core::CallOutcome::no_answer);
    EXPECT_FALSE(sheet());
    EXPECT_EQ(desk->view(CaseId("C-1"))->dues.deadline->what, "enforce");
}

TEST_F(ContactsDesk, a_promised_call_stands_in_the_queue_from_its_time_on) {
    open();
    an_hour();
    const Instant back = clock.now() + Seconds(2 * 3600);
    call(core::CallOutcome::reached, "Asha Rao", back);
    ASSERT_TRUE(sheet());
    EXPECT_TRUE(sheet()->call_back);
    EXPECT_EQ(sheet()->since, back);
    EXPECT_EQ(sheet()->warning, "");
    EXPECT_EQ(storage.next_call_back(), back);
    EXPECT_EQ(desk->next_due(), back) << "before the deadline";
    const auto reminded = [&] { return std::count_if(mailer.sent.begin(), mailer.sent.end(), [](const OutgoingMail& m) { return m.subject.find("call_reminder") != std::string::npos; }); };
    const auto before = reminded();
    clock.set(back);
    tick();
    EXPECT_EQ(reminded(), before + 1);
    tick();
    EXPECT_EQ(reminded(), before + 1);
    ASSERT_EQ(storage.calls(CaseId(), 10).size(), 1u);
    call(core::CallOutcome::voicemail);
    EXPECT_FALSE(sheet());
    EXPECT_TRUE(storage.calls(CaseId(), 10).empty());
}

TEST_F(ContactsDesk, a_promise_behind_the_deadline_is_said_to_be_that) {
    open();
    an_hour();
    call(core::CallOutcome::reached, "Asha Rao", clock.now() + Seconds(5 * 3600));
    EXPECT_NE(sheet()->warning.find("extend"), std::string::npos);
}

TEST_F(ContactsDesk, a_bounce_of_our_ticket_leads_to_the_next_contact_and_stops_nothing) {
    open();
    const auto before = desk->view(CaseId("C-1"))->dues.deadline;
    const auto kept = bounce(ticket());
    EXPECT_EQ(kept.state, DeliveryState::not_abuse) << "it is nobody's report";
    EXPECT_TRUE(storage.reports(true, ReportId(), 10).empty());
    EXPECT_EQ(of(0).mail, MailStanding::bouncing);
    EXPECT_NE(of(0).mail_note.find("5.1.1"), std::string::npos);
    const auto to = [&](const std::string& address) { return std::count_if(mailer.sent.begin(), mailer.sent.end(), [&](const OutgoingMail& m) { return m.to == address; }); };
    EXPECT_EQ(to("noc@lotus.example"), 1);
    EXPECT_EQ(to(options.staff_address), 1) << "staff is told";
    EXPECT_EQ(desk->view(CaseId("C-1"))->dues.deadline, before);
    bounce(ticket());
    EXPECT_EQ(to("noc@lotus.example"), 1) << "a copy says nothing new";
    EXPECT_TRUE(desk->report(report_of("content/malware"), "staff:ana"));
    tick();
    EXPECT_EQ(to("noc@lotus.example"), 2) << "what follows goes there too";
    EXPECT_EQ(to("asha@lotus.example"), 1);
}

TEST_F(ContactsDesk, a_bounce_of_no_mail_of_ours_is_for_triage) {
    open();
    std::string forged = ticket();
    forged[forged.size() - 20] = forged[forged.size() - 20] == 'a' ? 'b' : 'a';
    const auto revision = now().revision;
    for (const auto& id : {forged, std::string("<C-1.ticket.000000000000@bailiff.invalid>"), std::string("<C-99.ticket.000000000000@x>"), std::string("nonsense"), std::string("<C-1>"), std::string()})
        EXPECT_EQ(bounce(id).state, DeliveryState::triage) << id;
    EXPECT_EQ(now().revision, revision);
    EXPECT_EQ(of(0).mail, MailStanding::unverified);
}

TEST_F(ContactsDesk, a_late_mail_is_told_once_and_changes_nothing) {
    open();
    for (int i = 0; i < 3; ++i) EXPECT_EQ(bounce(ticket(), false).state, DeliveryState::not_abuse);
    EXPECT_EQ(of(0).mail, MailStanding::unverified);
    EXPECT_EQ(now().mail_failures.size(), 1u);
    EXPECT_FALSE(now().writes_to);
}

TEST_F(ContactsDesk, a_refused_mail_goes_on_until_nobody_is_left) {
    mailer.answer = {MailFate::refused, 550, "no such user"};
    open();
    for (int i = 0; i < 6; ++i) tick();
    for (const int64_t number : {0, 1, 2}) EXPECT_EQ(of(number).mail, MailStanding::bouncing) << number;
    const auto failures = now().mail_failures;
    EXPECT_EQ(std::count_if(failures.begin(), failures.end(), [](const auto& f) { return f.final; }), 3);
    EXPECT_EQ(now().phase, core::Phase::open);
    EXPECT_EQ(desk->view(CaseId("C-1"))->dues.deadline->what, "reply");
}

TEST_F(ContactsDesk, the_proven_answer_of_any_contact_is_the_customers) {
    open();
    EXPECT_EQ(desk->reply_by_mail({"C-1", "NOC@lotus.example", true, false, true, "We removed it.", {}}), Desk::ReplyFate::answered);
    EXPECT_EQ(now().phase, core::Phase::answered);
    EXPECT_NE(now().replies[0].text.find("NOC@lotus.example"), std::string::npos) << now().replies[0].text;
    EXPECT_EQ(of(1).mail, MailStanding::verified);
    EXPECT_EQ(of(0).mail, MailStanding::unverified);
}

TEST_F(ContactsDesk, what_would_keep_us_from_reaching_a_customer_is_said_before) {
    const auto warning = [&] { return contact_warning(desk->contacts(CustomerId("7"))); };
    EXPECT_EQ(warning(), "mail never verified");
    auto known = of(0);
    known.mail = MailStanding::verified;
    storage.put_contact(known);
    EXPECT_EQ(warning(), "");
    known.mail = MailStanding::bouncing;
    known.phone = PhoneStanding::wrong;
    storage.put_contact(known);
    storage.remove_contact(CustomerId("7"), 1);
    storage.remove_contact(CustomerId("7"), 2);
    for (const char* part : {"comes back", "number is wrong", "no second contact"}) EXPECT_NE(warning().find(part), std::string::npos) << part;
    storage.put_customer({CustomerId("7"), "Lotus Textiles", {"", "new@lotus.example", "", "en", ""}, 0});
    EXPECT_EQ(warning(), "mail never verified; no phone number: nobody could be called; no name to ask for; no second contact: nobody else to turn to")
        << "what was known of another address is not known of this one";
}

TEST_F(ContactsDesk, a_mail_asks_and_a_person_decides) {
    EXPECT_EQ(wish("Asha@lotus.example").state, DeliveryState::not_abuse);
    EXPECT_TRUE(storage.reports(true, ReportId(), 10).empty());
    ASSERT_EQ(waiting().size(), 1u);
    EXPECT_EQ(waiting()[0].customer, CustomerId("7"));
    EXPECT_EQ(storage.find_customer(CustomerId("7"))->contact.phone, "+91 80 5550 0117") << "nothing changes by itself";
    ApproveChange in;
    in.id = "K-1";
    in.phone = "+91 80 5550 0999";
    EXPECT_FALSE(desk->approve_change(in, "staff:ana")) << "no reason";
    in.reason = "phoned back";
    in.zone = "Mars/Olympus";
    EXPECT_FALSE(desk->approve_change(in, "staff:ana"));
    in.zone.reset();
    auto none = in;
    none.phone.reset();
    EXPECT_FALSE(desk->approve_change(none, "staff:ana")) << "nothing is named";
    for (const char* address : {"two@a.example, b@c.example", "a..b@c.example", "asha@[192.0.2.1]", "अ@b.example"}) {
        none.email = address;
        EXPECT_FALSE(desk->approve_change(none, "staff:ana")) << "no mail could go to " << address;
    }
    open();
    const auto done = desk->approve_change(in, "staff:ana");
    ASSERT_TRUE(done) << done.error().text;
    EXPECT_EQ(done->decided_by, "staff:ana");
    EXPECT_NE(done->applied.find("+91 80 5550 0117"), std::string::npos) << "the old value is kept: " << done->applied;
    EXPECT_EQ(storage.find_customer(CustomerId("7"))->contact.phone, "+91 80 5550 0999");
    EXPECT_FALSE(desk->approve_change(in, "staff:ana")) << "once";
    EXPECT_FALSE(desk->reject_change("K-1", "no", "staff:ana"));
    EXPECT_TRUE(std::holds_alternative<core::NoteAdded>(storage.history(CaseId("C-1"), 0, 100).back().fact)) << "who works on the case reads it";
}

TEST_F(ContactsDesk, a_further_contact_can_be_changed_or_added_and_no_other_becomes_the_authorised_one) {
    wish("stranger@elsewhere.example");
    EXPECT_EQ(waiting()[0].customer, CustomerId());
    ApproveChange in;
    in.id = "K-1";
    in.reason = "asked the authorised contact";
    in.name = "Ravi Nair";
    in.email = "ravi@lotus.example";
    in.contact = -1;
    EXPECT_FALSE(desk->approve_change(in, "staff:ana")) << "whose?";
    in.customer = CustomerId("7");
    in.role = ContactRole::authorised;
    EXPECT_FALSE(desk->approve_change(in, "staff:ana"));
    in.role = ContactRole::security;
    ASSERT_TRUE(desk->approve_change(in, "staff:ana"));
    const auto all = desk->contacts(CustomerId("7"));
    ASSERT_EQ(all.size(), 4u);
    EXPECT_EQ(all.back().contact.email, "ravi@lotus.example");
    EXPECT_EQ(all.front().contact.name, "Asha Rao");
}

TEST_F(ContactsDesk, a_flood_of_wishes_fills_triage_and_not_the_queue) {
    for (int i = 0; i < 8; ++i) wish("flood@elsewhere.example");
    EXPECT_EQ(int64_t(waiting().size()), Desk::most_changes_of_one);
    EXPECT_EQ(storage.reports(true, ReportId(), 100).size(), 3u) << "nothing is lost";
    wish("asha@lotus.example");
    EXPECT_EQ(int64_t(waiting().size()), Desk::most_changes_of_one + 1);
}

TEST_F(ContactsDesk, a_mail_to_both_addresses_means_both) {
    open();
    Reading answer;
    answer.from = "asha@lotus.example";
    answer.triage = "no format of reports was recognised";
    answer.reply = ReadReply{"C-1", "asha@lotus.example", true, false, true, "Done; and our number is new.", {}};
    deliver(answer, "abuse@provider.example", "one mail");
    EXPECT_EQ(now().phase, core::Phase::answered);
    EXPECT_TRUE(waiting().empty());
    deliver(answer, "contacts@provider.example", "one mail");
    EXPECT_EQ(waiting().size(), 1u);
    deliver(answer, "contacts@provider.example", "one mail");
    EXPECT_EQ(waiting().size(), 1u);
    EXPECT_EQ(now().replies.size(), 1u);
}

TEST_F(ContactsDesk, machines_ask_for_nothing) {
    Reading machine;
    machine.from = "asha@lotus.example";
    machine.automatic = true;
    deliver(machine, "contacts@provider.example");
    EXPECT_TRUE(waiting().empty());
}

}  // namespace
}  // namespace bailiff::test
