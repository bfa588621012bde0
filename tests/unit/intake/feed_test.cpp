// SPDX-License-Identifier: Apache-2.0
// Feeds of events as others export them, and the traps in them: whose address is the culprit's, and whose is not.
#include "tests/unit/intake/report_reading.hpp"

namespace bailiff::test {
namespace {

std::string first_event(const std::string& text, const std::string& name = "") {
    const auto report = parse_report(text, {}, nullptr, name);
    if (report.events.empty()) return "nothing: " + report.triage.value_or("");
    const auto& e = report.events[0];
    return e.source.ip + e.source.network + ":" + (e.source.port ? std::to_string(*e.source.port) : "") + " " + kind_of(e) + " " + time_of(e) + " " +
           e.destination.ip + (report.triage ? " ?" : "");
}

// IDEA (CESNET): lists of sources and targets under one event.
std::string idea(const std::string& category, const std::string& ends) {
    return R"({"Format":"IDEA0","ID":"a","CreateTime":"2026-03-02T05:00:00Z","DetectTime":"2026-03-02T04:12:09Z","CeaseTime":"2026-03-02T04:30:00Z","Category":[")" +
           category + R"("],)" + ends + R"(,"Node":[{"Name":"org.example.trap","Type":["Honeypot"]}]})";
}
const std::string source = R"("Source":[{"IP4":["192.0.2.10"],"Port":[4711]}])", target = R"("Target":[{"IP4":["198.51.100.7"],"Port":[22]}])";

TEST(Feeds, idea_says_source_target_and_kind) {
    EXPECT_EQ(first_event(idea("Attempt.Login", source + "," + target)), "192.0.2.10:4711 connection/login_attack 2026-03-02T04:12:09Z 198.51.100.7");
    EXPECT_EQ(first_event(idea("Recon.Scanning", source)), "192.0.2.10:4711 connection/port_scan 2026-03-02T04:12:09Z ");
    EXPECT_EQ(first_event("[" + idea("Intrusion.Botnet", source + "," + target) + "]"), "192.0.2.10:4711 connection/infected_host 2026-03-02T04:12:09Z 198.51.100.7");
    EXPECT_EQ(first_event(idea("Vulnerable.Open", R"("Source":[{"IP6":["2001:db8::1"]}])")), "2001:db8::1: vulnerability/open_service 2026-03-02T04:12:09Z ");
    const auto two = parse_report(idea("Recon.Scanning", R"("Source":[{"IP4":["192.0.2.10"]},{"IP4":["192.0.2.11"]}])"));
    ASSERT_EQ(two.events.size(), 2u) << shown(two);
    EXPECT_EQ(two.events[1].source.ip, "192.0.2.11");
}

TEST(Feeds, who_was_attacked_is_no_source) {
    for (const auto& text : {idea("Availability.DDoS", target), "[" + idea("Availability.DDoS", target) + "]"}) {
        const auto report = parse_report(text);
        EXPECT_TRUE(report.triage) << shown(report);
        for (const auto& event : report.events) EXPECT_NE(event.source.ip, "198.51.100.7");
    }
    EXPECT_EQ(first_event("id;time;category;ip\n1;2026-03-02T04:12:09Z;dos-victim;192.0.2.10\n"), "192.0.2.10: / 2026-03-02T04:12:09Z  ?");
    EXPECT_EQ(first_event("timestamp,ip\n2026-03-02 04:12:09,192.0.2.10\n", "2026-03-02-event4_honeypot_ddos_target-asn.csv"),
              "192.0.2.10: / 2026-03-02T04:12:09Z  ?");
}

TEST(Feeds, what_saw_it_is_no_source) {
    const std::string seen = R"({"@timestamp":"2026-03-02T04:12:09Z","event":{"type":"scan"},"host":{"ip":["198.51.100.9"]},"observer":{"ip":"198.51.100.10"})";
    EXPECT_EQ(first_event(seen + R"(,"source":{"ip":"192.0.2.10","port":4711},"destination":{"ip":"198.51.100.7"}})"),
              "192.0.2.10:4711 connection/port_scan 2026-03-02T04:12:09Z 198.51.100.7");
    const auto alone = parse_report(seen + "}");
    EXPECT_TRUE(alone.events.empty()) << shown(alone);
    EXPECT_TRUE(alone.triage);
}

