// SPDX-License-Identifier: Apache-2.0
// A sealed content opens with its key, and with nothing else; whatever was done to it is refused before a byte comes out.
#include "agent/scan/clean/keep.hpp"
#include "agent/scan/clean/sealed_file.hpp"
#include "agent/files/durable_file.hpp"

#include <gtest/gtest.h>

#include <bailiff/dsse.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace bailiff::agent {
namespace {

/// Bytes that repeat at no chunk's length.
std::string some_content(size_t size) {
    std::string out(size, '\0');
    uint32_t state = 1;
    for (auto& c : out) {
        state = state * 1664525 + 1013904223;
        c = static_cast<char>(state >> 24);
    }
    return out;
}

class SealedFile : public ::testing::Test {
  protected:
    SealedFile() {
        char name[] = "/tmp/bailiff-sealed-XXXXXX";
        if (!::mkdtemp(name)) throw std::runtime_error("no folder in /tmp");
        folder_ = name;
    }
    ~SealedFile() override { std::filesystem::remove_all(folder_); }

    std::string path(const std::string& name) const { return folder_ + "/" + name; }
    std::string file(const std::string& name, const std::string& content) const {
        std::filesystem::remove(path(name));
        std::ofstream(path(name), std::ios::binary) << content;
        return path(name);
    }
    static std::string bytes_of(const std::string& name) {
        std::ifstream in(name, std::ios::binary);
        return std::string{std::istreambuf_iterator<char>(in), {}};
    }
    /// The path of the sealed form.
    std::string keep(const std::string& content) {
        const Descriptor in(::open(file("content", content).c_str(), O_RDONLY));
        const auto digest = digest_of(in.fd(), content.size());
        const auto kept = keep_content(in.fd(), content.size(), *digest, key_.public_half(), folder_);
        EXPECT_TRUE(kept) << kept.error().text;
        return kept.value_or("");
    }
    struct Opened {
        bool good = false;
        Errc code = Errc::unavailable;
        std::string out;
    };
    Opened open(const std::string& sealed, const UnsealingKey& key) {
        const Descriptor out(::open(path("out").c_str(), O_RDWR | O_CREAT | O_TRUNC, 0600));
        const auto opened = unseal_file(sealed, key, out.fd());
        return {bool(opened), opened ? Errc::unavailable : opened.error().code, bytes_of(path("out"))};
    }
    /// That the bytes, put in place of the sealed file, are refused and nothing comes out.
    void refused(const std::string& bytes, const std::string& what) {
        const auto opened = open(file("tampered", bytes), key_);
        EXPECT_FALSE(opened.good) << what;
        EXPECT_EQ(opened.out, "") << what;
    }

