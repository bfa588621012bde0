// SPDX-License-Identifier: Apache-2.0
// What a screen reader and a keyboard need of the page (WCAG 2.2, the parts that a program can tell), in every language and
// state: labels, headings, references, contrast; and nothing that the Content-Security-Policy would stop.
#include "tests/unit/web/page_world.hpp"

#include <cmath>
#include <fstream>
#include <iterator>
#include <set>
#include <sstream>

namespace bailiff::test {
namespace {

struct Element {
    std::string name;
    std::map<std::string, std::string> attributes;
    size_t parent = 0;             ///< index of the element around it
    std::string at(const std::string& attribute) const {
        const auto found = attributes.find(attribute);
        return found == attributes.end() ? "" : found->second;
    }
    bool has(const std::string& attribute) const { return attributes.contains(attribute); }
};

/// The elements in order; fails on tags that do not fit each other. Knows only the HTML that we write.
std::vector<Element> elements_of(const std::string& html) {
    static const std::set<std::string> empty{"meta", "input"};
    std::vector<Element> out{{"", {}, 0}};
    std::vector<size_t> open{0};
    for (size_t at = html.find('<'); at != std::string::npos; at = html.find('<', at)) {
        const size_t closing = html.find('>', at);
        EXPECT_NE(closing, std::string::npos);
        std::string tag = html.substr(at + 1, closing - at - 1);
        at = closing + 1;
        if (tag.starts_with("!DOCTYPE")) continue;
        if (tag.starts_with("/")) {
            EXPECT_EQ(out[open.back()].name, tag.substr(1)) << "closes another element, before " << html.substr(at, 80);
            open.pop_back();
            continue;
        }
        Element element;
        size_t i = std::min(tag.find(' '), tag.size());
        element.name = tag.substr(0, i);
        while (i < tag.size()) {
            ++i;
            const size_t stop = std::min(tag.find_first_of("= ", i), tag.size());
            const std::string name = tag.substr(i, stop - i);
            std::string value;
            i = stop;
            if (i < tag.size() && tag[i] == '=') {
                const size_t quote = tag.find('"', i + 2);
                EXPECT_EQ(tag.at(i + 1), '"') << tag;
                value = tag.substr(i + 2, quote - i - 2);
                i = quote + 1;
            }
            EXPECT_TRUE(element.attributes.emplace(name, value).second) << name << " twice in " << tag;
        }
        element.parent = open.back();
        out.push_back(element);
        if (element.name == "style") at = html.find("</style>", at);
        if (!empty.contains(element.name)) open.push_back(out.size() - 1);
    }
    EXPECT_EQ(open.size(), 1u) << "an element is not closed";
    return out;
}

void expect_sound(const std::string& html, const std::string& language, const std::string& where) {
    SCOPED_TRACE(where);
    const auto all = elements_of(html);
    std::set<std::string> ids, labelled;
    for (const auto& e : all)
        if (e.has("id")) {
            EXPECT_TRUE(ids.insert(e.at("id")).second) << "two elements have the id " << e.at("id");
        }
    const auto refers = [&](const std::string& list) {
        std::istringstream words(list);
        for (std::string id; words >> id;) EXPECT_TRUE(ids.contains(id)) << "nothing has the id " << id;
    };
    int heading = 0, h1 = 0, mains = 0;
    for (const auto& e : all) {
        if (e.name == "html") {
            EXPECT_EQ(e.at("lang"), language);
        }
        if (e.name == "label") labelled.insert(e.at("for"));
        refers(e.at("for"));
        refers(e.at("aria-labelledby"));
        refers(e.at("aria-describedby"));
        h1 += e.name == "h1";
        mains += e.name == "main";
        if (e.name.size() == 2 && e.name[0] == 'h' && std::isdigit(static_cast<unsigned char>(e.name[1]))) {
            EXPECT_LE(e.name[1] - '0', heading + 1) << "a level of headings is skipped";
            heading = e.name[1] - '0';
        }
        for (const auto& [attribute, value] : e.attributes) {
            EXPECT_NE(attribute, "style");
            EXPECT_FALSE(attribute.starts_with("on")) << attribute;
        }
        for (const char* never : {"script", "img", "link", "iframe", "object", "embed", "base"}) EXPECT_NE(e.name, never);
    }
    EXPECT_EQ(h1, 1);
    EXPECT_EQ(mains, 1);
    for (size_t i = 0; i < all.size(); ++i) {
        const auto& e = all[i];
        if (e.name == "a" && e.at("href").starts_with("#")) {
            EXPECT_TRUE(ids.contains(e.at("href").substr(1))) << e.at("href");
        }
        if (e.name == "textarea" || (e.name == "input" && e.at("type") != "hidden")) {
            EXPECT_TRUE(labelled.contains(e.at("id"))) << e.at("name") << " has no label";
        }
        if (e.name == "textarea") {
            EXPECT_EQ(e.at("maxlength"), "5000");
        }
        EXPECT_EQ(e.has("aria-invalid"), e.at("aria-describedby").find("-error") != std::string::npos) << e.at("name");
        if (e.name != "form") continue;
        EXPECT_EQ(e.at("method"), "post");
        std::set<std::string> inside;
        for (size_t j = i + 1; j < all.size(); ++j)
            for (size_t up = all[j].parent; up != 0; up = all[up].parent)
                if (up == i) inside.insert(all[j].name == "button" ? "button " + all[j].at("type") : all[j].at("name"));
        for (const char* needed : {"kind", "key", "lang", "button submit"}) EXPECT_TRUE(inside.contains(needed)) << needed;
    }
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
    const std::string page = [] {
        std::ifstream in(std::string(BAILIFF_SOURCE_DIR) + "/policies/page/page.html.mustache");
        return std::string(std::istreambuf_iterator<char>(in), {});
    }();
    const std::string style = page.substr(page.find("<style>"), page.find("</style>") - page.find("<style>"));
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
