// SPDX-License-Identifier: Apache-2.0
// The customers' page in every language and state, and the colours of both pages (WCAG 2.2, the parts that a program can tell).
#include "tests/unit/web/markup.hpp"
#include "tests/unit/web/page_world.hpp"

#include <cmath>
#include <fstream>
#include <iterator>
#include <set>

namespace bailiff::test {
namespace {

const FormMarkup statement_forms{{"kind", "key", "lang", "button submit"}, "5000"};

void expect_sound(const std::string& html, const std::string& language, const std::string& where) {
    SCOPED_TRACE(where);
    expect_sound_markup(html, language, statement_forms);
}

TEST(Markup, is_sound_in_every_language_and_state) {
    for (const std::string language : {"en", "hi"}) {
        PageWorld world(language);
        const auto path = world.open_case();
        expect_sound(world.get(path).body, language, "open");
        Fields form{{"kind", "fixed"}, {"lang", language}, {"steps", "<x>"}};
        expect_sound(world.post_files(path, form, std::vector<std::pair<std::string, std::string>>(6, {"a", "x"})).body, language, "fixed with errors");
        expect_sound(world.post(path, {{"kind", "fix_request"}, {"lang", language}}).body, language, "fix with errors");
        expect_sound(world.post(path, {{"kind", "dispute"}, {"lang", language}}).body, language, "dispute with errors");
        expect_sound(world.post(path, {{"kind", "acknowledged"}, {"lang", language}}).body, language, "acknowledged with errors");
        EXPECT_EQ(world.post_files(path, {{"kind", "dispute"}, {"lang", language}, {"reason", "no"}}, {{"a", "x"}}, "proof").status, 303);
        expect_sound(world.get(path + "?receipt=5").body, language, "answered, with files");
        expect_sound(world.get("/s/x?lang=" + language).body, language, "no such page");
        expect_sound(world.post(path, {{"kind", "fix_request"}, {"consent", "yes"}, {"lang", language}}).body, language, "a fix that is no longer offered");
        EXPECT_TRUE(world.desk->act(world.case_id, core::Decide{core::Decision::dismiss, "right"}, "staff:ana"));
        expect_sound(world.get(path).body, language, "closed");
    }
}

/// WCAG 2.2, relative luminance.
double luminance(const std::string& colour) {
    const auto part = [&](size_t i) {
        const std::string digits = colour.size() == 4 ? std::string(2, colour[i + 1]) : colour.substr(1 + 2 * i, 2);
        const double c = std::stoi(digits, nullptr, 16) / 255.0;
        return c <= 0.04045 ? c / 12.92 : std::pow((c + 0.055) / 1.055, 2.4);
    };
    return 0.2126 * part(0) + 0.7152 * part(1) + 0.0722 * part(2);
}

TEST(Markup, every_text_stands_out_from_its_ground) {
    std::string style;
    for (const char* page : {"page", "report-form"}) {
        std::ifstream in(std::string(BAILIFF_SOURCE_DIR) + "/policies/" + page + "/page.html.mustache");
        const std::string text(std::istreambuf_iterator<char>(in), {});
        style += text.substr(text.find("<style>"), text.find("</style>") - text.find("<style>"));
    }
    static constexpr std::pair<const char*, const char*> pairs[] = {
        {"#1b1b1f", "#fff"},    {"#1b1b1f", "#eef2fb"}, {"#1b1b1f", "#fdf1e7"}, {"#1b1b1f", "#fdecee"}, {"#1b1b1f", "#f4f4f6"},
        {"#46464f", "#fff"},    {"#a30018", "#fff"},    {"#003ea8", "#fff"},    {"#003ea8", "#fdecee"}, {"#fff", "#003ea8"}};
    static const std::set<std::string> lines{"#767680", "#9a3412"};   // borders: three to one suffices
    std::set<std::string> looked_at = lines;
    for (const auto& [text, ground] : pairs) {
        looked_at.insert(text);
        looked_at.insert(ground);
        const double a = luminance(text), b = luminance(ground);
        EXPECT_GE((std::max(a, b) + 0.05) / (std::min(a, b) + 0.05), 4.5) << text << " on " << ground;
    }
    for (const auto& line : lines) EXPECT_GE(1.05 / (luminance(line) + 0.05), 3.0) << line;
    for (size_t at = style.find('#'); at != std::string::npos; at = style.find('#', at + 1)) {
        const std::string colour = style.substr(at, style.find_first_not_of("0123456789abcdef", at + 1) - at);
        EXPECT_TRUE(looked_at.contains(colour)) << colour << " is new: say here what stands on what";
    }
}

}  // namespace
}  // namespace bailiff::test
