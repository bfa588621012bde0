// SPDX-License-Identifier: Apache-2.0
// A case as its customer sees it: what the page's template is filled with. Pure; the time is a parameter.
#pragma once

#include "controller/core/case.hpp"
#include "controller/desk/statements.hpp"
#include "controller/web/page_texts.hpp"

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace bailiff {

/// What the page speaks of. `answers` holds the history's items that are answers or appeals, oldest first.
struct PageSituation {
    const core::Case& c;
    const core::Policy& policy;
    const core::Calendar& calendar;
    Instant now;
    std::vector<core::HistoryItem> answers{};
    std::vector<Attachment> files{};   ///< names and sizes; their bytes are staff's
    int64_t receipt = 0;               ///< revision of the answer or appeal whose receipt is asked for; 0 = none
    std::string key{};                 ///< makes what is handed in twice from this page one statement
};

/// What was typed and cannot be taken yet: shown again, with what is wrong beside it.
struct PageEntry {
    std::map<std::string, std::string> values{};                     ///< by field
    std::vector<std::pair<std::string, std::string>> errors{};       ///< field, and the word that says what is wrong
};

/// The page of an open case, or the last word of a closed one.
Json page_view(const PageTexts& texts, const std::string& language, const PageSituation& s, const PageEntry& entry = {});
/// A page that only says why there is none: the words `key` and `key`_text.
Json problem_view(const PageTexts& texts, const std::string& language, const std::string& key);
/// What a customer agrees to who asks for a fix, as it is shown and recorded.
std::string consent_words(const PageTexts& texts, const std::string& language, const core::Case& c, const core::Policy& policy);
/// Whether the case's policy and phase let the customer order a fix.
bool fix_offered(const core::Case& c, const core::Policy& policy);

}  // namespace bailiff
