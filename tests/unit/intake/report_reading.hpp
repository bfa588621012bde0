// SPDX-License-Identifier: Apache-2.0
// Verbs for tests that read reports: fixtures, mails in one line, and what is asked of the result.
#pragma once

#include "controller/intake/report_parser.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <iterator>
#include <string>

namespace bailiff::test {

inline std::string report_fixture(const std::string& name) {
    std::ifstream in(std::filesystem::path(BAILIFF_SOURCE_DIR) / "tests/fixtures/reports" / name, std::ios::binary);
    EXPECT_TRUE(in) << name;
    return {std::istreambuf_iterator<char>(in), {}};
}

/// A mail of one text.
inline std::string plain_mail(const std::string& text, const std::string& subject = "report", const std::string& from = "someone@reporter.example") {
    return "From: " + from + "\nTo: abuse@provider.example\nSubject: " + subject + "\nDate: Mon, 2 Mar 2026 05:00:00 +0000\n\n" + text;
}

/// A mail of one part with these header lines ("Content-Type: …\n…\n").
inline std::string mail_with(const std::string& headers, const std::string& body, const std::string& text = "See the attachment.") {
    return "From: someone@reporter.example\nTo: abuse@provider.example\nSubject: report\nDate: Mon, 2 Mar 2026 05:00:00 +0000\nMIME-Version: 1.0\n"
           "Content-Type: multipart/mixed; boundary=outer\n\n--outer\nContent-Type: text/plain\n\n" + text + "\n--outer\n" + headers + "\n" + body +
               "\n--outer--\n";
}

/// A feedback report with these fields in its middle part.
inline std::string feedback_mail(const std::string& fields) {
    return "From: fbl@mailbox.example\nTo: abuse@provider.example\nSubject: feedback\nMIME-Version: 1.0\nContent-Type: multipart/report; report-type=feedback-report; boundary=b\n\n"
           "--b\nContent-Type: text/plain\n\nAn abuse report.\n--b\nContent-Type: message/feedback-report\n\n" + fields +
           "\n--b\nContent-Type: message/rfc822\n\nReceived: from web1 (web1.shop.example [192.0.2.10]) by mx.mailbox.example with SMTP; Mon, 2 Mar 2026 05:58:11 +0100\n"
           "From: offers@shop.example\nSubject: Buy\n\nBuy.\n--b--\n";
}

inline bool warned(const ParsedReport& report, const std::string& part) {
    return std::any_of(report.warnings.begin(), report.warnings.end(), [&](const auto& w) { return w.find(part) != std::string::npos; });
}

inline std::string time_of(const ReportedEvent& event) { return event.observed_at ? format_rfc3339(*event.observed_at) : ""; }
inline std::string kind_of(const ReportedEvent& event) { return event.category + "/" + event.type; }
inline std::string shown(const ParsedReport& report) { return to_json(report).dump(1); }

inline std::string detail_of(const ReportedEvent& event, const std::string& name) {
    for (const auto& [key, value] : event.details)
        if (key == name) return value;
    return "";
}

}  // namespace bailiff::test
