// SPDX-License-Identifier: Apache-2.0
// One pass from left to right: at each place the first rule that knows what stands there says what is written instead.
#include "controller/core/redaction.hpp"

#include "controller/core/discovery.hpp"

#include <algorithm>
#include <array>
#include <optional>

namespace bailiff::core {
namespace {

/// So much of the text from here on is written as `text`.
struct Masked {
    size_t length = 0;
    std::string text;
};
using Found = std::optional<Masked>;

bool digit(char c) { return c >= '0' && c <= '9'; }
bool letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool hex(char c) { return digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }
bool in_name(char c) { return digit(c) || letter(c) || c == '-' || c == '.' || c == '_'; }
bool in_local_part(char c) { return in_name(c) || c == '+' || c == '%' || c == '='; }
char small(char c) { return c >= 'A' && c <= 'Z' ? char(c - 'A' + 'a') : c; }

bool same(std::string_view a, std::string_view b) {
    return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) { return small(x) == small(y); });
}
bool among(std::string_view text, const std::vector<std::string>& list) {
    return std::any_of(list.begin(), list.end(), [&](const std::string& one) { return same(one, text); });
}
/// Where it ends; `most` keeps a rule that may fail at every word from reading the whole rest each time.
template <class Is>
size_t run(std::string_view text, size_t at, Is is, size_t most = std::string_view::npos) {
    const size_t last = most < text.size() - std::min(at, text.size()) ? at + most : text.size();
    size_t end = at;
    while (end < last && is(text[end])) ++end;
    return end;
}

Found hidden_name(std::string_view text, size_t at, const Redaction& with) {
    for (const auto& one : with.hidden)
        if (one.size() > 3 && at + one.size() <= text.size() && same(text.substr(at, one.size()), one)) return Masked{one.size(), "[...]"};
    return {};
}

/// `local@domain`; `at` is where the local part begins.
Found mail_address(std::string_view text, size_t at, const Redaction& with) {
    const size_t sign = run(text, at, in_local_part, 65);
    if (sign == at || sign - at > 64 || sign >= text.size() || text[sign] != '@') return {};
    size_t end = run(text, sign + 1, in_name);
    while (end > sign + 1 && (text[end - 1] == '.' || text[end - 1] == '-')) --end;
    const std::string_view domain = text.substr(sign + 1, end - sign - 1);
    if (domain.find('.') == std::string_view::npos) return {};
    if (among(text.substr(at, end - at), with.own)) return Masked{end - at, std::string(text.substr(at, end - at))};
    return Masked{end - at, "***@" + std::string(domain)};
}

bool nobodys(const std::array<int, 4>& v4) {
    return v4[0] == 0 || v4[0] == 10 || v4[0] == 127 || v4[0] >= 224 || (v4[0] == 192 && v4[1] == 168) || (v4[0] == 172 && v4[1] >= 16 && v4[1] < 32) ||
           (v4[0] == 169 && v4[1] == 254);
}

Found v4_address(std::string_view text, size_t at, const Redaction& with) {
    std::array<int, 4> numbers{};
    size_t end = at, last = at;
    for (size_t i = 0; i < 4; ++i) {
        if (i > 0 && (end >= text.size() || text[end++] != '.')) return {};
        last = end;
        end = run(text, end, digit, 4);
        if (end == last || end - last > 3) return {};
        for (size_t k = last; k < end; ++k) numbers[i] = numbers[i] * 10 + (text[k] - '0');
        if (numbers[i] > 255) return {};
    }
    // A fifth number is a port, as tcpdump writes it; a version of five numbers loses one, which harms nobody.
    const std::string_view whole = text.substr(at, end - at);
    if (nobodys(numbers) || among(whole, with.own)) return Masked{whole.size(), std::string(whole)};
    return Masked{whole.size(), std::string(text.substr(at, last - at)) + "x"};
}

