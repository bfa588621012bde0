// SPDX-License-Identifier: Apache-2.0
// Hostile file names have one printable, reversible spelling.
#include "agent/scan/path_text.hpp"

#include <gtest/gtest.h>

namespace bailiff::agent {
namespace {

TEST(PathText, SpellsEachKindOfByte) {
    const std::pair<std::string, std::string> table[] = {
        {"/srv/web/index.php", "/srv/web/index.php"},
        {"/caf\xc3\xa9/\xe6\x97\xa5\xe6\x9c\xac", "/caf\xc3\xa9/\xe6\x97\xa5\xe6\x9c\xac"},
        {"/bad\nname\xff\x1b[31m.php", "/bad\\x0aname\\xff\\x1b[31m.php"},
        {"/back\\slash", "/back\\\\slash"},
        {"/\\xff", "/\\\\xff"},
        {std::string("/nul\0x", 6), "/nul\\x00x"},
        {"/overlong\xc0\xaf", "/overlong\\xc0\\xaf"},
        {"/surrogate\xed\xa0\x80", "/surrogate\\xed\\xa0\\x80"},
        {"/cut\xe6\x97", "/cut\\xe6\\x97"},
        {"/evil\xe2\x80\xaegpj.exe", "/evil\\xe2\\x80\\xaegpj.exe"},
        {"/c1\xc2\x9bm", "/c1\\xc2\\x9bm"},
        {"/\x7f", "/\\x7f"},
        {"", ""},
    };
    for (const auto& [bytes, text] : table) {
        EXPECT_EQ(escape_path(bytes), text);
        EXPECT_EQ(unescape_path(text).value_or("?"), bytes);
    }
}

TEST(PathText, AnyBytesComeBack) {
    uint64_t state = 42;
    for (int round = 0; round < 20'000; ++round) {
        std::string bytes;
        for (uint64_t i = 0; i < 12; ++i) {
            state = state * 6364136223846793005U + 1442695040888963407U;
            bytes += static_cast<char>(state >> 56);
        }
        const std::string text = escape_path(bytes);
        for (const char c : text) ASSERT_GE(static_cast<unsigned char>(c), 0x20U);
        ASSERT_EQ(unescape_path(text).value_or("?"), bytes);
    }
}

TEST(PathText, RefusesAnyOtherSpelling) {
    for (const char* text : {"\\", "\\x", "\\x0", "\\xFF", "\\n", "\\x41", "a\nb", "\xff", "\\xc3\\xa9"})
        EXPECT_FALSE(unescape_path(text)) << text;
}

}  // namespace
}  // namespace bailiff::agent
