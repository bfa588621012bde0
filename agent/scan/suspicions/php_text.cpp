// SPDX-License-Identifier: Apache-2.0
// A squeezed copy of the text, and the few shapes that are looked for in it.
#include "agent/scan/suspicions/php_text.hpp"

#include <algorithm>
#include <array>
#include <cctype>

namespace bailiff::agent {
namespace {

using namespace std::string_view_literals;

/// What turns a text into another, unreadable one.
constexpr std::array decoders{"base64_decode"sv, "gzinflate"sv, "gzuncompress"sv, "gzdecode"sv, "str_rot13"sv, "hex2bin"sv, "convert_uudecode"sv, "strrev"sv};
/// What runs a text: in PHP, or in a shell. Without their parentheses, which follow.
constexpr std::array runners{"eval"sv, "assert"sv, "system"sv, "exec"sv, "shell_exec"sv, "passthru"sv, "popen"sv, "proc_open"sv, "pcntl_exec"sv};
constexpr std::array requests{"$_get["sv, "$_post["sv, "$_request["sv, "$_cookie["sv, "$_server['http_"sv, "$_server[\"http_"sv};
constexpr std::array wrapped{"base64_decode("sv, "stripslashes("sv, "urldecode("sv, "rawurldecode("sv, "trim("sv, "gzinflate("sv, "str_rot13("sv, "hex2bin("sv,
                             "htmlspecialchars_decode("sv, "strrev("sv};

bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_'; }
bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\v' || c == '\f'; }
char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

/// Lower case, with blanks kept only between two words; @ (no warnings) is left out.
std::string squeezed(std::string_view php, bool without_comments) {
    std::string out;
    out.reserve(php.size());
    bool blank = false;
    for (size_t i = 0; i < php.size(); ++i) {
        if (without_comments && php[i] == '/' && i + 1 < php.size() && php[i + 1] == '*') {
            const auto end = php.find("*/", i + 2);
            if (end == php.npos) break;
            i = end + 1;
            blank = true;
        } else if (is_space(php[i])) {
            blank = true;
        } else if (php[i] != '@') {
            if (blank && !out.empty() && is_word(out.back()) && is_word(php[i])) out += ' ';
            out += lower(php[i]);
            blank = false;
        }
    }
    return out;
}

/// Whether a call may begin here: not inside a longer word, of an object, or in quotes.
bool begins_call(std::string_view text, size_t at) {
    if (at == 0) return true;
    const char before = text[at - 1];
    return !is_word(before) && before != '$' && before != '>' && before != ':' && before != '"' && before != '\'' && before != '\\';
}

/// Calls `test(rest after the parenthesis)` for each call of `function`.
template <class Test>
bool any_call(std::string_view text, std::string_view function, Test test) {
    for (size_t at = text.find(function); at != text.npos; at = text.find(function, at + 1)) {
        const size_t after = at + function.size();
        if (after < text.size() && text[after] == '(' && begins_call(text, at) && test(text.substr(after + 1))) return true;
    }
    return false;
}

bool begins_with_request(std::string_view text) {
    for (bool again = true; again;) {
        again = false;
        for (const auto wrapper : wrapped)
            if (text.starts_with(wrapper)) text.remove_prefix(wrapper.size()), again = true;
    }
    return std::any_of(requests.begin(), requests.end(), [&](std::string_view one) { return text.starts_with(one); });
}

/// preg_replace('/…/e', …): the old way to run what was found, with something of the visitor's in the call.
bool replaces_and_runs(std::string_view call) {
    if (call.size() < 4 || (call[0] != '"' && call[0] != '\'')) return false;
    const size_t end = call.substr(0, 200).find(call[0], 1);
    if (end == call.npos || end < 4) return false;
    const auto pattern = call.substr(1, end - 1);
    const size_t last = pattern.find_last_not_of("imsxeadsuxj");
    if (last == pattern.npos || last == 0 || pattern[last] != pattern[0] || pattern.substr(last).find('e') == pattern.npos) return false;
    const auto rest = call.substr(end, 300);
    return std::any_of(requests.begin(), requests.end(), [&](std::string_view one) { return rest.find(one) != rest.npos; });
}

std::optional<std::string> shape_in(std::string_view text) {
    for (const auto runner : runners) {
        const bool of_php = runner == "eval" || runner == "assert";
        if (any_call(text, runner, begins_with_request)) return std::string(runner) + "($_REQUEST…";
        if (!of_php) continue;
        for (const auto decoder : decoders)
            if (any_call(text, runner, [&](std::string_view rest) { return rest.starts_with(decoder) && rest.substr(decoder.size()).starts_with('('); }))
                return std::string(runner) + "(" + std::string(decoder) + "(";
    }
    if (any_call(text, "preg_replace", replaces_and_runs)) return "preg_replace(\"/…/e\", $_REQUEST…";
    // $_GET[a]($_POST[b]): the visitor names the function that is called.
    for (const auto request : requests)
        for (size_t at = text.find(request); at != text.npos; at = text.find(request, at + 1)) {
            const size_t end = text.substr(0, std::min(text.size(), at + 80)).find(']', at);
            if (end == text.npos || (at > 0 && (text[at - 1] == '"' || text[at - 1] == '\'' || text[at - 1] == '`'))) continue;
            if (text.substr(end + 1).starts_with('(') && begins_with_request(text.substr(end + 2))) return "$_REQUEST[…]($_REQUEST…";
        }
    return std::nullopt;
}

bool is_text(std::string_view content) {
    const auto head = content.substr(0, 4096);
    const auto odd = std::count_if(head.begin(), head.end(), [](char c) { return static_cast<unsigned char>(c) < 32 && !is_space(c); });
    return odd == 0;
}

size_t find_php(std::string_view content) {
    for (size_t at = content.find("<?"); at != content.npos; at = content.find("<?", at + 1)) {
        if (at + 5 > content.size()) return content.npos;
        const bool word = lower(content[at + 2]) == 'p' && lower(content[at + 3]) == 'h' && lower(content[at + 4]) == 'p';
        if (word && (at + 5 == content.size() || is_space(content[at + 5]))) return at;
    }
    return content.npos;
}

}  // namespace

std::optional<std::string_view> php_in(std::string_view content) {
    const size_t at = find_php(content);
    if (at != content.npos) return content.substr(at);
    const size_t echo = content.find("<?=");
    if (echo != content.npos && is_text(content)) return content.substr(echo);
    return std::nullopt;
}

bool only_guards(std::string_view php) {
    if (php.size() >= 4096) return false;
    // Comments go, to the end of their line too: what is left must be nothing but headers and an end, so nothing can hide there.
    std::string text;
    for (size_t i = 0; i < php.size(); ++i) {
        const auto rest = php.substr(i);
        if (rest.starts_with("/*")) {
            const auto end = rest.find("*/", 2);
            i = end == rest.npos ? php.size() : i + end + 1;
        } else if (rest.starts_with("//") || rest.starts_with("#")) {
            // A closing tag ends such a comment as well as its line.
            const auto end = std::min(rest.find('\n'), rest.find("?>"));
            i = end == rest.npos ? php.size() : i + end - 1;
        } else if (!is_space(php[i])) {
            text += lower(php[i]);
        }
    }
    std::string_view rest = text;
    for (bool again = true; again;) {
        again = false;
        for (const auto part : {"<?php"sv, "?>"sv, "exit;"sv, "exit();"sv, "exit(0);"sv, "die;"sv, "die();"sv, "return;"sv, ";"sv, "http_response_code(404);"sv, "http_response_code(403);"sv})
            if (rest.starts_with(part)) rest.remove_prefix(part.size()), again = true;
        if (rest.starts_with("header(\"") || rest.starts_with("header('")) {
            const auto text_end = rest.find(rest[7], 8), end = rest.find(';', text_end == rest.npos ? rest.size() : text_end);
            // gmdate(…) may stand in it; nothing else is called.
            if (end == rest.npos || rest.substr(8, end - 8).find("$") != rest.npos) return false;
            rest.remove_prefix(end + 1), again = true;
        }
    }
    return rest.empty() || rest == "exit" || rest == "die";
}

bool obeys_visitors(std::string_view php) {
    const std::string text = squeezed(php, true);
    for (const auto one : {"$_get["sv, "$_post["sv, "$_request["sv, "$_cookie["sv, "$_files["sv, "php://input"sv})
        if (text.find(one) != text.npos) return true;
    for (const auto runner : runners)
        if (any_call(text, runner, [](std::string_view) { return true; })) return true;
    return text.find("base64_decode(") != text.npos || text.find("gzinflate(") != text.npos || text.find("create_function(") != text.npos;
}

std::optional<std::string> web_shell_shape(std::string_view php) {
    // Twice, since what looks like a comment may stand in quotes and hide what follows.
    if (auto shape = shape_in(squeezed(php, true))) return shape;
    return shape_in(squeezed(php, false));
}

}  // namespace bailiff::agent
