// SPDX-License-Identifier: Apache-2.0
// What an address is that we write to: one rule for what is taken as a contact and for where a mail can go.
#pragma once

#include <algorithm>
#include <string_view>

namespace bailiff {

inline bool is_ascii_alphanumeric(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }

/// RFC 5322 §3.2.3: words with one dot between each two.
inline bool is_dot_atom(std::string_view text) {
    if (text.empty() || text.front() == '.' || text.back() == '.' || text.find("..") != std::string_view::npos) return false;
    return std::all_of(text.begin(), text.end(),
                       [](char c) { return is_ascii_alphanumeric(c) || std::string_view(".!#$%&'*+-/=?^_`{|}~").find(c) != std::string_view::npos; });
}

/// A host's or a domain's name; one without a dot is the provider's own network's.
inline bool is_domain(std::string_view text) {
    return is_dot_atom(text) && text.size() <= 253 &&
           std::all_of(text.begin(), text.end(), [](char c) { return c == '.' || c == '-' || is_ascii_alphanumeric(c); });
}

/// Whether `address` is a mailbox that we write to: dot-atoms around one @, ASCII (an internationalised domain in its xn-- form), at most
/// 254 bytes (RFC 5321). Quoted local parts and address literals are refused: no customer has one, and each is a way to smuggle.
inline bool is_mail_address(std::string_view address) {
    const size_t at = address.rfind('@');
    if (at == std::string_view::npos || address.size() > 254 || at > 64) return false;
    return is_dot_atom(address.substr(0, at)) && is_domain(address.substr(at + 1));
}

}  // namespace bailiff
