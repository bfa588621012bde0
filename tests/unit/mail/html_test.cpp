// SPDX-License-Identifier: Apache-2.0
// The HTML says what the text says: nothing less, nothing more, and nothing of it can be taken for markup.
#include "controller/mail/notice_html.hpp"
#include "controller/mail/notice_text.hpp"

#include <gtest/gtest.h>

#include <regex>

namespace bailiff::test {
namespace {

HtmlHints hints() { return {"en", "A case", {"https://abuse.example/s/ab"}, {"HOW TO ANSWER"}}; }

/// The body's words without tags and escapes, blanks folded.
std::string words_of(const std::string& html) {
    std::string out = html.substr(html.find("<body>"));
    out = std::regex_replace(out, std::regex("<[^>]*>"), " ");
    for (const auto& [escape, plain] : {std::pair{"&lt;", "<"}, {"&gt;", ">"}, {"&quot;", "\""}, {"&#39;", "'"}, {"&amp;", "&"}}) {
        for (size_t at = out.find(escape); at != std::string::npos; at = out.find(escape, at + 1)) out.replace(at, std::string(escape).size(), plain);
    }
    return std::regex_replace(out, std::regex("\\s+"), " ");
}
/// The text's words without the marks that the HTML shows in another way.
std::string words_of_text(const std::string& text) {
    std::string out = std::regex_replace("\n" + text, std::regex("\n  (\\||-) ?"), "\n ");
    return std::regex_replace(" " + out + " ", std::regex("\\s+"), " ");
}

TEST(Html, shows_parts_as_what_they_are) {
    const std::string html = html_of("Hello,\nsee below.\n\nHOW TO ANSWER\n\n  - first\n    and more\n  - second\n  | GET /\n  | <b>\n  Mon 13:00\n      It ends.\n\nhttps://abuse.example/s/ab\n", hints());
    EXPECT_NE(html.find("<p>Hello,\nsee below.</p>"), std::string::npos) << html;
    EXPECT_NE(html.find("<h2>HOW TO ANSWER</h2>"), std::string::npos);
    EXPECT_NE(html.find("<ul>\n<li>first and more</li>\n<li>second</li>\n</ul>"), std::string::npos) << html;
    EXPECT_NE(html.find("<pre>GET /\n&lt;b&gt;</pre>"), std::string::npos) << html;
    EXPECT_NE(html.find("<dt>Mon 13:00</dt>\n<dd>It ends.</dd>"), std::string::npos) << html;
    EXPECT_NE(html.find("<a class=\"page\" href=\"https://abuse.example/s/ab\">"), std::string::npos);
    EXPECT_NE(html.find("<html lang=\"en\" dir=\"ltr\">"), std::string::npos);
    EXPECT_NE(html_of("x\n", {"ur", "t", {}, {}}).find("lang=\"ur\" dir=\"rtl\""), std::string::npos);
}

TEST(Html, fetches_nothing_and_links_to_nothing_but_the_page) {
    const std::string html = html_of("http://evil.example/\n  - https://evil.example/x\n  | <img src=http://evil.example>\n<script>alert(1)</script>\n\"'&\n", hints());
    EXPECT_EQ(html.find("<a "), std::string::npos) << html;
    EXPECT_EQ(html.find("<img"), std::string::npos);
    EXPECT_EQ(html.find("<script"), std::string::npos);
    EXPECT_EQ(html.find("url("), std::string::npos);
    EXPECT_NE(html.find("&quot;&#39;&amp;"), std::string::npos);
    EXPECT_NE(html.find("color-scheme"), std::string::npos) << "readable in the dark";
}

TEST(Html, of_every_notice_in_every_language_has_the_words_of_its_text) {
    std::vector<Mistake> mistakes;
    const auto texts = NoticeTexts::load(std::string(BAILIFF_SOURCE_DIR) + "/policies/notices", mistakes);
    ASSERT_TRUE(texts) << describe(mistakes);
    for (const auto& language : texts->languages())
        for (const auto& [name, notice] : texts->keys().notices) {
            Json context = texts->sample(name);
            for (const bool several : {false, true}) {
                for (const char* flag : {"several", "elsewhere"})
                    if (context.contains(flag)) context[flag] = several;
                const auto text = *texts->render(name, language, context);
                EXPECT_EQ(words_of(text.html), words_of_text(text.text)) << language << "/" << name;
                EXPECT_NE(text.html.find("<html lang=\"" + language + "\""), std::string::npos);
                EXPECT_EQ(text.text.find("\n\n\n"), std::string::npos) << text.text;
                size_t parts = 0;
                for (size_t at = text.html.find("<h2>"); at != std::string::npos; at = text.html.find("<h2>", at + 1)) parts += 1;
                if (!notice.for_staff && !notice.for_reporter) {
                    EXPECT_GE(parts, 2u) << language << "/" << name;
                }
            }
        }
}

}  // namespace
}  // namespace bailiff::test
