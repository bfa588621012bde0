// SPDX-License-Identifier: Apache-2.0
// What a machine that phones is told, and when it is told to forget it.
#include "tests/unit/desk/contacts_world.hpp"

namespace bailiff::test {
namespace {

TEST_F(ContactsDesk, the_dialler_is_told_once_per_call_and_cancelled_by_an_answer) {
    open();
    EXPECT_TRUE(dialler.told.empty());
    an_hour();
    ASSERT_EQ(dialler.told.size(), 1u);
    const auto body = parse_json(dialler.told[0].body);
    ASSERT_TRUE(body);
    for (const auto& [field, value] : {std::pair{"act", "call"}, {"case", "C-1"}, {"contact", "Asha Rao"}, {"number", "+91 80 5550 0117"}, {"language", "en"}})
        EXPECT_EQ(body->at(field), value);
    EXPECT_FALSE(body->at("script").empty());
    EXPECT_FALSE(body->at("found").empty());
    an_hour();
    EXPECT_EQ(dialler.told.size(), 1u) << "an escalation is no new call";
    ASSERT_TRUE(desk->act(CaseId("C-1"), core::RecordReply{{core::Channel::page, core::ReplyKind::acknowledged, "", "", "", ""}}, "customer"));
    desk->flush();
    ASSERT_EQ(dialler.told.size(), 2u) << "at once, without a tick";
    EXPECT_TRUE(dialler.told[1].cancel);
    EXPECT_EQ(dialler.told[1].id, dialler.told[0].id);
    tick();
    EXPECT_EQ(dialler.told.size(), 2u);
}

TEST_F(ContactsDesk, after_a_wrong_number_the_dialler_gets_the_next_contact) {
    open();
    an_hour();
    call(core::CallOutcome::wrong_number);
    ASSERT_EQ(dialler.told.size(), 3u);
    EXPECT_TRUE(dialler.told[1].cancel);
    EXPECT_NE(dialler.told[2].body.find("Vikram Iyer"), std::string::npos);
    EXPECT_NE(dialler.told[2].id, dialler.told[0].id);
}

TEST_F(ContactsDesk, what_the_dialler_did_not_take_it_gets_again) {
    dialler.answer = {false, "HTTP 503"};
    open();
    an_hour();
    EXPECT_TRUE(dialler.told.empty());
    dialler.answer = {true, "HTTP 204"};
    clock.advance(Seconds(300));
    begin();   // after a restart too
    tick();
    ASSERT_EQ(dialler.told.size(), 1u);
    tick();
    EXPECT_EQ(dialler.told.size(), 1u);
}

TEST_F(ContactsDesk, calls_that_were_due_before_there_was_a_dialler_are_told) {
    desk = std::make_unique<Desk>(ports(), shipped_policies(), options);
    open();
    an_hour();
    EXPECT_TRUE(dialler.told.empty());
    begin();
    tick();
    EXPECT_EQ(dialler.told.size(), 1u);
}

TEST_F(ContactsDesk, a_promised_call_is_told_at_its_time) {
    open();
    an_hour();
    const Instant back = clock.now() + Seconds(3600);
    call(core::CallOutcome::reached, "Asha Rao", back);
    const size_t before = dialler.told.size();
    EXPECT_TRUE(dialler.told.back().cancel);
    clock.set(back);
    tick();
    ASSERT_EQ(dialler.told.size(), before + 1);
    EXPECT_NE(dialler.told.back().body.find("\"call_back\":true"), std::string::npos) << dialler.told.back().body;
}

TEST_F(ContactsDesk, without_a_number_there_is_nothing_to_dial) {
    storage.put_customer({CustomerId("7"), "Lotus Textiles", {"Asha Rao", "asha@lotus.example", "", "en", ""}, 0});
    storage.remove_contact(CustomerId("7"), 1);
    storage.remove_contact(CustomerId("7"), 2);
    open();
    an_hour();
    EXPECT_TRUE(dialler.told.empty());
    ASSERT_TRUE(sheet());
}

/// Takes its time over each message.
struct SlowDialler : FakeDialler {
    std::deque<std::function<void(DialAnswer)>> waiting;
    void tell(const DialMessage& message, std::function<void(DialAnswer)> done) override {
        told.push_back(message);
        waiting.push_back(std::move(done));
    }
    void finish() {
        const auto done = std::move(waiting.front());
        waiting.pop_front();
        done(answer);
    }
};

TEST_F(ContactsDesk, a_call_that_waits_behind_others_is_forgotten_with_the_answer) {
    SlowDialler slow;
    desk = std::make_unique<Desk>(Desk::Ports{storage, clock, random, signer, mailer, writer, hosts, watchers, nullptr, nullptr, &slow}, shipped_policies(), options);
    open();
    for (int i = 2; i <= 6; ++i) {
        const std::string number = std::to_string(i);
        storage.put_vm({VmId("11111111-1111-4111-8111-11111111111" + number), "web" + number, HostId("h1"), CustomerId("7"), {"192.0.2.1" + number},
                        Power::running, VmState::running, false, false, clock.now()});
        auto report = report_of("content/malware");
        report.vm_name = "web" + number;
        ASSERT_TRUE(desk->report(report, "staff:ana"));
    }
    an_hour();
    ASSERT_EQ(slow.told.size(), 4u) << "so many are in its hands";
    const core::RecordReply answer{{core::Channel::page, core::ReplyKind::acknowledged, "", "", "", ""}};
    for (const char* id : {"C-1", "C-6"}) ASSERT_TRUE(desk->act(CaseId(id), answer, "customer"));
    desk->flush();
    EXPECT_EQ(slow.told.size(), 4u) << "a call and its end do not pass each other, and of C-6 it knows nothing";
    slow.finish();
    desk->flush();
    ASSERT_EQ(slow.told.size(), 6u);
    EXPECT_TRUE(slow.told[4].cancel);
    EXPECT_EQ(slow.told[4].id, slow.told[0].id);
    EXPECT_NE(slow.told[5].body.find("\"C-5\""), std::string::npos) << slow.told[5].body;
    while (!slow.waiting.empty()) slow.finish(), desk->flush(), tick();
    EXPECT_EQ(slow.told.size(), 6u);
    desk.reset();
}

TEST_F(ContactsDesk, what_a_lost_turn_was_about_to_tell_the_next_one_tells) {
    open();
    clock.advance(Seconds(3600));
    (void)storage.transaction([&]() -> Result<void> { return desk->tick(), fail(Errc::unavailable, "the disk is full"); });
    desk->discard();
    EXPECT_TRUE(dialler.told.empty());
    tick();
    EXPECT_EQ(dialler.told.size(), 1u);
}

}  // namespace
}  // namespace bailiff::test
