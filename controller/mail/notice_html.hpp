// SPDX-License-Identifier: Apache-2.0
// The HTML of a notice, made of its plain text, so that the two can never say different things.
#pragma once

#include <set>
#include <string>
#include <string_view>

namespace bailiff {

/// What of a text is more than words.
struct HtmlHints {
    std::string language = "en";                        ///< of the words: "hi"
    std::string title;                                  ///< the subject
    std::set<std::string, std::less<>> pages{};         ///< the only addresses that become links: those of the customer's own pages
    std::set<std::string, std::less<>> headings{};      ///< lines of the template that head a part
};

/// The whole document. Everything of `text` stands in it, escaped: blank lines part paragraphs, lines that begin with "  - " are a
/// list, with "  | " a quotation, and a line indented by six explains the one above. Evidence is full of addresses that nobody
/// should open, so that none is a link but the page's own. No images, no script, nothing that is fetched; light or dark as
/// the reader has it.
std::string html_of(std::string_view text, const HtmlHints& hints);

}  // namespace bailiff
