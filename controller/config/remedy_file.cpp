// SPDX-License-Identifier: Apache-2.0
#include "controller/config/remedy_file.hpp"

#include "controller/config/policy_rules.hpp"

#include <algorithm>

namespace bailiff {
namespace {

constexpr size_t most_patterns = 200, most_steps = 20, longest_step = 2000;

bool is_language(std::string_view word) {
    return word.size() == 2 && std::all_of(word.begin(), word.end(), [](char c) { return c >= 'a' && c <= 'z'; });
}

/// One word, since it is looked for among the words of reports.
bool is_signature_pattern(std::string_view word) {
    const auto good = [](char c) { return c > ' ' && c <= '~' && std::string_view(",;:()[]{}<>\"'`|").find(c) == std::string_view::npos; };
    return !word.empty() && word.size() <= 200 && std::all_of(word.begin(), word.end(), good) &&
           word.find_first_not_of('*') != std::string_view::npos;
}

bool is_cve(std::string_view word) {
    const auto digits = [](std::string_view part) { return std::all_of(part.begin(), part.end(), [](char c) { return c >= '0' && c <= '9'; }); };
    return word.starts_with("CVE-") && word.size() >= 13 && word.size() <= 20 && word[8] == '-' && digits(word.substr(4, 4)) && digits(word.substr(9));
}

}  // namespace

Result<core::Remedy> parse_remedy(std::string_view text, std::vector<Mistake>& mistakes) {
    const size_t before = mistakes.size();
    const auto document = parse_document(text, mistakes);
    if (!document) return fail(mistaken("remedy", mistakes));
    core::Remedy remedy;
    JsonReader root(*document, mistakes);
    root.optional_text("$schema");
    root.optional_text("source", 2000);
    remedy.types = root.texts("types", false, most_patterns);
    remedy.signatures = root.texts("signatures", false, most_patterns);
    remedy.cves = root.texts("cves", false, most_patterns);
    const auto check = [&](const char* field, const std::vector<std::string>& words, auto good, const char* wrong) {
        for (size_t i = 0; i < words.size(); ++i)
            if (!good(words[i])) mistakes.push_back({"/" + std::string(field) + "/" + std::to_string(i), wrong});
    };
    for (size_t i = 0; i < remedy.types.size(); ++i)
        if (std::string wrong = pattern_mistake(remedy.types[i]); !wrong.empty()) mistakes.push_back({"/types/" + std::to_string(i), std::move(wrong)});
    check("signatures", remedy.signatures, is_signature_pattern, "must be a signature's name in one word, in which * stands for anything, such as Php.Webshell.*");
    check("cves", remedy.cves, is_cve, "must be a CVE number such as CVE-2021-44228");
    if (auto steps = root.object("steps")) {
        if (steps->json().is_object())
            for (const auto& [language, texts] : steps->json().items()) {
                if (!is_language(language)) steps->mistake(language.c_str(), "is no language; write two small letters, such as en");
                auto& into = remedy.steps[language] = steps->texts(language.c_str(), true, most_steps);
                for (size_t i = 0; i < into.size(); ++i)
                    if (into[i].empty() || into[i].size() > longest_step)
                        steps->mistake((language + "/" + std::to_string(i)).c_str(), "must be a text of 1 to 2000 bytes");
                if (into.empty() && texts.is_array()) steps->mistake(language.c_str(), "must have a step");
            }
        if (steps->json().is_object() && !steps->has("en")) steps->mistake("en", "is missing; English is what is shown in every language that is not there");
        steps->finish();
    }
    if (mistakes.size() == before && remedy.types.empty() && remedy.signatures.empty() && remedy.cves.empty())
        root.mistake("", "must say when it applies: by types, signatures or cves");
    root.finish();
    if (mistakes.size() != before) return fail(mistaken("remedy", mistakes));
    return remedy;
}

Result<core::Remedy> read_remedy(const std::filesystem::path& path, std::vector<Mistake>& mistakes) {
    const auto text = read_text(path);
    if (!text) return mistakes.push_back({"", text.error().text}), fail(text.error());
    auto remedy = parse_remedy(*text, mistakes);
    if (remedy) remedy->id = path.stem().string();
    return remedy;
}

}  // namespace bailiff
