// SPDX-License-Identifier: Apache-2.0
// The word a person probably meant: for messages about unknown zones, fields, commands and options.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace bailiff {

/// How many letters must be added, dropped, replaced or swapped with their neighbour to turn one word into the
/// other; case does not count. Quadratic: for words, not for texts.
inline size_t edit_distance(std::string_view a, std::string_view b) {
    const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? char(c - 'A' + 'a') : c; };
    std::vector<size_t> before(b.size() + 1), above(b.size() + 1), row(b.size() + 1);
    for (size_t j = 0; j <= b.size(); ++j) above[j] = j;
    for (size_t i = 1; i <= a.size(); ++i) {
        row[0] = i;
        for (size_t j = 1; j <= b.size(); ++j) {
            const bool same = lower(a[i - 1]) == lower(b[j - 1]);
            row[j] = std::min({above[j] + 1, row[j - 1] + 1, above[j - 1] + (same ? 0 : 1)});
            const bool swapped =
                i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) && lower(a[i - 2]) == lower(b[j - 1]);
            if (swapped) row[j] = std::min(row[j], before[j - 2] + 1);
        }
        std::swap(before, above);
        std::swap(above, row);
    }
    return above[b.size()];
}

/// The candidate nearest to `word`, or an empty text when none is near enough to be a slip of the finger.
/// `candidates` is any range of things that convert to std::string_view.
template <class Candidates>
std::string nearest(std::string_view word, const Candidates& candidates) {
    std::string best;
    if (word.size() > 64) return best;
    size_t least = std::max<size_t>(2, word.size() / 3) + 1;
    for (const auto& candidate : candidates) {
        const std::string_view text(candidate);
        const size_t distance = edit_distance(word, text);
        if (distance < least && distance < text.size()) {
            least = distance;
            best = std::string(text);
        }
    }
    return best;
}

/// "; did you mean 'x'?" or nothing, to be appended to a message.
template <class Candidates>
std::string did_you_mean(std::string_view word, const Candidates& candidates) {
    const std::string found = nearest(word, candidates);
    return found.empty() ? std::string() : "; did you mean '" + found + "'?";
}

}  // namespace bailiff
