// SPDX-License-Identifier: Apache-2.0
#include "controller/web/page_texts.hpp"

#include <bailiff/clean_text.hpp>
#include <bailiff/dsse.hpp>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <kainjow/mustache.hpp>
#include <optional>
#include <set>

namespace bailiff {
namespace {

namespace fs = std::filesystem;
using Data = kainjow::mustache::data;

std::optional<std::string> file_text(const fs::path& path) {
    std::ifstream in(path, std::ios::binary);
    if (!in) return std::nullopt;
    return std::string(std::istreambuf_iterator<char>(in), {});
}

std::set<std::string> placeholders_of(const std::string& text) {
    std::set<std::string> out;
    for (size_t at = text.find('{'); at != std::string::npos; at = text.find('{', at + 1)) {
        const size_t end = text.find('}', at);
        if (end == std::string::npos) break;
        out.insert(text.substr(at + 1, end - at - 1));
    }
    return out;
}

/// The policy wants the hash's bytes in base64, not its digits.
std::string csp_hash(const std::string& text) {
    const std::string digits = sha256_hex(text);
    std::string bytes;
    const auto value = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
    for (size_t i = 0; i < digits.size(); i += 2) bytes += char(value(digits[i]) * 16 + value(digits[i + 1]));
    return "'sha256-" + base64(bytes) + "'";
}

/// A text that is empty counts as absent, as in notices.
Data data_of(const Json& json) {
    if (json.is_boolean()) return Data(json.get<bool>() ? Data::type::bool_true : Data::type::bool_false);
    if (json.is_array()) {
        Data list{Data::type::list};
        for (const auto& element : json) list.push_back(data_of(element));
        return list;
    }
    if (json.is_object()) {
        Data object{Data::type::object};
        for (const auto& [key, value] : json.items()) object.set(key, data_of(value));
        return object;
    }
    const std::string clean = json.is_string() ? clean_block(json.get<std::string>()) : std::string();
    return clean.empty() ? Data(Data::type::bool_false) : Data(clean);
}

}  // namespace

Result<PageTexts> PageTexts::load(const fs::path& dir) {
    PageTexts texts;
    std::vector<Mistake> mistakes;
    const auto page = file_text(dir / "page.html.mustache");
    if (!page) return fail(Errc::not_found, "'" + (dir / "page.html.mustache").string() + "' cannot be read; name the folder of the page's words.");
    texts.template_ = *page;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(dir, error)) {
        if (entry.path().extension() != ".json") continue;
        const std::string language = entry.path().stem(), file = language + ".json";
        const auto text = file_text(entry.path());
        const auto json = text ? parse_json(*text) : Result<Json>(fail(Errc::not_found, "it cannot be read"));
        if (!json || !json->is_object()) {
            mistakes.push_back({file, json ? "must be an object of texts" : json.error().text});
            continue;
        }
        auto& words = texts.words_[language];
        for (const auto& [key, value] : json->items()) {
            if (value.is_string() && !value.get<std::string>().empty()) words[key] = value.get<std::string>();
            else mistakes.push_back({file + "/" + key, "must be a text"});
        }
    }
    if (!texts.words_.contains("en")) mistakes.push_back({"en.json", "is missing; English is what is shown where a language is not there"});
    else texts.check_words(mistakes), texts.check_template(mistakes);
    if (!mistakes.empty()) return fail(Errc::invalid, "The page in '" + dir.string() + "' has mistakes: " + describe(mistakes));
    return texts;
}

void PageTexts::check_words(std::vector<Mistake>& mistakes) const {
    const Words& english = words_.find("en")->second;
    for (const auto& [language, words] : words_) {
        for (const auto& [key, text] : english) {
            const auto found = words.find(key);
            if (found == words.end()) mistakes.push_back({language + ".json/" + key, "is missing; every language needs every word"});
            else if (placeholders_of(found->second) != placeholders_of(text))
                mistakes.push_back({language + ".json/" + key, "must have the placeholders of the English words"});
        }
        for (const auto& [key, text] : words)
            if (!english.contains(key)) mistakes.push_back({language + ".json/" + key, "is no word of the page"});
    }
}

void PageTexts::check_template(std::vector<Mistake>& mistakes) {
    const std::string file = "page.html.mustache";
    const Words& english = words_.find("en")->second;
    for (size_t at = template_.find("{{"); at != std::string::npos; at = template_.find("{{", at)) {
        const size_t end = template_.find("}}", at);
        if (end == std::string::npos) break;
        std::string tag = template_.substr(at + 2, end - at - 2);
        at = end + 2;
        if (tag.empty() || std::string("{&>=!").find(tag[0]) != std::string::npos) {
            mistakes.push_back({file, "{{" + tag + "}} is not used here: what is shown is escaped, always"});
            continue;
        }
        if (tag[0] == '#' || tag[0] == '^' || tag[0] == '/') tag.erase(0, 1);
        if (tag.starts_with("t_") && !english.contains(tag.substr(2))) mistakes.push_back({file, "{{" + tag + "}} is no word of en.json"});
    }
    if (const kainjow::mustache::mustache engine(template_); !engine.is_valid()) mistakes.push_back({file, engine.error_message()});
    const std::string open = "<style>";
    const size_t begin = template_.find(open), end = template_.find("</style>");
    if (begin == std::string::npos || end == std::string::npos || end < begin || template_.find(open, begin + 1) != std::string::npos ||
        template_.substr(begin, end - begin).find("{{") != std::string::npos) {
        mistakes.push_back({file, "must have one <style> without tags: its hash is what browsers are told to accept"});
        return;
    }
    style_source_ = csp_hash(template_.substr(begin + open.size(), end - begin - open.size()));
}

std::string PageTexts::language_of(std::string_view wished) const {
    const std::string_view first = wished.substr(0, std::min(wished.find('-'), wished.size()));
    return has(wished) ? std::string(wished) : has(first) ? std::string(first) : "en";
}

std::vector<std::pair<std::string, std::string>> PageTexts::languages() const {
    std::vector<std::pair<std::string, std::string>> out;
    for (const auto& [code, words] : words_) out.emplace_back(code, words.at("language"));
    return out;
}

std::string PageTexts::word(const std::string& language, std::string_view key, const Fillings& fillings) const {
    const Words& words = words_.at(language);
    const auto found = words.find(key);
    if (found == words.end()) return std::string(key);
    const std::string& text = found->second;
    std::string out;
    for (size_t at = 0; at < text.size(); ++at) {
        if (text[at] == '{') {
            const size_t end = text.find('}', at);
            const std::string name = text.substr(at + 1, end - at - 1);
            const auto filling = std::find_if(fillings.begin(), fillings.end(), [&](const auto& f) { return f.first == name; });
            if (filling != fillings.end()) out += filling->second;
            at = end;
        } else {
            out += text[at];
        }
    }
    return out;
}

std::string PageTexts::render(const std::string& language, const Json& data) const {
    Data all = data_of(data);
    for (const auto& [key, text] : words_.at(language)) all.set("t_" + key, Data(text));
    kainjow::mustache::mustache engine(template_);
    return engine.render(all);
}

}  // namespace bailiff
