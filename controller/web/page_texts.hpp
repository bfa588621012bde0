// SPDX-License-Identifier: Apache-2.0
// The customer's page as data: its template and the words of each language, from policies/page, checked when loaded.
#pragma once

#include <bailiff/json.hpp>
#include <bailiff/result.hpp>

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bailiff {

/// Immutable once loaded; usable from every thread.
class PageTexts {
  public:
    using Fillings = std::vector<std::pair<std::string_view, std::string>>;

    /// `invalid` with every mistake: words that a language lacks or has too many, placeholders that a translation lost, tags
    /// that would not escape.
    static Result<PageTexts> load(const std::filesystem::path& dir);

    /// The language whose words are shown for what was wished: "hi-IN" is "hi", what there is not is "en".
    std::string language_of(std::string_view wished) const;
    bool has(std::string_view language) const { return words_.contains(language); }
    /// Codes, each with its own name for itself.
    std::vector<std::pair<std::string, std::string>> languages() const;
    /// A word of a language that there is, with `{name}` replaced. What is put in is not looked at again.
    std::string word(const std::string& language, std::string_view key, const Fillings& fillings = {}) const;
    /// The whole page. `data` has texts, booleans, and arrays of objects; every text is cleaned and escaped here, last.
    std::string render(const std::string& language, const Json& data) const;
    /// "'sha256-…'": the one style that the page's Content-Security-Policy lets through.
    const std::string& style_source() const { return style_source_; }

  private:
    using Words = std::map<std::string, std::string, std::less<>>;
    void check_template(std::vector<Mistake>& mistakes);
    void check_words(std::vector<Mistake>& mistakes) const;

    std::string template_;
    std::string style_source_;
    std::map<std::string, Words, std::less<>> words_;
};

}  // namespace bailiff
