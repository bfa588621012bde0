// SPDX-License-Identifier: Apache-2.0
// One table per enum: the word in JSON, SQL, pages and logs. An unknown word is always an error, never a default.
#pragma once

#include <bailiff/result.hpp>

#include <array>
#include <cassert>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace bailiff {

/// Specialise with `static constexpr std::array table{std::pair{E::x, std::string_view("x")}, …};` and
/// `static constexpr std::string_view what = "power state";` (for messages).
template <class E>
struct Names;

template <class E>
concept Named = requires { Names<E>::table; };

/// The word for a value.
template <Named E>
constexpr std::string_view name(E value) {
    for (const auto& [v, word] : Names<E>::table)
        if (v == value) return word;
    assert(false && "enum value without a name");
    return {};
}

/// The value for a word, or nothing.
template <Named E>
constexpr std::optional<E> find_name(std::string_view word) {
    for (const auto& [v, w] : Names<E>::table)
        if (w == word) return v;
    return std::nullopt;
}

/// "running, limited, isolated": every word of an enum, for messages and completion.
template <Named E>
std::string all_names() {
    std::string out;
    for (const auto& entry : Names<E>::table) out += (out.empty() ? "" : ", ") + std::string(entry.second);
    return out;
}

/// The value for a word, or an error that lists the words there are.
template <Named E>
Result<E> parse_name(std::string_view word) {
    if (const auto found = find_name<E>(word)) return *found;
    return fail(Errc::invalid, "'" + std::string(word.substr(0, 60)) + "' is no " + std::string(Names<E>::what) +
                                   "; it is one of " + all_names<E>());
}

}  // namespace bailiff
