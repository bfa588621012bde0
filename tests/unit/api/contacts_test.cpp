// SPDX-License-Identifier: Apache-2.0
// Contacts of customers, the queue of calls over several of them, and change requests, over the API.
#include "tests/unit/api/api_world.hpp"

namespace bailiff::test {
namespace {

Json vikram() { return {{"name", "Vikram Iyer"}, {"email", "noc@rao.example"}, {"phone", "+91 80 5550 1299"}, {"role", "technical"}, {"preference", 10}, {"zone", "Europe/Berlin"}}; }
const std::string contacts = "/api/v1/customers/K-7/contacts";

TEST(CustomerContacts, StandInOrderBehindTheAuthorisedOne) {
    ApiWorld world;
    EXPECT_NE(world.ask("GET", "/api/v1/customers/K-7").json().at("warning").get<std::string>().find("no second contact"), std::string::npos);
    const auto later = world.ask("POST", contacts, "ana", {{"name", "Meena Das"}, {"phone", "+49 30 1"}});
    ASSERT_EQ(later.status, 201) << later.body;
    const auto added = world.ask("POST", contacts, "ana", vikram());
    ASSERT_EQ(added.status, 201) << added.body;
    EXPECT_EQ(added.json().at("mail"), "unverified");
    EXPECT_EQ(added.json().at("changed_by"), "staff:ana");
    const auto list = world.ask("GET", contacts).json().at("items");
    ASSERT_EQ(list.size(), 3u);
    EXPECT_EQ(list[0].at("role"), "authorised");
    EXPECT_EQ(list[0].at("number"), 0);
    EXPECT_EQ(list[1].at("name"), "Vikram Iyer");
    EXPECT_EQ(list[2].at("name"), "Meena Das");
    EXPECT_EQ(world.ask("GET", "/api/v1/customers/K-7").json().at("warning"), "mail never verified");
    EXPECT_EQ(world.ask("GET", "/api/v1/customers").json().at("items")[0].at("contacts"), 3);
    EXPECT_EQ(world.ask("GET", "/api/v1/customers/K-9/contacts").status, 404);
    EXPECT_EQ(world.ask("POST", "/api/v1/customers/K-9/contacts", "ana", vikram()).status, 404);
}

TEST(CustomerContacts, WhatCannotBeOneIsRefusedWithItsRemedy) {
    ApiWorld world;
    for (const auto& [field, value] : {std::pair<std::string, Json>{"email", "two@a.example,b@c.example"}, {"zone", "Mars/Olympus"}, {"role", "authorised"}, {"role", "king"},
                                       {"phone", "?"}, {"preference", 0}, {"mail", "sure"}, {"unknown", "x"}, {"name", ""}}) {
        Json body = vikram();
        body[field] = value;
        EXPECT_EQ(world.ask("POST", contacts, "ana", body).status, 422) << field << value;
    }
    EXPECT_EQ(world.ask("POST", contacts, "ana", {{"name", "Nobody"}}).status, 422) << "neither address nor number";
    for (int i = 0; i < int(Desk::most_contacts) - 1; ++i) EXPECT_EQ(world.ask("POST", contacts, "ana", vikram()).status, 201);
    EXPECT_EQ(world.ask("POST", contacts, "ana", vikram()).status, 409);
}

TEST(CustomerContacts, AreChangedAndRemoved) {
    ApiWorld world;
    const auto number = world.ask("POST", contacts, "ana", vikram()).json().at("number").get<int64_t>();
    const std::string one = contacts + "/" + std::to_string(number);
    const auto verified = world.ask("PUT", one, "ana", {{"mail", "verified"}}).json();
    EXPECT_EQ(verified.at("mail"), "verified");
    EXPECT_EQ(verified.at("name"), "Vikram Iyer") << "what is not given stays";
    EXPECT_EQ(world.ask("PUT", one, "ana", {{"email", "new@rao.example"}}).json().at("mail"), "unverified") << "another address is another matter";
    EXPECT_EQ(world.ask("PUT", contacts + "/0", "ana", {{"mail", "verified"}}).status, 200);
    EXPECT_EQ(world.ask("GET", "/api/v1/customers/K-7").json().at("warning"), "");
    EXPECT_EQ(world.ask("PUT", contacts + "/0", "ana", {{"email", "x@y.example"}}).status, 422) << "who the authorised one is stands with the customer";
    EXPECT_EQ(world.ask("POST", contacts + "/0/remove", "ana").status, 409);
    for (const char* none : {"99", "x", "-1", "1e3"}) EXPECT_EQ(world.ask("PUT", contacts + "/" + std::string(none), "ana", {{"mail", "verified"}}).status, 404) << none;
    EXPECT_EQ(world.ask("POST", one + "/remove", "ana").status, 200);
    EXPECT_EQ(world.ask("POST", one + "/remove", "ana").status, 404);
}

TEST(CallQueue, NamesTheNextContactAndTakesHimForWhoWasPhoned) {
    ApiWorld world;
    world.ask("POST", contacts, "ana", vikram());
    const auto id = world.open_case();
    world.clock.set(*parse_rfc3339("2026-03-02T04:30:00Z"));
    world.advance(Seconds(0));
    auto due = world.ask("GET", "/api/v1/calls").json().at("items");
    ASSERT_EQ(due.size(), 1u);
    EXPECT_EQ(due[0].at("contact"), "Asha Rao");
    EXPECT_EQ(due[0].at("role"), "authorised");
    EXPECT_FALSE(due[0].at("found").empty());
    EXPECT_EQ(world.ask("POST", "/api/v1/cases/" + id + "/calls", "ana", {{"outcome", "wrong_number"}}).status, 200);
    due = world.ask("GET", "/api/v1/calls").json().at("items");
    ASSERT_EQ(due.size(), 1u);
    EXPECT_EQ(due[0].at("contact"), "Vikram Iyer");
    EXPECT_EQ(due[0].at("local_time"), "Mon 2026-03-02 05:30 CET");
    EXPECT_EQ(due[0].at("calls").size(), 1u);
    EXPECT_EQ(due[0].at("since"), "2026-03-02T04:30:00Z");
    const auto logged = world.ask("POST", "/api/v1/cases/" + id + "/calls", "ana", {{"outcome", "wrong_number"}}).json();
    EXPECT_EQ(logged.at("calls")[1].at("number"), "+91 80 5550 1299");
    EXPECT_EQ(world.ask("GET", "/api/v1/calls").json().at("items")[0].at("number"), "");
    EXPECT_EQ(world.ask("POST", "/api/v1/cases/" + id + "/calls", "ana", {{"outcome", "no_answer"}}).status, 422) << "an attempt at no number is none";
    const auto named = world.ask("POST", "/api/v1/cases/" + id + "/calls", "ana", {{"outcome", "no_answer"}, {"number", "+91 1"}});
    EXPECT_EQ(named.status, 200) << named.body;
    EXPECT_TRUE(world.ask("GET", "/api/v1/calls").json().at("items").empty());
}

TEST(CallQueue, HoldsPromisedCallsFromTheirTimeOn) {
    ApiWorld world;
    const auto id = world.open_case();
    world.clock.set(*parse_rfc3339("2026-03-02T04:30:00Z"));
    world.advance(Seconds(0));
    const auto call = [&](const std::string& back) { return world.ask("POST", "/api/v1/cases/" + id + "/calls", "ana", {{"outcome", "reached"}, {"call_back", back}}); };
    EXPECT_EQ(call("at three").status, 422);
    EXPECT_EQ(call("2026-03-02T09:00+05:30").status, 422) << "in the past";
    const auto promised = call("2026-03-02T15:00+05:30");
    ASSERT_EQ(promised.status, 200) << promised.body;
    const auto back = promised.json().at("dues").at("call_back");
    EXPECT_EQ(back.at("at"), "2026-03-02T09:30:00Z");
    EXPECT_TRUE(back.contains("warning")) << "the machine goes off at 13:00";
    EXPECT_TRUE(world.ask("GET", "/api/v1/calls").json().at("items").empty());
    const auto later = world.ask("GET", "/api/v1/calls?later=true").json().at("items");
    ASSERT_EQ(later.size(), 1u);
    EXPECT_EQ(later[0].at("call_back"), true);
    EXPECT_EQ(world.ask("POST", "/api/v1/cases/" + id + "/extensions", "ana", {{"by", "PT4H"}, {"reason", "phones at three"}}).json().at("dues").at("call_back").contains("warning"), false);
    world.clock.set(*parse_rfc3339("2026-03-02T09:30:00Z"));
    world.advance(Seconds(0));
    EXPECT_EQ(world.ask("GET", "/api/v1/calls").json().at("items").size(), 1u);
    EXPECT_EQ(world.ask("POST", "/api/v1/cases/" + id + "/replies", "ana", {{"kind", "acknowledged"}}).status, 200);
    EXPECT_TRUE(world.ask("GET", "/api/v1/calls?later=true").json().at("items").empty());
}

TEST(ContactChanges, WaitForAPersonWhoNamesTheFields) {
    ApiWorld world;
    ContactChange change;
    change.id = world.storage.next_change_id();
    change.customer = CustomerId("K-7");
    change.from = "abuse@rao.example";
    change.text = "new number";
    change.delivery = DeliveryId("M-1");
    change.at = world.clock.now();
    world.storage.put_change(change);
    EXPECT_EQ(world.ask("GET", "/api/v1/contact-changes?state=waiting").json().at("items").size(), 1u);
    EXPECT_EQ(world.ask("GET", "/api/v1/contact-changes?state=lost").status, 422);
    const auto shown = world.ask("GET", "/api/v1/contact-changes/K-1").json();
    EXPECT_EQ(shown.at("contacts")[0].at("phone"), "+91 80 5550 1234");
    EXPECT_EQ(world.ask("GET", "/api/v1/contact-changes/K-9").status, 404);
    const std::string approve = "/api/v1/contact-changes/K-1/approve";
    EXPECT_EQ(world.ask("POST", approve, "ana", {{"phone", "+91 1"}}).status, 422) << "a reason";
    EXPECT_EQ(world.ask("POST", approve, "ana", {{"reason", "phoned back"}}).status, 422) << "nothing named";
    EXPECT_EQ(world.ask("POST", approve, "ana", {{"reason", "phoned back"}, {"contact", 42}, {"phone", "+91 1"}}).status, 422);
    const auto done = world.ask("POST", approve, "ana", {{"reason", "phoned back"}, {"phone", "+91 80 5550 9999"}});
    ASSERT_EQ(done.status, 200) << done.body;
    EXPECT_EQ(done.json().at("applied").at("old").at("phone"), "+91 80 5550 1234");
    EXPECT_EQ(done.json().at("applied").at("new").at("phone"), "+91 80 5550 9999");
    EXPECT_EQ(done.json().at("decided_by"), "staff:ana");
    EXPECT_EQ(world.ask("GET", "/api/v1/customers/K-7").json().at("contact").at("phone"), "+91 80 5550 9999");
    EXPECT_EQ(world.ask("POST", "/api/v1/contact-changes/K-1/reject", "ana", {{"reason", "no"}}).status, 409);
    EXPECT_EQ(world.ask("POST", "/api/v1/contact-changes/K-9/reject", "ana", {{"reason", "no"}}).status, 404);
}

}  // namespace
}  // namespace bailiff::test
