// SPDX-License-Identifier: Apache-2.0
// The header gate: one sound header, and every way we know to make it hostile.
#include "agent/scan/image/qcow2_header.hpp"

#include "tests/unit/scan/memory_image.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <string>

namespace bailiff::agent {
namespace {

using test::MemoryImage;
constexpr uint64_t cluster = 65536, file_size = 10 * cluster;

/// A version 3 header of a 1 GiB disk, as qemu-img writes it, with an end mark behind it.
MemoryImage sound() {
    MemoryImage head(cluster);
    head.big(0, 0x514649fb, 4);
    head.big(4, 3, 4);
    head.big(20, 16, 4);
    head.big(24, 1U << 30, 8);
    head.big(36, 2, 4);
    head.big(40, 3 * cluster, 8);
    head.big(48, cluster, 8);
    head.big(56, 1, 4);
    head.big(96, 4, 4);
    head.big(100, 104, 4);
    return head;
}

/// The same, an overlay of /images/base.raw.
MemoryImage overlay(const std::string& path = "/images/base.raw", const std::string& format = "raw") {
    MemoryImage head = sound();
    uint64_t at = 104;
    if (!format.empty()) {
        head.big(at, 0xe2792aca, 4);
        head.big(at + 4, format.size(), 4);
        head.put(at + 8, format);
        at += 8 + (format.size() + 7) / 8 * 8;
    }
    head.big(8, at + 8, 8);
    head.big(16, path.size(), 4);
    head.put(at + 8, path);
    return head;
}

Qcow2Expectation on_base() {
    Qcow2Expectation expected;
    expected.backing_path = "/images/base.raw";
    expected.backing_format = "raw";
    return expected;
}

std::string refusal(MemoryImage head, const Qcow2Expectation& expected = {}, uint64_t size = file_size) {
    const auto result = check_qcow2_header(head.raw(), size, expected);
    return result ? "" : result.error().text;
}

TEST(Qcow2Header, SoundHeadersPass) {
    const auto header = check_qcow2_header(sound().raw(), file_size, {});
    ASSERT_TRUE(header) << header.error().text;
    EXPECT_EQ(header->virtual_size, 1U << 30);
    MemoryImage second = sound();
    second.big(4, 2, 4);
    EXPECT_EQ(refusal(second), "");
    MemoryImage dirty = sound();
    dirty.big(72, 1, 8);
    EXPECT_TRUE(check_qcow2_header(dirty.raw(), file_size, {}).value().dirty);
    const auto chained = check_qcow2_header(overlay().raw(), file_size, on_base());
    ASSERT_TRUE(chained) << chained.error().text;
    EXPECT_EQ(chained->backing_path, "/images/base.raw");
}

TEST(Qcow2Header, HostileHeadersAreRefused) {
    struct Case {
        const char* what;
        std::function<void(MemoryImage&)> change;
        const char* reason;
    };
    const Case table[] = {
        {"other magic", [](MemoryImage& h) { h.big(0, 0x514649fa, 4); }, "no qcow2 header"},
        {"version 1", [](MemoryImage& h) { h.big(4, 1, 4); }, "version"},
        {"version 4", [](MemoryImage& h) { h.big(4, 4, 4); }, "version"},
        {"corrupt bit", [](MemoryImage& h) { h.big(72, 2, 8); }, "corrupt"},
        {"external data file bit", [](MemoryImage& h) { h.big(72, 4, 8); }, "data in another file"},
        {"unknown feature", [](MemoryImage& h) { h.big(72, 32, 8); }, "feature"},
        {"highest feature bit", [](MemoryImage& h) { h.big(72, uint64_t{1} << 63, 8); }, "feature"},
        {"data file extension", [](MemoryImage& h) { h.big(104, 0x44415441, 4), h.big(108, 8, 4); }, "data in another file"},
        {"encryption extension", [](MemoryImage& h) { h.big(104, 0x0537be77, 4), h.big(108, 16, 4); }, "encrypted"},
        {"endless extension", [](MemoryImage& h) { h.big(104, 0x6803f857, 4), h.big(108, 0xffffffff, 4); }, "longer than the header"},
        {"AES", [](MemoryImage& h) { h.big(32, 1, 4); }, "encrypted"},
        {"LUKS", [](MemoryImage& h) { h.big(32, 2, 4); }, "encrypted"},
        {"tiny clusters", [](MemoryImage& h) { h.big(20, 8, 4); }, "cluster size"},
        {"giant clusters", [](MemoryImage& h) { h.big(20, 22, 4); }, "cluster size"},
        {"shift overflow", [](MemoryImage& h) { h.big(20, 64, 4); }, "cluster size"},
        {"header too short", [](MemoryImage& h) { h.big(100, 96, 4); }, "header length"},
        {"header too long", [](MemoryImage& h) { h.big(100, 65544, 4); }, "header length"},
        {"wide reference counts", [](MemoryImage& h) { h.big(96, 7, 4); }, "reference counts"},
        {"unknown compression", [](MemoryImage& h) { h.big(72, 8, 8), h.big(100, 112, 4), h.raw()[104] = 2; }, "compression"},
        {"60 EB disk", [](MemoryImage& h) { h.big(24, uint64_t{60} << 60, 8); }, "more than is ever scanned"},
        {"first-level table too small", [](MemoryImage& h) { h.big(36, 1, 4); }, "first-level table"},
        {"first-level table huge", [](MemoryImage& h) { h.big(36, 0xffffffff, 4); }, "first-level table"},
        {"first-level table at the end", [](MemoryImage& h) { h.big(40, file_size, 8); }, "outside the file"},
        {"first-level table over the header", [](MemoryImage& h) { h.big(40, 0, 8); }, "outside the file"},
        {"first-level table unaligned", [](MemoryImage& h) { h.big(40, 3 * cluster + 8, 8); }, "outside the file"},
        {"first-level table wraps", [](MemoryImage& h) { h.big(40, ~uint64_t{0} - cluster + 1, 8); }, "outside the file"},
        {"no reference counts", [](MemoryImage& h) { h.big(56, 0, 4); }, "reference count table"},
        {"reference counts outside", [](MemoryImage& h) { h.big(48, 100 * cluster, 8); }, "reference count table"},
        {"reference counts huge", [](MemoryImage& h) { h.big(56, 0xffffffff, 4); }, "reference count table"},
        {"10000 snapshots", [](MemoryImage& h) { h.big(60, 10'000, 4); }, "snapshots"},
        {"snapshots outside", [](MemoryImage& h) { h.big(60, 1, 4), h.big(64, file_size, 8); }, "snapshot table"},
        {"backing name outside", [](MemoryImage& h) { h.big(8, cluster, 8), h.big(16, 10, 4); }, "backing file"},
        {"backing name inside the header", [](MemoryImage& h) { h.big(8, 24, 8), h.big(16, 10, 4); }, "backing file"},
        {"backing name too long", [](MemoryImage& h) { h.big(8, 200, 8), h.big(16, 1024, 4); }, "backing file"},
        {"length without a name", [](MemoryImage& h) { h.big(16, 10, 4); }, "backing file"},
    };
    for (const auto& [what, change, reason] : table) {
        MemoryImage head = sound();
        change(head);
        EXPECT_NE(refusal(head).find(reason), std::string::npos) << what << ": '" << refusal(head) << "'";
    }
}

TEST(Qcow2Header, ABackingFileMustBeTheOneThatWasNamed) {
    const auto says = [](const std::string& text, const std::string& part) { return text.find(part) != text.npos; };
    EXPECT_TRUE(says(refusal(overlay()), "--backing")) << "not expected at all";
    EXPECT_TRUE(says(refusal(sound(), on_base()), "no backing file"));
    EXPECT_TRUE(says(refusal(overlay("/etc/shadow"), on_base()), "not '/images/base.raw'"));
    EXPECT_TRUE(says(refusal(overlay("/images/base.raw", ""), on_base()), "does not say which format"));
    EXPECT_TRUE(says(refusal(overlay("/images/base.raw", "qcow2"), on_base()), "--backing-format"));
    for (const std::string path : {"json:{\"driver\":\"file\"}", "nbd://host/x", "base.raw", "/images/../etc/shadow", "http://x/", "fd:3"}) {
        Qcow2Expectation expected = on_base();
        expected.backing_path = path;
        EXPECT_NE(refusal(overlay(path), expected), "") << path;
        EXPECT_NE(refusal(overlay(path), on_base()), "") << path;
    }
    EXPECT_NE(refusal(overlay("/images/base.raw", "vmdk"), [] {
                  auto e = on_base();
                  e.backing_format = "vmdk";
                  return e;
              }()), "");
    EXPECT_NE(refusal(overlay(std::string("/images/base.raw\0/x", 19)), on_base()), "");
}

TEST(Qcow2Header, TheInventorysSizeCounts) {
    Qcow2Expectation expected;
    expected.virtual_size = 1U << 30;
    EXPECT_EQ(refusal(sound(), expected), "");
    expected.virtual_size = (1U << 30) + 512;
    EXPECT_NE(refusal(sound(), expected), "");
}

TEST(Qcow2Header, CutOffFilesAreRefused) {
    for (const size_t size : {0U, 3U, 4U, 71U, 72U, 103U, 104U, 511U}) {
        MemoryImage head = sound();
        head.raw().resize(size);
        EXPECT_NE(refusal(head, {}, size), "") << size;
    }
}

}  // namespace
}  // namespace bailiff::agent