    std::string folder_;
    UnsealingKey key_ = UnsealingKey::make();
};

TEST_F(SealedFile, every_length_comes_back) {
    for (const size_t size : {size_t{0}, size_t{1}, sealed_chunk - 1, sealed_chunk, sealed_chunk + 1, 3 * sealed_chunk, 3 * sealed_chunk + 77}) {
        const auto content = some_content(size);
        const auto sealed = keep(content);
        EXPECT_EQ(std::filesystem::path(sealed).filename().string(), sha256_hex(content) + ".sealed");
        EXPECT_EQ(std::filesystem::file_size(sealed), sealed_length(size));
        EXPECT_TRUE(size < 24 || bytes_of(sealed).find(content.substr(0, 24)) == std::string::npos) << "in the clear";
        struct stat status {};
        ASSERT_EQ(::stat(sealed.c_str(), &status), 0);
        EXPECT_EQ(status.st_mode & 07777, 0400U);
        const auto opened = open(sealed, key_);
        EXPECT_TRUE(opened.good) << size;
        EXPECT_EQ(opened.out, content) << size;
    }
}

TEST_F(SealedFile, no_byte_can_be_another) {
    const auto bytes = bytes_of(keep(some_content(300)));
    for (size_t at = 0; at < bytes.size(); ++at)
        for (const int bit : {0, 7}) {
            auto tampered = bytes;
            tampered[at] = static_cast<char>(tampered[at] ^ (1 << bit));
            refused(tampered, "bit " + std::to_string(bit) + " of byte " + std::to_string(at));
        }
}

TEST_F(SealedFile, nothing_can_be_cut_off_added_or_exchanged) {
    constexpr size_t stride = sealed_chunk + sealed_tag;
    for (const size_t size : {3 * sealed_chunk, 3 * sealed_chunk + 5}) {
        const auto content = some_content(size);
        const auto bytes = bytes_of(keep(content));
        const auto chunk = [&](size_t i) { return bytes.substr(sealed_header_size + i * stride, stride); };
        const auto head = bytes.substr(0, sealed_header_size);
        for (size_t i = 0; i <= 3; ++i)
            for (const size_t more : {size_t{0}, size_t{1}, sealed_tag})
                if (const size_t end = sealed_header_size + i * stride + more; end < bytes.size())
                    refused(bytes.substr(0, end), "cut to " + std::to_string(end));
        for (const size_t end : {size_t{0}, size_t{1}, size_t{16}, sealed_header_size - 1, bytes.size() - 1}) refused(bytes.substr(0, end), "cut to " + std::to_string(end));
        refused(bytes + '\0', "a byte more");
        refused(bytes + chunk(0), "a chunk more");
        refused(head + chunk(1) + chunk(0) + bytes.substr(sealed_header_size + 2 * stride), "two chunks exchanged");
        refused(head + chunk(0) + chunk(0) + bytes.substr(sealed_header_size + 2 * stride), "one chunk twice");
        // Cut at a chunk, with a length in the header that fits what is left: the last chunk's mark tells.
        auto shorter = bytes.substr(0, sealed_header_size + 2 * stride);
        const uint64_t length = 2 * sealed_chunk;
        for (size_t i = 0; i < 8; ++i) shorter[16 + i] = static_cast<char>(length >> (56 - 8 * i));
        refused(shorter, "cut, with its length");
        // Chunks of another content for the same recipient.
        const auto other = bytes_of(keep(some_content(size - 1) + "?"));
        refused(head + other.substr(sealed_header_size), "another's chunks");
        refused(other.substr(0, sealed_header_size) + bytes.substr(sealed_header_size), "another's header");
    }
}

TEST_F(SealedFile, only_its_key_opens_it) {
    const auto sealed = keep("evil");
    const auto other = open(sealed, UnsealingKey::make());
    EXPECT_FALSE(other.good);
    EXPECT_EQ(other.code, Errc::forbidden);
    EXPECT_EQ(other.out, "");
    // Keys go through PEM and back.
    const auto again = UnsealingKey::from_private_pem(key_.private_pem());
    ASSERT_TRUE(again);
    EXPECT_EQ(open(sealed, *again).out, "evil");
    const auto half = SealingKey::from_public_pem(key_.public_half().public_pem());
    ASSERT_TRUE(half);
    EXPECT_EQ(half->raw(), key_.public_half().raw());
}

TEST_F(SealedFile, a_private_or_foreign_key_is_not_taken_for_sealing) {
    EXPECT_NE(SealingKey::from_public_pem(key_.private_pem()).error().text.find("private half"), std::string::npos);
    const auto signing = SignatureKey::from_seed(std::string(32, 's'));
    EXPECT_FALSE(SealingKey::from_public_pem(signing.public_pem()));
    EXPECT_FALSE(UnsealingKey::from_private_pem(signing.private_pem()));
    EXPECT_FALSE(SealingKey::from_public_pem(""));
    EXPECT_FALSE(UnsealingKey::from_private_pem("-----BEGIN PRIVATE KEY-----\nrubbish\n"));
}

TEST_F(SealedFile, what_is_kept_already_stays_and_what_is_half_there_is_made_anew) {
    const auto sealed = keep("evil"), first = bytes_of(sealed);
    EXPECT_EQ(keep("evil"), sealed);
    EXPECT_EQ(bytes_of(sealed), first);
    file(std::filesystem::path(sealed).filename().string() + ".part", "rubbish");
    file(std::filesystem::path(sealed).filename().string(), first.substr(0, first.size() - 1));
    keep("evil");
    EXPECT_EQ(open(sealed, key_).out, "evil");
    EXPECT_FALSE(std::filesystem::exists(sealed + ".part"));
    EXPECT_NE(bytes_of(keep("evil2")), bytes_of(sealed));
}

TEST_F(SealedFile, a_folder_that_takes_nothing_is_told_and_left_as_it_was) {
    const Descriptor in(::open(file("content", "evil").c_str(), O_RDONLY));
    const auto digest = digest_of(in.fd(), 4);
    const auto kept = keep_content(in.fd(), 4, *digest, key_.public_half(), path("nowhere"));
    ASSERT_FALSE(kept);
    EXPECT_EQ(kept.error().code, Errc::unavailable);
    // /dev/full stands for a disk that fills up.
    const Descriptor full(::open("/dev/full", O_WRONLY));
    const auto sealed = seal_content(in.fd(), 4, *digest, key_.public_half(), full.fd());
    ASSERT_FALSE(sealed);
    EXPECT_NE(sealed.error().text.find("No space"), std::string::npos) << sealed.error().text;
}

}  // namespace
}  // namespace bailiff::agent
