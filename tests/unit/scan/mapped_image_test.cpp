// SPDX-License-Identifier: Apache-2.0
// Reading and writing through a mapping: the right bytes, or an error, never other bytes.
#include "agent/scan/image/mapped_image.hpp"

#include "tests/unit/scan/memory_image.hpp"

#include <gtest/gtest.h>

namespace bailiff::agent {
namespace {

/// A disk whose every byte tells its place, and which can be written.
class Disk : public test::MemoryImage {
  public:
    explicit Disk(size_t size, uint8_t salt = 0) : MemoryImage(size) {
        for (size_t i = 0; i < size; ++i) raw()[i] = static_cast<uint8_t>(i * 7 + i / 256 + salt);
    }
    bool write(uint64_t offset, Bytes bytes) override {
        if (offset > size() || bytes.size() > size() - offset) return false;
        std::copy(bytes.begin(), bytes.end(), raw().begin() + static_cast<std::ptrdiff_t>(offset));
        return true;
    }
    bool flush() override { return ++flushes > 0; }
    int flushes = 0;
};

TEST(MappedImage, LinearPiecesFollowEachOther) {
    const auto disk = std::make_shared<Disk>(4096);
    const auto mapped = MappedImage::create({{100, 0, {{disk, 3000}}}, {50, 0, {{disk, 10}}}, {1, 0, {{disk, 4095}}}});
    ASSERT_TRUE(mapped);
    EXPECT_EQ(mapped->size(), 151U);
    const auto all = mapped->bytes(0, 1000);
    ASSERT_EQ(all.size(), 151U);
    for (size_t i = 0; i < all.size(); ++i) EXPECT_EQ(all[i], disk->raw()[i < 100 ? 3000 + i : i < 150 ? i - 90 : 4095]) << i;
    for (size_t from = 0; from < 151; from += 13)
        for (size_t length = 0; from + length <= 151; length += 17)
            EXPECT_TRUE(std::equal(all.begin() + static_cast<std::ptrdiff_t>(from), all.begin() + static_cast<std::ptrdiff_t>(from + length), mapped->bytes(from, length).begin()));
    std::vector<uint8_t> buffer(2);
    EXPECT_FALSE(mapped->read(150, buffer));
    EXPECT_FALSE(mapped->read(~uint64_t{0}, buffer));
    EXPECT_FALSE(mapped->write(150, buffer));
}

TEST(MappedImage, StripesGoRound) {
    const auto first = std::make_shared<Disk>(4096), second = std::make_shared<Disk>(4096, 99);
    const auto mapped = MappedImage::create({{96, 16, {{first, 100}, {second, 200}, {first, 2000}}}});
    ASSERT_TRUE(mapped);
    const auto all = mapped->bytes(0, 96);
    ASSERT_EQ(all.size(), 96U);
    for (size_t i = 0; i < all.size(); ++i) {
        const size_t leg = i / 16 % 3, within = i / 48 * 16 + i % 16;
        EXPECT_EQ(all[i], leg == 0 ? first->raw()[100 + within] : leg == 1 ? second->raw()[200 + within] : first->raw()[2000 + within]) << i;
    }
    std::vector<uint8_t> marks(50, 0xaa);
    EXPECT_TRUE(mapped->write(10, marks));
    EXPECT_EQ(mapped->bytes(10, 50), marks);
    EXPECT_EQ(mapped->bytes(0, 10), std::vector<uint8_t>(all.begin(), all.begin() + 10));
    EXPECT_EQ(mapped->bytes(60, 36), std::vector<uint8_t>(all.begin() + 60, all.end()));
    EXPECT_TRUE(mapped->flush());
    EXPECT_GT(second->flushes, 0);
}

TEST(MappedImage, AShorterDiskIsAnErrorAndNotZeros) {
    const auto disk = std::make_shared<Disk>(1000);
    const auto mapped = MappedImage::create({{100, 0, {{disk, 950}}}});
    ASSERT_TRUE(mapped);
    std::vector<uint8_t> buffer(50);
    EXPECT_TRUE(mapped->read(0, buffer));
    EXPECT_FALSE(mapped->read(50, buffer));
    EXPECT_FALSE(mapped->write(50, buffer));
}

TEST(MappedImage, RefusesWhatCannotBe) {
    const auto disk = std::make_shared<Disk>(1000);
    EXPECT_FALSE(MappedImage::create({{0, 0, {{disk, 0}}}}));
    EXPECT_FALSE(MappedImage::create({{10, 0, {}}}));
    EXPECT_FALSE(MappedImage::create({{10, 0, {{nullptr, 0}}}}));
    EXPECT_FALSE(MappedImage::create({{10, 0, {{disk, ~uint64_t{0}}}}}));
    EXPECT_FALSE(MappedImage::create({{~uint64_t{0}, 0, {{disk, 0}}}, {10, 0, {{disk, 0}}}})) << "longer than can be counted";
    EXPECT_FALSE(MappedImage::create({{10, 0, {{disk, 0}, {disk, 500}}}})) << "no stripe size";
    EXPECT_FALSE(MappedImage::create({{10, 4, {{disk, 0}, {disk, 500}}}})) << "a last round that is not full";
    const auto empty = MappedImage::create({});
    ASSERT_TRUE(empty);
    EXPECT_EQ(empty->size(), 0U);
    std::vector<uint8_t> one(1);
    EXPECT_FALSE(empty->read(0, one));
}

TEST(MappedImage, MapsThroughMaps) {
    const auto disk = std::make_shared<Disk>(1000);
    const std::shared_ptr<Image> inner = MappedImage::create({{100, 0, {{disk, 500}}}});
    const auto outer = MappedImage::create({{10, 0, {{inner, 90}}}, {10, 0, {{inner, 0}}}});
    ASSERT_TRUE(outer);
    const auto bytes = outer->bytes(0, 20);
    ASSERT_EQ(bytes.size(), 20U);
    EXPECT_EQ(bytes[0], disk->raw()[590]);
    EXPECT_EQ(bytes[10], disk->raw()[500]);
}

}  // namespace
}  // namespace bailiff::agent
