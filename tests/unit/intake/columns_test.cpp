// SPDX-License-Identifier: Apache-2.0
// Tables of reporters nobody heard of: what a column is for, and what kind of abuse its words mean.
#include "tests/unit/intake/report_reading.hpp"

namespace bailiff::test {
namespace {

std::string first(const std::string& text, const std::string& name = "report.csv") {
    const auto report = parse_report(text, {}, nullptr, name);
    if (report.events.empty()) return shown(report);
    const auto& e = report.events[0];
    const auto port = [](const auto& p) { return p ? std::to_string(*p) : std::string(); };
    return e.source.ip + ":" + port(e.source.port) + " " + kind_of(e) + " " + time_of(e) + " " + e.destination.ip + ":" + port(e.destination.port) +
           (report.triage ? " ?" : "");
}

TEST(Columns, names_are_understood_by_their_words) {
    const std::string at = "2026-03-01T05:10:22Z";
    EXPECT_EQ(first("Source IP Address,Source Port,Destination IP Address,Destination Port,Date/Time (UTC),Attack "
                    "Type\n192.0.2.10,4711,198.51.100.7,22,2026-03-01 05:10:22,Brute Force\n"),
              "192.0.2.10:4711 connection/login_attack " + at + " 198.51.100.7:22");
    EXPECT_EQ(first("Zeitstempel;IP-Adresse;Port;Typ\n2026-03-01 05:10:22;192.0.2.10;22;bruteforce\n"), "192.0.2.10:22 connection/login_attack " + at + " :");
    EXPECT_EQ(first("Date;Adresse IP;Type\n2026-03-01 05:10:22;192.0.2.10;spam\n"), "192.0.2.10: messaging/spam " + at + " :");
    EXPECT_EQ(first("Victim IP,Attacker IP,Timestamp,Type\n198.51.100.7,192.0.2.10,2026-03-01T05:10:22Z,ddos\n"),
              "192.0.2.10: connection/ddos " + at + " 198.51.100.7:");
    EXPECT_EQ(first("Detection Time,Infected IP,Malware Family,C2 IP,C2 Port\n2026-03-01T05:10:22Z,192.0.2.10,qakbot,198.51.100.7,443\n"),
              "192.0.2.10: connection/infected_host " + at + " 198.51.100.7:443");
    EXPECT_EQ(first("host,seen,reason\n192.0.2.10,2026-03-01T05:10:22Z,open proxy\n"), "192.0.2.10: vulnerability/open_service " + at + " :");
    EXPECT_EQ(first("ip,port,detected,service\n192.0.2.10,11211,2026-03-01T05:10:22Z,memcached\n"), "192.0.2.10:11211 vulnerability/open_service " + at + " :");
}

TEST(Columns, prose_with_commas_names_none) {
    const auto report = parse_report(plain_mail("Hello there, your IP address, please look\nat 192.0.2.10, it attacks us\n"));
    EXPECT_EQ(report.format, "prose") << shown(report);
    EXPECT_TRUE(report.events.empty());
}

TEST(Columns, tags_name_services_and_what_is_wrong_with_them) {
    const auto kind = [](const std::string& tag, const std::string& name = "report.csv") {
        return kind_of(parse_report("timestamp,ip,port,tag\n2026-03-01 05:10:22,192.0.2.10,443,\"" + tag + "\"\n", {}, nullptr, name).events.at(0));
    };
    for (const char* tag : {"ldap-tcp", "mqtt-anonymous", "nat-pmp", "cisco-smart-install", "http-connect-proxy", "ws-discovery", "bgp", "rdp;vnc"})
        EXPECT_EQ(kind(tag), "vulnerability/open_service") << tag;
    EXPECT_EQ(kind("smtp;cve-2020-28017"), "vulnerability/cve");
    EXPECT_EQ(kind("exchange;cve-2021-26855", "2026-03-01-scan_exchange-x.csv"), "vulnerability/cve") << "the tag says more than the file's name";
    EXPECT_EQ(kind("ssl-poodle"), "vulnerability/misconfiguration");
    EXPECT_EQ(kind("outdated-dnssec-key"), "vulnerability/misconfiguration");
    EXPECT_EQ(kind("ssh-brute-force"), "connection/login_attack") << "no service, though it names one";
}

TEST(Columns, scanners_are_no_infections_and_hashes_are_malware) {
    EXPECT_EQ(first("timestamp,src_ip,src_port,dst_ip,dst_port,infection\n2026-03-01 05:10:22,192.0.2.10,4711,198.51.100.7,3389,rdp-scan\n"),
              "192.0.2.10:4711 connection/port_scan 2026-03-01T05:10:22Z 198.51.100.7:3389");
    EXPECT_EQ(first("timestamp,url,host,ip,tag,sha256\n2026-03-01 05:10:22,http://192.0.2.10/m,192.0.2.10,192.0.2.10,CVE-2016-10372,12\n"),
              "192.0.2.10: content/malware 2026-03-01T05:10:22Z :");
    EXPECT_EQ(first("timestamp,url,host,ip,source\n2026-03-01 05:10:22,https://shop.example/a,shop.example,192.0.2.10,openphish.example\n"),
              "192.0.2.10: content/phishing 2026-03-01T05:10:22Z :");
}

TEST(Columns, words_of_incident_taxonomies) {
    const auto kind = [](const std::string& type) {
        return kind_of(parse_report("source.ip;time.source;classification.type\n192.0.2.10;2026-03-01T05:10:22Z;" + type + "\n").events.at(0));
    };
    EXPECT_EQ(kind("ids-alert"), "connection/vulnerability_scan");
    EXPECT_EQ(kind("application-compromise"), "content/remote_compromise");
    EXPECT_EQ(kind("privileged-account-compromise"), "infrastructure/compromised_server");
    EXPECT_EQ(kind("dga-domain"), "connection/infected_host");
    EXPECT_EQ(kind("masquerade"), "content/brand_infringement");
}

TEST(Columns, a_list_without_header_can_say_its_kinds) {
    const auto report = parse_report("bots|192.0.2.10|64500|2026-03-01 05:10:22|srcport 1|A\nscanner|192.0.2.11|64500|2026-03-01 05:10:22||B\n");
    ASSERT_EQ(report.events.size(), 2u) << shown(report);
    EXPECT_EQ(kind_of(report.events[0]), "connection/infected_host");
    EXPECT_EQ(kind_of(report.events[1]), "connection/port_scan");
    EXPECT_TRUE(report.triage) << "the columns were told by what they hold";
}

TEST(Columns, a_header_says_the_zone_of_its_times) {
    const auto time = [](const std::string& column) {
        return time_of(parse_report("ip," + column + ",type\n192.0.2.10,2026-03-01 05:10:22,spam\n").events.at(0));
    };
    EXPECT_EQ(time("timestamp"), "2026-03-01T05:10:22Z");
    EXPECT_EQ(time("Timestamp (UTC)"), "2026-03-01T05:10:22Z");
    EXPECT_EQ(time("timestamp (CET)"), "2026-03-01T04:10:22Z");
    EXPECT_EQ(time("Date [UTC+2]"), "2026-03-01T03:10:22Z");
    EXPECT_TRUE(warned(parse_report("ip,timestamp,type\n192.0.2.10,2026-03-01 05:10:22,spam\n"), "no zone"));
    EXPECT_FALSE(warned(parse_report("ip,time_utc,type\n192.0.2.10,2026-03-01 05:10:22,spam\n"), "no zone"));
}

TEST(Columns, of_security_systems_and_in_german) {
    const auto german = parse_report("Zeitstempel;Quelladresse;Zieladresse;Art\n01.03.2026 05:10:22;192.0.2.10;203.0.113.9;Portscan\n");
    ASSERT_EQ(german.events.size(), 1u) << shown(german);
    EXPECT_EQ(german.events[0].source.ip, "192.0.2.10");
    EXPECT_EQ(german.events[0].destination.ip, "203.0.113.9");
    EXPECT_EQ(kind_of(german.events[0]), "connection/port_scan");
    const auto alerts = parse_report(
        R"({"timestamp":"2026-03-01T05:10:22.1+0000","event_type":"alert","src_ip":"192.0.2.10","dest_ip":"203.0.113.9","alert":{"signature":"ET SCAN SSH BruteForce","category":"Leak"}})");
    EXPECT_EQ(kind_of(alerts.events.at(0)), "connection/login_attack");
    const auto list = parse_report(
        R"([{"indicator":"192.0.2.10","created":"2026-03-01T05:10:22Z","title":"phishing"},{"indicator":"shop.example","created":"2026-03-01T05:10:22Z","title":"phishing"}])");
    ASSERT_EQ(list.events.size(), 2u) << shown(list);
    EXPECT_EQ(list.events[1].source.host, "shop.example");
    EXPECT_EQ(kind_of(list.events[1]), "content/phishing");
    EXPECT_TRUE(list.warnings.empty()) << list.warnings[0];
}

}  // namespace
}  // namespace bailiff::test
