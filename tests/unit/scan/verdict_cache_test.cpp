// SPDX-License-Identifier: Apache-2.0
// The verdict cache: what it knows, what it must not know, how it stays small, and files that are not one.
#include "agent/scan/engines/verdict_cache.hpp"

#include <bailiff/time.hpp>

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

namespace bailiff::test {
namespace {

using agent::ContentDigest;
using agent::VerdictCache;

class Cache : public testing::Test {
  protected:
    void SetUp() override {
        char name[] = "/tmp/bailiff-cache-XXXXXX";
        ASSERT_TRUE(::mkdtemp(name));
        folder = name;
        path = folder + "/verdicts.sqlite";
    }
    void TearDown() override { std::filesystem::remove_all(folder); }
    std::unique_ptr<VerdictCache> open(uint64_t most = 64U << 20, int64_t day = 20'000) {
        auto cache = VerdictCache::open(path, most, Instant(std::chrono::hours(24) * day));
        EXPECT_TRUE(cache) << cache.error().text;
        return cache ? std::move(*cache) : nullptr;
    }
    static ContentDigest digest(uint32_t n) {
        ContentDigest out{};
        // Spread as digests are.
        for (size_t i = 0; i < out.size(); ++i) out[i] = static_cast<uint8_t>((n * 2654435761U) >> (8 * (i % 4)) ^ (i * n));
        return out;
    }
    std::string folder, path;
};

TEST_F(Cache, knows_what_was_added_for_the_same_signatures_only) {
    {
        const auto cache = open();
        const auto set = cache->number_of("clamd a"), other = cache->number_of("clamd b");
        EXPECT_NE(set, other);
        EXPECT_FALSE(cache->knows(set, digest(1)));
        cache->add(set, digest(1));
        EXPECT_EQ(cache->unwritten(), 1u);
        cache->flush();
        EXPECT_EQ(cache->unwritten(), 0u);
        EXPECT_TRUE(cache->knows(set, digest(1)));
        EXPECT_FALSE(cache->knows(other, digest(1))) << "a newer set has its own mind";
        EXPECT_FALSE(cache->knows(set, digest(2)));
    }
    const auto again = open();
    EXPECT_TRUE(again->knows(again->number_of("clamd a"), digest(1)));
    struct stat status {};
    ASSERT_EQ(::stat(path.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0600u);
}

TEST_F(Cache, of_a_set_without_a_number_nothing_is_known) {
    const auto cache = open();
    cache->add(0, digest(1));
    EXPECT_EQ(cache->unwritten(), 0u);
    EXPECT_FALSE(cache->knows(0, digest(1)));
}

TEST_F(Cache, what_is_forgotten_is_not_written) {
    const auto cache = open();
    const auto set = cache->number_of("yara a");
    cache->add(set, digest(1));
    cache->forget_unwritten();
    cache->flush();
    EXPECT_FALSE(cache->knows(set, digest(1)));
}

TEST_F(Cache, two_scans_share_it) {
    const auto one = open(), two = open();
    const auto set = one->number_of("clamd a");
    EXPECT_EQ(two->number_of("clamd a"), set);
    one->add(set, digest(1));
    two->add(set, digest(2));
    one->flush();
    two->flush();
    EXPECT_TRUE(two->knows(set, digest(1)));
    EXPECT_TRUE(one->knows(set, digest(2)));
}

TEST_F(Cache, a_sets_number_is_never_given_to_another) {
    const auto one = open(), two = open();
    const auto early = one->number_of("clamd old");
    two->trim();   // while the first has not added anything
    const auto later = two->number_of("clamd new");
    EXPECT_NE(early, later);
    one->add(early, digest(1));
    one->flush();
    EXPECT_FALSE(two->knows(later, digest(1))) << "what the old signatures let pass is not known to the new ones";
    EXPECT_EQ(open()->number_of("clamd old"), early);
}

TEST_F(Cache, stays_within_its_size_and_keeps_what_was_of_use) {
    constexpr uint64_t most = 2U << 20;
    constexpr uint32_t each = 12'000;
    int64_t set = 0;
    for (int64_t day = 100; day < 108; ++day) {
        const auto cache = open(most, day * 10);
        set = cache->number_of("clamd a");
        for (uint32_t i = 0; i < each; ++i) cache->add(set, digest(static_cast<uint32_t>(day) * each + i));
        // Of the first day's contents a few are met every day.
        if (day > 100) {
            for (uint32_t i = 0; i < 100; ++i) EXPECT_TRUE(cache->knows(set, digest(100 * each + i))) << "day " << day;
        }
        cache->trim();
    }
    const auto cache = open(most, 1080);
    EXPECT_TRUE(cache->knows(set, digest(107 * each)));
    EXPECT_FALSE(cache->knows(set, digest(101 * each)));
    EXPECT_TRUE(cache->knows(set, digest(100 * each))) << "used all along";
    EXPECT_LE(std::filesystem::file_size(path), most + (1U << 20));
}

TEST_F(Cache, a_single_day_that_is_too_much_is_halved) {
    const auto cache = open(1U << 20);
    const auto set = cache->number_of("clamd a");
    for (uint32_t i = 0; i < 60'000; ++i) cache->add(set, digest(i));
    cache->trim();
    uint32_t left = 0;
    for (uint32_t i = 0; i < 60'000; ++i) left += cache->knows(set, digest(i));
    EXPECT_LT(left, 60'000u);
}

TEST_F(Cache, another_database_is_left_alone) {
    std::filesystem::copy_file("/proc/self/cmdline", path, std::filesystem::copy_options::overwrite_existing);
    std::ofstream(path, std::ios::app) << std::string(8192, 'x');
    const auto before = std::filesystem::file_size(path);
    const auto refused = VerdictCache::open(path, 1U << 20, Instant{});
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().text.find("delete it"), std::string::npos) << refused.error().text;
    EXPECT_EQ(std::filesystem::file_size(path), before);
    const auto nowhere = VerdictCache::open(folder + "/none/verdicts.sqlite", 1U << 20, Instant{});
    EXPECT_FALSE(nowhere);
}

TEST_F(Cache, damage_is_told_or_known_nothing_of) {
    {
        const auto cache = open();
        const auto set = cache->number_of("clamd a");
        for (uint32_t i = 0; i < 5000; ++i) cache->add(set, digest(i));
        cache->flush();
    }
    const auto size = std::filesystem::file_size(path);
    for (uint64_t at = 4096; at < size; at += 8192) {
        std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
        file.seekp(static_cast<std::streamoff>(at));
        file << std::string(64, '\xff');
    }
    const auto cache = VerdictCache::open(path, 1U << 20, Instant{});
    if (!cache) return;
    const auto set = (*cache)->number_of("clamd a");
    for (uint32_t i = 100'000; i < 101'000; ++i) EXPECT_FALSE((*cache)->knows(set, digest(i))) << "what was never added";
}

}  // namespace
}  // namespace bailiff::test
