// SPDX-License-Identifier: Apache-2.0
// What a screen reader and a keyboard need of a page (WCAG 2.2, the parts that a program can tell).
#pragma once

#include <cctype>
#include <gtest/gtest.h>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace bailiff::test {

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
inline std::vector<Element> elements_of(const std::string& html) {
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

/// What every form of a page has.
struct FormMarkup {
    std::vector<std::string> needed;   ///< names of its fields, and "button submit"
    std::string longest_text;          ///< `maxlength` of its text areas; "" when they have none
};

/// Labels, headings, references; and nothing that the Content-Security-Policy would stop.
inline void expect_sound_markup(const std::string& html, const std::string& language, const FormMarkup& forms) {
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
            EXPECT_EQ(e.at("maxlength"), forms.longest_text);
        }
        EXPECT_EQ(e.has("aria-invalid"), e.at("aria-describedby").find("-error") != std::string::npos) << e.at("name");
        if (e.name != "form") continue;
        EXPECT_EQ(e.at("method"), "post");
        std::set<std::string> inside;
        for (size_t j = i + 1; j < all.size(); ++j)
            for (size_t up = all[j].parent; up != 0; up = all[up].parent)
                if (up == i) inside.insert(all[j].name == "button" ? "button " + all[j].at("type") : all[j].at("name"));
        for (const auto& needed : forms.needed) EXPECT_TRUE(inside.contains(needed)) << needed;
    }
}

}  // namespace bailiff::test
