// SPDX-License-Identifier: Apache-2.0
// Real reports that the project did not write, kept beside the source tree with what a correct intake extracts.
#include "controller/intake/report_parser.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>

namespace bailiff::test {
namespace {

namespace fs = std::filesystem;

std::string read_file(const fs::path& file) {
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

std::string text_of(const Json& object, const char* key) {
    return object.contains(key) && object.at(key).is_string() ? object.at(key).get<std::string>() : std::string();
}

/// Calls `check(expected, report)` for each sample of a folder; skips where the folder is absent.
template <class Check>
void each_sample(const char* folder, Check check) {
    const fs::path dir = fs::path(BAILIFF_SOURCE_DIR) / "../shared/samples" / folder;
    if (!fs::exists(dir / "expected.json")) GTEST_SKIP() << dir << " is absent; its reports were not read.";
    const Json list = Json::parse(read_file(dir / "expected.json"));
    ASSERT_FALSE(list.empty());
    for (const Json& expected : list) {
        const std::string file = text_of(expected, "file");
        SCOPED_TRACE(file);
        const std::string bytes = read_file(dir / file);
        ASSERT_FALSE(bytes.empty());
        const ParsedReport report = parse_report(bytes);
        ASSERT_EQ(report.events.size(), expected.at("events").size()) << to_json(report).dump(1);
        check(expected, report);
    }
}

void check_event(const Json& expected, const ReportedEvent& event) {
    const std::string identifier = text_of(expected, "identifier");
    const std::string kind = text_of(expected, "identifier_kind");
    EXPECT_EQ(kind == "url" ? event.source.url : kind == "hostname" ? event.source.host : event.source.ip, identifier);
    EXPECT_EQ(event.observed_at ? format_rfc3339(*event.observed_at) : "", text_of(expected, "timestamp_utc"));
}

void check_xarf(const Json& expected, const ReportedEvent& event) {
    check_event(expected, event);
    EXPECT_EQ(event.category_raw, text_of(expected, "category_raw"));
    EXPECT_EQ(event.type_raw, text_of(expected, "type_raw"));
    EXPECT_EQ(event.source.port ? Json(*event.source.port) : Json(), expected.at("source_port"));
    EXPECT_EQ(event.source.url, text_of(expected, "url"));
}

TEST(Samples, xarf_v4) {
    each_sample("xarf-v4-spec", [](const Json& expected, const ParsedReport& report) {
        EXPECT_EQ(report.format, "xarf-v4");
        EXPECT_FALSE(report.triage) << *report.triage;
        EXPECT_EQ(report.warnings, std::vector<std::string>());
        const Json& first = expected.at("events").at(0);
        check_xarf(first, report.events[0]);
        EXPECT_EQ(report.events[0].category, text_of(first, "category_raw"));
        EXPECT_EQ(report.events[0].type, text_of(first, "type_raw"));
        EXPECT_EQ(report.events[0].destination.ip, text_of(first, "destination_ip"));
        EXPECT_EQ(report.events[0].evidence.size(), first.at("evidence_items").get<size_t>());
        EXPECT_FALSE(report.events[0].report_id.empty());
        EXPECT_FALSE(report.reporter.contact.empty());
    });
}

TEST(Samples, xarf_v3) {
    each_sample("xarf-v3-spec", [](const Json& expected, const ParsedReport& report) {
        EXPECT_EQ(report.format, "xarf-v3");
        EXPECT_FALSE(report.triage) << *report.triage;
        check_xarf(expected.at("events").at(0), report.events[0]);
        EXPECT_FALSE(report.events[0].category.empty());
    });
}

TEST(Samples, arf) {
    each_sample("mail-auth-arf", [](const Json& expected, const ParsedReport& report) {
        const Json& first = expected.at("events").at(0);
        const bool authentication = text_of(first, "type_raw") == "AuthFailure";
        EXPECT_EQ(report.format, authentication ? "arf-auth-failure" : "arf");
        EXPECT_EQ(report.events[0].abuse, !authentication);
        EXPECT_EQ(report.events[0].category_raw, text_of(first, "category_raw"));
        check_event(first, report.events[0]);
        // One of them is about abuse and names its source; that one alone can be matched without a person.
        EXPECT_EQ(!report.triage, !authentication && first.at("identifier").is_string()) << report.triage.value_or("");
        if (first.at("identifier").is_null()) {
            EXPECT_EQ(report.suggestions.addresses, std::vector<std::string>{"192.0.2.1"});
        }
        EXPECT_NE(report.reporter.contact.find('@'), std::string::npos);
    });
}

}  // namespace
}  // namespace bailiff::test