/// Of v6, 2000::/3 alone belongs to people: 2001:db8::1, and neither std::vector, nor 12:30:05, nor a MAC address.
Found v6_address(std::string_view text, size_t at, const Redaction& with) {
    constexpr size_t longest = 39;
    size_t end = run(text, at, [](char c) { return hex(c) || c == ':'; }, longest + 1);
    while (end > at && text[end - 1] == ':' && (end < at + 2 || text[end - 2] != ':')) --end;
    const std::string_view whole = text.substr(at, end - at);
    const auto colons = std::count(whole.begin(), whole.end(), ':');
    const bool gap = whole.find("::") != std::string_view::npos;
    if (whole.size() > longest || colons < 2 || colons > 8 || (!gap && colons != 7) || (end < text.size() && letter(text[end]))) return {};
    std::vector<std::string> groups;
    for (size_t from = 0; from <= whole.size();) {
        const size_t colon = std::min(whole.find(':', from), whole.size());
        if (colon - from > 4) return {};
        groups.emplace_back(whole.substr(from, colon - from));
        from = colon + 1;
    }
    // What ends with a v4 address is masked as one.
    if (v4_address(text, end - groups.back().size(), with)) return {};
    const std::string& first = groups.front();
    if (among(whole, with.own) || first.size() != 4 || (first[0] != '2' && first[0] != '3')) return Masked{whole.size(), std::string(whole)};
    std::string kept;
    for (size_t i = 0; i < 3 && i < groups.size() && !groups[i].empty(); ++i) kept += groups[i] + ":";
    return Masked{whole.size(), kept + ":x"};
}

constexpr std::array<std::string_view, 15> secret_words{"password", "passwort", "passwd", "pwd",   "pass",          "passphrase", "secret", "client_secret",
                                                        "api_key",  "apikey",   "api-key", "token", "authorization", "cookie",     "access_token"};
bool is_secret_word(std::string_view word) {
    const size_t cut = word.find_last_of("-_");
    return std::any_of(secret_words.begin(), secret_words.end(), [&](std::string_view one) { return same(one, word); }) ||
           (cut != std::string_view::npos && cut + 1 < word.size() && is_secret_word(word.substr(cut + 1)));
}

/// `password: hunter2`, `token=…`; of authorization and cookie the whole line is a secret.
Found named_secret(std::string_view text, size_t at) {
    const auto in_word = [](char c) { return letter(c) || digit(c) || c == '_' || c == '-'; };
    const size_t end = run(text, at, in_word, 41);
    if (end == at || end - at > 40 || !is_secret_word(text.substr(at, end - at))) return {};
    size_t value = run(text, end, [](char c) { return c == ' ' || c == '"' || c == '\''; });
    if (value >= text.size() || (text[value] != '=' && text[value] != ':')) return {};
    value = run(text, value + 1, [](char c) { return c == ' ' || c == '"' || c == '\'' || c == '='; });
    const std::string_view word = text.substr(at, end - at);
    const bool line = same(word, "authorization") || same(word, "cookie");
    const size_t stop = line ? std::min(text.find('\n', value), text.size())
                             : run(text, value, [](char c) { return c != ' ' && c != '\n' && c != '&' && c != '"' && c != '\'' && c != ',' && c != ';'; });
    if (stop == value) return {};
    return Masked{stop - at, std::string(text.substr(at, value - at)) + "***"};
}

/// A random value, as sessions and signatures have: long, of one piece, with digits and letters.
bool looks_random(std::string_view value) {
    const bool piece = std::all_of(value.begin(), value.end(), [](char c) { return digit(c) || letter(c) || c == '-' || c == '_' || c == '%' || c == '+' || c == '='; });
    return value.size() >= 20 && piece && std::any_of(value.begin(), value.end(), digit) && std::any_of(value.begin(), value.end(), letter);
}

/// How deep URLs may stand in URLs; what is deeper is masked as words.
constexpr int most_nested = 3;
std::string masked(std::string_view text, const Redaction& with, int nested);

