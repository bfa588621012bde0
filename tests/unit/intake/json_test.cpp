// SPDX-License-Identifier: Apache-2.0
// XARF as JSON in its odd forms.
#include "tests/unit/intake/report_reading.hpp"

namespace bailiff::test {
namespace {

const std::string v4 = R"({"xarf_version":"4.2.0","report_id":"a","timestamp":"2026-03-01T23:12:40Z","reporter":{"org":"CERT","contact":"c@cert.example"},"sender":{},)"
                       R"("source_identifier":"192.0.2.1","source_port":"443","category":"connection","type":"ddos"})";

TEST(XarfJson, ports_as_text_and_sources_as_lists) {
    const auto one = parse_report(v4);
    EXPECT_EQ(one.events.at(0).source.port, 443);
    EXPECT_FALSE(one.triage) << *one.triage;
    auto list = v4;
    list.replace(list.find("\"192.0.2.1\""), 11, R"(["192.0.2.1","192.0.2.2"])");
    const auto two = parse_report(list);
    ASSERT_EQ(two.events.size(), 2u) << shown(two);
    EXPECT_EQ(two.events[1].source.ip, "192.0.2.2");
    EXPECT_EQ(two.events[1].report_id, "a") << "one number, two machines";
}

TEST(XarfJson, in_the_middle_of_a_mail) {
    const auto report = parse_report(plain_mail("Hello,\nplease see below {really}.\n\n" + v4 + "\n\nRegards\n"));
    ASSERT_EQ(report.events.size(), 1u) << shown(report);
    EXPECT_EQ(report.format, "xarf-v4");
    EXPECT_TRUE(warned(report, "middle of a text"));
}

TEST(XarfJson, quoted_by_somebody_it_is_for_a_person) {
    const auto report = parse_report(plain_mail("> Report-Type: login-attack\n> Source: 192.0.2.10\n> Date: 2026-03-01T17:03:11Z\n\nIs that us?\n"));
    ASSERT_EQ(report.events.size(), 1u) << shown(report);
    ASSERT_TRUE(report.triage);
    EXPECT_NE(report.triage->find("quoted"), std::string::npos);
}

TEST(XarfJson, version_3_with_other_spellings) {
    const auto attacker = parse_report(R"({"Version":"3","ReporterInfo":{"ReporterOrg":"O","ReporterOrgEmail":"o@o.example"},"Report":{"ReportClass":"Activity","ReportType":"LoginAttack",)"
                                       R"("Date":"2026-03-01T17:03:11Z","AttackerIp":"192.0.2.10","AttackerPort":"50022","DestinationIp":"198.51.100.4","Ongoing":true}})");
    EXPECT_EQ(attacker.events.at(0).source.ip, "192.0.2.10");
    EXPECT_EQ(attacker.events[0].source.port, 50022);
    const auto cased = parse_report(R"({"ReporterInfo":{},"Report":{"reportType":"Trademark","reportClass":"Content","date":"2026-03-01T17:03:11Z","sourceURL":"http://shop.example/logo"}})");
    EXPECT_EQ(cased.events.at(0).source.host, "shop.example") << shown(cased);
    EXPECT_EQ(kind_of(cased.events[0]), "content/brand_infringement");
    const auto list = parse_report(R"({"ReporterInfo":{},"Report":[{"ReportType":"Bot","SourceIp":"192.0.2.1"},{"ReportType":"Bot","SourceIp":"192.0.2.2"}]})");
    EXPECT_EQ(list.events.size(), 2u);
    const auto crawler = parse_report(R"({"ReporterInfo":{},"Report":{"ReportClass":"Activity","ReportType":"WebCrawler","Date":"2018-02-05T14:17:10Z","SourceIp":"192.0.2.59","SourcePort":443}})");
    EXPECT_EQ(kind_of(crawler.events.at(0)), "connection/scraping");
    const auto unknown = parse_report(R"({"ReporterInfo":{},"Report":{"ReportClass":"Activity","ReportType":"Harassment","Date":"2018-02-05T14:17:10Z","SourceUrl":"https://game.example"}})");
    EXPECT_TRUE(unknown.triage);
    EXPECT_EQ(unknown.events.at(0).type_raw, "Harassment");
}

TEST(XarfJson, broken_it_still_offers_what_it_names) {
    const auto report = parse_report("{\n \"xarf_version\": \"4.0.0\",\n \"contact\": \"r@s.example\"\n \"type\": \"x\",\n \"source_identifier\": \"192.0.2.100\"");
    EXPECT_EQ(report.format, "xarf-v4");
    ASSERT_TRUE(report.triage);
    EXPECT_EQ(report.suggestions.addresses, std::vector<std::string>{"192.0.2.100"});
}

TEST(XarfJson, a_network_is_no_address) {
    auto network = v4;
    network.replace(network.find("192.0.2.1"), 9, "192.0.2.0/24");
    const auto report = parse_report(network);
    EXPECT_EQ(report.events.at(0).source.ip, "");
    EXPECT_EQ(to_json(report).at("events").at(0).at("source").at("network"), "192.0.2.0/24");
}

}  // namespace
}  // namespace bailiff::test
