// SPDX-License-Identifier: Apache-2.0
// clamd's answers: only a positive OK is clean.
#include "agent/scan/engines/clamd.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <ctime>

namespace bailiff::agent {
namespace {

TEST(ClamdAnswer, Table) {
    using Kind = ClamdAnswer::Kind;
    struct Case {
        const char* line;
        Kind kind;
        const char* text;
    };
    const Case table[] = {
        {"1: fd[12]: OK", Kind::clean, ""},
        {"fd[12]: OK", Kind::clean, ""},
        {"7: fd[12]: Eicar-Test-Signature FOUND", Kind::found, "Eicar-Test-Signature"},
        {"7: fd[12]: Test.Eicar.UNOFFICIAL(44d88612fea8a8f36de82e1278abb02f:68) FOUND", Kind::found,
         "Test.Eicar.UNOFFICIAL(44d88612fea8a8f36de82e1278abb02f:68)"},
        {"7: fd[12]: Heuristics.Limits.Exceeded.MaxFileSize FOUND", Kind::limit, "Heuristics.Limits.Exceeded.MaxFileSize"},
        {"7: fd[12]: Can't allocate memory ERROR", Kind::error, "7: fd[12]: Can't allocate memory ERROR"},
        {"7: fd[12]:  FOUND", Kind::error, "7: fd[12]:  FOUND"},
        {"OK", Kind::error, "OK"},
        {"UNKNOWN COMMAND", Kind::error, "UNKNOWN COMMAND"},
        {"", Kind::error, ""},
    };
    for (const auto& [line, kind, text] : table) {
        const ClamdAnswer answer = parse_clamd_answer(line);
        EXPECT_EQ(answer.kind, kind) << line;
        EXPECT_EQ(answer.text, text) << line;
    }
}

TEST(ClamdVersion, TheDateOfTheSignaturesIsLocalTimeOrNothing) {
    const char* old = std::getenv("TZ");
    const std::string before = old ? old : "";
    const auto in_zone = [](const char* zone, std::string_view version) {
        ::setenv("TZ", zone, 1);
        ::tzset();
        return signatures_date(version);
    };
    EXPECT_EQ(in_zone("UTC0", "ClamAV 1.0.7/27500/Tue Nov 24 08:00:00 2026"), Instant(Seconds(1795507200)));
    EXPECT_EQ(in_zone("IST-5:30", "ClamAV 1.0.7/27500/Tue Nov 24 13:30:00 2026"), Instant(Seconds(1795507200)));
    EXPECT_EQ(in_zone("UTC0", "ClamAV 1.0.7/27500/Tue Nov  3 08:00:00 2026"), Instant(Seconds(1793692800)));
    for (const char* none : {"ClamAV 1.0.7", "ClamAV 1.0.7/27500", "ClamAV 1.0.7/27500/", "ClamAV 1.0.7/27500/yesterday", "",
                             "ClamAV 1.0.7/27500/Tue Nov 24 08:00:00 2026 and more", "ClamAV 1.0.7/27500/Thu Jan  1 00:00:00 1970"})
        EXPECT_EQ(in_zone("UTC0", none), std::nullopt) << none;
    old ? ::setenv("TZ", before.c_str(), 1) : ::unsetenv("TZ");
    ::tzset();
}

TEST(ClamdAnswer, AMissingDaemonIsAnErrorWithItsRemedy) {
    const auto facts = examine_clamd("/nonexistent/clamd.sock", std::chrono::seconds(1));
    ASSERT_FALSE(facts);
    EXPECT_NE(facts.error().text.find("--clamd"), std::string::npos);
}

}  // namespace
}  // namespace bailiff::agent
