// SPDX-License-Identifier: Apache-2.0
// The storage contract: contacts, wishes to change them, promises to phone, and what a dialler was told.
#include "tests/contract/storage/storage_world.hpp"

namespace bailiff::test {
namespace {

class TheContacts : public StorageContract {};
BAILIFF_OVER_ALL_STORAGES(TheContacts);

CustomerContact contact(const std::string& customer, int64_t number, const std::string& email) {
    CustomerContact c;
    c.customer = CustomerId(customer);
    c.number = number;
    c.role = ContactRole::security;
    c.contact = {"Vikram Iyer", email, "+91 80", "en", "Asia/Kolkata"};
    c.preference = 7;
    c.mail = MailStanding::bouncing;
    c.phone = PhoneStanding::ok;
    c.mail_note = "550 gone";
    c.changed_by = "staff:ana";
    c.changed_at = at(5);
    return c;
}

TEST_P(TheContacts, stand_by_customer_and_number) {
    const int64_t first = storage().next_contact_number();
    EXPECT_LT(first, storage().next_contact_number());
    storage().put_contact(contact("7", 2, "b@lotus.example"));
    storage().put_contact(contact("7", 0, "a@lotus.example"));
    storage().put_contact(contact("70", 1, "x@other.example"));
    EXPECT_EQ(storage().contacts_of(CustomerId("7")), (std::vector<CustomerContact>{contact("7", 0, "a@lotus.example"), contact("7", 2, "b@lotus.example")}));
    auto changed = contact("7", 2, "c@lotus.example");
    changed.mail = MailStanding::verified;
    storage().put_contact(changed);
    EXPECT_EQ(storage().contacts_of(CustomerId("7")).back(), changed);
    storage().remove_contact(CustomerId("7"), 2);
    storage().remove_contact(CustomerId("7"), 9);
    EXPECT_EQ(storage().contacts_of(CustomerId("7")).size(), 1u);
    EXPECT_EQ(storage().contacts_of(CustomerId("70")).size(), 1u);
}

TEST_P(TheContacts, are_found_by_their_address_in_whatever_case) {
    storage().put_customer({CustomerId("7"), "Lotus", {"Asha", "Asha@Lotus.example", "", "en", ""}, 0});
    storage().put_customer({CustomerId("8"), "Nordlicht", {"Jens", "jens@nordlicht.example", "", "en", ""}, 0});
    storage().put_contact(contact("8", 3, "NOC@nordlicht.example"));
    storage().put_contact(contact("7", 0, "old@lotus.example"));
    const auto of = [&](const std::string& address) { return storage().customers_by_mail(address, 5); };
    EXPECT_EQ(of("asha@lotus.EXAMPLE"), std::vector<CustomerId>{CustomerId("7")});
    EXPECT_EQ(of("noc@nordlicht.example"), std::vector<CustomerId>{CustomerId("8")});
    EXPECT_TRUE(of("old@lotus.example").empty()) << "who the authorised contact is stands with the customer";
    storage().put_contact(contact("7", 4, "noc@nordlicht.example"));
    EXPECT_EQ(of("noc@nordlicht.example"), (std::vector<CustomerId>{CustomerId("7"), CustomerId("8")}));
    EXPECT_EQ(storage().customers_by_mail("noc@nordlicht.example", 1).size(), 1u);
    storage().put_customer({CustomerId("7"), "Lotus", {"Asha", "new@lotus.example", "", "en", ""}, 0});
    EXPECT_TRUE(of("asha@lotus.example").empty());
    EXPECT_EQ(of("new@lotus.example").size(), 1u);
    storage().remove_contact(CustomerId("8"), 3);
    EXPECT_EQ(of("noc@nordlicht.example"), std::vector<CustomerId>{CustomerId("7")});
}

ContactChange wish(Storage& storage, const std::string& delivery, const std::string& from = "asha@lotus.example") {
    ContactChange c;
    c.id = storage.next_change_id();
    c.customer = CustomerId("7");
    c.from = from;
    c.subject = "new number";
    c.text = "it is +91\nपुराना नहीं";
    c.proven = true;
    c.delivery = DeliveryId(delivery);
    c.at = at(3);
    return c;
}

TEST_P(TheContacts, wishes_wait_and_are_decided) {
    const auto first = wish(storage(), "M-1"), second = wish(storage(), "M-2", "x@y.example");
    EXPECT_EQ(first.id, "K-1");
    storage().put_change(first);
    storage().put_change(second);
    EXPECT_EQ(storage().find_change("K-1"), first);
    EXPECT_FALSE(storage().find_change("K-9"));
    EXPECT_FALSE(storage().find_change("nonsense"));
    EXPECT_EQ(storage().change_of(DeliveryId("M-2")), second);
    EXPECT_FALSE(storage().change_of(DeliveryId("M-9")));
    EXPECT_EQ(storage().waiting_changes(""), 2);
    EXPECT_EQ(storage().waiting_changes("x@y.example"), 1);
    auto decided = second;
    decided.state = ChangeState::approved;
    decided.customer = CustomerId("8");
    decided.decided_by = "staff:ana";
    decided.reason = "phoned back";
    decided.decided_at = at(9);
    decided.applied = "{}";
    storage().put_change(decided);
    EXPECT_EQ(storage().find_change("K-2"), decided);
    EXPECT_EQ(storage().waiting_changes("x@y.example"), 0);
    EXPECT_EQ(storage().changes(std::nullopt, "", 10), (std::vector<ContactChange>{decided, first}));
    EXPECT_EQ(storage().changes(ChangeState::waiting, "", 10), std::vector<ContactChange>{first});
    EXPECT_EQ(storage().changes(std::nullopt, "K-2", 10), std::vector<ContactChange>{first});
    EXPECT_EQ(storage().changes(std::nullopt, "", 1).size(), 1u);
}

TEST_P(TheContacts, promises_to_phone_are_found_when_they_come) {
    EXPECT_FALSE(storage().next_call_back());
    core::Case first = saved_case(storage()), second = saved_case(storage());
    const auto save = [&](core::Case& c, const Standing& standing) {
        const int64_t before = c.revision;
        const auto items = happen(c, {core::NoteAdded{"x"}});
        ASSERT_TRUE(storage().save(before, c, items, standing));
    };
    save(first, {std::nullopt, at(50), at(50)});
    save(second, {std::nullopt, at(20), at(20)});
    EXPECT_EQ(storage().next_call_back(), at(20));
    EXPECT_TRUE(storage().call_backs(at(19), 10).empty());
    EXPECT_EQ(storage().call_backs(at(50), 10), (std::vector<CaseId>{second.id, first.id}));
    EXPECT_EQ(storage().call_backs(at(50), 1).size(), 1u);
    save(second, {std::nullopt, at(20), std::nullopt});
    EXPECT_EQ(storage().next_call_back(), at(50));
    EXPECT_EQ(ids(storage().calls(CaseId(), 10)), (std::vector<std::string>{second.id.text(), first.id.text()})) << "told, and still in the queue";
}

TEST_P(TheContacts, dials_wait_to_be_told_and_to_be_cancelled) {
    const Dial one{storage().next_dial_id(), CaseId("C-1"), "call 1", DialState::to_tell, 0, at(10), ""};
    const Dial two{storage().next_dial_id(), CaseId("C-2"), "call 2", DialState::to_tell, 0, at(5), ""};
    EXPECT_EQ(one.id, "D-1");
    storage().put_dial(one);
    storage().put_dial(two);
    EXPECT_EQ(storage().find_dial("D-1"), one);
    EXPECT_FALSE(storage().find_dial("D-9"));
    EXPECT_EQ(storage().dials_to_send(at(10), 10), (std::vector<Dial>{two, one}));
    EXPECT_EQ(storage().dials_to_send(at(5), 10), std::vector<Dial>{two});
    EXPECT_EQ(storage().open_dial_of(CaseId("C-1")), one);
    Dial told = one;
    told.state = DialState::told;
    told.last_answer = "HTTP 204";
    storage().put_dial(told);
    EXPECT_EQ(storage().dials_to_send(at(10), 10), std::vector<Dial>{two});
    EXPECT_EQ(storage().open_dial_of(CaseId("C-1")), told);
    Dial cancelled = told;
    cancelled.state = DialState::to_cancel;
    cancelled.next_try = at(7);
    storage().put_dial(cancelled);
    EXPECT_FALSE(storage().open_dial_of(CaseId("C-1")));
    EXPECT_EQ(storage().dials_to_send(at(10), 10), (std::vector<Dial>{two, cancelled}));
    const Dial next{storage().next_dial_id(), CaseId("C-1"), "call 3", DialState::to_tell, 0, at(8), ""};
    storage().put_dial(next);
    EXPECT_EQ(storage().open_dial_of(CaseId("C-1")), next);
    cancelled.state = DialState::over;
    storage().put_dial(cancelled);
    EXPECT_EQ(storage().open_dial_of(CaseId("C-1")), next) << "the end of an older one ends no newer one";
    EXPECT_EQ(storage().dials_to_send(at(10), 10), (std::vector<Dial>{two, next}));
}

TEST_P(TheContacts, are_undone_with_their_transaction) {
    storage().put_customer({CustomerId("7"), "Lotus", {"Asha", "asha@lotus.example", "", "en", ""}, 0});
    storage().put_contact(contact("7", 1, "b@lotus.example"));
    EXPECT_FALSE(storage().transaction([&]() -> Result<void> {
        storage().remove_contact(CustomerId("7"), 1);
        storage().put_contact(contact("7", 2, "c@lotus.example"));
        storage().put_change(wish(storage(), "M-1"));
        storage().put_dial({storage().next_dial_id(), CaseId("C-1"), "call 1", DialState::to_tell, 0, at(10), ""});
        return fail(Errc::conflict, "no");
    }));
    EXPECT_EQ(storage().contacts_of(CustomerId("7")), std::vector<CustomerContact>{contact("7", 1, "b@lotus.example")});
    EXPECT_EQ(storage().customers_by_mail("b@lotus.example", 5).size(), 1u);
    EXPECT_TRUE(storage().customers_by_mail("c@lotus.example", 5).empty());
    EXPECT_EQ(storage().waiting_changes(""), 0);
    EXPECT_FALSE(storage().change_of(DeliveryId("M-1")));
    EXPECT_TRUE(storage().dials_to_send(at(10), 10).empty());
    EXPECT_FALSE(storage().open_dial_of(CaseId("C-1")));
}

}  // namespace
}  // namespace bailiff::test
