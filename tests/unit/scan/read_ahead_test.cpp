// SPDX-License-Identifier: Apache-2.0
// Reading ahead: the same bytes, in fewer requests, and no request for what nobody wants.
#include "agent/scan/read_ahead.hpp"

#include <gtest/gtest.h>

#include <random>

namespace bailiff::test {
namespace {

/// Bytes that tell where they are; counts what is asked of it.
class CountingImage : public agent::Image {
  public:
    struct Asked {
        int requests = 0;
        uint64_t bytes = 0;
        uint64_t bad_from = ~uint64_t{0};
    };
    CountingImage(uint64_t size, Asked& asked) : size_(size), asked_(asked) {}
    uint64_t size() const override { return size_; }
    bool read(uint64_t offset, std::span<uint8_t> out) override {
        if (offset > size_ || out.size() > size_ - offset || offset + out.size() > asked_.bad_from) return false;
        ++asked_.requests;
        asked_.bytes += out.size();
        for (size_t i = 0; i < out.size(); ++i) out[i] = value(offset + i);
        return true;
    }
    static uint8_t value(uint64_t at) { return static_cast<uint8_t>(at ^ (at >> 8) ^ (at >> 16)); }

  private:
    uint64_t size_;
    Asked& asked_;
};

struct Ahead : testing::Test {
    static constexpr uint64_t size = 9'000'001;
    CountingImage::Asked asked;
    agent::ReadAheadImage image{std::make_unique<CountingImage>(size, asked)};

    bool right(uint64_t offset, size_t length) {
        std::vector<uint8_t> out(length);
        if (!image.read(offset, out)) return false;
        for (size_t i = 0; i < length; ++i)
            if (out[i] != CountingImage::value(offset + i)) return ADD_FAILURE() << "wrong byte at " << offset + i, false;
        return true;
    }
};

TEST_F(Ahead, small_reads_in_order_are_few_requests) {
    for (uint64_t at = 0; at + 4096 <= size; at += 5000) ASSERT_TRUE(right(at, 4096));
    EXPECT_LE(asked.requests, 7);
}

TEST_F(Ahead, reads_here_and_there_cost_what_they_ask) {
    uint64_t wanted = 0;
    for (uint64_t i = 0; i < 50; ++i) {
        ASSERT_TRUE(right((i * 4'000'037) % (size - 4096), 4096));
        wanted += 4096;
    }
    EXPECT_EQ(asked.bytes, wanted);
}

TEST_F(Ahead, whatever_is_read_it_is_what_is_there) {
    std::mt19937_64 random(7);
    uint64_t at = 0;
    for (int i = 0; i < 600; ++i) {
        const size_t length = 1 + random() % (i % 50 == 0 ? 3'000'000 : 20'000);
        at = random() % 3 ? at + length + random() % 70'000 : random() % size;
        if (at >= size) at = random() % size;
        EXPECT_EQ(right(at, length), at + length <= size) << at << " " << length;
    }
}

TEST_F(Ahead, a_bad_spot_ahead_harms_nothing_before_it) {
    asked.bad_from = 1'000'000;
    for (uint64_t at = 0; at + 4096 <= asked.bad_from; at += 4096) ASSERT_TRUE(right(at, 4096)) << at;
    EXPECT_FALSE(right(999'000, 4096));
}

TEST_F(Ahead, nothing_is_read_past_the_end) {
    EXPECT_TRUE(right(size - 8192, 4096));
    EXPECT_TRUE(right(size - 4096, 4096));
    EXPECT_FALSE(right(size - 100, 101));
    EXPECT_FALSE(right(size + 10, 1));
    EXPECT_FALSE(right(~uint64_t{0} - 2, 10)) << "an offset that wraps";
}

}  // namespace
}  // namespace bailiff::test
