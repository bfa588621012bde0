// SPDX-License-Identifier: Apache-2.0
// `bailiffctl statistics` and `bailiffctl case export` over an export of the audit log.
#include "controller/ctl/statistics.hpp"
#include "controller/storage/chain.hpp"

#include "tests/unit/ctl/shell.hpp"

namespace bailiff::test {
namespace {

const Instant start(Seconds(1'772'420'400));   // 2026-03-02T03:00:00Z

/// Two cases: one answered after an hour and closed after two, one open whose reporter writes formulas.
std::string two_cases() {
    std::string lines;
    int64_t position = 0;
    const auto add = [&](const std::string& id, int64_t revision, int64_t hours, core::Fact fact) {
        const core::HistoryItem item{revision, start + Seconds(3600 * hours), "controller", std::move(fact)};
        lines += export_line(ChainedItem{++position, CaseId(id), revision, chained_text(CaseId(id), item), "hash"}) + "\n";
    };
    core::CaseOpened opened;
    opened.case_id = CaseId("C-1");
    opened.vm_name = "web1";
    opened.vm_address = "192.0.2.10";
    opened.customer = CustomerId("7");
    opened.customer_name = "Lotus, \"Asha\" & Co";
    opened.policy = PolicyId("virus-content");
    opened.report = {ReportId("R-1"), "content/malware", "cert@a.example", start, "EICAR"};
    add("C-1", 1, 0, opened);
    opened.case_id = CaseId("C-2");
    opened.report.reporter = "=cmd|' /C calc'!A0";
    add("C-2", 1, 0, opened);
    add("C-1", 2, 1, core::ReplyRecorded{});
    add("C-1", 3, 2, core::CaseClosed{core::Outcome::fixed_by_customer, ""});
    return lines + export_line(std::map<CaseId, int64_t>{{CaseId("C-1"), 3}, {CaseId("C-2"), 1}}) + "\n";
}

class Statistics : public testing::Test {
  protected:
    const TemporaryFile file{"audit.jsonl", two_cases()};
    Seen statistics(std::vector<std::string> options) { return options.push_back(file.path()), run(statistics_command, options); }
    Seen cases(std::vector<std::string> options) { return options.push_back(file.path()), run(case_export, options); }
};

TEST_F(Statistics, say_how_long_it_took) {
    EXPECT_EQ(statistics({"--by", "policy"}).out,
              "policy         cases  reports  open  replied  sanctioned  cleaned  false positives  to reply  most  to clean  most  to close  most\n"
              "virus-content  2      2        1     1        0           1        0                1 h       1 h   2 h       2 h   2 h       2 h\n");
    const auto json = statistics({"--json"}).json();
    EXPECT_EQ(json.at("by"), "all");
    EXPECT_EQ(json.at("items").at(0).at("to_clean").at("median_seconds"), 7200);
    EXPECT_EQ(statistics({"--csv", "--by", "netblock"}).out,
              "group,cases,reports,open,replied,sanctioned,cleaned,false_positives,reply_median_s,reply_most_s,clean_median_s,clean_most_s,close_median_s,close_most_s\r\n"
              "192.0.2.0/24,2,2,1,1,0,1,0,3600,3600,7200,7200,7200,7200\r\n");
    EXPECT_EQ(statistics({"--csv", "--from", "2026-03-02T03:00:01Z"}).out.find("\r\n") + 2, statistics({"--csv", "--from", "2026-03-02T03:00:01Z"}).out.size())
        << "none was opened then";
}

TEST_F(Statistics, complain_with_the_remedy) {
    EXPECT_EQ(statistics({"--by", "colour"}).code, exit_usage);
    EXPECT_EQ(statistics({"--netblock", "33"}).code, exit_usage);
    EXPECT_EQ(statistics({"--netblock", "24,"}).code, exit_usage);
    EXPECT_EQ(statistics({"--from", "yesterday"}).code, exit_usage);
    EXPECT_EQ(run(statistics_command, {"/nonexistent"}).code, exit_refused);
    const TemporaryFile garbage("garbage", "{\"text\": \"no item\"}\n");
    const auto seen = run(statistics_command, {garbage.path()});
    EXPECT_EQ(seen.code, exit_refused);
    EXPECT_NE(seen.err.find("line 1"), std::string::npos) << seen.err;
    EXPECT_NE(seen.err.find("audit export"), std::string::npos) << seen.err;
}

TEST_F(Statistics, cases_are_exported_so_that_a_spreadsheet_runs_nothing_of_them) {
    EXPECT_EQ(cases({"--csv"}).out,
              "case,type,policy,reporter,reports,customer,customer_name,vm_name,vm_address,opened_at,replied_at,sanctioned_at,clean_at,closed_at,outcome\r\n"
              "C-1,content/malware,virus-content,cert@a.example,1,7,\"Lotus, \"\"Asha\"\" & Co\",web1,192.0.2.10,2026-03-02T03:00:00Z,2026-03-02T04:00:00Z,,"
              "2026-03-02T05:00:00Z,2026-03-02T05:00:00Z,fixed_by_customer\r\n"
              "C-2,content/malware,virus-content,'=cmd|' /C calc'!A0,1,7,\"Lotus, \"\"Asha\"\" & Co\",web1,192.0.2.10,2026-03-02T03:00:00Z,,,,,\r\n");
    const auto json = cases({"--json"}).json();
    ASSERT_EQ(json.at("items").size(), 2u);
    EXPECT_EQ(json.at("items").at(1).at("reporter"), "=cmd|' /C calc'!A0") << "JSON is for programs";
    EXPECT_EQ(json.at("items").at(1).at("closed_at"), nullptr);
}

}  // namespace
}  // namespace bailiff::test
