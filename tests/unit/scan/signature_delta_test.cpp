// SPDX-License-Identifier: Apache-2.0
// What is new in a signature database, and when new lines alone would not do.
#include "agent/scan/engines/private_clamd.hpp"
#include "agent/scan/engines/signature_delta.hpp"
#include "agent/scan/engines/signature_lines.hpp"

#include <gtest/gtest.h>
#include <zlib.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace bailiff::test {
namespace {

namespace fs = std::filesystem;
using namespace agent;

class Delta : public testing::Test {
  protected:
    void SetUp() override {
        char name[] = "/tmp/bailiff-delta-XXXXXX";
        ASSERT_TRUE(::mkdtemp(name));
        folder = name;
        fs::create_directories(database());
        write("main.ndb", "# made by hand\nOld.One:0:*:aabbcc\r\nOld.Two:0:*:ddeeff\n");
        write("daily.fp", "44d88612fea8a8f36de82e1278abb02f:68:Allowed\n");
        write("daily.ftm", "0:0:aa:type\n");
        write("daily.info", "1:2:3\n");
    }
    void TearDown() override { fs::remove_all(folder); }
    std::string database() const { return folder + "/database"; }
    void write(const std::string& name, const std::string& text) { std::ofstream(database() + "/" + name, std::ios::binary) << text; }
    SignatureSnapshot now() {
        auto taken = take_snapshot(database());
        EXPECT_TRUE(taken) << taken.error().text;
        return taken ? *taken : SignatureSnapshot{};
    }
    /// Into an empty folder; its files by name.
    Result<SignatureDelta> delta(const SignatureSnapshot& before, uint64_t most = 100) {
        fs::remove_all(folder + "/new");
        fs::create_directories(folder + "/new");
        return write_delta(database(), before, most, folder + "/new");
    }
    std::string written(const std::string& name) const {
        std::ifstream in(folder + "/new/" + name, std::ios::binary);
        std::ostringstream out;
        out << in.rdbuf();
        return out.str();
    }
    Errc refused(const SignatureSnapshot& before, uint64_t most = 100) {
        const auto made = delta(before, most);
        EXPECT_FALSE(made);
        return made ? Errc::invalid : made.error().code;
    }
    std::string folder;
};

/// A tar of one file, as a .cvd holds it.
std::string container(const std::string& name, const std::string& text, bool packed) {
    std::string tar(512, '\0');
    name.copy(tar.data(), 100);
    std::snprintf(tar.data() + 124, 12, "%011o", static_cast<unsigned>(text.size()));
    tar[156] = '0';
    tar += text + std::string((512 - text.size() % 512) % 512, '\0') + std::string(1024, '\0');
    std::string head = "ClamAV-VDB:" + std::string(501, ' ');
    if (!packed) return head + tar;
    std::string out(compressBound(tar.size()) + 64, '\0');
    z_stream stream{};
    deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
    stream.next_in = reinterpret_cast<Bytef*>(tar.data()), stream.avail_in = static_cast<uInt>(tar.size());
    stream.next_out = reinterpret_cast<Bytef*>(out.data()), stream.avail_out = static_cast<uInt>(out.size());
    deflate(&stream, Z_FINISH);
    out.resize(stream.total_out);
    deflateEnd(&stream);
    return head + out;
}

TEST_F(Delta, holds_the_new_lines_and_all_that_steers) {
    const auto before = now();
    EXPECT_EQ(before.matching.size(), 2u);
    EXPECT_EQ(before.allowing.size(), 1u);
    EXPECT_EQ(before.fixed.size(), 1u);
    write("own.ndb", "New.Three:0:*:001122\nOld.Two:0:*:ddeeff\n");
    write("daily.ign2", "Old.One\n");
    const auto made = delta(before);
    ASSERT_TRUE(made) << made.error().text;
    EXPECT_EQ(made->lines, 1u);
    EXPECT_EQ(written("new.ndb"), "New.Three:0:*:001122\n");
    EXPECT_EQ(written("new.fp"), "44d88612fea8a8f36de82e1278abb02f:68:Allowed\n");
    EXPECT_EQ(written("new.ign2"), "Old.One\n");
    EXPECT_EQ(written("fixed-0.ftm"), "0:0:aa:type\n");
    EXPECT_EQ(made->now, now());
}

TEST_F(Delta, a_signature_that_moves_into_a_container_or_is_taken_away_is_not_new) {
    const auto before = now();
    fs::remove(database() + "/main.ndb");
    write("daily.info", "other\n");
    for (const bool packed : {true, false}) {
        write("main.cvd", container("main.ndb", "Old.Two:0:*:ddeeff\n", packed));
        const auto made = delta(before);
        ASSERT_TRUE(made) << made.error().text;
        EXPECT_EQ(made->lines, 0u);
        EXPECT_EQ(made->now.matching.size(), 1u);
    }
}

TEST_F(Delta, is_refused_when_new_lines_alone_would_not_do) {
    const auto before = now();
    fs::remove(database() + "/daily.fp");
    EXPECT_EQ(refused(before), Errc::conflict) << "what was allowed may be found now";
    write("daily.fp", "44d88612fea8a8f36de82e1278abb02f:68:Allowed\n");
    write("daily.ftm", "0:0:bb:type\n");
    EXPECT_EQ(refused(before), Errc::conflict) << "contents are taken apart in another way";
    write("daily.ftm", "0:0:aa:type\n");
    write("own.cbc", "bytecode");
    EXPECT_EQ(refused(before), Errc::conflict) << "a program is no list";
    fs::remove(database() + "/own.cbc");
    write("own.something", "of a later ClamAV");
    EXPECT_EQ(refused(before), Errc::conflict) << "unknown files may mean anything";
    fs::remove(database() + "/own.something");
    write("own.ldb", "New.Macro;Target:0;0;616161${6-7}12$\n");
    EXPECT_EQ(refused(before), Errc::conflict) << "a macro is another signature";
    fs::remove(database() + "/own.ldb");
    write("own.ndb", "A:0:*:aa11\nB:0:*:bb11\nC:0:*:cc11\n");
    EXPECT_EQ(refused(before, 2), Errc::conflict) << "too many are new";
    EXPECT_TRUE(delta(before, 3));
}

TEST_F(Delta, damaged_containers_are_errors) {
    const auto whole = container("main.ndb", std::string(5000, 'a') + "\n", true);
    for (const size_t size : {size_t{0}, size_t{100}, size_t{512}, whole.size() / 2, whole.size() - 20}) {
        write("main.cvd", whole.substr(0, size));
        const auto taken = take_snapshot(database());
        // An empty tar is one without files; anything else that is short is damage.
        EXPECT_TRUE(!taken || size <= 512) << size;
    }
    auto absurd = container("main.ndb", "A:0:*:aa\n", false);
    absurd.replace(512 + 124, 11, "77777777777");
    write("main.cvd", absurd);
    EXPECT_FALSE(take_snapshot(database()));
    absurd.replace(512 + 124, 11, "zzzzzzzzzzz");
    write("main.cvd", absurd);
    EXPECT_FALSE(take_snapshot(database()));
}

TEST_F(Delta, snapshots_come_back_or_are_refused) {
    const auto taken = now();
    const std::string path = folder + "/snapshot";
    ASSERT_TRUE(save_snapshot(taken, path));
    const auto back = load_snapshot(path);
    ASSERT_TRUE(back) << back.error().text;
    EXPECT_EQ(*back, taken);
    std::ifstream in(path, std::ios::binary);
    std::ostringstream copy;
    copy << in.rdbuf();
    const std::string bytes = copy.str();
    for (size_t at = 0; at < bytes.size(); ++at) {
        std::string changed = bytes;
        changed[at] = static_cast<char>(changed[at] ^ 0x20);
        std::ofstream(path, std::ios::binary) << changed;
        EXPECT_FALSE(load_snapshot(path)) << "byte " << at;
        std::ofstream(path, std::ios::binary) << bytes.substr(0, at);
        EXPECT_FALSE(load_snapshot(path)) << "cut at " << at;
    }
    std::ofstream(path, std::ios::binary) << bytes << 'x';
    EXPECT_FALSE(load_snapshot(path));
}

TEST(PrivateClamdConfiguration, keeps_what_concerns_contents_and_nothing_else) {
    const std::string configuration =
        "# of the host\nLocalSocket /run/clamav/clamd.ctl\nUser clamav\n  MaxFileSize 100M\nScanPDF\tno \r\nVirusEvent /usr/local/bin/tell\n"
        "MaxThreads 12\nAlertExceedsMax yes\nLogFile /var/log/clamav/clamav.log\nExcludePath ^/proc/\nExample\n";
    EXPECT_EQ(matching_directives(configuration), "MaxFileSize 100M\nScanPDF no\nAlertExceedsMax yes\n");
    EXPECT_EQ(directive(configuration, "User"), "clamav");
    EXPECT_EQ(directive(configuration, "TCPSocket"), "");
}

}  // namespace
}  // namespace bailiff::test
