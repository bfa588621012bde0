// SPDX-License-Identifier: Apache-2.0
// A hit's path is its attacker's choice; whatever it is, nothing outside of the known-good trees is read.
#include "agent/scan/clean/known_good.hpp"

#include <gtest/gtest.h>

#include <bailiff/dsse.hpp>

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace bailiff::agent {
namespace {

class KnownGoodTree : public ::testing::Test {
  protected:
    KnownGoodTree() {
        char name[] = "/tmp/bailiff-golden-XXXXXX";
        if (!::mkdtemp(name)) throw std::runtime_error("no folder in /tmp");
        folder_ = name;
        file("golden/usr/bin/ls", "good ls");
        file("secret", "the host's own");
    }
    ~KnownGoodTree() override { std::filesystem::remove_all(folder_); }
    void file(const std::string& name, const std::string& content) {
        const std::filesystem::path full = folder_ + "/" + name;
        std::filesystem::create_directories(full.parent_path());
        std::ofstream(full, std::ios::binary) << content;
    }
    std::string tree(const std::string& name) const { return folder_ + "/" + name; }
    /// The content, "" when there is none.
    static std::string content_of(const Result<std::optional<KnownGood>>& found) {
        EXPECT_TRUE(found) << found.error().text;
        if (!found || !*found) return "";
        std::string out((*found)->size, '\0');
        EXPECT_EQ(::pread((*found)->content.fd(), out.data(), out.size(), 0), static_cast<ssize_t>(out.size()));
        EXPECT_EQ(hex_of((*found)->sha256), sha256_hex(out));
        EXPECT_TRUE(sealed_size((*found)->content.fd())) << "nobody can change it any more";
        return out;
    }
    std::string find(const std::string& path) const { return content_of(find_known_good({tree("golden")}, path)); }
    std::string folder_;
};

TEST_F(KnownGoodTree, the_same_path_is_found_byte_by_byte) {
    EXPECT_EQ(find("/usr/bin/ls"), "good ls");
    file("golden/etc/bad\nname\xff.conf", "odd");
    EXPECT_EQ(find("/etc/bad\nname\xff.conf"), "odd");
    file("golden/etc/empty", "");
    const auto empty = find_known_good({tree("golden")}, "/etc/empty");
    ASSERT_TRUE(empty && *empty);
    EXPECT_EQ((*empty)->size, 0U);
    EXPECT_EQ((*empty)->file, tree("golden") + "/etc/empty");
    for (const auto* missing : {"/usr/bin/cat", "/usr/bin/ls/x", "/usr/bin", "/usr", "/", "", "usr/bin/ls", "/usr//bin/ls", "/usr/bin/ls/", "/usr/./bin/ls"})
        EXPECT_FALSE(*find_known_good({tree("golden")}, missing)) << missing;
    EXPECT_FALSE(*find_known_good({tree("golden")}, std::string("/usr/bin/ls\0x", 13)));
    EXPECT_FALSE(*find_known_good({tree("golden")}, "/" + std::string(300, 'x')));
}

TEST_F(KnownGoodTree, nothing_leads_out_of_the_tree) {
    for (const auto* path : {"/../secret", "/usr/../../secret", "/..", "/usr/bin/../../../secret"}) EXPECT_EQ(find(path), "") << path;
    std::filesystem::create_symlink("../secret", tree("golden/link"));
    std::filesystem::create_symlink(folder_, tree("golden/up"));
    std::filesystem::create_symlink("usr/bin", tree("golden/bin"));
    std::filesystem::create_symlink("ls", tree("golden/usr/bin/dir"));
    for (const auto* path : {"/link", "/up/secret", "/bin/ls", "/usr/bin/dir"}) EXPECT_EQ(find(path), "") << path;
}

TEST_F(KnownGoodTree, only_regular_files_are_opened) {
    ASSERT_EQ(::mkfifo(tree("golden/pipe").c_str(), 0600), 0);
    EXPECT_EQ(find("/pipe"), "") << "and it does not hang";
    EXPECT_EQ(content_of(find_known_good({"/dev"}, "/zero")), "");
    EXPECT_EQ(content_of(find_known_good({tree("secret"), tree("nowhere")}, "/usr/bin/ls")), "");
}

TEST_F(KnownGoodTree, the_first_tree_that_has_it_counts) {
    file("second/usr/bin/ls", "second ls");
    file("second/usr/bin/cat", "second cat");
    const std::vector<std::string> trees{tree("golden"), tree("second")};
    EXPECT_EQ(content_of(find_known_good(trees, "/usr/bin/ls")), "good ls");
    EXPECT_EQ(content_of(find_known_good(trees, "/usr/bin/cat")), "second cat");
}

TEST_F(KnownGoodTree, what_is_too_large_is_an_error) {
    file("golden/huge", "");
    std::filesystem::resize_file(tree("golden/huge"), (uint64_t{2} << 30) + 1);
    EXPECT_EQ(find_known_good({tree("golden")}, "/huge").error().code, Errc::invalid);
}

}  // namespace
}  // namespace bailiff::agent