/// The rest of a URL from behind its `://`: who logs in, and its query.
std::string masked_url(std::string_view url, const Redaction& with, int nested) {
    constexpr std::array<std::string_view, 9> named{"sig", "signature", "session", "sid", "auth", "code", "key", "hash", "sessionid"};
    std::string out;
    const size_t host_end = std::min(url.find_first_of("/?#"), url.size());
    if (const size_t sign = url.substr(0, host_end).rfind('@'); sign != std::string_view::npos) {
        out = "***@";
        url.remove_prefix(sign + 1);
    }
    const size_t query = std::min(url.find('?'), url.size());
    out += masked(url.substr(0, query), with, nested);
    for (size_t at = query; at < url.size();) {
        const size_t end = std::min(url.find_first_of("&#", at + 1), url.size());
        const std::string_view pair = url.substr(at, end - at);
        const size_t equals = pair.find('=');
        at = end;
        if (equals == std::string_view::npos) {
            out += masked(pair, with, nested);
            continue;
        }
        const std::string_view key = pair.substr(1, equals - 1), value = pair.substr(equals + 1);
        const bool secret = is_secret_word(key) || looks_random(value) || std::any_of(named.begin(), named.end(), [&](std::string_view one) { return same(one, key); });
        out += std::string(pair.substr(0, equals + 1)) + (secret && !value.empty() ? "***" : masked(value, with, nested));
    }
    return out;
}

Found url(std::string_view text, size_t at, const Redaction& with, int nested) {
    if (nested > most_nested) return {};
    for (const std::string_view scheme : {"http://", "https://", "hxxp://", "hxxps://", "ftp://", "ssh://"}) {
        if (!same(text.substr(at, scheme.size()), scheme)) continue;
        const size_t end = run(text, at, [](char c) { return static_cast<unsigned char>(c) > ' ' && c != '"' && c != '<' && c != '>' && c != '\''; });
        return Masked{end - at, std::string(text.substr(at, scheme.size())) + masked_url(text.substr(at + scheme.size(), end - at - scheme.size()), with, nested + 1)};
    }
    return {};
}

Found card_number(std::string_view text, size_t at) {
    std::string digits;
    size_t end = at;
    for (size_t i = at; i < text.size() && digits.size() <= 19; ++i) {
        if (digit(text[i])) digits += text[i], end = i + 1;
        else if ((text[i] != ' ' && text[i] != '-') || i + 1 >= text.size() || !digit(text[i + 1])) break;
    }
    if (digits.size() < 13 || digits.size() > 19) return {};
    int sum = 0;
    for (size_t i = 0; i < digits.size(); ++i) {
        int value = digits[digits.size() - 1 - i] - '0';
        if (i % 2 == 1) value = value * 2 > 9 ? value * 2 - 9 : value * 2;
        sum += value;
    }
    // A row of one digit has the sum as well, and is a line in a table.
    if (sum % 10 != 0 || digits.find_first_not_of(digits[0]) == std::string::npos) return {};
    return Masked{end - at, "****" + digits.substr(digits.size() - 4)};
}

std::string masked(std::string_view text, const Redaction& with, int nested) {
    std::string out;
    out.reserve(text.size());
    bool inside = false;   // of a word: rules begin where words do
    for (size_t at = 0; at < text.size();) {
        Found found;
        if (!inside || !(letter(text[at]) || digit(text[at]))) found = hidden_name(text, at, with);
        if (!inside && !found) {
            found = url(text, at, with, nested);
            if (!found) found = named_secret(text, at);
            if (!found) found = mail_address(text, at, with);
            if (!found && digit(text[at])) found = v4_address(text, at, with);
            if (!found && (hex(text[at]) || text[at] == ':')) found = v6_address(text, at, with);
            if (!found && digit(text[at])) found = card_number(text, at);
        }
        if (found) {
            out += found->text;
            at += found->length;
            inside = true;
            continue;
        }
        const char c = text[at++];
        out += c;
        inside = letter(c) || digit(c) || c == '_' || static_cast<unsigned char>(c) >= 0x80;
    }
    return out;
}

}  // namespace

std::string redacted(std::string_view text, const Redaction& with) { return masked(text, with, 0); }

Redaction redaction_for(const Case& c) {
    Redaction out{{c.vm_address, c.contact.email}, {}};
    // A reporter's plain word ("sensor") may be any other word of the text; who is a person or a place is hidden.
    for (const auto& report : c.reports)
        if (report.reporter.find_first_of("@. ") != std::string::npos && !is_own_scan(report.reporter)) out.hidden.push_back(report.reporter);
    return out;
}

}  // namespace bailiff::core