TEST(Feeds, source_can_be_who_says_so) {
    const std::string event = R"([{"id":"1","source":"team.events","category":"scanning","address":[{"ip":"192.0.2.10","cc":"PL"}],"time":"2026-03-02T04:12:09Z","dip":"198.51.100.7"}])";
    EXPECT_EQ(first_event(event), "192.0.2.10: connection/port_scan 2026-03-02T04:12:09Z 198.51.100.7");
    EXPECT_EQ(first_event("id;time;category;ip;cc;dip\n1;2026-03-02T04:12:09Z;bots;192.0.2.10;PL;198.51.100.7\n"),
              "192.0.2.10: connection/infected_host 2026-03-02T04:12:09Z 198.51.100.7")
        << "cc is a country here";
}

TEST(Feeds, members_under_numbers_or_addresses_are_events) {
    const auto numbered = parse_report(R"({"12":[{"ioc_value":"192.0.2.10:443","threat_type":"botnet_cc","first_seen_utc":"2026-03-02 04:12:09"}],)"
                                       R"("13":[{"ioc_value":"http://192.0.2.11/a","threat_type":"payload_delivery","first_seen_utc":"2026-03-02 04:12:09"}]})");
    ASSERT_EQ(numbered.events.size(), 2u) << shown(numbered);
    EXPECT_EQ(kind_of(numbered.events[0]), "infrastructure/botnet");
    EXPECT_EQ(numbered.events[1].source.ip, "192.0.2.11");
    EXPECT_EQ(first_event(R"({"192.0.2.10":{"type":"scan","time":"2026-03-02T04:12:09Z"}})"), "192.0.2.10: connection/port_scan 2026-03-02T04:12:09Z ");
}

TEST(Feeds, times_where_others_have_them) {
    EXPECT_EQ(first_event("ip,last_seen_utc,first_seen_utc,type\n192.0.2.10,,2026-03-02 04:12:09,spam\n"), "192.0.2.10: messaging/spam 2026-03-02T04:12:09Z ")
        << "the better column is empty";
    EXPECT_EQ(first_event(R"({"SourceIp":"192.0.2.10","SourcePort":4711,"DestinationIp":"198.51.100.7","DateTimeReceivedUtc":134168983290000000,"Malware":"x"})"),
              "192.0.2.10:4711 connection/infected_host 2026-03-02T04:12:09Z 198.51.100.7")
        << "Windows counts from 1601";
    EXPECT_EQ(first_event("ip,ts,type\n192.0.2.10,1772424729000000,spam\n"), "192.0.2.10: messaging/spam 2026-03-02T04:12:09Z ");
    EXPECT_EQ(first_event("ip;date;type\n192.0.2.10;2026 Mar 02 04:12:09 UTC;spam\n"), "192.0.2.10: messaging/spam 2026-03-02T04:12:09Z ");
}

TEST(Feeds, flows_and_logs_name_both_ends) {
    EXPECT_EQ(first_event("#separator \\x09\n#fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tnote\n"
                    "1772424729.12\tC1\t192.0.2.10\t4711\t198.51.100.7\t22\tScan::Port_Scan\n"),
              "192.0.2.10:4711 connection/port_scan 2026-03-02T04:12:09Z 198.51.100.7");
    EXPECT_EQ(first_event("ts,saddr,daddr,type\n2026-03-02 04:12:09,192.0.2.10,198.51.100.7,scan\n"), "192.0.2.10: connection/port_scan 2026-03-02T04:12:09Z 198.51.100.7");
}

TEST(Feeds, a_list_s_name_is_not_what_it_lists) {
    const std::string bots = "# ip, asn, lastseen, bot name, remote_ip\n192.0.2.10, AS64500, 1772424729, sality, 198.51.100.7\n";
    EXPECT_EQ(first_event(bots, "spamhaus-cert.csv").substr(0, 38), "192.0.2.10: connection/infected_host 2");
    EXPECT_EQ(first_event(R"({"ip":"192.0.2.10","last_seen":"2026-03-02T04:12:09Z","tags":["SSH Bruteforcer"]})"),
              "192.0.2.10: connection/login_attack 2026-03-02T04:12:09Z ")
        << "no open service";
}

}  // namespace
}  // namespace bailiff::test
