// SPDX-License-Identifier: Apache-2.0
// Reports as they come: every format in its odd forms, contradictions, limits, and garbage.
#include "controller/intake/report_parser.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>

namespace bailiff::test {
namespace {

namespace fs = std::filesystem;
using Texts = std::vector<std::string>;

std::string fixture(const std::string& name) {
    std::ifstream in(fs::path(BAILIFF_SOURCE_DIR) / "tests/fixtures/reports" / name, std::ios::binary);
    EXPECT_TRUE(in) << name;
    return {std::istreambuf_iterator<char>(in), {}};
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
    const size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return text.replace(at, from.size(), to);
}

bool warns(const ParsedReport& report, const std::string& part) {
    return std::any_of(report.warnings.begin(), report.warnings.end(), [&](const auto& w) { return w.find(part) != std::string::npos; });
}

std::string at(const ReportedEvent& event) { return event.observed_at ? format_rfc3339(*event.observed_at) : ""; }

TEST(Report, a_feedback_report_in_base64) {
    const auto report = parse_report(fixture("arf_base64.eml"));
    ASSERT_EQ(report.events.size(), 1u);
    const auto& event = report.events[0];
    EXPECT_EQ(report.format, "arf");
    EXPECT_EQ(event.category + "/" + event.type, "messaging/spam");
    EXPECT_EQ(event.source.ip, "192.0.2.10");
    EXPECT_EQ(event.source.port, 41544);
    EXPECT_EQ(at(event), "2026-03-02T04:58:11Z");
    EXPECT_TRUE(warns(report, "contradicts itself"));
    EXPECT_FALSE(report.triage) << *report.triage;
    EXPECT_EQ(report.reporter.contact, "fbl@mailbox.example");
    EXPECT_EQ(report.reporter.domain, "mailbox.example");
    ASSERT_EQ(event.evidence.size(), 1u);
    EXPECT_NE(event.evidence[0].text.find("Received: from web1.shop.example"), std::string::npos);
}

TEST(Report, xarf_v3_with_source_ip_on_the_report) {
    const auto report = parse_report(fixture("xarf3_sourceip.json"));
    ASSERT_EQ(report.events.size(), 1u);
    const auto& event = report.events[0];
    EXPECT_EQ(report.format, "xarf-v3");
    EXPECT_EQ(event.category + "/" + event.type, "connection/login_attack");
    EXPECT_EQ(event.source.ip, "192.0.2.10");
    EXPECT_EQ(event.source.port, 50022);
    EXPECT_EQ(event.destination.ip, "198.51.100.4");
    EXPECT_EQ(at(event), "2026-03-01T22:47:10Z");
    EXPECT_EQ(event.evidence.at(0).text, "Failed password for root from 192.0.2.10");
    EXPECT_FALSE(report.triage);
}

TEST(Report, xarf_of_keys_and_values_in_a_mail) {
    const auto report = parse_report(fixture("xarf_fields.eml"));
    ASSERT_EQ(report.events.size(), 1u) << to_json(report).dump(1);
    EXPECT_EQ(report.format, "x-arf");
    EXPECT_EQ(report.events[0].type, "login_attack");
    EXPECT_EQ(report.events[0].source.ip, "192.0.2.10");
    EXPECT_EQ(report.events[0].destination.port, 22);
    EXPECT_EQ(report.events[0].report_id, "5531@blocklist.example");
    EXPECT_EQ(at(report.events[0]), "2026-03-02T04:00:00Z");
    EXPECT_FALSE(report.triage) << *report.triage;
}

TEST(Report, two_parts_about_one_event_count_once_and_a_missing_sender_is_only_a_warning) {
    const auto report = parse_report(fixture("xarf4_mail.eml"));
    EXPECT_EQ(report.format, "xarf-v4");
    EXPECT_EQ(report.events.size(), 1u) << to_json(report).dump(1);
    EXPECT_TRUE(warns(report, "'sender' is missing"));
    EXPECT_TRUE(warns(report, "counted once"));
    EXPECT_FALSE(report.triage) << *report.triage;
}

TEST(Report, a_person_decides_where_the_parts_contradict_each_other) {
    const auto mail = fixture("xarf4_mail.eml");
    const auto prose = parse_report(replaced(mail, "malware on 192.0.2.10", "malware on 192.0.2.77"));
    ASSERT_TRUE(prose.triage);
    EXPECT_NE(prose.triage->find("192.0.2.77"), std::string::npos) << *prose.triage;
    const auto url = parse_report(replaced(mail, "http://192.0.2.10/", "http://192.0.2.99/"));
    ASSERT_TRUE(url.triage);
    EXPECT_NE(url.triage->find("192.0.2.99"), std::string::npos) << *url.triage;
    EXPECT_FALSE(url.events.empty()) << "the event is kept";
}

TEST(Report, a_table_loses_its_bad_lines_only) {
    const auto report = parse_report(fixture("shadowserver.csv"));
    EXPECT_EQ(report.format, "csv");
    ASSERT_EQ(report.events.size(), 3u) << to_json(report).dump(1);
    EXPECT_EQ(report.events[0].type, "infected_host");
    EXPECT_EQ(report.events[0].source.port, 50110);
    EXPECT_EQ(at(report.events[0]), "2026-03-01T23:12:40Z");
    EXPECT_EQ(report.events[1].source.ip, "2001:db8::10");
    EXPECT_EQ(report.events[2].source.ip, "192.0.2.11");
    EXPECT_TRUE(warns(report, "Line 3: 'not an address' is no address"));
    EXPECT_TRUE(warns(report, "Line 6: it has 4 fields instead of 11"));
    EXPECT_TRUE(report.triage) << "the short line lacks its infection, so its kind is unknown";
}

TEST(Report, a_table_in_a_mail_takes_its_kind_from_the_file_name) {
    const std::string mail = "From: feed@feeds.example\nSubject: daily\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain\n\nSee attachment.\n"
                             "--b\nContent-Type: text/csv; name=\"2026-03-01-scan_rdp-provider.csv\"\n\nip;timestamp;port\n192.0.2.10;2026-03-01T23:12:40Z;3389\n192.0.2.12;2026-03-01T23:13:40Z;3389\n--b--\n";
    const auto report = parse_report(mail);
    EXPECT_EQ(report.format, "csv");
    ASSERT_EQ(report.events.size(), 2u);
    EXPECT_EQ(report.events[1].category + "/" + report.events[1].type, "vulnerability/open_service");
    EXPECT_FALSE(report.triage) << *report.triage;
}

TEST(Report, several_xarf_reports_as_an_array_and_as_lines) {
    const std::string one = R"({"xarf_version":"4.2.0","report_id":"a","timestamp":"2026-03-01T23:12:40Z","reporter":{},"sender":{},"source_identifier":"192.0.2.1","category":"connection","type":"ddos"})";
    const auto two = replaced(one, "192.0.2.1", "192.0.2.2");
    const auto array = parse_report("[" + one + "," + two + ",{\"no\":1}]");
    EXPECT_EQ(array.events.size(), 2u);
    EXPECT_TRUE(warns(array, "Entry 3"));
    const auto lines = parse_report(one + "\n{broken\n" + two + "\n");
    EXPECT_EQ(lines.events.size(), 2u);
    EXPECT_TRUE(warns(lines, "Line 2"));
    EXPECT_EQ(lines.format, "xarf-v4");
}

TEST(Report, prose_is_for_a_person) {
    const auto report = parse_report(fixture("prose.eml"));
    EXPECT_EQ(report.format, "prose");
    EXPECT_TRUE(report.events.empty());
    ASSERT_TRUE(report.triage);
    EXPECT_EQ(report.suggestions.addresses, (Texts{"192.0.2.10", "198.51.100.7"}));
    EXPECT_EQ(report.suggestions.urls, Texts{"http://192.0.2.10/kit.php"});
    ASSERT_EQ(report.suggestions.times.size(), 1u);
    EXPECT_EQ(format_rfc3339(report.suggestions.times[0]), "2026-03-01T22:42:09Z");
}

TEST(Report, a_report_forwarded_as_an_attachment_is_found) {
    const std::string mail = "From: colleague@provider.example\nSubject: Fwd: report\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=outer\n\n--outer\nContent-Type: text/plain\n\nFor you.\n"
                             "--outer\nContent-Type: message/rfc822\n\n" + fixture("arf_base64.eml") + "\n--outer--\n";
    const auto report = parse_report(mail);
    EXPECT_EQ(report.format, "arf");
    ASSERT_EQ(report.events.size(), 1u);
    EXPECT_EQ(report.events[0].source.ip, "192.0.2.10");
}

TEST(Report, what_is_not_understood_is_kept_with_its_reason) {
    const auto reason = [](std::string_view bytes) { return parse_report(bytes).triage.value_or("none"); };
    EXPECT_NE(reason("").find("empty"), std::string::npos);
    EXPECT_NE(reason(" \r\n").find("empty"), std::string::npos);
    EXPECT_NE(reason(std::string("PK\x03\x04 zip", 8)).find("packed"), std::string::npos);
    EXPECT_NE(reason("\xff\xfe\x00").find("not known"), std::string::npos);
    EXPECT_NE(reason("{\"hello\": \"world\"}").find("not known"), std::string::npos);
    EXPECT_NE(reason("{\"xarf_version\": \"4\", ").find("cannot be read"), std::string::npos);
    EXPECT_NE(reason("Feedback-Type: other\nSource-IP: 192.0.2.1\n").find("does not say what abuse"), std::string::npos);
    EXPECT_NE(reason("Feedback-Type: abuse\n").find("no source address"), std::string::npos);
    EXPECT_NE(reason("ip,time\nx,y\n").find("no line with an address"), std::string::npos);
    EXPECT_NE(reason(R"({"xarf_version":"4","source_identifier":"AS 64500","category":"content","type":"malware"})").find("is no address"), std::string::npos);
    EXPECT_NE(reason(R"({"xarf_version":"4","source_identifier":"192.0.2.1","category":"noise","type":"loud"})").find("are not known"), std::string::npos);
}

TEST(Report, wrong_types_in_json_are_no_reason_to_fall_over) {
    for (const char* bytes : {R"({"xarf_version":4,"reporter":7,"evidence":{"a":[]},"source_identifier":{},"category":[],"type":null,"source_port":1e9,"timestamp":1})",
                              R"({"Report":{"Source":[],"Attachment":"x","Date":{},"ReportType":3}})", R"({"Report":{}})", "[]", "[[[]]]",
                              R"({"xarf_version":"4","evidence":[1,{"payload":"%%%","content_type":"text/plain"},null],"source_identifier":"192.0.2.1","category":"content","type":"malware"})"}) {
        const auto report = parse_report(bytes);
        EXPECT_TRUE(report.triage || !report.events.empty()) << bytes;
    }
}

TEST(Report, limits_hold_and_are_said) {
    ReportLimits limits;
    limits.bytes = 100;
    EXPECT_NE(parse_report(std::string(101, 'a'), limits).triage->find("101 bytes"), std::string::npos);

    std::string deep = "From: a@b.example\nTo: c@d.example\n";
    for (int i = 0; i < 20'000; ++i) {
        const std::string b = "b" + std::to_string(i);
        deep += "Content-Type: multipart/mixed; boundary=" + b + "\n\n--" + b + "\n";
    }
    EXPECT_TRUE(warns(parse_report(deep), "nests deeper"));

    std::string wide = "From: a@b.example\nTo: c@d.example\nContent-Type: multipart/mixed; boundary=b\n\n";
    for (int i = 0; i < 1000; ++i) wide += "--b\nContent-Type: text/plain\n\n192.0.2.1\n";
    EXPECT_TRUE(warns(parse_report(wide + "--b--\n"), "more than 200 parts"));

    // Texts made to be slow: a mail's worth of them takes a moment, not minutes.
    for (const std::string piece : {"http://a", "2025-01-01 00:00:0", "1 Jan 2025 00:00:0", "::::::::", "1.2.3.", "{{{{", "a,b\"", "[.]", "IP address  Date\n",
                                    "IP address  Date\n192.0.2.1  2026-03-02\n"}) {
        std::string slow = "From: a@b.example\nTo: c@d.example\n\n";
        while (slow.size() < 4'000'000) slow += piece;
        EXPECT_TRUE(parse_report(slow + "192.0.2.1  a  b\n").triage) << piece;
    }
    for (const std::string piece : {"<tr><td>a", "<tr><td>a</td><td>b</td></tr>", "<td>", "<table>", "<tr> "}) {
        std::string slow = "From: a@b.example\nTo: c@d.example\nContent-Type: text/html\n\n";
        while (slow.size() < 4'000'000) slow += piece;
        EXPECT_TRUE(parse_report(slow).triage) << piece;
    }

    limits = {};
    limits.events = 10;
    std::string table = "ip,type,timestamp\n";
    for (int i = 0; i < 50; ++i) table += "192.0.2." + std::to_string(i) + ",ddos,2026-03-01T23:12:40Z\n";
    const auto report = parse_report(table, limits);
    EXPECT_EQ(report.events.size(), 10u);
    EXPECT_NE(report.triage->find("more than 10"), std::string::npos);
}

TEST(Report, the_json_has_every_key_and_null_for_what_is_not_known) {
    const Json json = to_json(parse_report(fixture("xarf3_sourceip.json")));
    EXPECT_EQ(json.at("triage"), Json());
    EXPECT_EQ(json.at("events").at(0).at("observed_at"), "2026-03-01T22:47:10Z");
    EXPECT_EQ(json.at("events").at(0).at("source"), (Json{{"ip", "192.0.2.10"}, {"port", 50022}, {"url", nullptr}, {"host", nullptr}}));
    EXPECT_EQ(json.at("reporter").at("name"), "Honeypot Watch");
    for (const char* key : {"format", "events", "reporter", "warnings", "triage", "suggestions"}) EXPECT_TRUE(to_json(parse_report("")).contains(key)) << key;
}

TEST(Report, text_from_reporters_is_cleaned) {
    const auto report = parse_report("{\"xarf_version\":\"4\",\"report_id\":\"a\\u001b[2J\\r\\nb\",\"source_identifier\":\"192.0.2.1\",\"category\":\"content\",\"type\":\"malware\"}");
    EXPECT_EQ(report.events.at(0).report_id, "a[2J b");
}

TEST(Report, no_damaged_report_makes_it_fail_or_vanish) {
    std::mt19937 random(20260302);
    size_t read = 0;
    for (const auto& entry : fs::directory_iterator(fs::path(BAILIFF_SOURCE_DIR) / "tests/fixtures/reports")) {
        const auto whole = fixture(entry.path().filename());
        for (int round = 0; round < 300; ++round) {
            std::string bytes = whole;
            for (int edit = 0; edit < 4; ++edit) {
                const size_t place = random() % bytes.size();
                if (random() % 3 == 0) bytes.erase(place, random() % 40);
                else if (random() % 2) bytes[place] = static_cast<char>(random());
                else bytes.insert(place, bytes.substr(random() % bytes.size(), random() % 60));
                if (bytes.empty()) bytes = "x";
            }
            const auto report = parse_report(bytes);
            ASSERT_TRUE(report.triage || !report.events.empty());
            // Everything that is said must be valid UTF-8: dumping throws otherwise.
            ASSERT_NO_THROW(to_json(report).dump()) << entry.path();
            read += report.events.size();
        }
    }
    EXPECT_GT(read, 500u);
}

}  // namespace
}  // namespace bailiff::test
