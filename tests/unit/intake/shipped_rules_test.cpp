// SPDX-License-Identifier: Apache-2.0
// The shipped rules on mails of the senders that they are for, written in the same form.
#include "controller/intake/rule_files.hpp"
#include "tests/unit/intake/report_reading.hpp"

namespace bailiff::test {
namespace {

/// "rule: kind source url time id", with "?" where a person decides; one line per event.
std::string read_as(const std::string& from, const std::string& subject, const std::string& text) {
    static const IntakeRules rules = [] {
        std::vector<RuleFileMistakes> files;
        return load_intake_rules(std::filesystem::path(BAILIFF_SOURCE_DIR) / "policies/intake", files);
    }();
    const auto report = parse_report(plain_mail(text, subject, from), {}, &rules);
    std::string out = report.rule + ":";
    for (const auto& e : report.events) {
        out += " " + kind_of(e) + " " + (e.source.ip.empty() ? e.source.host : e.source.ip) + (e.source.port ? ":" + std::to_string(*e.source.port) : "");
        if (!e.source.url.empty()) out += " " + e.source.url;
        out += " " + time_of(e);
        if (!e.report_id.empty()) out += " " + e.report_id;
        out += ";";
    }
    return out + (report.triage ? "?" : "");
}

const std::string written = "2026-03-02T05:00:00Z";

TEST(Senders, spam_and_listings) {
    EXPECT_EQ(read_as("1@reports.spamcop.net", "[SpamCop (192.0.2.10) id:7000000001]Buy",
                      "[ SpamCop V5.4.0 ]\n\nEmail from 192.0.2.10 / Mon, 2 Mar 2026 05:58:11 +0000\n\n[ Offending message ]\n"),
              "spamcop: messaging/spam 192.0.2.10 2026-03-02T05:58:11Z 7000000001;");
    EXPECT_EQ(read_as("summaries@admin.spamcop.net", "[SpamCop] summary report",
                      "  IP_Address Start/Length Trap User Mole Simp Comments\n  192.0.2.10 Mar  1 12h/1    0    1    0    0\n  192.0.2.11 Mar  1 22h/0    2   "
                      " 0    0    0\n"),
              "spamcop-summary: messaging/spam 192.0.2.10 " + written + "; messaging/spam 192.0.2.11 " + written + ";");
    EXPECT_EQ(read_as("notification@spamhaus.org", "SBL Notification", "SBL Ref: SBL123456\nIP/cidr: 192.0.2.10/32\nProblem: Phishing server\n"),
              "spamhaus: content/phishing 192.0.2.10 " + written + " SBL123456;");
    EXPECT_EQ(read_as("notification@spamhaus.org", "SBL Notification", "SBL Ref: SBL123457\nIP/cidr: 192.0.2.0/24\nProblem: Spam source\n"), ":?")
        << "a network is no machine";
    EXPECT_EQ(read_as("noreply@stopforumspam.com", "report", "IP Number 192.0.2.10\nDate 2026-03-01 05:10:22\n"),
              "stopforumspam: messaging/spam 192.0.2.10 2026-03-01T05:10:22Z;");
}

TEST(Senders, phishing_and_what_others_relay) {
    EXPECT_EQ(read_as("soc@phishlabs.com", "Phishing attack [PhishLabs 123456]",
                      "The following URLs are part of it:\n\nhXXp [://] shop [dot] example/login/\n\nAssociated IP Address: 192.0.2.10\n"),
              "phishlabs: content/phishing 192.0.2.10 http://shop.example/login/ " + written + " 123456;");
    EXPECT_EQ(read_as("abuse@cloudflare.com", "Cloudflare: report",
                      "Cloudflare received a copyright infringement report regarding:\nshop.example\nThe actual IP address hosting shop.example is "
                      "192.0.2.10.\nReported URLs:\nhttps://shop.example/film\n"),
              "cloudflare: copyright/copyright 192.0.2.10 https://shop.example/film " + written + ";");
    EXPECT_EQ(read_as("cert-soc@lexsi.com", "SUSPENSION", "Site concerne : http://shop.example/a/\nAdresse IP : 192.0.2.10\n"),
              "cert-lexsi: content/phishing 192.0.2.10 http://shop.example/a/ " + written + ";");
}

TEST(Senders, attacks_and_scans) {
    EXPECT_EQ(read_as("ddos-response@nfoservers.com", "Exploitable NTP server used for an attack: 192.0.2.10",
                      "An NTP server, running on IP address 192.0.2.10 and UDP port 123, took part.\n\n2026-03-02 16:23:07.269057 IP 192.0.2.10.123 > "
                      "198.51.100.x.34696: NTPv2, length 440\n"),
              "nfoservers: vulnerability/open_service 192.0.2.10:123 2026-03-02T16:23:07Z;");
    EXPECT_EQ(read_as("noc@playstation.example", "IP addresses were blacklisted from the PlayStation Network",
                      "2026-03-01 05:10 ~ 2026-03-01 06:10 (UTC), 192.0.2.10, Account Takeover Attempts\n"),
              "sony-playstation: connection/login_attack 192.0.2.10 2026-03-01T05:10:00Z;");
    EXPECT_EQ(read_as("incidents@mynetwatchman.com", "myNetWatchman Incident [123456] Src:(192.0.2.10) Targets:5",
                      "Most Recent Event Date Time (UTC): 1 Mar 2026 05:10:22\n"),
              "mynetwatchman: connection/port_scan 192.0.2.10 2026-03-01T05:10:22Z 123456;");
    EXPECT_EQ(read_as("fail2ban@victim.example", "Abuse from 192.0.2.10",
                      "We have detected abuse from the IP address 192.0.2.10.\n\nNote: Local timezone is +0100 (CET)\nMar  1 05:10:22 host sshd[1]: Failed "
                      "password for root from 192.0.2.10 port 4711 ssh2\n"),
              "fail2ban: connection/login_attack 192.0.2.10 2026-03-01T04:10:22Z;")
        << "the log has no year, and its zone stands elsewhere";
}

TEST(Senders, copyright_agents) {
    EXPECT_EQ(read_as("node320@degban.com", "Copyright Infringement Notice Ref ID:[HL1.8B-2c] Contains 2 links",
                      "Website: http://www.client.example/\nLink: http://shop.example/a/\nSource: http://forum.example/1\nLink: http://shop.example/b/\n"),
              "degban: copyright/copyright shop.example http://shop.example/a/ " + written +
                  " HL1.8B-2c; copyright/copyright shop.example http://shop.example/b/ " + written + " HL1.8B-2c;");
    EXPECT_EQ(read_as("agent@law.example", "DMCA notice", "Original work: http://studio.example/film\nInfringing URL: http://shop.example/film\n"),
              "zz-copyright-links: copyright/copyright shop.example http://shop.example/film " + written + ";?");
}

TEST(Senders, labels_in_other_languages) {
    EXPECT_EQ(read_as("a@victim.example", "Angriff", "Quell-IP: 192.0.2.10\nZeitpunkt: 01.03.2026 05:10:22 CET\nType: bruteforce\n"),
              "zz-labelled-lines: connection/login_attack 192.0.2.10 2026-03-01T04:10:22Z;?");
    EXPECT_EQ(read_as("a@victim.example", "ataque", "Endereço IP : 192.0.2.10\nType: portscan\n"), "zz-labelled-lines: connection/port_scan 192.0.2.10 ;?");
}

TEST(Senders, another_address_behind_the_same_label_is_another_event) {
    EXPECT_EQ(
        read_as("a@victim.example", "attacks",
                "Type: spam\nIP: 192.0.2.10\nDate: 2026-03-01 05:10:22 +0100\n\nIP: 192.0.2.11\nDate: 2026-03-01 06:10:22 +0100\nServer IP: 192.0.2.99\n"),
        "zz-labelled-lines: messaging/spam 192.0.2.10 2026-03-01T04:10:22Z; messaging/spam 192.0.2.11 2026-03-01T05:10:22Z;?");
}

TEST(Senders, a_spam_trap_is_no_failed_login) {
    EXPECT_EQ(read_as("info@trap.example", "Abuse from 192.0.2.10", "192.0.2.10 hit our spamtraps at 01.03.2026 05:10 CET.\n"), ":?");
}

TEST(Senders, logs_of_web_servers_are_left_to_a_person) {
    EXPECT_EQ(read_as("a@victim.example", "wp-login",
                      "192.0.2.10 - - [01/Mar/2026:05:10:22 +0100] \"POST /wp-login.php HTTP/1.1\" 200 4523\n192.0.2.10 - - [01/Mar/2026:05:10:23 +0100] "
                      "\"POST /wp-login.php HTTP/1.1\" 200 1\n"),
              "zy-log-web: connection/vulnerability_scan 192.0.2.10 2026-03-01T04:10:22Z;?");
}

}  // namespace
}  // namespace bailiff::test
