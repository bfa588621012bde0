// SPDX-License-Identifier: Apache-2.0
// The reader's packets: what goes in comes out, and no other bytes are taken.
#include "agent/scan/reader_message.hpp"

#include <gtest/gtest.h>

namespace bailiff::agent {
namespace {

ReaderMessage example() {
    ReaderMessage m;
    m.kind = ReaderMessageKind::skipped;
    m.reason = SkipReason::too_many;
    m.state = VolumeState::no_filesystem;
    m.start = 123456789012;
    m.size = 42;
    m.fingerprint = {1, 2, 3, 255};
    m.volume = "gpt2";
    m.filesystem = "ext4";
    m.path = std::string("/a\0\xff\n", 5);
    m.text = "why";
    m.rule = SuspicionRule::ld_preload;
    return m;
}

TEST(ReaderMessage, ComesBack) { EXPECT_EQ(decode_reader_message(encode(example())).value(), example()); }

TEST(ReaderMessage, EveryPrefixAndEveryOverhangIsRefused) {
    auto packet = encode(example());
    for (size_t size = 0; size < packet.size(); ++size) EXPECT_FALSE(decode_reader_message(Bytes(packet).first(size))) << size;
    packet.push_back(0);
    EXPECT_FALSE(decode_reader_message(packet));
}

TEST(ReaderMessage, UnknownValuesAreRefused) {
    for (const auto& [at, value] : {std::pair<size_t, uint8_t>{0, 0}, {0, 99}, {1, 99}, {2, 99}, {10, 0xff}, {18, 0xff}, {36, 0xff}, {37, '\n'}}) {
        auto packet = encode(example());
        packet[at] = value;
        EXPECT_FALSE(decode_reader_message(packet)) << at;
    }
}

TEST(ReaderMessage, SuspicionsHaveOneOfTheRules) {
    auto m = example();
    m.kind = ReaderMessageKind::suspicious;
    for (const auto& [rule, word] : Names<SuspicionRule>::table) {
        m.rule = rule;
        EXPECT_EQ(decode_reader_message(encode(m)).value(), m) << word;
    }
    auto packet = encode(m);
    packet.back() = static_cast<uint8_t>(Names<SuspicionRule>::table.size());
    EXPECT_FALSE(decode_reader_message(packet));
    packet.back() = 255;
    EXPECT_FALSE(decode_reader_message(packet));
}

TEST(ReaderMessage, VolumesMayHaveTheNamesThatLvmAllowsAndNoOthers) {
    auto m = example();
    for (const std::string name : {"gpt2/vg0/root", "disk/VG.a-b+c_d/lv", "gpt1/md"}) {
        m.volume = name;
        EXPECT_EQ(decode_reader_message(encode(m)).value().volume, name);
    }
    for (const std::string name : {"gpt2/a b", "a\xc3\xa4", "a\n", "a\\", "<b>", "a\"", "a:b"}) {
        m.volume = name;
        EXPECT_FALSE(decode_reader_message(encode(m))) << name;
    }
    m.volume = "gpt2";
    m.filesystem = "Ext/4";
    EXPECT_FALSE(decode_reader_message(encode(m)));
}

TEST(ReaderMessage, LongTextsAreCutLongPathsAreNot) {
    ReaderMessage m = example();
    m.text = std::string(5000, 'x');
    m.path = std::string(4096, '/');
    const auto back = decode_reader_message(encode(m)).value();
    EXPECT_EQ(back.path, m.path);
    EXPECT_EQ(back.text.size(), 2048U);
}

}  // namespace
}  // namespace bailiff::agent
