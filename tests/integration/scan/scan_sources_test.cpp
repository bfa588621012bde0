// SPDX-License-Identifier: Apache-2.0
// Where bytes come from: formats are said, never guessed, and a header cannot make anybody open another file.
#include "tests/integration/scan/workshop.hpp"

namespace bailiff::test {
namespace {

using Set = std::set<std::string>;

TEST(ScanSources, TheFormatIsNeverGuessed) {
    Workshop shop;
    shop.file("eicar.com", eicar());
    const std::string image = shop.qcow2(shop.ext("a.raw"));
    const auto unsaid = scan_image(with_clamd({image}));
    EXPECT_EQ(unsaid.exit, 2);
    EXPECT_NE(unsaid.err.find("--format"), std::string::npos) << unsaid.err;
    const auto raw = scan_image(with_clamd({"--format", "raw", image}));
    EXPECT_EQ(raw.exit, 3) << "as a raw disk it holds nothing known";
    EXPECT_EQ(scan_image(with_clamd({"--format", "qcow2", shop.path("a.raw")})).exit, 2) << "no header";
    EXPECT_EQ(scan_image(with_clamd({"--format", "qcow2", image})).found(), Set{"disk /eicar.com"});
    EXPECT_EQ(scan_image(with_clamd({"--format", "qcow2", "--virtual-size", "33554432", image})).exit, 1);
    EXPECT_EQ(scan_image(with_clamd({"--format", "qcow2", "--virtual-size", "33554433", image})).exit, 2);
}

TEST(ScanSources, BackingFilesOnlyWhenNamed) {
    Workshop shop;
    shop.file("eicar.com", eicar());
    const std::string base = shop.ext("base.raw"), overlay = shop.path("overlay.qcow2"), second = shop.path("second.qcow2");
    Workshop::run({"qemu-img", "create", "-q", "-f", "qcow2", "-b", base, "-F", "raw", overlay});
    Workshop::run({"qemu-img", "create", "-q", "-f", "qcow2", "-b", overlay, "-F", "qcow2", second});
    EXPECT_EQ(scan_image(with_clamd({"--format", "qcow2", overlay})).exit, 2) << "not named";
    EXPECT_EQ(scan_image(with_clamd({"--format", "qcow2", "--backing", "/etc/passwd", "--backing-format", "raw", overlay})).exit, 2);
    EXPECT_EQ(scan_image(with_clamd({"--format", "qcow2", "--backing", base, "--backing-format", "qcow2", overlay})).exit, 2);
    EXPECT_EQ(scan_image(with_clamd({"--format", "qcow2", "--backing", base, "--backing-format", "raw", overlay})).found(), Set{"disk /eicar.com"});
    EXPECT_EQ(scan_image(with_clamd({"--format", "qcow2", "--backing", overlay, "--backing-format", "qcow2", second})).exit, 2) << "half a chain";
    const auto chain = scan_image(with_clamd({"--format", "qcow2", "--backing", overlay, "--backing-format", "qcow2", "--backing", base,
                                              "--backing-format", "raw", second}));
    EXPECT_EQ(chain.found(), Set{"disk /eicar.com"}) << chain.err;
}

TEST(ScanSources, AnExternalDataFileIsRefused) {
    Workshop shop;
    const std::string image = shop.path("d.qcow2");
    Workshop::run({"qemu-img", "create", "-q", "-f", "qcow2", "-o", "data_file=" + shop.path("secret.raw"), image, "16M"});
    const auto run = scan_image(with_clamd({"--format", "qcow2", image}));
    EXPECT_EQ(run.exit, 2);
    EXPECT_NE(run.err.find("another file"), std::string::npos) << run.err;
}

TEST(ScanSources, NbdSockets) {
    Workshop shop;
    shop.file("eicar.com", eicar());
    const std::string socket = shop.path("nbd.sock");
    auto server = agent::Process::start({"qemu-nbd", "--read-only", "--format=raw", "--socket=" + socket, "--export-name=vda", "--persistent",
                                         shop.ext("a.raw")});
    ASSERT_TRUE(server);
    for (int i = 0; i < 200 && !std::filesystem::exists(socket); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(20));
    EXPECT_EQ(scan_image(with_clamd({"nbd+unix:///vda?socket=" + socket})).found(), Set{"disk /eicar.com"});
    const auto other = scan_image(with_clamd({"nbd+unix:///vdb?socket=" + socket}));
    EXPECT_EQ(other.exit, 2) << "no such export";
    EXPECT_EQ(scan_image(with_clamd({"nbd+unix:///vda?socket=" + shop.path("none")})).exit, 2);
    EXPECT_EQ(scan_image(with_clamd({"nbd://127.0.0.1/vda"})).exit, 2) << "no network";
}

TEST(ScanSources, NothingIsLeftBehindAndNothingIsWritten) {
    Workshop shop;
    shop.file("eicar.com", eicar());
    const std::string image = shop.qcow2(shop.ext("a.raw"));
    const auto before = Workshop::run({"sha256sum", image});
    const auto folders = [] {
        Set out;
        for (const auto& entry : std::filesystem::directory_iterator("/tmp"))
            if (entry.path().filename().string().rfind("bailiff-scan-", 0) == 0) out.insert(entry.path());
        return out;
    };
    const auto old = folders();
    EXPECT_EQ(scan_image(with_clamd({"--format", "qcow2", image})).exit, 1);
    EXPECT_EQ(folders(), old);
    EXPECT_EQ(Workshop::run({"sha256sum", image}), before);
}

}  // namespace
}  // namespace bailiff::test
