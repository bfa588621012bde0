// SPDX-License-Identifier: Apache-2.0
// Signed lists of contents: what was signed is found, and no list that differs in anything is used.
#include "agent/scan/engines/hash_list.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>

namespace bailiff::agent {
namespace {

const SignatureKey signer = SignatureKey::from_seed("bailiff-test-hash-list-key-32-by");
const SignatureKey stranger = SignatureKey::from_seed("bailiff-test-another-key-32-byte");

/// The digest that begins with this byte and ends with that one.
ContentDigest digest(uint8_t first, uint8_t last = 0) {
    ContentDigest out{};
    out[0] = first;
    out[31] = last;
    return out;
}

class HashListTest : public testing::Test {
  protected:
    HashListTest() {
        char name[] = "/tmp/bailiff-hashes-XXXXXX";
        folder = ::mkdtemp(name);
        key = write("key.pub", signer.public_pem());
    }
    ~HashListTest() override { std::filesystem::remove_all(folder); }
    std::string write(const std::string& name, const std::string& text) {
        std::ofstream(folder + "/" + name, std::ios::binary) << text;
        return folder + "/" + name;
    }
    static HashListHead head(HashListKind kind = HashListKind::bad) { return {kind, "provider", 7, Instant(Seconds(1795507200)), 0, ""}; }
    static std::string bad_list() {
        return write_hash_list(signer, head(), {{digest(9), "Last One"}, {digest(1), "First.A-1"}, {digest(5, 2), "Middle"}, {digest(1), "again"}});
    }
    /// What loading this file says.
    std::string refusal(const std::string& text) {
        const auto loaded = HashLists::load({write("list", text)}, {key});
        return loaded ? "" : loaded.error().text;
    }
    /// The same entries below a head that was changed and signed again.
    std::string resigned(const std::function<void(Json&)>& change, std::string_view type = hash_list_type) {
        const std::string list = bad_list();
        const size_t newline = list.find('\n');
        Json payload = Json::parse(*unbase64(Json::parse(list.substr(0, newline)).at("payload").get<std::string>()));
        change(payload);
        return seal(signer, type, payload.dump()) + list.substr(newline);
    }
    std::string folder, key;
};

bool says(const std::string& text, const char* part) { return text.find(part) != text.npos; }

TEST_F(HashListTest, finds_what_was_signed_and_nothing_else) {
    const auto lists = HashLists::load({write("bad", bad_list()), write("good", write_hash_list(signer, head(HashListKind::good), {{digest(9), ""}, {digest(7), "dropped"}}))}, {key});
    ASSERT_TRUE(lists) << lists.error().text;
    EXPECT_EQ(lists->bad(digest(1)), std::vector<std::string>{"First.A-1"}) << "of two entries with one digest the first stays";
    EXPECT_EQ(lists->bad(digest(5, 2)), std::vector<std::string>{"Middle"});
    EXPECT_EQ(lists->bad(digest(9)), std::vector<std::string>{"Last One"});
    for (const auto& other : {digest(0), digest(5), digest(5, 3), digest(7), digest(255, 255)}) EXPECT_TRUE(lists->bad(other).empty());
    EXPECT_TRUE(lists->good(digest(7)));
    EXPECT_TRUE(lists->good(digest(9)));
    EXPECT_FALSE(lists->good(digest(1)));
    const auto facts = lists->facts();
    ASSERT_EQ(facts.size(), 2u);
    EXPECT_EQ(facts[0].name, "hashes");
    EXPECT_EQ(facts[0].version, "provider 7 (bad, 3 contents, 2026-11-24T08:00:00Z)");
    EXPECT_EQ(facts[0].signatures_at, Instant{}) << "its date says nothing of an engine's signatures";
    EXPECT_TRUE(facts[0].set.starts_with("hashes bad ")) << facts[0].set;
    EXPECT_NE(facts[0].set, facts[1].set);
}

TEST_F(HashListTest, a_change_of_any_byte_is_noticed) {
    const std::string list = bad_list();
    ASSERT_EQ(refusal(list), "");
    for (size_t at = 0; at < list.size(); at += 5) {
        std::string changed = list;
        changed[at] = changed[at] == 'a' ? 'b' : 'a';
        EXPECT_NE(refusal(changed), "") << at;
    }
    for (size_t size = 0; size < list.size(); size += 23) EXPECT_NE(refusal(list.substr(0, size)), "") << size;
    EXPECT_TRUE(says(refusal(list.substr(0, list.size() - 1)), "middle of a line"));
    EXPECT_TRUE(says(refusal(list + std::string(64, 'f') + " More\n"), "more entries than were signed"));
    EXPECT_TRUE(says(refusal(list + "\n"), "no entry of a list"));
    EXPECT_TRUE(says(refusal(""), "empty"));
}

TEST_F(HashListTest, only_the_given_keys_sign_and_only_lists) {
    EXPECT_TRUE(says(refusal(write_hash_list(stranger, head(), {{digest(1), "A"}})), "--hash-list-key"));
    EXPECT_TRUE(says(refusal(resigned([](Json&) {}, "application/vnd.bailiff.order.v1+json")), "no hash list but"));
    EXPECT_TRUE(says(refusal("275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f  eicar\n"), "bailiffctl hashes sign")) << "unsigned";
    const auto two = write("two.pub", signer.public_pem() + stranger.public_pem());
    EXPECT_TRUE(HashLists::load({write("list", write_hash_list(stranger, head(), {{digest(1), "A"}}))}, {two}));
    const auto load_says = [](const std::vector<std::string>& files, const std::vector<std::string>& keys, const char* part) {
        const auto loaded = HashLists::load(files, keys);
        return !loaded && says(loaded.error().text, part);
    };
    EXPECT_TRUE(load_says({write("list", bad_list())}, {}, "--hash-list-key"));
    EXPECT_TRUE(load_says({}, {write("private.pem", signer.private_pem())}, "private.pem"));
    EXPECT_TRUE(load_says({}, {write("none.pem", "hello")}, "no public key in PEM"));
    EXPECT_TRUE(load_says({folder + "/missing"}, {key}, "missing"));
    EXPECT_TRUE(load_says({folder}, {key}, "no regular file"));
    EXPECT_TRUE(HashLists::load({}, {})->empty());
}

TEST_F(HashListTest, the_head_is_strict) {
    ASSERT_EQ(refusal(resigned([](Json&) {})), "");
    for (const auto& change : std::vector<std::function<void(Json&)>>{
             [](Json& j) { j["kind"] = "ugly"; }, [](Json& j) { j.erase("version"); }, [](Json& j) { j["version"] = 0; }, [](Json& j) { j["version"] = 1.0; },
             [](Json& j) { j["surprise"] = 1; }, [](Json& j) { j["name"] = "a\nb"; }, [](Json& j) { j["entries"] = 4; }, [](Json& j) { j["entries"] = 2; },
             [](Json& j) { j["entries"] = 4'000'000; }, [](Json& j) { j["entries"] = int64_t{1} << 60; }, [](Json& j) { j["entries"] = -1; },
             [](Json& j) { j["sha256"] = std::string(64, '0'); }, [](Json& j) { j["sha256"] = "x"; }, [](Json& j) { j["made_at"] = "yesterday"; },
             [](Json& j) { j["kind"] = "good"; }})
        EXPECT_NE(refusal(resigned(change)), "");
    const std::string list = bad_list();
    const std::string doubled = R"({"kind":"bad","kind":"good","name":"a","version":1,"made_at":"2026-11-24T08:00:00Z","entries":0,"sha256":")" + sha256_hex("") + "\"}";
    EXPECT_TRUE(says(refusal(seal(signer, hash_list_type, doubled) + "\n"), "twice"));
    EXPECT_TRUE(says(refusal(std::string(20'000, ' ') + list), "longer")) << "the head's size is bounded before anything is believed";
}

TEST_F(HashListTest, order_and_form_of_the_entries_are_strict) {
    const auto signed_lines = [&](const std::string& lines, int64_t entries) {
        HashListHead h = head();
        h.entries = entries;
        h.sha256 = sha256_hex(lines);
        return seal(signer, hash_list_type, hash_list_payload(h)) + "\n" + lines;
    };
    const std::string low(64, '1'), high(64, '2');
    EXPECT_EQ(refusal(signed_lines(low + " A\n" + high + " B\n", 2)), "");
    EXPECT_TRUE(says(refusal(signed_lines(high + " A\n" + low + " B\n", 2)), "rising order"));
    EXPECT_TRUE(says(refusal(signed_lines(low + " A\n" + low + " B\n", 2)), "rising order")) << "one digest twice";
    for (const std::string& line : {low + "\n", low + " \n", low + "  A\n", low + " A \n", low + " A\r\n", low + " \xff\n", low.substr(1) + "G A\n", low + " " + std::string(129, 'n') + "\n", std::string(64, 'A') + " A\n"})
        EXPECT_NE(refusal(signed_lines(line, 1)), "") << line;
    EXPECT_EQ(refusal(signed_lines("", 0)), "");
}

TEST_F(HashListTest, sums_are_read_as_sha256sum_prints_them) {
    const std::string sum(64, 'a');
    const auto bad = read_hash_sums("# a comment\n\n" + sum + "  Eicar Test\n" + sum + " *dropper.bin\r\n", HashListKind::bad);
    ASSERT_TRUE(bad) << bad.error().text;
    EXPECT_EQ(bad->at(0).name, "Eicar Test");
    EXPECT_EQ(bad->at(1).name, "dropper.bin");
    EXPECT_EQ(read_hash_sums(sum + "  /usr/bin/\xff\n" + sum, HashListKind::good)->size(), 2u) << "names of good ones do not matter";
    for (const std::string& text : {sum + "\n", sum + "x  name\n", "A" + sum.substr(1) + "  name\n", std::string("short  name\n"), sum + "  \xff\n"}) {
        const auto read = read_hash_sums("\n" + text, HashListKind::bad);
        ASSERT_FALSE(read) << text;
        EXPECT_TRUE(says(read.error().text, "line 2 ")) << read.error().text;
    }
}

TEST_F(HashListTest, a_large_list_needs_its_entries_and_little_more) {
    constexpr size_t count = 50'000;
    std::vector<HashEntry> entries(count);
    uint64_t state = 1;
    for (auto& entry : entries) {
        for (auto& byte : entry.digest) byte = static_cast<uint8_t>((state = state * 6364136223846793005u + 1442695040888963407u) >> 56);
        entry.name = "Linux.Trojan.Family-" + std::to_string(state % 100'000);
    }
    const auto wanted = entries[count / 2];
    const auto path = write("large", write_hash_list(signer, head(), std::move(entries)));
    const auto list = HashList::load(path, *read_public_keys(signer.public_pem()));
    ASSERT_TRUE(list) << list.error().text;
    EXPECT_EQ(list->head().entries, int64_t(count));
    EXPECT_EQ(list->find(wanted.digest), wanted.name);
    EXPECT_LT(list->bytes(), 66 * count) << "64 MiB for a million";
}

}  // namespace
}  // namespace bailiff::agent
