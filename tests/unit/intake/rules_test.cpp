// SPDX-License-Identifier: Apache-2.0
// Rules: the patterns, their mistakes, and the shipped ones on mails of the forms they are for.
#include "controller/intake/rule_files.hpp"
#include "tests/unit/intake/report_reading.hpp"

namespace bailiff::test {
namespace {

std::string taken(const std::string& pattern, const std::string& line, std::vector<RuleField> fields) {
    const auto compiled = RulePattern::parse(pattern);
    if (!compiled) return "bad: " + compiled.error().text;
    RuleValues values;
    if (!compiled->match(line, values)) return "no";
    std::string out;
    for (const auto field : fields) out += (out.empty() ? "" : "|") + values[field];
    return out;
}

TEST(RulePattern, literals_blanks_and_stars) {
    using F = RuleField;
    EXPECT_EQ(taken("Offending IP: {source.ip}", "   - offending  ip:192.0.2.10.", {F::source_ip}), "192.0.2.10");
    EXPECT_EQ(taken("^IP: {source.ip}", "The IP: 192.0.2.10", {F::source_ip}), "no");
    EXPECT_EQ(taken("{source.ip}:{source.port} -> {destination.ip}", "x 192.0.2.10:443 -> 198.51.100.7", {F::source_ip, F::source_port, F::destination_ip}),
              "192.0.2.10|443|198.51.100.7");
    EXPECT_EQ(taken("method/service: *{service}*", "used the method/service: *ssh*  on: *x*", {F::service}), "ssh");
    EXPECT_EQ(taken("about {source.ip} - {observed_at} -- service: {service} (*",
                    "abuse report about 192.0.2.10 - Fri, 31 Jan 2014 07:19:02 +0100 -- service: regbot (First x 1)", {F::source_ip, F::observed_at,
                    F::service}),
              "192.0.2.10|Fri, 31 Jan 2014 07:19:02 +0100|regbot");
    EXPECT_EQ(taken("^{source.url} [{source.ip}]", "http://shop.example/a [192.0.2.10]", {F::source_url, F::source_ip}), "http://shop.example/a|192.0.2.10");
    EXPECT_EQ(taken("^{source.ip}$", "192.0.2.10 (S)", {F::source_ip}), "no");
    EXPECT_EQ(taken("{type} used for an attack: {source.ip}", "Open resolver used for an attack: 192.0.2.10", {F::type}), "Open resolver");
    EXPECT_EQ(taken("ip {source.ip}", "ip 1.2.3.4.5", {F::source_ip}), "no");
    EXPECT_EQ(taken("Host: [{source.ip}]", "Host: [2001:DB8::1]", {F::source_ip}), "2001:DB8::1");
}

TEST(RulePattern, mistakes_say_what_to_write) {
    for (const char* bad : {"", "*", "^$", "{source.ip", "{source}", "{source.ip}{source.port}"}) EXPECT_FALSE(RulePattern::parse(bad)) << bad;
    EXPECT_NE(RulePattern::parse("{ip}").error().text.find("{source.ip}"), std::string::npos);
}

TEST(RulePattern, hostile_lines_take_a_moment) {
    const auto pattern = RulePattern::parse("a*b*c*{type} a {source.ip} *{observed_at} x");
    ASSERT_TRUE(pattern);
    RuleValues values;
    for (const std::string piece : {"ab", "a b c a ", "2025-01-01 00:00:0", "::::", "Jan 1 "}) {
        std::string line;
        while (line.size() < 100'000) line += piece;
        EXPECT_FALSE(pattern->match(line, values)) << piece;
    }
}

TEST(RulePattern, globs) {
    EXPECT_TRUE(fits_glob("*@Blocklist.de", "auto@blocklist.DE"));
    EXPECT_TRUE(fits_glob("a*b*c", "aXXbYYc"));
    EXPECT_FALSE(fits_glob("*@blocklist.de", "auto@blocklist.de.evil.example"));
    EXPECT_FALSE(fits_glob("", "x"));
}

std::vector<Mistake> mistakes_of(const std::string& text) {
    std::vector<Mistake> found;
    EXPECT_FALSE(parse_intake_rule(Json::parse(text), "x", found));
    return found;
}

TEST(Rules, every_mistake_has_its_place) {
    const auto found = mistakes_of(R"({"name":"", "match":{"subjekt":[]}, "once":["{ip}"], "kind":"spam", "zone":"here", "sections":[{"line":"x","kind":"content"}], "colour":1})");
    const auto has = [&](const std::string& pointer) { return std::any_of(found.begin(), found.end(), [&](const auto& m) { return m.pointer == pointer; }); };
    for (const char* pointer : {"/name", "/match", "/match/subjekt", "/once/0", "/kind", "/zone", "/sections/0/kind",
                                "/colour"}) EXPECT_TRUE(has(pointer)) << pointer << describe(found);
    EXPECT_NE(describe(mistakes_of(R"({"name":"n","match":{"from":["*@x.example"]},"kind":"messaging/spam"})")).find("could never give an event"), std::string::npos);
    EXPECT_NE(describe(mistakes_of(R"({"name":"n","match":{"from":["*@x.example"]},"once":["{source.ip}"]})")).find("never says what kind"), std::string::npos);
    EXPECT_NE(describe(mistakes_of(R"({"name":"n","match":{"from":["*"]},"once":["IP {source.ip}"],"more":["x"],"kind":"messaging/spam"})")).find("/event"), std::string::npos);
    EXPECT_FALSE(mistakes_of("[]").empty());
}

class ShippedRules : public ::testing::Test {
  protected:
    ShippedRules() {
        std::vector<RuleFileMistakes> files;
        rules = load_intake_rules(std::filesystem::path(BAILIFF_SOURCE_DIR) / "policies/intake", files);
        for (const auto& [file, mistakes] : files) EXPECT_TRUE(mistakes.empty()) << file << ": " << describe(mistakes);
        EXPECT_GE(rules.all().size(), 12u);
    }
    ParsedReport read(const std::string& mail) const { return parse_report(mail, {}, &rules); }
    ParsedReport read(const std::string& from, const std::string& subject, const std::string& text) const { return read(plain_mail(text, subject, from)); }
    IntakeRules rules;
};

TEST_F(ShippedRules, blocklist_and_fail2ban) {
    const auto listed = read("auto@blocklist.de", "[noreply] abuse report about 192.0.2.10 - Fri, 31 Jan 2014 07:19:02 +0100 -- service: ssh (First x 1) RID: 454242", "your Server with the IP: *192.0.2.10* has attacked\n");
    ASSERT_EQ(listed.events.size(), 1u) << shown(listed);
    EXPECT_EQ(listed.rule, "blocklist-de");
    EXPECT_EQ(listed.format, "rule");
    EXPECT_EQ(kind_of(listed.events[0]), "connection/login_attack");
    EXPECT_EQ(time_of(listed.events[0]), "2014-01-31T06:19:02Z");
    EXPECT_EQ(listed.events[0].report_id, "454242");
    EXPECT_FALSE(listed.triage) << *listed.triage;
    const auto banned = read("fail2ban@host.example", "[Fail2Ban] sshd: banned 192.0.2.10 from host.example",
                             "Hi,\n\nThe IP 192.0.2.10 has just been banned by Fail2Ban after\n5 attempts against sshd.\n");
    ASSERT_EQ(banned.events.size(), 1u) << shown(banned);
    EXPECT_EQ(kind_of(banned.events[0]), "connection/login_attack");
    EXPECT_EQ(time_of(banned.events[0]), "2026-03-02T05:00:00Z");
    EXPECT_TRUE(warned(banned, "when it was written"));
}

TEST_F(ShippedRules, spamcop) {
    const auto mail = read("123@reports.spamcop.net", "[SpamCop (192.0.2.10) id:6500000000]Buy now",
                           "[ SpamCop V4.8 ]\nThis message is brief for your comfort.\n\nEmail from 192.0.2.10 / Mon, 2 Mar 2026 05:58:11 +0000\nhttps://www.spamcop.net/w3m?i=z1\n\n"
                                                   "[ Offending message ]\nReceived: from 203.0.113.7\n");
    ASSERT_EQ(mail.events.size(), 1u) << shown(mail);
    EXPECT_EQ(kind_of(mail.events[0]), "messaging/spam");
    EXPECT_EQ(mail.events[0].source.ip, "192.0.2.10");
    EXPECT_EQ(time_of(mail.events[0]), "2026-03-02T05:58:11Z");
    const auto site = read("123@reports.spamcop.net", "[SpamCop (http://shop.example/) id:65]Buy",
                           "[ SpamCop V4.8 ]\n\nSpamvertised web site: http://shop.example/buy\nhttp://www.spamcop.net/w3m?i=z1\nhttp://shop.example/buy is 192.0.2.10; Mon, 02 Mar 2026 05:58:11 GMT\n\n[ Offending message ]\n");
    ASSERT_EQ(site.events.size(), 1u) << shown(site);
    EXPECT_EQ(site.events[0].source.url, "http://shop.example/buy");
    EXPECT_EQ(site.events[0].source.ip, "192.0.2.10");
    EXPECT_EQ(read("spamcop@spamcop.net", "[SpamCop] Alert", "192.0.2.10\n").events.size(), 1u);
}

TEST_F(ShippedRules, lists_with_headings_and_blocks) {
    const auto pot = read("monitor-bounce@projecthoneypot.org", "Project Honey Pot Monitor Report (09/20/2015 - 09/22/2015)",
                          "IPs Monitored: 15,616\n- Harvesting IPs: 1\n\nIPs Engaged In Harvesting On Your Network:\n\n192.0.2.19 (H)\n  - Mon, 21 Sep 2015 11:00AM PDT\n\nIPs Engaged In Email Spamming On Your Network:\n\n"
                          "192.0.2.21 (S)\n  - Mon, 21 Sep 2015 10:00AM PDT\n    - Subject: x\n\nIPs Engaged In Dictionary Attacks On Your Network:\n\nnone\n\n---\nPlease see your Monitor Report for 192.0.2.99\n");
    ASSERT_EQ(pot.events.size(), 2u) << shown(pot);
    EXPECT_EQ(kind_of(pot.events[0]), "connection/scraping");
    EXPECT_EQ(time_of(pot.events[0]), "2015-09-21T18:00:00Z");
    EXPECT_EQ(kind_of(pot.events[1]), "messaging/spam");
    const auto iron = read("x@abuse-reporting.webiron.com", "attacks from IP 192.0.2.20",
                           "Offending/Source IP:  192.0.2.20\n\n - Issue: Client is known botware.\n\n - Time: 2015-05-15 17:03:11-07:00\n\n - Port: 80\n - Report ID:  c141a958-6477\n\n - Issue: Again.\n - Time: 2015-05-15 17:04:11-07:00\n");
    ASSERT_EQ(iron.events.size(), 1u) << shown(iron);
    EXPECT_EQ(time_of(iron.events[0]), "2015-05-16T00:03:11Z");
    EXPECT_EQ(detail_of(iron.events[0], "occurrences"), "2");
    EXPECT_EQ(detail_of(iron.events[0], "last_seen"), "2015-05-16T00:04:11Z");
}

TEST_F(ShippedRules, scans_copyright_and_feedback_without_a_form) {
    const auto scan = read("noc@hoster.example", "Netscan", "#   Netscan detected from host   192.0.2.10   #\ntime                protocol src_ip src_port dest_ip dest_port\n"
                                                           "Mon Mar  2 04:12:09 2026 TCP      192.0.2.10 47000 =>   198.51.100.7 22\nMon Mar  2 04:12:10 2026 TCP      192.0.2.10 47001 =>   198.51.100.8 22\n");
    ASSERT_EQ(scan.events.size(), 1u) << shown(scan);
    EXPECT_EQ(kind_of(scan.events[0]), "connection/port_scan");
    EXPECT_EQ(scan.events[0].destination.ip, "198.51.100.7");
    EXPECT_EQ(time_of(scan.events[0]), "2026-03-02T04:12:09Z");
    const auto film = read("p2p@agent.example", "Notice", "Infringement Details\nTitle:        A Film\nTimestamp:    2026-03-01T12:00:50Z\nIP Address:   192.0.2.10\nPort:         52988\nType:         BitTorrent\n");
    ASSERT_EQ(film.events.size(), 1u) << shown(film);
    EXPECT_EQ(kind_of(film.events[0]), "copyright/p2p");
    EXPECT_EQ(film.events[0].source.port, 52988);
    const auto loop = read(report_fixture("complaint_enclosed.eml"));
    ASSERT_EQ(loop.events.size(), 1u) << shown(loop);
    EXPECT_EQ(loop.rule, "microsoft-jmrp");
    EXPECT_EQ(loop.events[0].source.ip, "192.0.2.10");
    EXPECT_EQ(loop.events[0].evidence.size(), 1u);
}

TEST_F(ShippedRules, logs_of_firewalls_and_logins_are_read_and_left_to_a_person) {
    const auto filter = read("admin@victim.example", "scan", "Please look:\nMar  2 04:12:09 gw kernel: IN=eth0 OUT= SRC=192.0.2.10 DST=198.51.100.7 LEN=40 PROTO=TCP SPT=4711 DPT=23 WINDOW=1\n"
                                                             "Mar  2 04:12:10 gw kernel: IN=eth0 OUT= SRC=192.0.2.10 DST=198.51.100.8 LEN=40 PROTO=TCP SPT=4712 DPT=23 WINDOW=1\n");
    ASSERT_EQ(filter.events.size(), 1u) << shown(filter);
    EXPECT_EQ(filter.events[0].source.port, 4711);
    EXPECT_EQ(filter.events[0].destination.port, 23);
    EXPECT_EQ(kind_of(filter.events[0]), "connection/port_scan");
    EXPECT_TRUE(filter.triage);
    const auto login = read("admin@victim.example", "ssh", "2026-03-02T04:12:09+05:30 host sshd[7]: Failed password for invalid user x from 192.0.2.10 port 50022 ssh2\n");
    ASSERT_EQ(login.events.size(), 1u) << shown(login);
    EXPECT_EQ(time_of(login.events[0]), "2026-03-01T22:42:09Z");
    EXPECT_EQ(login.events[0].source.port, 50022);
    const auto alert = read("ids@victim.example", "ids", "03/02-04:12:09.1 [**] [1:2001219:20] ET SCAN Potential SSH Scan [**] [Priority: 2] {TCP} 192.0.2.10:4711 -> 198.51.100.7:22\n");
    ASSERT_EQ(alert.events.size(), 1u) << shown(alert);
    EXPECT_EQ(alert.events[0].source.ip, "192.0.2.10");
    const auto lfd = read("root@host.example", "lfd on host.example: blocked 192.0.2.10 (IN/India/-)", "Time:     Mon Mar  2 04:12:09 2026 +0530\nIP:       192.0.2.10 (IN/India/-)\nFailures: 5 (sshd)\nBlocked:  Permanent Block\n");
    ASSERT_EQ(lfd.events.size(), 1u) << shown(lfd);
    EXPECT_EQ(time_of(lfd.events[0]), "2026-03-01T22:42:09Z");
    EXPECT_FALSE(lfd.triage) << *lfd.triage;
}

TEST_F(ShippedRules, what_a_stranger_labels_is_read_but_left_to_a_person) {
    const auto report = read("someone@victim.example", "attack",
                             "Dear Sir,\n\nSource IP: 192[.]0[.]2[.]10\nSource Port: 4711\nDestination IP: 198.51.100.7\nDestination Port: 22\nTime: 2026-03-02 04:12:09 +0530\nAttack type: SSH brute force\n\nBye\n");
    ASSERT_EQ(report.events.size(), 1u) << shown(report);
    const auto& event = report.events[0];
    EXPECT_EQ(report.rule, "zz-labelled-lines");
    EXPECT_EQ(event.source.ip, "192.0.2.10");
    EXPECT_EQ(event.source.port, 4711);
    EXPECT_EQ(event.destination.port, 22);
    EXPECT_EQ(time_of(event), "2026-03-01T22:42:09Z");
    EXPECT_TRUE(report.triage);
    EXPECT_EQ(report.suggestions.addresses.size(), 2u);
}

TEST_F(ShippedRules, formats_come_before_rules_and_drift_is_said) {
    EXPECT_EQ(read(report_fixture("xarf_fields.eml")).format, "x-arf");
    const auto changed = read("auto@blocklist.de", "abuse report about your network", "Nothing here.\n");
    EXPECT_FALSE(warned(changed, "blocklist-de")) << "a mail without the subject that the rule wants is none of its mails";
    const auto drifted = read("x@abuse-reporting.webiron.com", "attacks", "We saw something.\n");
    EXPECT_TRUE(warned(drifted, "'webiron'")) << shown(drifted);
    EXPECT_TRUE(drifted.triage);
    const auto receipt = read("desk@other.example", "Request received: your report", "Thanks, 192.0.2.10 noted.\n");
    EXPECT_FALSE(receipt.about_abuse);
    const auto forwarded = read("From: colleague@provider.example\nTo: abuse@provider.example\nSubject: Fwd: x\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=o\n\n--o\nContent-Type: text/plain\n\nFor you.\n--o\nContent-Type: message/rfc822\n\n" +
                                plain_mail("Email from 192.0.2.10 / Mon, 2 Mar 2026 05:58:11 +0000\n", "x", "1@reports.spamcop.net") + "\n--o--\n");
    EXPECT_EQ(forwarded.rule, "spamcop") << shown(forwarded);
}

}  // namespace
}  // namespace bailiff::test
