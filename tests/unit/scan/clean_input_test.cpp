// SPDX-License-Identifier: Apache-2.0
// What bailiff-clean is told: its command line, and what a role says of a file.
#include "agent/scan/clean/clean_options.hpp"
#include "agent/scan/clean/file_facts.hpp"

#include <bailiff/json.hpp>

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>

namespace bailiff::agent {
namespace {

TEST(FileFacts, ComeBackFromJsonAndForeignTypesDoNot) {
    FileFacts facts;
    facts.inode = 12;
    facts.mode = 0644;
    facts.uid = 0;
    facts.mtime = -1;
    EXPECT_EQ(facts_of(to_json(facts)), facts);
    EXPECT_EQ(facts_of(Json::parse(R"({"inode":"x","mode":1.5,"uid":null,"gid":18446744073709551615,"mtime":[]})")), FileFacts{});
    EXPECT_EQ(facts_of(Json(true)), FileFacts{});
}

Result<CleanOptions> parsed(std::vector<const char*> words) {
    words.insert(words.begin(), "bailiff-clean");
    return parse_clean_options(int(words.size()), words.data());
}

TEST(CleanOptions, MistakesAreNamedAllAtOnce) {
    const auto wrong = parsed({"--backing", "x", "--keep", "/nowhere", "--known-good", "/nowhere"});
    ASSERT_FALSE(wrong);
    for (const char* word : {"one image", "--format", "--backing-format", "--keep must", "--keep-key", "--known-good '/nowhere'", "--help"})
        EXPECT_NE(wrong.error().text.find(word), std::string::npos) << word << ": " << wrong.error().text;
    EXPECT_FALSE(parsed({"--dry", "--format", "raw", "x"})) << "no abbreviations";
    EXPECT_FALSE(parsed({"unseal", "x"}));
    EXPECT_FALSE(parsed({"unseal", "--key", "x"}));
}

TEST(CleanOptions, ADryRunNeedsNeitherFolderNorKey) {
    const auto dry = parsed({"--dry-run", "--format", "qcow2", "--backing", "base", "--backing-format", "raw", "x.qcow2"});
    ASSERT_TRUE(dry) << dry.error().text;
    EXPECT_TRUE(dry->request.dry_run);
    EXPECT_FALSE(dry->request.remove_suspicious);
    EXPECT_EQ(dry->request.overlay.image, "x.qcow2");
    ASSERT_EQ(dry->request.overlay.backing.size(), 1U);
    EXPECT_NE(parsed({"--help"})->print.find("--remove-suspicious"), std::string::npos);
    EXPECT_EQ(parsed({"unseal", "--key", "k", "f"})->unseal->file, "f");
}

TEST(CleanOptions, TheKeyIsReadAtOnce) {
    char folder[] = "/tmp/bailiff-options-XXXXXX";
    ASSERT_TRUE(::mkdtemp(folder));
    const std::string file = std::string(folder) + "/key";
    const auto key = UnsealingKey::make();
    std::ofstream(file) << key.public_half().public_pem();
    const auto good = parsed({"--format", "raw", "--keep", folder, "--keep-key", file.c_str(), "x"});
    ASSERT_TRUE(good) << good.error().text;
    EXPECT_EQ(good->request.keep_key->raw(), key.public_half().raw());
    std::ofstream(file) << key.private_pem();
    EXPECT_NE(parsed({"--format", "raw", "--keep", folder, "--keep-key", file.c_str(), "x"}).error().text.find("private half"), std::string::npos);
    std::remove(file.c_str());
    std::remove(folder);
}

}  // namespace
}  // namespace bailiff::agent
