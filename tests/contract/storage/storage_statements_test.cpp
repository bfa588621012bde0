// SPDX-License-Identifier: Apache-2.0
// The storage contract: addresses of customers' pages, and files that came with statements.
#include "tests/contract/storage/storage_world.hpp"

namespace bailiff::test {
namespace {

class TheStatements : public StorageContract {};
BAILIFF_OVER_ALL_STORAGES(TheStatements);

CaseToken token(const std::string& hash, const std::string& case_id = "C-1", const std::string& notice = "ticket", Instant made = at(0)) {
    return {TokenUse::page, hash, CaseId(case_id), notice, made};
}

TEST_P(TheStatements, find_a_case_by_the_hash_of_its_address) {
    storage().put_token(token("aa"));
    storage().put_token(token("bb", "C-2"));
    EXPECT_EQ(storage().case_of_token(TokenUse::page, "aa"), CaseId("C-1"));
    EXPECT_EQ(storage().case_of_token(TokenUse::page, "bb"), CaseId("C-2"));
    EXPECT_FALSE(storage().case_of_token(TokenUse::page, "cc"));
    EXPECT_FALSE(storage().case_of_token(TokenUse::page, ""));
    EXPECT_FALSE(storage().case_of_token(TokenUse::page, "AA")) << "compared byte by byte";
}

TEST_P(TheStatements, keep_the_newest_addresses_of_each_notice) {
    storage().put_token(token("other", "C-1", "further_report/2"));
    storage().put_token(token("foreign", "C-2"));
    // All in the same second: the order in which they were made counts.
    for (int i = 0; i < 6; ++i) storage().put_token(token("t" + std::to_string(i)));
    for (int i = 0; i < 6; ++i)
        EXPECT_EQ(storage().case_of_token(TokenUse::page, "t" + std::to_string(i)).has_value(), i >= 6 - Statements::tokens_per_notice) << i;
    EXPECT_TRUE(storage().case_of_token(TokenUse::page, "other"));
    EXPECT_TRUE(storage().case_of_token(TokenUse::page, "foreign"));
}

TEST_P(TheStatements, an_address_never_changes_its_case) {
    storage().put_token(token("aa"));
    storage().put_token(token("aa", "C-2"));
    EXPECT_EQ(storage().case_of_token(TokenUse::page, "aa"), CaseId("C-1"));
}

TEST_P(TheStatements, keep_files_byte_by_byte) {
    std::string bytes;
    for (int i = 0; i < 1000; ++i) bytes += char(i * 7);
    const Attachment first{CaseId("C-1"), 1, "रिपोर्ट.pdf", "ab", int64_t(bytes.size()), at(5), bytes};
    const Attachment second{CaseId("C-1"), 2, "empty.txt", "cd", 0, at(6), "", "staff:ravi"};
    storage().put_attachment(second);
    storage().put_attachment(first);
    storage().put_attachment({CaseId("C-2"), 1, "x", "ef", 1, at(7), "y"});
    EXPECT_EQ(storage().find_attachment(CaseId("C-1"), 1), first);
    EXPECT_EQ(storage().find_attachment(CaseId("C-1"), 2), second);
    EXPECT_FALSE(storage().find_attachment(CaseId("C-1"), 3));
    Attachment listed = first;
    listed.bytes.clear();
    EXPECT_EQ(storage().attachments_of(CaseId("C-1")), (std::vector<Attachment>{listed, second}));
    EXPECT_TRUE(storage().attachments_of(CaseId("C-9")).empty());
}

TEST_P(TheStatements, are_undone_with_their_transaction) {
    for (int i = 0; i < 4; ++i) storage().put_token(token("t" + std::to_string(i)));
    EXPECT_FALSE(storage().transaction([&]() -> Result<void> {
        storage().put_token(token("new"));
        storage().put_attachment({CaseId("C-1"), 1, "x", "ef", 1, at(7), "y"});
        EXPECT_FALSE(storage().case_of_token(TokenUse::page, "t0"));
        return fail(Errc::invalid, "no");
    }));
    EXPECT_TRUE(storage().case_of_token(TokenUse::page, "t0")) << "what made room is back";
    EXPECT_FALSE(storage().case_of_token(TokenUse::page, "new"));
    EXPECT_TRUE(storage().attachments_of(CaseId("C-1")).empty());
}

}  // namespace
}  // namespace bailiff::test
