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

/// The scan of `image`, stopped as soon as qemu-nbd serves it. Nothing when it was over before. Its sockets lie in a place of
/// its own: a scan that was killed leaves one behind, and other scans may run.
std::optional<agent::Process> stopped_scan(const std::string& image, const std::string& place, std::vector<std::string> more) {
    const auto served = [&] {
        for (const auto& entry : std::filesystem::directory_iterator(place))
            if (std::filesystem::exists(entry.path() / "nbd")) return true;
        return false;
    };
    std::vector<std::string> argv{BAILIFF_BIN_DIR "/bailiff-scan", "--format", "qcow2", "--clamd", shared_clamd().socket_path()};
    argv.insert(argv.end(), more.begin(), more.end());
    argv.push_back(image);
    agent::ProcessOptions options;
    options.output_cap_bytes = size_t{4} << 20;
    options.environment.push_back("TMPDIR=" + place);
    auto scan = agent::Process::start(argv, options);
    if (!scan) return std::nullopt;
    while (scan->running() && !served()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    if (!scan->running()) return std::nullopt;
    ::kill(scan->pid(), SIGSTOP);
    return std::optional(std::move(*scan));
}

bool can_write(const std::string& image) {
    const auto io = agent::Process::run({"qemu-io", "-f", "qcow2", "-c", "write -P 0 0 512", image});
    return io && io->ok() && io->out.find("wrote 512/512") != std::string::npos;
}

TEST(ScanSources, SharedImagesCanBeWrittenMeanwhile) {
    Workshop shop;
    for (int i = 0; i < 2000; ++i) shop.file("f" + std::to_string(i), "content " + std::to_string(i));
    const std::string image = shop.qcow2(shop.ext("a.raw"));
    for (const bool share : {false, true}) {
        const std::string place = shop.path(share ? "shared" : "alone");
        std::filesystem::create_directory(place);
        std::optional<agent::Process> scan;
        for (int tries = 0; !scan && tries < 20; ++tries)
            scan = stopped_scan(image, place, share ? std::vector<std::string>{"--share"} : std::vector<std::string>{});
        ASSERT_TRUE(scan) << "every scan was over before it could be stopped";
        EXPECT_EQ(can_write(image), share) << "as a VM that is started does";
        ::kill(scan->pid(), SIGCONT);
        scan->stop();
    }
}

TEST(ScanSources, AnImageThatAVmWritesToIsNotShared) {
    Workshop shop;
    shop.file("eicar.com", eicar());
    const std::string raw = shop.ext("a.raw"), image = shop.qcow2(raw), socket = shop.path("writer.sock");
    for (const auto& [format, path] : {std::pair{"raw", raw}, std::pair{"qcow2", image}}) {
        auto writer = agent::Process::start({"qemu-nbd", "--persistent", "--format=" + std::string(format), "--socket=" + socket, path});
        ASSERT_TRUE(writer);
        for (int i = 0; i < 200 && !std::filesystem::exists(socket); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(20));
        const auto refused = scan_image(with_clamd({"--share", "--format", format, path}));
        EXPECT_EQ(refused.exit, 4) << refused.err;
        EXPECT_NE(refused.err.find("written by a VM"), std::string::npos) << refused.err;
        writer->stop();
        std::filesystem::remove(socket);
        EXPECT_EQ(scan_image(with_clamd({"--share", "--format", format, path})).found(), Set{"disk /eicar.com"});
    }
}

TEST(ScanSources, NothingIsLeftBehindAndNothingIsWritten) {
    Workshop shop;
    shop.file("eicar.com", eicar());
    const std::string image = shop.qcow2(shop.ext("a.raw"));
    const auto before = Workshop::run({"sha256sum", image});
    const std::string place = shop.path("place");
    std::filesystem::create_directory(place);
    EXPECT_EQ(scan_image(with_clamd({"--format", "qcow2", image}), {"TMPDIR=" + place}).exit, 1);
    EXPECT_TRUE(std::filesystem::is_empty(place));
    EXPECT_EQ(Workshop::run({"sha256sum", image}), before);
}

}  // namespace
}  // namespace bailiff::test
