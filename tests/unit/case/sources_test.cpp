// SPDX-License-Identifier: Apache-2.0
// Who stands behind a case, and that silence alone does not reach the VM when they are too few.

#include "controller/core/sources.hpp"
#include "tests/unit/case/situations.hpp"

#include <gtest/gtest.h>

namespace bailiff::test {
namespace {

Policy asks_for_two() {
    Policy p = virus_policy();
    p.sources = 2;
    return p;
}
AddReport report(const char* id, const char* reporter, const char* type = "content/malware") {
    return {{ReportId(id), type, reporter, nine(), "seen"}};
}

TEST(Sources, one_party_under_many_names_is_one) {
    for (const char* name : {"cert@cert.example", "Abuse Desk <A@Mail.CERT.example>", "abuse@cert.example.", "  cert.EXAMPLE ", "x@a.b.cert.example>"})
        EXPECT_EQ(source_of(name), "cert.example") << name;
    EXPECT_EQ(source_of("ops@feeds.cert.co.uk"), "cert.co.uk");
    EXPECT_EQ(source_of("ops@co.uk"), "co.uk");
    EXPECT_EQ(source_of("a@ibm.de"), "ibm.de");
    EXPECT_EQ(source_of("Shadow   Server\tFoundation"), "shadow server foundation");
    EXPECT_EQ(source_of("192.0.2.1"), "2.1") << "no name, and still one party";
    EXPECT_EQ(source_of(""), "");
    EXPECT_EQ(source_of("@"), "@");
    EXPECT_EQ(source_of("a@."), "");
}

TEST(Sources, silence_with_one_source_leads_to_a_person) {
    Walk walk(asks_for_two());
    walk.then(report("R-2", "Cert")).then(report("R-3", "CERT "));
    walk.due().called().due();
    EXPECT_EQ(walk.c.phase, Phase::review);
    EXPECT_EQ(walk.c.demand, 0);
    EXPECT_EQ(walk.c.review_reason, "no response, but only one source (cert) stands behind the case and the policy virus-content asks for 2: "
                                    "look at the evidence, then decide enforce or dismiss");
    walk.then(Decide{Decision::enforce, "the evidence is plain"}, "staff:meera");
    EXPECT_EQ(walk.c.desired, VmState::off);
}

TEST(Sources, two_suffice_and_so_does_what_was_ascertained) {
    Walk two(asks_for_two());
    two.then(report("R-2", "soc@bank.example")).due().called().due();
    EXPECT_EQ(two.c.desired, VmState::off);

    Walk seen(asks_for_two());
    AddReport own = report("R-2", "our own scan on host h1");
    own.report.ascertained = true;
    seen.then(own).due().called().due();
    EXPECT_EQ(seen.c.desired, VmState::off);

    // Who only calls himself our scan is one more stranger.
    Policy three = asks_for_two();
    three.sources = 3;
    Walk forged(three);
    forged.then(report("R-2", "our own scan on host h1")).due().called().due();
    EXPECT_EQ(forged.c.phase, Phase::review);
}

TEST(Sources, mails_that_nobody_proved_are_one_source_together_and_none_beside_others) {
    const auto mailed = [](const char* id, const char* reporter, const char* party) {
        AddReport out = report(id, reporter);
        out.report.party = party;
        return out;
    };
    Walk forged(asks_for_two());
    forged.c.reports.clear();
    forged.then(mailed("R-2", "cert@cert.example", "unproven:cert.example")).then(mailed("R-3", "soc@bank.example", "unproven:bank.example")).then(mailed("R-4", "", "unproven:"));
    EXPECT_EQ(sources_of(forged.c, forged.policy).independent, (std::vector<std::string>{"unproven mail"}));
    forged.due().called().due();
    EXPECT_EQ(forged.c.phase, Phase::review);

    Walk beside(asks_for_two());   // beside R-1 of "cert"
    beside.then(mailed("R-2", "soc@bank.example", "unproven:bank.example"));
    EXPECT_EQ(sources_of(beside.c, beside.policy).independent, (std::vector<std::string>{"cert"}));
    // One domain in the names of two others is one party.
    beside.then(mailed("R-3", "soc@bank.example", "feeds.evil.example")).then(mailed("R-4", "noc@isp.example", "evil.example"));
    EXPECT_EQ(sources_of(beside.c, beside.policy).independent, (std::vector<std::string>{"cert", "evil.example"}));
}

TEST(Sources, what_is_of_another_kind_or_was_merged_counts_for_nothing) {
    Walk walk(asks_for_two());
    walk.then(report("R-2", "soc@bank.example", "messaging/spam"));
    OtherCase other = other_case();
    other.reports = {{ReportId("R-8"), "content/malware", "feedback@mailer.example", nine(), "seen"}};
    walk.then(TakeIn{other, false, false, "one matter"});
    EXPECT_EQ(sources_of(walk.c, walk.policy).independent, (std::vector<std::string>{"cert"}));
    EXPECT_EQ(severity_of(walk.c, walk.policy), Severity::low);
    walk.due().called().due();
    EXPECT_EQ(walk.c.phase, Phase::review) << "a merge must not make the ladder harsher";
}

TEST(Sources, a_split_takes_its_source_away) {
    Walk walk(asks_for_two());
    walk.then(report("R-2", "soc@bank.example"));
    EXPECT_TRUE(why_too_few_sources(walk.c, walk.policy).empty());
    walk.then(SplitOff{{ReportId("R-2")}, CaseId("C-2"), "another machine"});
    EXPECT_FALSE(why_too_few_sources(walk.c, walk.policy).empty());
}

TEST(Sources, not_even_where_one_suffices_does_silence_follow_from_none) {
    Walk walk(virus_policy());
    walk.then(TakeIn{other_case(), false, false, "one matter"}).then(SplitOff{{ReportId("R-1")}, CaseId("C-3"), "another machine"});
    walk.due().called().due();
    EXPECT_EQ(walk.c.phase, Phase::review);
    EXPECT_EQ(walk.c.review_reason, "no response, but no report of its kind stands behind the case and the policy virus-content asks for 1: "
                                    "look at the evidence, then decide enforce or dismiss");
}

TEST(Sources, severity_is_high_for_what_we_saw_or_what_acts_at_once) {
    Walk walk(virus_policy());
    EXPECT_EQ(severity_of(walk.c, walk.policy), Severity::normal);
    AddReport own = report("R-2", "our own scan on host h1");
    own.report.ascertained = true;
    walk.then(own);
    EXPECT_EQ(severity_of(walk.c, walk.policy), Severity::high);
    Policy at_once = spam_policy();
    at_once.ladder = {{"enforce", WaitsFor::reply, StepClock::elapsed, Seconds(0), VmState::isolated, Seconds(0)}};
    EXPECT_EQ(severity_of(Walk(at_once).c, at_once), Severity::high);
}

}  // namespace
}  // namespace bailiff::test
