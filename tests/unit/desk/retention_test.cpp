// SPDX-License-Identifier: Apache-2.0
// What is over its time goes by itself; what is needed stays; and what is left can be proven.
#include "controller/storage/chain.hpp"
#include "tests/unit/desk/desk_world.hpp"

#include <bailiff/dsse.hpp>

namespace bailiff::test {
namespace {

constexpr Seconds day{86400};

struct TheTimes : DeskWorld {
    std::unique_ptr<Desk> desk;
    void SetUp() override { desk = std::make_unique<Desk>(ports(), shipped_policies(), options); }
    CaseId a_case() {
        auto report = report_of("content/malware");
        report.reporter = "cert@reporter.example";
        report.summary = "EICAR in /home/asha/x";
        report.raw = "the body as it came";
        const auto opened = desk->report(report, "staff:ravi");
        desk->tick();
        desk->flush();
        return opened->case_id;
    }
    CaseId a_closed_case() {
        const CaseId id = a_case();
        core::Reply reply;
        reply.kind = core::ReplyKind::fixed;
        reply.steps = "Asha removed it";
        reply.root_cause = "a weak password of Asha's";
        EXPECT_TRUE(desk->act(id, core::RecordReply{reply}, "customer"));
        desk->tick();
        desk->flush();
        return id;
    }
    void pass(Seconds time) {
        clock.advance(time);
        desk->tick();
        desk->flush();
    }
    bool says(const CaseId& id, const std::string& word) {
        if (dump_json(core::json_of(*storage.find_case(id))).find(word) != std::string::npos) return true;
        for (const auto& link : storage.chain(0, 1000))
            if (link.case_id == id && link.text.find(word) != std::string::npos) return true;
        return false;
    }
    std::optional<ChainFault> fault() {
        AuditAnchors anchors;
        anchors.cases.emplace();
        for (const auto& c : storage.list_cases({})) anchors.cases->emplace(c.id, c.revision);
        anchors.checkpoints = storage.checkpoints();
        return verify_chain(storage.chain(0, 1000), anchors);
    }
};

TEST_F(TheTimes, run_out_one_class_after_the_other) {
    const CaseId id = a_closed_case();
    const ReportId report = storage.find_case(id)->reports.front().id;
    storage.put_attachment({id, 1, "x.php", "aa", 1, clock.now(), "x"});
    pass(day * 31);
    EXPECT_EQ(storage.find_attachment(id, 1)->bytes, "");
    EXPECT_EQ(storage.find_report(report)->raw, "the body as it came");
    pass(day * 60);
    EXPECT_EQ(storage.find_report(report)->raw, "");
    EXPECT_TRUE(says(id, "Asha"));
    pass(day * 640);
    EXPECT_FALSE(storage.find_case(id)->erased == false) << "two years";
    EXPECT_FALSE(says(id, "Asha"));
    EXPECT_FALSE(says(id, "/home/asha"));
    EXPECT_FALSE(says(id, "cert@reporter.example"));
    EXPECT_TRUE(storage.mails_of(id).empty());
    EXPECT_FALSE(fault()) << fault()->text;
    const size_t length = storage.chain(0, 1000).size();
    pass(day);
    EXPECT_EQ(storage.chain(0, 1000).size(), length) << "once";
    pass(day * 1457);
    EXPECT_TRUE(storage.find_case(id)) << "a day before six years are over";
    pass(day * 2);
    EXPECT_FALSE(storage.find_case(id)) << "six years";
    EXPECT_FALSE(storage.find_report(report));
    EXPECT_EQ(storage.chain(0, 1000).size(), length) << "the links stay";
    EXPECT_FALSE(fault()) << fault()->text;
}

TEST_F(TheTimes, never_run_out_for_an_open_case) {
    const CaseId id = a_case();
    const ReportId report = storage.find_case(id)->reports.front().id;
    ASSERT_TRUE(desk->act(id, core::PlaceHold{"a court asks"}, "staff:ravi"));
    pass(day * 4000);
    EXPECT_EQ(storage.find_report(report)->raw, "the body as it came");
    EXPECT_TRUE(says(id, "Asha"));
}

TEST_F(TheTimes, can_be_for_ever) {
    options.retention = {Seconds{0}, Seconds{0}, Seconds{0}};
    SetUp();
    const CaseId id = a_closed_case();
    pass(day * 4000);
    EXPECT_TRUE(says(id, "Asha"));
    for (const auto& kept : desk->kept()) EXPECT_EQ(kept.overdue, Overdue{});
}

TEST_F(TheTimes, are_told_before_anything_goes) {
    a_closed_case();
    clock.advance(day * 800);
    const auto kept = desk->kept();
    ASSERT_EQ(kept.size(), 4u);
    EXPECT_EQ(kept[0].of, KeptClass::raw);
    EXPECT_EQ(kept[0].overdue.count, 1);
    EXPECT_EQ(kept[2].overdue.count, 1);
    EXPECT_EQ(desk->kept()[2].overdue.count, 1) << "to look changes nothing";
    const auto gone = desk->let_go("staff:ravi");
    ASSERT_TRUE(gone);
    EXPECT_EQ(gone->raw, 1);
    EXPECT_EQ(gone->cases, 1);
    EXPECT_FALSE(gone->more);
}

TEST_F(TheTimes, can_be_cut_short_by_a_person_for_a_closed_case) {
    const CaseId open = a_case();
    const auto refused = desk->erase_case(open, "the customer asked", "staff:ravi");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::conflict);
    EXPECT_TRUE(says(open, "Asha"));
    core::Reply reply;
    reply.kind = core::ReplyKind::fixed;
    reply.steps = reply.root_cause = "Asha";
    ASSERT_TRUE(desk->act(open, core::RecordReply{reply}, "customer"));
    EXPECT_FALSE(desk->erase_case(open, "", "staff:ravi")) << "a reason";
    ASSERT_TRUE(desk->erase_case(open, "the customer asked", "staff:ravi"));
    ASSERT_TRUE(desk->erase_case(open, "the customer asked", "staff:ravi")) << "again is nothing";
    EXPECT_FALSE(says(open, "Asha"));
    EXPECT_TRUE(says(open, "the customer asked"));
    EXPECT_FALSE(fault()) << fault()->text;
    EXPECT_FALSE(desk->act(open, core::AddNote{"Asha rang"}, "staff:ravi")) << "nothing is written into it any more";
    ReadReply mail;
    mail.case_id = open.text();
    mail.from = "asha@lotus.example";
    mail.text = "Asha here";
    EXPECT_EQ(desk->reply_by_mail(mail).value(), Desk::ReplyFate::no_case);
    EXPECT_FALSE(says(open, "Asha"));
}

TEST_F(TheTimes, end_with_a_customer_who_has_nothing_here_any_more) {
    const CaseId id = a_closed_case();
    EXPECT_EQ(desk->erase_customer(CustomerId("7"), "left", "staff:ravi").error().code, Errc::conflict) << "has a VM";
    auto vm = *storage.find_vm(web1);
    vm.gone = true;
    storage.put_vm(vm);
    const auto erased = desk->erase_customer(CustomerId("7"), "left", "staff:ravi");
    ASSERT_TRUE(erased) << erased.error().text;
    EXPECT_EQ(*erased, 1);
    EXPECT_EQ(storage.find_customer(CustomerId("7"))->contact.email, "");
    EXPECT_EQ(storage.find_customer(CustomerId("7"))->name, "[erased]");
    EXPECT_FALSE(says(id, "Lotus"));
    EXPECT_EQ(desk->erase_customer(CustomerId("99"), "left", "staff:ravi").error().code, Errc::not_found);
}

}  // namespace
}  // namespace bailiff::test
