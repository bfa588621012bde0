// SPDX-License-Identifier: Apache-2.0
// What arrives at an abuse address and is no report; and pages, quotes and conflicts that are.
#include "tests/unit/intake/report_reading.hpp"

namespace bailiff::test {
namespace {

using Texts = std::vector<std::string>;

void expect_no_report(const ParsedReport& report, const char* format) {
    EXPECT_EQ(report.format, format) << shown(report);
    EXPECT_FALSE(report.about_abuse);
    EXPECT_TRUE(report.events.empty());
    ASSERT_TRUE(report.triage);
    EXPECT_NE(report.triage->find("no abuse report"), std::string::npos) << *report.triage;
    EXPECT_EQ(report.suggestions.addresses, Texts()) << "nobody is to be matched from it";
}

TEST(NoReport, statistics_about_mail) {
    const auto dmarc = parse_report(report_fixture("dmarc_aggregate.eml"));
    expect_no_report(dmarc, "dmarc-aggregate");
    EXPECT_NE(dmarc.triage->find("2 records"), std::string::npos) << *dmarc.triage;
    EXPECT_EQ(dmarc.reporter.name, "mailbox.example");
    expect_no_report(parse_report(R"({"organization-name":"Mailbox","date-range":{},"contact-info":"x","report-id":"5","policies":[{"policy":{}}]})"), "tls-report");
}

TEST(NoReport, bounces_receipts_and_automatic_answers) {
    expect_no_report(parse_report(report_fixture("bounce.eml")), "bounce");
    expect_no_report(parse_report(plain_mail("Could not deliver to 192.0.2.10.", "failure notice", "MAILER-DAEMON@mx.example")), "bounce");
    expect_no_report(parse_report("From: a@b.example\nTo: c@d.example\nSubject: Re: case\nAuto-Submitted: auto-replied\n\nI am away. 192.0.2.10\n"),
                     "auto-reply");
    expect_no_report(parse_report(plain_mail("I am away.", "Out of office: Virus content on web1")), "auto-reply");
    expect_no_report(parse_report("From: a@b.example\nTo: c@d.example\nSubject: Read: case\nContent-Type: multipart/report; report-type=disposition-notification; boundary=b\n\n--b\nContent-Type: text/plain\n\nread\n"
                                  "--b\nContent-Type: message/disposition-notification\n\nDisposition: displayed\n--b--\n"), "receipt");
}

TEST(NoReport, bounces_in_the_words_of_old_mail_programs) {
    const auto bounce = [](const std::string& from, const std::string& subject, const std::string& text) { expect_no_report(parse_report(plain_mail(text, subject, from)), "bounce"); };
    bounce("someone@mx.example", "Delivery problem", "Hi. This is the qmail-send program at mx.example.\n192.0.2.10 does not like recipient.\n");
    bounce("root@mx.example", "delayed", "This message was created automatically by mail delivery software.\nA message that you sent was not delivered from 192.0.2.10.\n");
    bounce("administrator@corp.example", "Undeliverable: Virus content", "Your message did not reach some or all of the intended recipients.\n");
    bounce("postmaster@corp.example", "Unzustellbar: Virus content", "Diese Nachricht kam nicht an.\n");
    expect_no_report(parse_report("Return-Path: <>\nFrom: Mail <mail@mx.example>\nTo: a@b.example\nSubject: Sorry\nDate: Mon, 2 Mar 2026 05:00:00 +0000\n\n192.0.2.10 said: the mail could not be delivered.\n"), "bounce");
    expect_no_report(parse_report("From: Mail <mail@mx.example>\nTo: a@b.example\nSubject: x\nX-Failed-Recipients: c@d.example\nAuto-Submitted: auto-replied\n\n192.0.2.10\n"), "bounce");
    const auto told = parse_report(plain_mail("Your server 192.0.2.10 sends us bounces such as \"failure notice\".\n", "Backscatter", "someone@victim.example"));
    EXPECT_TRUE(told.about_abuse) << "a person tells of bounces";
}

TEST(NoReport, abuse_bots_are_automatic_too_and_stay_reports) {
    const auto report = parse_report("From: bot@blocklist.example\nTo: c@d.example\nSubject: report\nAuto-Submitted: auto-generated\nPrecedence: bulk\n\nReport-Type: login-attack\nSource: 192.0.2.10\nDate: 2026-03-01T17:03:11Z\n");
    EXPECT_TRUE(report.about_abuse);
    EXPECT_EQ(report.events.size(), 1u);
}

TEST(People, pages_without_plain_text) {
    const auto report = parse_report("From: a@b.example\nTo: c@d.example\nSubject: attack\nContent-Type: text/html; charset=utf-8\n\n<html><style>p { margin: 1.2.3.4 }</style><body><p>Attacker:&nbsp;192&#46;0.2.10</p>"
                                     "<p>at 2026-03-02 04:12:09 UTC<br>see <a href=\"x\">hxxps://192.0.2.10/a</a></body></html>");
    EXPECT_EQ(report.suggestions.addresses, Texts{"192.0.2.10"}) << shown(report);
    EXPECT_EQ(report.suggestions.urls, Texts{"https://192.0.2.10/a"});
    ASSERT_EQ(report.suggestions.times.size(), 1u);
    const auto table = parse_report("From: a@b.example\nTo: c@d.example\nSubject: attack\nContent-Type: text/html\n\n<p>Report-Type: login-attack<br>Source: 192.0.2.10<br>Date: 2026-03-01T17:03:11Z</p>");
    EXPECT_EQ(table.format, "x-arf") << shown(table);
}

TEST(People, addresses_in_all_disguises_and_nothing_that_is_none) {
    const auto named = [](const std::string& text) { return parse_report(plain_mail(text)).suggestions.addresses; };
    EXPECT_EQ(named("IP:192.0.2.1, src=192.0.2.2; [192.0.2.3]:22 and 192(.)0(.)2(.)4 or 192[dot]0[dot]2[dot]5"), (Texts{"192.0.2.1", "192.0.2.2", "192.0.2.3",
        "192.0.2.4", "192.0.2.5"}));
    EXPECT_EQ(named("version 1.2.3.4 of 192.0.2.0/24, someone 192.0.2.7@mail.example, 1.2.3.4.5, at 12:30:45"), Texts());
    EXPECT_EQ(named("2001:DB8::1:443 and [2001:db8::2]"), (Texts{"2001:db8::1:443", "2001:db8::2"}));
}

TEST(People, times_in_the_forms_that_people_write) {
    const auto times = [](const std::string& text) {
        Texts out;
        for (const auto t : parse_report(plain_mail(text)).suggestions.times) out.push_back(format_rfc3339(t));
        return out;
    };
    EXPECT_EQ(times("on Mon Mar  2 04:12:09 2026 UTC it began"), Texts{"2026-03-02T04:12:09Z"});
    EXPECT_EQ(times("[02/Mar/2026:04:12:09 +0530] \"GET /\""), Texts{"2026-03-01T22:42:09Z"});
    EXPECT_EQ(times("am 02.03.2026 04:12:09 CET, und am March 2, 2026 at 4:13 PM UTC."), (Texts{"2026-03-02T03:12:09Z", "2026-03-02T16:13:00Z"}));
}

TEST(People, a_conflict_is_for_a_person_in_tables_of_one_line_too) {
    const std::string table = "Content-Type: text/csv; name=ddos.csv\n";
    const auto conflict = parse_report(mail_with(table, "ip,timestamp\n192.0.2.10,2026-03-01T05:10:22Z\n", "We see an attack from 198.51.100.9."));
    ASSERT_TRUE(conflict.triage) << shown(conflict);
    EXPECT_NE(conflict.triage->find("198.51.100.9"), std::string::npos);
    const auto victim = parse_report(mail_with(table, "ip,timestamp,dst_ip\n192.0.2.10,2026-03-01T05:10:22Z,198.51.100.9\n",
                                               "We see an attack on 198.51.100.9."));
    EXPECT_FALSE(victim.triage) << *victim.triage;
}

TEST(People, addresses_of_private_networks_come_last_and_contradict_nothing) {
    const auto prose = parse_report(plain_mail("Our server 192.168.1.1 was attacked by 192.0.2.10.\n"));
    EXPECT_EQ(prose.suggestions.addresses, (std::vector<std::string>{"192.0.2.10", "192.168.1.1"}));
    const std::string xarf = "---\nReport-Type: login-attack\nSource: 192.0.2.10\nDate: 2026-03-01T05:10:22Z\n";
    EXPECT_FALSE(parse_report(mail_with("Content-Type: text/plain; name=report.txt\n", xarf, "Sent by 10.1.2.3.")).triage);
    EXPECT_TRUE(parse_report(mail_with("Content-Type: text/plain; name=report.txt\n", xarf, "It was 198.51.100.7.")).triage);
    const auto inner = parse_report("---\nReport-Type: login-attack\nSource: 10.1.2.3\nDate: 2026-03-01T05:10:22Z\n");
    EXPECT_EQ(inner.events.at(0).source.ip, "10.1.2.3") << "a scanner inside may report one";
}

}  // namespace
}  // namespace bailiff::test
