// SPDX-License-Identifier: Apache-2.0
// How fast an image may be read: the arithmetic, and that nothing of the content is changed by it.
#include "agent/scan/paced_image.hpp"

#include "tests/unit/scan/memory_image.hpp"

#include <gtest/gtest.h>

namespace bailiff::agent {
namespace {

using namespace std::chrono_literals;

TEST(ReadPace, holds_to_its_rate_over_any_pieces) {
    for (const uint64_t piece : {1000u, 4096u, 65536u, 3u << 20}) {
        ReadPace pace(1 << 20);
        ReadPace::Time now = 5s;
        uint64_t read = 0;
        for (; read < (20u << 20); read += piece) now += pace.after(piece, now);
        const double seconds = std::chrono::duration<double>(now - 5s).count();
        // Up to a tenth of a second was saved up before.
        EXPECT_NEAR(seconds, double(read) / (1 << 20), 0.11) << piece;
    }
}

TEST(ReadPace, a_disk_that_is_slower_is_never_waited_for) {
    ReadPace pace(1 << 20);
    ReadPace::Time now = 1s;
    for (int i = 0; i < 100; ++i) {
        now += 100ms;   // what the disk took for this much
        EXPECT_EQ(pace.after(64 << 10, now).count(), 0) << i;
    }
}

TEST(ReadPace, a_long_pause_is_not_made_up_for) {
    ReadPace pace(1 << 20);
    ReadPace::Time now = 1s;
    now += pace.after(1 << 20, now);
    now += std::chrono::hours(1);
    EXPECT_GT(pace.after(1 << 20, now), 850ms);
}

TEST(ReadPace, the_largest_numbers_do_not_overflow) {
    ReadPace pace(1);
    EXPECT_GT(pace.after(uint64_t{2} << 30, ReadPace::Time(0)), std::chrono::hours(24 * 365));
}

TEST(PacedImage, reads_what_lies_there_and_takes_its_time) {
    auto disk = std::make_unique<test::MemoryImage>(1 << 20);
    for (size_t i = 0; i < disk->raw().size(); ++i) disk->raw()[i] = uint8_t(i * 7 + i / 251);
    const std::vector<uint8_t> bytes = disk->raw();
    PacedImage image(std::move(disk), 4 << 20);
    const auto began = std::chrono::steady_clock::now();
    std::vector<uint8_t> out(bytes.size() - 3);
    ASSERT_TRUE(image.read(3, out));
    EXPECT_TRUE(std::equal(out.begin(), out.end(), bytes.begin() + 3));
    EXPECT_GE(std::chrono::steady_clock::now() - began, 100ms) << "a megabyte at four of them a second";
    EXPECT_FALSE(image.read(bytes.size() - 1, std::span(out).first(2))) << "past the end";
    EXPECT_EQ(image.size(), bytes.size());
}

}  // namespace
}  // namespace bailiff::agent
