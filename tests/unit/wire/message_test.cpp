// SPDX-License-Identifier: Apache-2.0
// Fields that were added later: they arrive, and frames of peers that do not have them are read all the same.
#include <bailiff/message.hpp>

#include <gtest/gtest.h>

namespace bailiff {
namespace {

TEST(JobAnswer, tells_suspicions_and_older_agents_tell_none) {
    JobAnswer answer;
    answer.job_id = JobId("scan/1.1");
    answer.status = AnswerStatus::done;
    answer.verdict = ScanVerdict::clean;
    answer.suspicious = 23;
    answer.suspicions = {{"/etc/cron.d/\\x0a", "cron_download", "pipes a download into sh"}};
    const Frame frame{MessageId("m"), answer};
    const auto back = decode(encode(frame));
    ASSERT_TRUE(back) << back.error().text;
    EXPECT_EQ(*back, frame);

    Json old = *parse_json(encode(frame));
    old["body"].erase("suspicious");
    old["body"].erase("suspicions");
    const auto read = decode(dump_json(old));
    ASSERT_TRUE(read) << read.error().text;
    answer.suspicious = 0;
    answer.suspicions.clear();
    EXPECT_EQ(std::get<JobAnswer>(read->message), answer);

    Json wrong = *parse_json(encode(frame));
    wrong["body"]["suspicions"][0].erase("reason");
    EXPECT_FALSE(decode(dump_json(wrong)));
    wrong = *parse_json(encode(frame));
    wrong["body"]["suspicious"] = -1;
    EXPECT_FALSE(decode(dump_json(wrong)));
}

}  // namespace
}  // namespace bailiff
