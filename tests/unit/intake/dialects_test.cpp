// SPDX-License-Identifier: Apache-2.0
// The same formats as reporters bend them: words of XARF v3, X-ARF in other clothes, feedback reports with odd fields, events as JSON.
#include "tests/unit/intake/report_reading.hpp"

#include "controller/intake/fields.hpp"

namespace bailiff::test {
namespace {

std::string v3(const std::string& report) {
    return R"({"Version":"3","ReporterInfo":{"ReporterOrg":"Watch","ReporterOrgDomain":"watch.example","ReporterOrgEmail":"r@watch.example"},"Disclosure":true,"Report":{)" +
           report + R"(,"Date":"2026-03-01T05:10:22Z"}})";
}

TEST(XarfThree, every_type_of_its_schemas_has_a_kind_but_one) {
    const auto kind = [](const std::string& rest) { return kind_of(parse_report(v3(rest + R"(,"SourceIp":"192.0.2.10")")).events.at(0)); };
    EXPECT_EQ(kind(R"("ReportClass":"Activity","ReportType":"DOS")"), "connection/ddos");
    EXPECT_EQ(kind(R"("ReportClass":"Activity","ReportType":"Exploit")"), "connection/vulnerability_scan");
    EXPECT_EQ(kind(R"("ReportClass":"Activity","ReportType":"WebCrawler")"), "connection/scraping");
    EXPECT_EQ(kind(R"("ReportClass":"Activity","ReportType":"PotentiallyCompromisedAccount")"), "connection/login_attack");
    EXPECT_EQ(kind(R"("ReportClass":"Content","ReportType":"ChildSexualAbuseMaterial")"), "content/csam");
    EXPECT_EQ(kind(R"("ReportClass":"Content","ReportType":"Malware")"), "content/malware");
    EXPECT_EQ(kind(R"("ReportClass":"Activity","ReportType":"Malware","ReportSubType":"RPZ-Rewrite")"), "connection/infected_host") << "it asked for the name";
    const auto words = parse_report(v3(R"("ReportClass":"Activity","ReportType":"Harassment","SourceUrl":"https://game.example")"));
    EXPECT_TRUE(words.triage) << "XARF v4 has no word for it";
    EXPECT_EQ(words.events.at(0).source.url, "https://game.example");
}

TEST(XarfThree, a_frame_without_a_report_keeps_who_sent_it) {
    const auto report = parse_report(R"({"Version":"3","ReporterInfo":{"ReporterOrg":"Watch","ReporterOrgEmail":"r@watch.example"},"Disclosure":true})");
    EXPECT_EQ(report.format, "xarf-v3");
    EXPECT_EQ(report.reporter.contact, "r@watch.example");
    ASSERT_TRUE(report.triage);
    EXPECT_TRUE(report.events.empty());
    EXPECT_EQ(parse_report(v3(R"("ReportClass":"Content","ReportType":"Phishing","SourceUrl":"https://shop.example/a","ReporterCaseID":"C-1")"))
                  .events.at(0)
                  .report_id,
              "C-1");
}

TEST(XarfThree, drafts_list_their_reports) {
    const auto report = parse_report(R"({"ReporterInfo":{"ReporterOrg":"Watch","ReporterOrgEmail":"r@watch.example"},"Disclosure":true,"Reports":[)"
                                     R"({"ReportClass":"Activity","ReportType":"DOS","Date":"2026-03-01T05:10:22Z","SourceIp":"192.0.2.10"},)"
                                     R"({"ReportClass":"Activity","ReportType":"Spam","Date":"2026-03-01T05:11:22Z","SourceIp":"192.0.2.11"}]})");
    ASSERT_EQ(report.events.size(), 2u) << shown(report);
    EXPECT_EQ(report.format, "xarf-v3");
    EXPECT_EQ(report.events[1].source.ip, "192.0.2.11");
    EXPECT_EQ(report.reporter.contact, "r@watch.example");
    EXPECT_FALSE(report.triage) << *report.triage;
}

TEST(Xarf, as_json_and_with_a_masked_address) {
    const auto json = parse_report(mail_with(
        "Content-Type: application/json; name=report.json\n",
        R"({"Reported-From":"a@watch.example","Category":"abuse","Report-Type":"login-attack","Service":"ssh","Date":"Mar  3 2010 02:13:35 +0100","Source":"192.0.2.10","Port":22,"Report-ID":"5@watch.example"})"));
    ASSERT_EQ(json.events.size(), 1u) << shown(json);
    EXPECT_EQ(json.format, "x-arf");
    EXPECT_EQ(time_of(json.events[0]), "2010-03-03T01:13:35Z");
    EXPECT_EQ(json.events[0].destination.port, 22);
    EXPECT_FALSE(json.triage) << *json.triage;
    const auto masked = parse_report("Report-Type: login-attack\nService: ssh\nSource: 192.0.xxx.xx\nDate: 2026-03-01T05:10:22Z\n");
    ASSERT_EQ(masked.events.size(), 1u);
    EXPECT_EQ(masked.events[0].source, ReportedPlace{}) << "neither an address nor a name";
    EXPECT_TRUE(masked.triage);
}

TEST(Xarf, the_type_says_more_than_the_service) {
    const auto kind = [](const std::string& type) {
        return kind_of(parse_report("Report-Type: " + type + "\nService: ssh\nSource: 192.0.2.10\nDate: 2026-03-01T05:10:22Z\n").events.at(0));
    };
    EXPECT_EQ(kind("info"), "connection/login_attack");
    EXPECT_EQ(kind("open-ntp"), "vulnerability/open_service");
    EXPECT_EQ(kind("rpz-rewrite"), "connection/infected_host");
    EXPECT_EQ(kind("dns-blacklist"), "reputation/blocklist");
}

TEST(Loops, sources_in_all_spellings) {
    for (const char* field :
         {"Source-IP: <192.0.2.10>", "Source-IP: ip4:192.0.2.10", "Source: 192.0.2.10", "Source-IP: web1.shop.example [192.0.2.10]", "Source-IP: IP 192.0.2.10",
          "Source-Address: 192.0.2.10", "Source-IP: 192.0.2.010", "Source-IP: \"192.0.2.10\"", "Source-IP: ::ffff:192.0.2.10"}) {
        const auto report = parse_report(feedback_mail(std::string("Feedback-Type: abuse\nVersion: 1\n") + field + "\n"));
        EXPECT_EQ(report.events.at(0).source.ip, "192.0.2.10") << field;
        EXPECT_FALSE(report.triage) << field << *report.triage;
    }
    const auto two = parse_report(feedback_mail("Feedback-Type: abuse\nVersion: 1\nSource-IP: 192.0.2.10, 192.0.2.11 via 198.51.100.7\n"));
    EXPECT_EQ(two.events.at(0).source.ip, "192.0.2.10") << "the first of a list, as everywhere";
    EXPECT_FALSE(find_endpoint("between 192.0.2.1 and 192.0.2.2"));
}

TEST(Loops, dates_of_other_fields_and_rfc_850) {
    EXPECT_EQ(time_of(parse_report(feedback_mail("Feedback-Type: abuse\nVersion: 1\nSource-IP: 192.0.2.10\nIncident-Date: Tue, 19 Jan 2016 14:32:40 +0100\n"))
                          .events.at(0)),
              "2016-01-19T13:32:40Z");
    const auto old = read_time("Tuesday, 19-Jan-16 14:32:40 UTC");
    ASSERT_TRUE(old);
    EXPECT_EQ(format_rfc3339(old->at), "2016-01-19T14:32:40Z");
}

TEST(JsonEvents, objects_lists_and_lines_are_read_as_tables_are) {
    const auto one = parse_report(
        R"({"source.ip":"192.0.2.10","source.port":4711,"destination.ip":"198.51.100.7","time.source":"2026-03-01T05:10:22+00:00","classification.type":"brute-force"})");
    ASSERT_EQ(one.events.size(), 1u) << shown(one);
    EXPECT_EQ(one.format, "json");
    EXPECT_EQ(kind_of(one.events[0]), "connection/login_attack");
    EXPECT_EQ(one.events[0].source.port, 4711);
    EXPECT_EQ(one.events[0].destination.ip, "198.51.100.7");
    EXPECT_EQ(time_of(one.events[0]), "2026-03-01T05:10:22Z");
    const auto framed =
        parse_report(R"({"category":"phish","time":"2026-03-01T05:10:22Z","address":[{"ip":"192.0.2.10","cc":"NL"},{"ip":"192.0.2.11","cc":"NL"}]})");
    ASSERT_EQ(framed.events.size(), 2u) << shown(framed);
    EXPECT_EQ(kind_of(framed.events[1]), "content/phishing");
    EXPECT_EQ(time_of(framed.events[1]), "2026-03-01T05:10:22Z");
    const auto lines = parse_report(
        "{\"attackerIp\":\"192.0.2.10\",\"attackType\":\"ddos\",\"timestamp\":1772341822}\n{\"attackerIp\":\"192.0.2.11\",\"attackType\":\"ddos\","
        "\"timestamp\":1772341822}\n");
    ASSERT_EQ(lines.events.size(), 2u) << shown(lines);
    EXPECT_EQ(kind_of(lines.events[1]), "connection/ddos");
    EXPECT_EQ(time_of(lines.events[0]), "2026-03-01T05:10:22Z");
    EXPECT_EQ(parse_report(R"({"name":"x","values":[1,2,3],"more":{"ip":"none"}})").format, "unknown");
}

TEST(JsonEvents, without_a_name_there_is_no_table) {
    for (const char* nameless : {R"({"":"1"})", "[{}]", R"([{"":""}])", "{}", R"({"a":null})"}) {
        const auto report = parse_report(nameless);
        EXPECT_TRUE(report.triage) << nameless;
        EXPECT_TRUE(report.events.empty()) << nameless;
    }
}

TEST(JsonEvents, indicators_of_threat_exchanges) {
    const auto report = parse_report(
        R"({"status":"MALICIOUS","last_updated":"2026-03-01T05:10:22+0000","type":"URI","indicator":{"indicator":"https:\/\/shop.example\/login.php","type":"URI","id":"19"},)"
        R"("raw_indicator":"https:\/\/shop.example\/login.php","owner":{"id":"14","name":"PhishTankFeed"},"added_on":"2026-02-01T03:05:41+0000",)"
        R"("enrichments":{"domain_name":"shop.example","ip_asn":"64500","ip_prefix":"192.0.2.0\/23","domain_address":"192.0.2.10"}})");
    ASSERT_EQ(report.events.size(), 1u) << shown(report);
    EXPECT_EQ(report.events[0].source.url, "https://shop.example/login.php");
    EXPECT_EQ(report.events[0].source.ip, "192.0.2.10");
    EXPECT_EQ(kind_of(report.events[0]), "content/phishing");
    EXPECT_EQ(time_of(report.events[0]), "2026-03-01T05:10:22Z");
}

}  // namespace
}  // namespace bailiff::test
