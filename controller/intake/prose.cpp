// SPDX-License-Identifier: Apache-2.0
// What a text written for people names: addresses, URLs and times, as suggestions for a person. A sentence can name
// the victim as well as the culprit, so nothing here is ever matched automatically.
#include "controller/intake/fields.hpp"
#include "controller/intake/formats.hpp"

#include <bailiff/clean_text.hpp>

#include <algorithm>
#include <array>

namespace bailiff {
namespace {

constexpr size_t most_suggestions = 50;

bool is_address_char(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || c == '.' || c == ':'; }
bool is_word_char(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

template <class T>
void add(std::vector<T>& list, T item) {
    if (list.size() < most_suggestions && std::find(list.begin(), list.end(), item) == list.end()) list.push_back(std::move(item));
}

/// Takes back what reporters do to keep addresses from being clicked: 192[.]0[.]2[.]1, hxxp://.
std::string refanged(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    for (size_t i = 0; i < text.size(); ++i) {
        if (text.compare(i, 3, "[.]") == 0 || text.compare(i, 3, "(.)") == 0) out += '.', i += 2;
        else if (text.compare(i, 3, "[:]") == 0) out += ':', i += 2;
        else if (text.compare(i, 4, "hxxp") == 0) out += "http", i += 3;
        else out += text[i];
    }
    return out;
}

void find_addresses(std::string_view text, std::vector<std::string>& found) {
    for (size_t at = 0; at < text.size() && found.size() < most_suggestions;) {
        if (!is_address_char(text[at])) {
            // The rest of a word that contains letters beyond f is no address either.
            if (is_word_char(text[at]))
                while (at < text.size() && (is_word_char(text[at]) || text[at] == '.')) ++at;
            else ++at;
            continue;
        }
        size_t end = at;
        while (end < text.size() && is_address_char(text[end])) ++end;
        std::string_view candidate = text.substr(at, end - at);
        const bool in_word = end < text.size() && (is_word_char(text[end]) || text[end] == '_');
        at = end;
        while (!candidate.empty() && (candidate.back() == '.' || (candidate.back() == ':' && !candidate.ends_with("::")))) candidate.remove_suffix(1);
        if (in_word || candidate.size() < 3) continue;
        // "192.0.2.1:443" is an address and a port.
        const size_t colon = candidate.find(':');
        if (colon != std::string_view::npos && candidate.find('.') < colon && candidate.find(':', colon + 1) == std::string_view::npos)
            candidate = candidate.substr(0, colon);
        if (const auto ip = read_address(candidate)) add(found, *ip);
    }
}

void find_urls(std::string_view text, std::vector<std::string>& found) {
    for (size_t at = text.find("http"); at != std::string_view::npos && found.size() < most_suggestions; at = text.find("http", at + 4)) {
        // A window keeps a text without blanks from being looked through again for each "http" in it.
        std::string_view url = text.substr(at, 2048);
        url = url.substr(0, url.find_first_of(" \t\r\n<>\"'`"));
        while (!url.empty() && std::string_view(".,;:)]}").find(url.back()) != std::string_view::npos) url.remove_suffix(1);
        if (looks_like_url(url) && host_of_url(url)) add(found, std::string(url));
    }
}

/// Tries the longest reading first, so that a zone behind the time is not lost.
void add_time(std::string_view from, ParsedReport& report) {
    from = from.substr(0, 48);
    from = from.substr(0, from.find('\n'));
    for (size_t length = from.size(); length >= 14; --length) {
        if (length < from.size() && is_word_char(from[length])) continue;
        const auto candidate = from.substr(0, length);
        if (std::string_view(" ,.;").find(candidate.back()) != std::string_view::npos) continue;
        const auto time = read_time(candidate);
        // A zone that is not known is rather the sentence going on.
        if (!time || time->warning.find("is not known") != std::string::npos) continue;
        add(report.suggestions.times, time->at);
        return;
    }
}

void find_times(std::string_view text, ParsedReport& report) {
    constexpr std::array months{"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    // Reading a time is the dearest thing here, so a text made of half times has a limit of tries.
    size_t tries = 2000;
    for (size_t i = 0; i + 14 < text.size() && report.suggestions.times.size() < most_suggestions && tries > 0; ++i) {
        if (i > 0 && is_word_char(text[i - 1])) continue;
        if (text[i] < '0' || text[i] > '9') continue;
        const bool iso = (text[i + 4] == '-' || text[i + 4] == '/') && (text[i + 10] == ' ' || text[i + 10] == 'T');
        const size_t blank = text.substr(i, 3).find(' ');
        const bool mail = blank != std::string_view::npos && blank > 0 &&
                          std::find(months.begin(), months.end(), text.substr(i + blank + 1, 3)) != months.end();
        if (!iso && !mail) continue;
        add_time(text.substr(i), report);
        --tries;
    }
}

}  // namespace

void read_prose(std::string_view text, ParsedReport& report) {
    const std::string clean = refanged(clean_block(text, 1 << 20));
    find_addresses(clean, report.suggestions.addresses);
    find_urls(clean, report.suggestions.urls);
    find_times(clean, report);
}

void warn(ParsedReport& report, std::string text, size_t most) {
    if (report.warnings.size() < most) report.warnings.push_back(std::move(text));
    else if (report.warnings.size() == most) report.warnings.push_back("There are more warnings of this kind; the report itself has all of it.");
}

}  // namespace bailiff
