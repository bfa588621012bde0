// SPDX-License-Identifier: Apache-2.0
// Digests that are taken on other threads are those of the contents they were given for.
#include "agent/scan/digest_pool.hpp"

#include <bailiff/dsse.hpp>

#include <gtest/gtest.h>
#include <poll.h>

#include <map>
#include <string>

namespace bailiff::test {
namespace {

using agent::DigestPool;
using agent::MemoryFile;

std::string text_of(uint64_t ticket) { return std::string(size_t(1000 + 37'000 * (ticket % 9)), char('a' + ticket % 26)) + std::to_string(ticket); }

MemoryFile sealed(const std::string& text) {
    auto file = MemoryFile::create();
    EXPECT_TRUE(file && file->append({text.data(), text.size()}) && file->seal());
    return std::move(*file);
}

void expect_true_digests(unsigned threads) {
    constexpr uint64_t count = 60;
    std::vector<MemoryFile> contents;
    DigestPool pool(threads);
    for (uint64_t ticket = 1; ticket <= count; ++ticket) {
        contents.push_back(sealed(text_of(ticket)));
        pool.give(ticket, contents.back().fd(), text_of(ticket).size());
    }
    std::map<uint64_t, std::string> digests;
    for (pollfd wait{pool.fd(), POLLIN, 0}; digests.size() < count;) {
        ASSERT_EQ(::poll(&wait, 1, 60'000), 1) << "only " << digests.size() << " came";
        for (const auto& [ticket, digest] : pool.collect()) {
            ASSERT_TRUE(digest);
            EXPECT_TRUE(digests.emplace(ticket, agent::hex_of(*digest)).second) << ticket << " came twice";
        }
    }
    for (const auto& [ticket, digest] : digests) EXPECT_EQ(digest, sha256_hex(text_of(ticket)));
    EXPECT_TRUE(pool.collect().empty());
}

TEST(DigestPool, each_content_has_its_own) { expect_true_digests(3); }

TEST(DigestPool, does_the_work_itself_without_threads) { expect_true_digests(0); }

TEST(DigestPool, says_when_a_content_cannot_be_read) {
    DigestPool pool(1);
    const auto content = sealed("short");
    pool.give(1, content.fd(), 500'000);
    pollfd wait{pool.fd(), POLLIN, 0};
    ASSERT_EQ(::poll(&wait, 1, 60'000), 1);
    const auto done = pool.collect();
    ASSERT_EQ(done.size(), 1u);
    EXPECT_FALSE(done[0].second);
}

TEST(DigestPool, ends_with_work_left) {
    const auto content = sealed(std::string(20 << 20, 'x'));
    DigestPool pool(2);
    for (uint64_t ticket = 0; ticket < 50; ++ticket) pool.give(ticket, content.fd(), 20 << 20);
}

}  // namespace
}  // namespace bailiff::test
