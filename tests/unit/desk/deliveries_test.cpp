// SPDX-License-Identifier: Apache-2.0
// What comes through the doors: one mail, many events, each on its own way; nothing twice, nothing lost.
#include "tests/unit/desk/desk_world.hpp"

#include <bailiff/dsse.hpp>

namespace bailiff::test {
namespace {

struct ADelivery : DeskWorld {
    std::unique_ptr<Desk> desk;
    const VmId web2{"22222222-2222-4222-8222-222222222222"};

    void SetUp() override {
        storage.put_vm({web2, "web2", HostId("h1"), CustomerId("7"), {"192.0.2.20", "2001:db8::20"}, Power::running, VmState::running, false, false, clock.now()});
        desk = std::make_unique<Desk>(ports(), shipped_policies(), options);
    }
    ReadEvent event(const std::string& address, const std::string& type = "content/malware") {
        ReadEvent out;
        out.type = type;
        out.address = address;
        out.place = "http://x.example/kit";
        out.number = "N-" + address;
        out.observed_at = clock.now() - Seconds(60);
        return out;
    }
    static Reading reading(std::vector<ReadEvent> events, const std::string& triage = "") {
        Reading out;
        out.format = "arf";
        out.subject = "about you";
        out.reporter = "cert@reporter.example";
        out.events = std::move(events);
        out.triage = triage;
        return out;
    }
    DeliveryOutcome receive(const std::string& bytes, const Reading& read) {
        kept_bytes = bytes;
        DeliveryInput input{kept_bytes, sha256_hex(bytes), likeness_of(bytes), "mta@reporter.example", "abuse@provider.example", 0, true, read};
        const auto out = desk->receive(input, "staff:intake");
        EXPECT_TRUE(out) << (out ? "" : out.error().text);
        desk->flush();
        return out.value_or(DeliveryOutcome{});
    }
    std::vector<StoredReport> of(const DeliveryOutcome& outcome) { return storage.reports_of(outcome.delivery.id, 10'000); }
    std::string kept_bytes;
};

const std::string one_mail = "Message-ID: <a@x>\r\nSubject: s\r\n\r\nbody\r\n";

TEST_F(ADelivery, files_each_event_with_its_own_vm_and_keeps_the_mail_once) {
    const auto got = receive(one_mail, reading({event("192.0.2.10"), event("2001:db8::20"), event("198.51.100.9"), event("")}));
    EXPECT_EQ(got.delivery.state, DeliveryState::filed);
    const auto reports = of(got);
    ASSERT_EQ(reports.size(), 4u);
    EXPECT_EQ(storage.find_case(reports[0].case_id)->vm, web1);
    EXPECT_EQ(storage.find_case(reports[1].case_id)->vm, web2);
    EXPECT_EQ(reports[2].triage, "no VM has the address 198.51.100.9");
    EXPECT_EQ(reports[3].triage, "the report names no address");
    EXPECT_EQ(reports[3].vm_hint, "http://x.example/kit");
    for (const auto& report : reports) EXPECT_EQ(report.raw, "") << "the mail stands in the delivery";
    EXPECT_EQ(storage.find_delivery(got.delivery.id)->raw, one_mail);
    EXPECT_EQ(reports[0].summary.reporter, "cert@reporter.example");
    EXPECT_NE(reports[0].summary.summary.find("N-192.0.2.10"), std::string::npos);
    desk->tick();
    desk->flush();
    EXPECT_EQ(mailer.sent.size(), 2u) << "each of the two customers' cases has told of itself";
}

TEST_F(ADelivery, that_comes_again_is_counted_and_nothing_else) {
    const auto first = receive(one_mail, reading({event("192.0.2.10")}));
    EXPECT_FALSE(first.folded);
    clock.advance(Seconds(3600));
    EXPECT_TRUE(receive(one_mail, reading({event("192.0.2.10")})).folded) << "the same bytes";
    const auto other_way = receive("Received: by mx2\nSubject: s\nmessage-id: <a@x>\n\nbody\n", reading({event("192.0.2.10")}));
    EXPECT_TRUE(other_way.folded) << "the same Message-ID and body, by another way";
    EXPECT_EQ(other_way.delivery.id, first.delivery.id);
    EXPECT_EQ(other_way.delivery.times, 3);
    EXPECT_EQ(other_way.delivery.last_at, clock.now());
    EXPECT_EQ(of(first).size(), 1u);
    EXPECT_FALSE(receive("Message-ID: <a@x>\n\nanother body\n", reading({event("192.0.2.10")})).folded);
    EXPECT_EQ(storage.list_cases({}).size(), 1u) << "the same facts in another mail join the case";
    EXPECT_EQ(storage.find_case(CaseId("C-1"))->reports.size(), 2u);
}

TEST_F(ADelivery, that_is_no_report_of_abuse_is_kept_and_marked) {
    auto dkim = event("192.0.2.10");
    dkim.abuse = false;
    const auto failure = receive("1", reading({dkim}));
    EXPECT_EQ(failure.delivery.state, DeliveryState::not_abuse);
    auto bounce = reading({}, "written for people");
    bounce.abuse = false;
    EXPECT_EQ(receive("2", bounce).delivery.state, DeliveryState::not_abuse);
    EXPECT_TRUE(storage.reports(false, {}, 10).empty()) << "no report, no triage";
    EXPECT_EQ(storage.deliveries(DeliveryState::not_abuse, {}, 10).size(), 2u);
    const auto mixed = receive("3", reading({dkim, event("192.0.2.20")}));
    EXPECT_EQ(mixed.delivery.state, DeliveryState::filed);
    EXPECT_EQ(of(mixed).size(), 1u);
}

TEST_F(ADelivery, that_a_person_must_look_at_opens_no_case) {
    const auto doubt = receive("1", reading({event("192.0.2.10"), event("192.0.2.20")}, "the text names another"));
    EXPECT_EQ(doubt.delivery.state, DeliveryState::triage);
    ASSERT_EQ(of(doubt).size(), 2u);
    EXPECT_EQ(of(doubt)[0].triage, "the text names another");
    const auto prose = receive("2", reading({}, "written for people"));
    ASSERT_EQ(of(prose).size(), 1u) << "one report stands for it in the queue of triage";
    EXPECT_EQ(of(prose)[0].summary.summary, "about you");
    EXPECT_EQ(of(receive("3", reading({})))[0].triage, "no event could be read from it; look at the original");
    auto soon = event("192.0.2.10"), odd = event("192.0.2.10", "LoginAttempt"), kindless = event("192.0.2.10", "");
    soon.observed_at = clock.now() + Seconds(7200);
    const auto others = of(receive("4", reading({soon, odd, kindless})));
    EXPECT_EQ(others[0].triage, "it says it was observed in the future");
    EXPECT_EQ(others[1].triage, "'LoginAttempt' is no known kind of abuse");
    EXPECT_EQ(others[2].triage, "the report does not say what kind of abuse it is");
    EXPECT_TRUE(storage.list_cases({}).empty());
    ASSERT_TRUE(desk->resolve_report(of(doubt)[0].id, web1, "staff:ana")) << "the person decides";
    EXPECT_EQ(storage.list_cases({}).size(), 1u);
}

TEST_F(ADelivery, by_mail_never_acts_on_a_vm_without_a_person) {
    const auto forged = receive("1", reading({event("192.0.2.10", "connection/ddos"), event("192.0.2.20", "content/phishing")}));
    EXPECT_EQ(of(forged)[0].triage, "the policy outbound-attack acts on the VM without a call, and a mail alone is no proof; look at its evidence, then give it its VM");
    EXPECT_NE(of(forged)[1].case_id, CaseId()) << "a case that begins with a letter and a call harms nobody";
    EXPECT_TRUE(hosts.sent.empty()) << "no order left";
    ASSERT_TRUE(desk->resolve_report(of(forged)[0].id, web1, "staff:ana"));
    desk->flush();
    EXPECT_FALSE(hosts.sent.empty()) << "with a person behind it the policy acts at once";
    const auto further = receive("2", reading({event("192.0.2.10", "connection/port_scan")}));
    EXPECT_EQ(of(further)[0].case_id, of(forged)[0].case_id) << "what is open already, a mail may add to";
}

TEST_F(ADelivery, of_a_program_with_a_token_acts_as_its_policy_says) {
    DeliveryInput input{"x", sha256_hex("x"), "", "", "", 0, false, reading({event("192.0.2.10", "connection/ddos")})};
    const auto got = desk->receive(input, "staff:ids");
    ASSERT_TRUE(got);
    desk->flush();
    EXPECT_EQ(of(*got)[0].triage, "");
    EXPECT_FALSE(hosts.sent.empty());
}

TEST_F(ADelivery, that_was_cut_says_so) {
    const std::string bytes(100, 'x');
    DeliveryInput input{bytes, sha256_hex(bytes), "", "", "", 30'000'000, true, reading({event("192.0.2.10")})};
    const auto got = desk->receive(input, "staff:intake");
    ASSERT_TRUE(got);
    EXPECT_EQ(got->delivery.triage, "it has 29 MB, and only the first 1 MB are kept; ask the reporter for the rest");
    EXPECT_EQ(of(*got)[0].triage, got->delivery.triage);
}

TEST_F(ADelivery, of_many_events_is_filed_over_several_turns) {
    std::vector<ReadEvent> events;
    for (int i = 0; i < 450; ++i) events.push_back(event("198.51.100." + std::to_string(i % 250)));
    events.push_back(event("192.0.2.10"));
    const auto got = receive("table", reading(events));
    EXPECT_EQ(got.delivery.state, DeliveryState::filing);
    EXPECT_EQ(of(got).size(), 200u);
    desk->tick();
    EXPECT_EQ(of(got).size(), 400u);
    EXPECT_EQ(storage.find_delivery(got.delivery.id)->state, DeliveryState::filing);
    desk->tick();
    EXPECT_EQ(of(got).size(), 451u);
    EXPECT_EQ(storage.find_delivery(got.delivery.id)->state, DeliveryState::filed);
    EXPECT_EQ(storage.find_delivery(got.delivery.id)->waiting, "");
    EXPECT_EQ(of(got).back().case_id, CaseId("C-1"));
    EXPECT_EQ(of(got).back().summary.observed_at, clock.now() - Seconds(60)) << "nothing was lost on the way through the database";
    desk->tick();
    EXPECT_EQ(of(got).size(), 451u);
}

TEST_F(ADelivery, that_could_not_be_written_was_never_here) {
    storage.full = true;
    DeliveryInput input{one_mail, sha256_hex(one_mail), likeness_of(one_mail), "", "", 0, true, reading({event("192.0.2.10")})};
    EXPECT_THROW((void)desk->receive(input, "staff:intake"), StorageOutage);
    desk->discard();
    EXPECT_TRUE(storage.deliveries({}, {}, 10).empty()) << "or the next try would be taken for a copy";
    storage.full = false;
    const auto again = desk->receive(input, "staff:intake");
    ASSERT_TRUE(again);
    EXPECT_FALSE(again->folded);
    EXPECT_EQ(of(*again).size(), 1u);
}

TEST(Likeness, is_of_message_id_and_body) {
    const auto same = likeness_of("Message-ID: <1@x>\nTo: a\n\nbody\n");
    EXPECT_EQ(same.size(), 64u);
    EXPECT_EQ(likeness_of("Received: from y\r\n by z\r\nMESSAGE-ID:\r\n  <1@x>\r\n\r\nbody\r\n"), same) << "folded, other line ends, other fields";
    EXPECT_NE(likeness_of("Message-ID: <2@x>\n\nbody\n"), same);
    EXPECT_NE(likeness_of("Message-ID: <1@x>\n\nbody!\n"), same);
    for (const char* none : {"", "\n\n", "Subject: x\n\nMessage-ID: <1@x>\n", "Message-ID: <1@x>\nMessage-ID: <2@x>\n\nbody\n", "Message-ID: <1@x>", "Message-ID:\n\nx",
                             "{\"xarf_version\":\"4\"}", "Message-ID"})
        EXPECT_EQ(likeness_of(none), "") << none;
}

TEST(Readings, are_taken_back_with_suspicion) {
    Reading whole;
    whole.format = "csv";
    whole.subject = "täglich";
    whole.events = {{"content/malware", "2001:db8::1", "http://x", "7", "two\nlines", Instant(Seconds(1'700'000'000)), true}, {}};
    whole.warnings = {"w"};
    whole.triage = "t";
    whole.abuse = false;
    const auto back = reading_from(*parse_json(dump_json(to_json(whole))));
    ASSERT_TRUE(back) << back.error().text;
    EXPECT_EQ(*back, whole);
    for (const char* bad : {"[]", "{}", R"({"format":"x"})", R"({"format":"x","events":7})", R"({"format":"x","events":[7]})",
                            R"({"format":"x","events":[{"address":"web1"}]})", R"({"format":"x","events":[{"address":"192.0.2.10; drop"}]})",
                            R"({"format":"x","events":[{"command":"rm"}]})", R"({"format":"x","events":[],"more":1})",
                            R"({"format":"x","events":[{"observed_at":"soon"}]})", R"({"format":"x","events":[],"warnings":[1]})"})
        EXPECT_FALSE(reading_from(*parse_json(bad))) << bad;
    const auto cleaned = reading_from(*parse_json(R"({"format":"a\u001b[2J","subject":"b\u202ec","events":[{"summary":"d\u0007e"}]})"));
    ASSERT_TRUE(cleaned);
    EXPECT_EQ(cleaned->format, "a[2J");
    EXPECT_EQ(cleaned->subject, "bc");
    EXPECT_EQ(cleaned->events[0].summary, "de");
}

}  // namespace
}  // namespace bailiff::test
