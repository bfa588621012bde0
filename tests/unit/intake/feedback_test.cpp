// SPDX-License-Identifier: Apache-2.0
// Feedback loops and X-ARF as they really come: what each has to give.
#include "tests/unit/intake/report_reading.hpp"

namespace bailiff::test {
namespace {

TEST(Feedback, brackets_ports_and_every_named_field) {
    const auto report = parse_report(feedback_mail("Feedback-Type: abuse\nUser-Agent: Loop/1\nVersion: 1\nOriginal-Mail-From: <offers@shop.example>\nReceived-Date: Mon, 2 Mar 2026 05:58:11 UTC\n"
                                                   "Source-IP: [192.0.2.10]:41544\nReported-Domain: shop.example\nReported-Domain: web1.shop.example\nIncidents: 12\nReported-URI: http://shop.example/buy\n"));
    ASSERT_EQ(report.events.size(), 1u) << shown(report);
    const auto& event = report.events[0];
    EXPECT_EQ(report.format, "arf");
    EXPECT_FALSE(report.triage) << *report.triage;
    EXPECT_EQ(event.source.ip, "192.0.2.10");
    EXPECT_EQ(event.source.port, 41544);
    EXPECT_EQ(event.source.url, "http://shop.example/buy");
    EXPECT_EQ(time_of(event), "2026-03-02T05:58:11Z");
    EXPECT_EQ(detail_of(event, "incidents"), "12");
    const Json details = to_json(report).at("events").at(0).at("details");
    EXPECT_EQ(details.at("user_agent"), "Loop/1");
    EXPECT_EQ(details.at("original_mail_from"), "<offers@shop.example>");
    EXPECT_EQ(details.at("reported_domain"), (Json{"shop.example", "web1.shop.example"}));
}

TEST(Feedback, the_readable_one_of_two_dates_counts) {
    const auto report = parse_report(feedback_mail("Feedback-Type: abuse\nVersion: 1\nArrival-Date: some day\nReceived-Date: Tue, 19 Jan 2016 14:32:40 -0500 (EST)\nSource-IP: 2001:DB8::5\n"));
    EXPECT_EQ(time_of(report.events.at(0)), "2016-01-19T19:32:40Z");
    EXPECT_EQ(report.events[0].source.ip, "2001:db8::5");
    EXPECT_FALSE(warned(report, "some day")) << shown(report);
}

TEST(Feedback, without_a_source_the_reported_mails_last_hop_is_suggested) {
    const auto report = parse_report(feedback_mail("Feedback-Type: abuse\nUser-Agent: Loop/1\nVersion: 1\n"));
    ASSERT_EQ(report.events.size(), 1u);
    EXPECT_EQ(report.events[0].source.ip, "");
    ASSERT_TRUE(report.triage);
    EXPECT_EQ(report.suggestions.addresses, std::vector<std::string>{"192.0.2.10"});
}

TEST(Feedback, words_of_other_loops) {
    const auto kind = [](const std::string& type) { return kind_of(parse_report(feedback_mail("Feedback-Type: " + type +
        "\nVersion: 1\nSource-IP: 192.0.2.10\n")).events.at(0)); };
    EXPECT_EQ(kind("Abuse"), "messaging/spam");
    EXPECT_EQ(kind("complaint"), "messaging/spam");
    EXPECT_EQ(kind("virus"), "content/malware");
    EXPECT_EQ(kind("phishing"), "content/phishing");
    const auto other = parse_report(feedback_mail("Feedback-Type: not-spam\nVersion: 1\nSource-IP: 192.0.2.10\n"));
    EXPECT_FALSE(other.events.at(0).abuse);
    EXPECT_TRUE(other.triage);
    const auto dmarc = parse_report(feedback_mail("Feedback-Type: auth-failure\nAuth-Failure: dmarc\nVersion: 1\nSource-IP: 192.0.2.10 (web1.shop.example)\n"));
    EXPECT_EQ(dmarc.format, "arf-auth-failure");
    EXPECT_FALSE(dmarc.events.at(0).abuse);
    EXPECT_EQ(dmarc.events[0].source.ip, "192.0.2.10");
}

TEST(Feedback, an_envelope_around_xarf_is_no_event) {
    const auto mail = [](const std::string& json) {
        return "From: a@watch.example\nTo: b@provider.example\nSubject: report\nMIME-Version: 1.0\nContent-Type: multipart/report; report-type=feedback-report; boundary=b\n\n"
               "--b\nContent-Type: text/plain\n\nhxxp://shop[.]example/a [192.0.2.10]\n--b\nContent-Type: message/feedback-report\n\nFeedback-Type: xarf\nUser-Agent: Watch\nVersion: 1\n"
               "--b\nContent-Type: application/json; name=xarf.json\n\n" + json + "\n--b--\n";
    };
    const auto report = parse_report(mail(R"({"Version":"1","Report":{"SourceIp":"192.0.2.10","ReportType":"Malware","Date":"2026-03-01T05:10:22Z","ReportClass":"Content","SourceUrl":"http://shop.example/a"},"ReporterInfo":{"ReporterOrg":"Watch"}})"));
    ASSERT_EQ(report.events.size(), 1u) << shown(report);
    EXPECT_EQ(report.format, "xarf-v3");
    EXPECT_EQ(kind_of(report.events[0]), "content/malware");
    EXPECT_FALSE(report.triage) << *report.triage;
    const auto lost = parse_report(mail("nothing"));
    EXPECT_TRUE(lost.triage) << "the envelope alone says nothing";
    EXPECT_EQ(lost.suggestions.addresses, std::vector<std::string>{"192.0.2.10"});
}

TEST(Feedback, a_part_that_says_it_is_something_else) {
    const std::string fields = "Feedback-Type: abuse\nUser-Agent: Loop/1\nVersion: 1\nSource-IP: 192.0.2.10\nArrival-Date: Mon, 2 Mar 2026 05:58:11 +0000\n";
    for (const char* headers : {"Content-Type: text/plain\n", "Content-Type: application/octet-stream; name=report.txt\n"}) {
        const auto report = parse_report(mail_with(headers, fields));
        EXPECT_EQ(report.format, "arf") << headers;
        EXPECT_EQ(report.events.size(), 1u) << shown(report);
    }
    // The same in base64 and in quoted-printable, without a word about it.
    const auto base64 = parse_report(mail_with("Content-Type: text/plain\n", "RmVlZGJhY2stVHlwZTogYWJ1c2UKVmVyc2lvbjogMQpTb3VyY2UtSVA6IDE5Mi4wLjIuMTAK\n"));
    EXPECT_EQ(base64.format, "arf") << shown(base64);
    EXPECT_TRUE(warned(base64, "base64"));
    const auto printable = parse_report(mail_with("Content-Type: application/json\n",
                                                  "{\"xarf_version\":\"4\",\"report_id\":\"a\",=\n\"source_identifier\":\"192.0.2.10\",\"category\":\"content\",\"type\":\"malware\"}"));
    EXPECT_EQ(printable.events.size(), 1u) << shown(printable);
}

TEST(Feedback, xarf_of_keys_and_values_in_other_forms) {
    const auto quoted = parse_report(mail_with("Content-Type: application/octet-stream; name=arf_report1.txt\n",
                                               "Category: abuse\nDate: '2026-03-01 17:03:11-07:00'\nPort: '80'\nReport-ID: r-1\nReport-Type: web-attack\nService: http\nSource: 192.0.2.10\n"
                                               "Targeted-URL: !!python/unicode 'http://x/'\n"));
    ASSERT_EQ(quoted.events.size(), 1u) << shown(quoted);
    EXPECT_EQ(time_of(quoted.events[0]), "2026-03-02T00:03:11Z");
    EXPECT_EQ(kind_of(quoted.events[0]), "connection/vulnerability_scan");
    EXPECT_EQ(quoted.events[0].destination.port, 80);
    const auto two = parse_report("---\nReport-Type: login-attack\nSource: 192.0.2.10\nDate: 2026-03-01T17:03:11Z\n---\nReport-Type: login-attack\nSource: 192.0.2.11\nDate: 2026-03-01T17:03:11Z\n");
    EXPECT_EQ(two.events.size(), 2u) << shown(two);
    const auto nameless = parse_report("Report-Type: regbot\nService: regbot\nSource: 192[.]0[.]2[.]10\nDate: Fri, 31 Jan 2014 07:19:02 +0100\n");
    EXPECT_EQ(nameless.events.at(0).source.ip, "192.0.2.10");
    EXPECT_EQ(time_of(nameless.events[0]), "2014-01-31T06:19:02Z");
}

TEST(Feedback, lists_that_are_nearly_xarf) {
    const auto report = parse_report(report_fixture("incident_list.eml"));
    ASSERT_EQ(report.events.size(), 1u) << shown(report);
    EXPECT_EQ(kind_of(report.events[0]), "content/malware");
    EXPECT_EQ(report.events[0].source.ip, "192.0.2.10");
    EXPECT_EQ(report.events[0].source.url, "http://shop.example/kit/");
    EXPECT_EQ(time_of(report.events[0]), "2026-03-02T02:04:18Z");
    EXPECT_FALSE(report.triage) << *report.triage;
}

TEST(Feedback, parts_that_the_header_does_not_part) {
    const auto report = parse_report(report_fixture("wrong_boundary.eml"));
    ASSERT_EQ(report.events.size(), 1u) << shown(report);
    EXPECT_EQ(report.format, "x-arf");
    EXPECT_EQ(kind_of(report.events[0]), "content/phishing");
    EXPECT_EQ(report.events[0].source.url, "http://shop.example/login");
    EXPECT_EQ(report.events[0].source.host, "shop.example");
    EXPECT_EQ(report.events[0].source.port, 80) << "where content is reported, the port is the server's own";
    EXPECT_TRUE(warned(report, "another boundary"));
    EXPECT_EQ(report.suggestions.addresses, std::vector<std::string>{"192.0.2.10"}) << "the event has no address, so the text's is offered";
}

TEST(Feedback, mails_attached_as_files_or_in_base64_are_opened) {
    // "From: …" and a feedback report, in base64, as message/rfc822 and as a nameless file.
    const std::string inner = "From: fbl@mailbox.example\nTo: abuse@provider.example\nContent-Type: message/feedback-report\n\nFeedback-Type: abuse\nVersion: 1\nSource-IP: 192.0.2.10\n";
    const auto as_file = parse_report(mail_with("Content-Type: application/octet-stream; name=\"report.eml\"\n", inner));
    EXPECT_EQ(as_file.format, "arf") << shown(as_file);
    EXPECT_EQ(as_file.events.at(0).source.ip, "192.0.2.10");
}

TEST(Feedback, two_sources_are_for_a_person) {
    const std::string fields = "Feedback-Type: abuse\nUser-Agent: x/1\nVersion: 1\nSource-IP: 192.0.2.10\n";
    EXPECT_FALSE(parse_report(feedback_mail(fields + "Source-IP: 192.0.2.10\n")).triage);
    const auto report = parse_report(feedback_mail(fields + "Source-IP: 203.0.113.9\n"));
    ASSERT_TRUE(report.triage) << shown(report);
    EXPECT_NE(report.triage->find("203.0.113.9"), std::string::npos);
}

}  // namespace
}  // namespace bailiff::test
