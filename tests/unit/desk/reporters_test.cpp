// SPDX-License-Identifier: Apache-2.0
// Who reports: counted by what the mail server proved, throttled by what came of it, told without a word about the customer.
#include "tests/unit/desk/desk_world.hpp"

#include <bailiff/dsse.hpp>

namespace bailiff::test {
namespace {

struct AReporter : DeskWorld {
    std::unique_ptr<Desk> desk;
    int mails = 0;
    int64_t vms = 0;

    void SetUp() override {
        options.tell_reporters = {ReporterNotice::received, ReporterNotice::forwarded, ReporterNotice::not_ours, ReporterNotice::closed};
        options.answer_to = "abuse@provider.example";
        options.mail_domain = "provider.example";
        make();
    }
    void make() { desk = std::make_unique<Desk>(ports(), shipped_policies(), options); }
    /// A VM with an address of its own, so that each report opens a case.
    std::string another_address() {
        const std::string n = std::to_string(++vms);
        const std::string address = "192.0.2." + std::to_string(100 + vms);
        storage.put_vm({VmId("33333333-3333-4333-8333-" + std::string(12 - n.size(), '0') + n), "vm" + n, HostId("h1"), CustomerId("7"), {address}, Power::running,
                        VmState::running, false, false, clock.now()});
        return address;
    }
    static ReadSender sender(const std::string& from, bool proven = true) {
        ReadSender out;
        out.from = from;
        out.proven = proven;
        return out;
    }
    StoredReport mail(const ReadSender& from, const std::string& address, const std::string& type = "content/malware") {
        ReadEvent event;
        event.type = type;
        event.address = address;
        event.observed_at = clock.now();
        Reading reading;
        reading.format = "arf";
        reading.subject = "s";
        reading.reporter = from.from;
        if (!address.empty()) reading.events = {event};
        reading.sender = from;
        const std::string bytes = "Subject: " + std::to_string(++mails) + "\n\nb";
        const auto got = desk->receive({bytes, sha256_hex(bytes), "", from.from, "abuse@provider.example", 0, true, reading}, "staff:intake");
        EXPECT_TRUE(got) << (got ? "" : got.error().text);
        tick();
        return storage.reports_of(got->delivery.id, 1).at(0);
    }
    void tick() {
        desk->tick();
        desk->flush();
        desk->flush();
    }
    void dismiss(const CaseId& id) {
        ASSERT_TRUE(desk->act(id, core::AskReview{"looks wrong"}, "staff:meera"));
        ASSERT_TRUE(desk->act(id, core::Decide{core::Decision::dismiss, "it is a honeypot"}, "staff:meera"));
        tick();
    }
    ReporterCounts counts(const std::string& id) { return storage.reporter_counts(ReporterId(id), 0); }
    std::vector<OutgoingMail> told(const std::string& to) {
        std::vector<OutgoingMail> out;
        for (const auto& sent : mailer.sent)
            if (sent.to == to) out.push_back(sent);
        return out;
    }
    std::string kinds(const std::string& to) {
        std::string out;
        for (const auto& sent : told(to)) {
            const size_t begin = sent.subject.find("] ") + 2;
            out += (out.empty() ? "" : " ") + sent.subject.substr(begin, sent.subject.find(" (") - begin);
        }
        return out;
    }
};

TEST_F(AReporter, is_counted_by_the_domain_that_was_proven) {
    const auto proven = mail(sender("cert@Example.NET"), another_address());
    const auto claimed = mail(sender("cert@example.net", false), another_address());
    EXPECT_EQ(proven.reporter, ReporterId("example.net"));
    EXPECT_EQ(claimed.reporter, ReporterId("unproven:example.net"));
    EXPECT_EQ(counts("example.net"), (ReporterCounts{.reports = 1, .opened = 1}));
    EXPECT_EQ(counts("unproven:example.net"), (ReporterCounts{.reports = 1, .opened = 1}));
    mail(sender("cert@example.net"), "192.0.2.101");
    EXPECT_EQ(counts("example.net").duplicates, 1);
    mail(sender("cert@example.net"), "");
    EXPECT_EQ(counts("example.net").unparseable, 1);
    dismiss(claimed.case_id);
    EXPECT_EQ(counts("unproven:example.net").wrong, 1);
    EXPECT_EQ(counts("example.net").wrong, 0) << "who merely writes the name does it no harm";
    ASSERT_TRUE(desk->act(proven.case_id, core::AskReview{"let us see"}, "staff:meera"));
    ASSERT_TRUE(desk->act(proven.case_id, core::Decide{core::Decision::accept, "fixed"}, "staff:meera"));
    tick();
    EXPECT_EQ(counts("example.net").right, 1) << "once, though it wrote twice";
}

TEST_F(AReporter, that_is_mostly_wrong_opens_no_cases) {
    for (int i = 0; i < 5; ++i) dismiss(mail(sender("shot@hasty.example"), another_address()).case_id);
    EXPECT_EQ(counts("hasty.example").wrong, 5);
    const std::string address = another_address();
    const auto held = mail(sender("shot@hasty.example"), address);
    EXPECT_TRUE(held.case_id.empty());
    EXPECT_NE(held.triage.find("5 of 5 were false positives"), std::string::npos) << held.triage;
    EXPECT_EQ(storage.reports(true, {}, 10).size(), 1u) << "it is kept";
    const auto by_other = mail(sender("cert@example.net"), address);
    EXPECT_FALSE(by_other.case_id.empty());
    EXPECT_EQ(mail(sender("shot@hasty.example"), address).case_id, by_other.case_id) << "it joins what is open";
    ASSERT_TRUE(desk->judge_reporter(ReporterId("hasty.example"), ReporterStanding::exempt, "they have mended it", "staff:ada"));
    EXPECT_FALSE(mail(sender("shot@hasty.example"), another_address()).case_id.empty());
    ASSERT_TRUE(desk->judge_reporter(ReporterId("hasty.example"), ReporterStanding::counted, "again", "staff:ada"));
    clock.advance(Seconds(92 * 86'400));
    EXPECT_FALSE(mail(sender("shot@hasty.example"), another_address()).case_id.empty()) << "what is older than 90 days is forgiven";
}

TEST_F(AReporter, is_throttled_by_hand_and_by_the_hour) {
    EXPECT_FALSE(desk->judge_reporter(ReporterId("a.example"), ReporterStanding::throttled, " ", "staff:ada")) << "a reason is needed";
    ASSERT_TRUE(desk->judge_reporter(ReporterId("a.example"), ReporterStanding::throttled, "an experiment", "staff:ada"));
    EXPECT_NE(mail(sender("x@a.example"), another_address()).triage.find("an experiment"), std::string::npos);
    options.reporter_hourly = 2;
    make();
    for (int i = 0; i < 2; ++i) EXPECT_FALSE(mail(sender("x@b.example"), another_address()).case_id.empty());
    const auto third = mail(sender("x@b.example"), another_address());
    EXPECT_NE(third.triage.find("more than 2 reports within the hour"), std::string::npos) << third.triage;
    EXPECT_FALSE(mail(sender("x@c.example"), another_address()).case_id.empty()) << "another reporter";
    clock.advance(Seconds(3600));
    EXPECT_FALSE(mail(sender("x@b.example"), another_address()).case_id.empty());
}

TEST_F(AReporter, is_told_once_of_each_thing_and_nothing_of_the_customer) {
    const auto report = mail(sender("cert@example.net"), another_address());
    tick();
    EXPECT_EQ(kinds("cert@example.net"), "received forwarded");
    dismiss(report.case_id);
    tick();
    EXPECT_EQ(kinds("cert@example.net"), "received forwarded closed");
    for (const auto& sent : told("cert@example.net")) {
        EXPECT_NE(sent.text.find("192.0.2.101"), std::string::npos) << "what he named himself";
        for (const char* secret : {"Lotus", "asha", "vm1", "33333333", "C-1"}) EXPECT_EQ(sent.text.find(secret), std::string::npos) << sent.text;
        EXPECT_EQ(sent.message_id.find("<C-"), std::string::npos) << "an answer to it is no customer's";
    }
    const auto strange = mail(sender("cert@example.net"), "198.51.100.9");
    ASSERT_TRUE(desk->settle_report(strange.id, "not_ours", "the neighbour's", "staff:ravi"));
    tick();
    EXPECT_EQ(kinds("cert@example.net"), "received forwarded closed received not_ours");
    EXPECT_EQ(counts("example.net").not_ours, 1);
    EXPECT_TRUE(storage.reports(true, {}, 10).empty());
    EXPECT_FALSE(desk->settle_report(strange.id, "not_ours", "again", "staff:ravi"));
    EXPECT_FALSE(desk->settle_report(report.id, "not_ours", "it has a case", "staff:ravi"));
    EXPECT_FALSE(desk->settle_report(strange.id, "boring", "no such way", "staff:ravi"));
    ASSERT_TRUE(desk->resolve_report(strange.id, web1, "staff:ravi")) << "a person may change his mind";
    EXPECT_EQ(storage.find_report(strange.id)->settled, "");
}

TEST_F(AReporter, is_told_only_where_it_is_proven_and_somebody_reads) {
    mail(sender("cert@example.net", false), another_address());
    auto automatic = sender("feed@example.net");
    automatic.automatic = true;
    mail(automatic, another_address());
    auto elsewhere = sender("noreply@example.net");
    elsewhere.reply_to = "victim@elsewhere.example";
    elsewhere.contact = "also@elsewhere.example";
    mail(elsewhere, another_address());
    mail(sender("abuse@provider.example"), another_address());
    mail(sender("cert..feed@example.net"), another_address());
    mail(sender("mailer-daemon@example.net"), another_address());
    tick();
    for (const auto& sent : mailer.sent) EXPECT_EQ(sent.to, "asha@lotus.example") << sent.subject;
    auto good = sender("noreply@example.net");
    good.reply_to = "victim@elsewhere.example";
    good.contact = "desk@example.net";
    mail(good, another_address());
    tick();
    EXPECT_EQ(kinds("desk@example.net"), "received forwarded") << "what the report names of the proven domain";
}

TEST_F(AReporter, gets_no_more_mails_a_day_than_the_limit) {
    options.reporter_mails_per_day = 3;
    make();
    for (int i = 0; i < 3; ++i) mail(sender("cert@example.net"), another_address());
    tick();
    EXPECT_EQ(told("cert@example.net").size(), 3u);
    clock.advance(Seconds(86'400));
    mail(sender("cert@example.net"), another_address());
    tick();
    EXPECT_EQ(told("cert@example.net").size(), 5u);
}

TEST_F(AReporter, is_told_nothing_by_default) {
    options.tell_reporters.clear();
    make();
    mail(sender("cert@example.net"), another_address());
    tick();
    EXPECT_TRUE(told("cert@example.net").empty());
}

TEST_F(AReporter, mails_wait_for_the_server_and_are_given_up_at_last) {
    mailer.answer = {MailFate::retry_later, 451, "later"};
    const auto report = mail(sender("cert@example.net"), another_address());
    EXPECT_TRUE(told("cert@example.net").empty());
    mailer.answer = {MailFate::accepted, 250, "ok"};
    tick();
    EXPECT_TRUE(told("cert@example.net").empty()) << "not before its time";
    clock.advance(Seconds(3600));
    tick();
    EXPECT_EQ(told("cert@example.net").size(), 2u);
    const auto kept = storage.reporter_mails_of(report.delivery);
    ASSERT_EQ(kept.size(), 2u);
    EXPECT_EQ(kept[0].state, MailState::sent);
    mailer.answer = {MailFate::refused, 550, "no such user"};
    const auto refused = mail(sender("gone@example.net"), another_address());
    EXPECT_EQ(storage.reporter_mails_of(refused.delivery)[0].state, MailState::failed);
}

}  // namespace
}  // namespace bailiff::test
