// SPDX-License-Identifier: Apache-2.0
// The storage contract: what is over its time goes, and what is needed stays.
#include "tests/contract/storage/storage_world.hpp"

#include "controller/storage/chain.hpp"

#include <bailiff/dsse.hpp>

namespace bailiff::test {
namespace {

class TheRetention : public StorageContract {
  protected:
    core::Case closed_case(Instant when, const std::string& vm = "vm-1", const std::string& customer = "7") {
        core::Case c = saved_case(storage(), vm, customer);
        const int64_t before = c.revision;
        const auto items = happen(c, {core::CaseClosed{core::Outcome::accepted, "all is well, says Asha"}}, when);
        EXPECT_TRUE(storage().save(before, c, items, std::nullopt));
        return c;
    }
    StoredReport report(const CaseId& id, const std::string& raw, Instant when, const DeliveryId& delivery = {}) {
        StoredReport out;
        out.id = storage().next_report_id();
        out.case_id = id;
        out.summary = {out.id, "content/malware", "cert@reporter.example", when, "EICAR in /home/asha"};
        out.address = "192.0.2.10";
        out.raw = raw;
        out.received_at = when;
        out.delivery = delivery;
        storage().put_report(out);
        return out;
    }
    Delivery delivery(const std::string& raw, Instant when) {
        Delivery out;
        out.id = storage().next_delivery_id();
        out.digest = sha256_hex(raw);
        out.sender = "cert@reporter.example";
        out.subject = "asha's machine";
        out.notes = "{}";
        out.received_at = out.last_at = when;
        out.raw = raw;
        storage().put_delivery(out);
        return out;
    }
    /// What the desk does, without a desk.
    void erase(const CaseId& id, const std::vector<ReportId>& reports = {}) {
        core::Case c;
        std::vector<core::HistoryItem> left;
        for (auto& item : storage().history(id, 0, 100)) {
            left.push_back(core::erased(std::move(item)));
            c = core::evolve(std::move(c), left.back());
        }
        const int64_t before = c.revision;
        const auto items = happen(c, {core::CaseErased{before, core::seal_of(storage().links_of(id, left)), "", "a test"}}, at(900));
        ASSERT_TRUE(storage().save(before, c, items, std::nullopt));
        storage().erase_texts(id, left, c.revision);
        storage().erase_beside(id, reports);
    }
};
BAILIFF_OVER_ALL_STORAGES(TheRetention);

TEST_P(TheRetention, forgets_the_oldest_bodies_first_and_none_that_an_open_case_needs) {
    const auto open = saved_case(storage());
    const auto done = closed_case(at(70), "vm-2");
    const auto of_open = delivery("open", at(1)), of_done = delivery(std::string("\0\xff", 2), at(2)), of_nobody = delivery("nobody", at(3)), young = delivery("young", at(100));
    report(open.id, "", at(1), of_open.id);
    report(done.id, "", at(2), of_done.id);
    report(done.id, "", at(2), of_open.id);
    const auto own = report(done.id, "handed in", at(4)), needed = report(open.id, "handed in", at(4)), waiting = report(CaseId(), "in triage", at(5));
    EXPECT_EQ(storage().overdue(KeptClass::raw, at(50), 100), (Overdue{4, at(2)}));
    EXPECT_EQ(storage().overdue(KeptClass::raw, at(50), 1), (Overdue{2, at(2)})) << "so many of each kind";
    EXPECT_EQ(storage().forget(KeptClass::raw, at(3), 100), 1);
    EXPECT_EQ(storage().find_delivery(of_done.id)->raw, "");
    EXPECT_EQ(storage().find_delivery(of_done.id)->subject, "asha's machine") << "only the body goes";
    EXPECT_EQ(storage().forget(KeptClass::raw, at(50), 100), 3);
    EXPECT_EQ(storage().forget(KeptClass::raw, at(50), 100), 0);
    EXPECT_EQ(storage().find_delivery(of_open.id)->raw, "open");
    EXPECT_EQ(storage().find_delivery(of_nobody.id)->raw, "");
    EXPECT_EQ(storage().find_delivery(young.id)->raw, "young");
    EXPECT_EQ(storage().find_report(own.id)->raw, "");
    EXPECT_EQ(storage().find_report(needed.id)->raw, "handed in");
    EXPECT_EQ(storage().find_report(waiting.id)->raw, "");
    EXPECT_EQ(storage().same_delivery(of_done.digest, "")->id, of_done.id) << "the same mail is still known";
}

TEST_P(TheRetention, forgets_files_when_their_case_is_closed_long_enough) {
    const auto open = saved_case(storage());
    const auto done = closed_case(at(70), "vm-2");
    storage().put_attachment({open.id, 1, "a.txt", "aa", 1, at(5), "x"});
    storage().put_attachment({done.id, 1, "b.txt", "bb", 1, at(5), "y"});
    EXPECT_EQ(storage().forget(KeptClass::files, at(70), 10), 0) << "closed just then";
    EXPECT_EQ(storage().overdue(KeptClass::files, at(71), 10), (Overdue{1, at(5)}));
    EXPECT_EQ(storage().forget(KeptClass::files, at(71), 10), 1);
    EXPECT_EQ(storage().find_attachment(done.id, 1)->bytes, "");
    EXPECT_EQ(storage().find_attachment(done.id, 1)->size, 1) << "it says what it was";
    EXPECT_EQ(storage().find_attachment(open.id, 1)->bytes, "x");
    EXPECT_EQ(storage().overdue(KeptClass::files, at(71), 10), Overdue{});
}

TEST_P(TheRetention, names_closed_cases_once_the_longest_closed_first) {
    const auto late = closed_case(at(90), "vm-1"), early = closed_case(at(80), "vm-2", "8");
    saved_case(storage(), "vm-3");
    EXPECT_EQ(storage().cases_to_erase(at(91), 10), (std::vector{early.id, late.id}));
    EXPECT_EQ(storage().cases_to_erase(at(91), 1), std::vector{early.id});
    EXPECT_EQ(storage().cases_to_erase(at(90), 10), std::vector{early.id});
    EXPECT_EQ(storage().cases_to_erase(CustomerId("7"), 10), std::vector{late.id});
    EXPECT_EQ(storage().overdue(KeptClass::cases, at(91), 10), (Overdue{2, at(80)}));
    erase(early.id);
    EXPECT_EQ(storage().cases_to_erase(at(91), 10), std::vector{late.id});
    EXPECT_TRUE(storage().cases_to_erase(CustomerId("8"), 10).empty());
    EXPECT_THROW(storage().forget(KeptClass::cases, at(91), 10), std::logic_error);
}

TEST_P(TheRetention, erases_words_and_the_chain_still_holds) {
    const auto other = saved_case(storage(), "vm-2");
    const auto c = closed_case(at(80));
    closed_case(at(85), "vm-3");
    const auto whole = storage().chain(0, 100);
    erase(c.id);
    const auto chain = storage().chain(0, 100);
    ASSERT_EQ(chain.size(), whole.size() + 1);
    for (size_t i = 0; i < whole.size(); ++i) {
        EXPECT_EQ(chain[i].hash, whole[i].hash);
        if (whole[i].case_id != c.id) {
            EXPECT_EQ(chain[i], whole[i]);
        } else {
            EXPECT_EQ(chain[i].erased, c.revision + 1);
        }
    }
    EXPECT_FALSE(verify_chain(chain, {}));
    for (const auto& item : chain)
        if (item.case_id == c.id) {
            EXPECT_EQ(item.text.find("Asha"), std::string::npos) << item.text;
        }
    core::Case folded;
    for (const auto& item : storage().history(c.id, 0, 100)) folded = core::evolve(std::move(folded), item);
    EXPECT_EQ(folded, *storage().find_case(c.id)) << "the row is the fold of what is left";
    EXPECT_TRUE(folded.erased);
    EXPECT_EQ(folded.outcome, core::Outcome::accepted);
    EXPECT_EQ(storage().find_case(other.id), other);
}

TEST_P(TheRetention, erases_what_hangs_on_a_case_and_nothing_of_others) {
    const auto open = saved_case(storage(), "vm-2");
    const auto c = closed_case(at(80));
    for (const CaseId& id : {open.id, c.id}) {
        storage().owe(id, {{core::Notice::ticket, "ticket", core::Audience::customer}}, at(1), [](const std::string&) { return "<m@x>"; });
        storage().put_token({TokenUse::page, "hash" + id.text(), id, "ticket", at(1)});
        storage().put_token({TokenUse::reply, "reply" + id.text(), id, "ticket", at(1)});
        storage().put_waiting({id == open.id ? 1 : 2, id, "asha@lotus.example"});
        storage().put_attachment({id, 1, "a.txt", "aa", 1, at(5), "x"});
    }
    const auto shared = delivery("two machines", at(1)), alone = delivery("one machine", at(1));
    for (const DeliveryId& id : {shared.id, alone.id}) {
        storage().put_delivery_reporter({id, ReporterId("reporter.example"), "cert@reporter.example"});
        EXPECT_TRUE(storage().owe_reporter_mail({id, ReporterNotice::received, ReporterId("reporter.example"), "cert@reporter.example", "<r@x>", MailState::due, 0, at(1)}));
        storage().note_reporter_in_case({c.id, ReporterId("reporter.example"), id});
    }
    const auto mine = report(c.id, "body", at(2), alone.id), both = report(c.id, "", at(2), shared.id), others = report(open.id, "", at(2), shared.id);
    erase(c.id, {mine.id, both.id, others.id});
    EXPECT_TRUE(storage().mails_of(c.id).empty());
    EXPECT_EQ(storage().mails_of(open.id).size(), 1u);
    EXPECT_EQ(storage().to_send(at(10), 10).size(), 1u);
    EXPECT_FALSE(storage().case_of_token(TokenUse::page, "hash" + c.id.text()));
    EXPECT_TRUE(storage().case_of_token(TokenUse::page, "hash" + open.id.text()));
    EXPECT_TRUE(storage().attachments_of(c.id).empty());
    EXPECT_FALSE(storage().case_of_token(TokenUse::reply, "reply" + c.id.text()));
    EXPECT_TRUE(storage().case_of_token(TokenUse::reply, "reply" + open.id.text()));
    EXPECT_EQ(storage().waiting_for("asha@lotus.example", 10).size(), 1u);
    EXPECT_EQ(storage().attachments_of(open.id).size(), 1u);
    EXPECT_EQ(storage().find_report(mine.id)->summary.reporter + storage().find_report(mine.id)->address + storage().find_report(mine.id)->raw, "");
    EXPECT_EQ(storage().find_report(mine.id)->summary.type, "content/malware");
    EXPECT_EQ(storage().find_report(others.id)->summary.reporter, "cert@reporter.example");
    EXPECT_EQ(storage().find_delivery(alone.id)->sender + storage().find_delivery(alone.id)->subject + storage().find_delivery(alone.id)->raw, "");
    EXPECT_FALSE(storage().delivery_reporter(alone.id));
    EXPECT_TRUE(storage().reporter_mails_of(alone.id).empty());
    EXPECT_TRUE(storage().reporters_in_case(c.id, 10).empty());
    EXPECT_EQ(storage().reporter_mails_of(shared.id).size(), 1u);
    EXPECT_TRUE(storage().delivery_reporter(shared.id));
    EXPECT_EQ(storage().find_delivery(shared.id)->raw, "two machines") << "an open case's report came in it too";
}

TEST_P(TheRetention, forgets_the_course_of_an_erased_case_and_the_chain_still_holds) {
    const auto open = saved_case(storage(), "vm-2");
    const auto c = closed_case(at(80)), whole_case = closed_case(at(80), "vm-3");
    const auto mine = report(c.id, "body", at(2), delivery("a mail", at(1)).id), other = report(open.id, "body", at(2));
    EXPECT_TRUE(storage().courses_to_forget(at(100), 10).empty()) << "first what they say of people";
    erase(c.id, {mine.id});
    EXPECT_TRUE(storage().courses_to_forget(at(80), 10).empty());
    EXPECT_EQ(storage().courses_to_forget(at(100), 10), std::vector{c.id});
    EXPECT_EQ(storage().overdue(KeptClass::audit, at(100), 10), (Overdue{1, at(80)}));
    const auto before = storage().chain(0, 100);
    const auto undone = storage().transaction([&]() -> Result<void> {
        storage().forget_course(c.id);
        return fail(Errc::conflict, "no");
    });
    EXPECT_FALSE(undone);
    EXPECT_EQ(storage().chain(0, 100), before);
    EXPECT_TRUE(storage().find_case(c.id));
    storage().forget_course(c.id);
    EXPECT_FALSE(storage().find_case(c.id));
    EXPECT_FALSE(storage().find_report(mine.id));
    EXPECT_TRUE(storage().find_report(other.id));
    EXPECT_TRUE(storage().find_case(whole_case.id));
    EXPECT_TRUE(storage().courses_to_forget(at(100), 10).empty());
    EXPECT_EQ(storage().overdue(KeptClass::audit, at(100), 10), Overdue{});
    const auto chain = storage().chain(0, 100);
    ASSERT_EQ(chain.size(), before.size());
    for (size_t i = 0; i < chain.size(); ++i) {
        EXPECT_EQ(chain[i].hash, before[i].hash);
        if (chain[i].erased > 0) {
            EXPECT_EQ(chain[i].text, link_text(c.id, chain[i].revision, sha256_hex(before[i].text)));
        } else {
            EXPECT_EQ(chain[i], before[i]);
        }
    }
    AuditAnchors anchors;
    anchors.cases.emplace();
    for (const auto& left : storage().list_cases({})) anchors.cases->emplace(left.id, left.revision);
    const auto fault = verify_chain(chain, anchors);
    EXPECT_FALSE(fault) << fault->text;
}

TEST_P(TheRetention, is_undone_with_its_transaction) {
    const auto c = closed_case(at(80));
    storage().owe(c.id, {{core::Notice::closed, "closed", core::Audience::customer}}, at(1), [](const std::string&) { return "<m@x>"; });
    const auto chain = storage().chain(0, 100);
    EXPECT_FALSE(storage().transaction([&]() -> Result<void> {
        erase(c.id);
        return fail(Errc::conflict, "no");
    }));
    EXPECT_EQ(storage().chain(0, 100), chain);
    EXPECT_EQ(storage().find_case(c.id), c);
    EXPECT_EQ(storage().mails_of(c.id).size(), 1u);
    EXPECT_EQ(storage().cases_to_erase(at(100), 10), std::vector{c.id});
}

TEST_P(TheRetention, erases_what_hangs_on_a_customer_and_nothing_of_others) {
    for (const char* customer : {"7", "8"}) {
        CustomerContact contact;
        contact.customer = CustomerId(customer);
        contact.number = storage().next_contact_number();
        contact.contact = {"Mia", "mia@lotus.example", "+91 80 5550 0118", "en", ""};
        storage().put_contact(contact);
        ContactChange change;
        change.id = storage().next_change_id();
        change.customer = CustomerId(customer);
        change.from = "mia@lotus.example";
        change.delivery = delivery(std::string("change of ") + customer, at(1)).id;
        storage().put_change(change);
    }
    storage().erase_beside(CustomerId("7"));
    EXPECT_TRUE(storage().contacts_of(CustomerId("7")).empty());
    EXPECT_EQ(storage().contacts_of(CustomerId("8")).size(), 1u);
    EXPECT_EQ(storage().changes(std::nullopt, "", 10).size(), 1u);
    EXPECT_EQ(storage().changes(std::nullopt, "", 10).front().customer, CustomerId("8"));
}

TEST_P(TheRetention, knows_whose_vms_are_still_there) {
    EXPECT_FALSE(storage().has_vms(CustomerId("7")));
    Vm vm{VmId("vm-1"), "web1", HostId("h1"), CustomerId("7"), {}, Power::off, VmState::running, false, false, at(1)};
    storage().put_vm(vm);
    EXPECT_TRUE(storage().has_vms(CustomerId("7")));
    vm.gone = true;
    storage().put_vm(vm);
    EXPECT_FALSE(storage().has_vms(CustomerId("7")));
}

}  // namespace
}  // namespace bailiff::test
