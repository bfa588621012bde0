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

/// "version 1.2.3.4" and "v1.2.3.4" look like addresses and are none.
bool after_version(std::string_view before) {
    const std::string tail = lower_case(before.substr(before.size() - std::min<size_t>(before.size(), 10)));
    return tail.ends_with("version ") || tail.ends_with("version: ") || tail.ends_with(" v.") || tail.ends_with("release ");
}

/// The length of "/24" behind an address, 0 where there is none: a network is no address to match.
size_t prefix_length(std::string_view after) {
    if (!after.starts_with('/')) return 0;
    const size_t end = std::min(after.find_first_not_of("0123456789", 1), after.size());
    const bool whole = end == after.size() || (!is_word_char(after[end]) && after[end] != '/' && after[end] != '-');
    return end > 1 && end <= 4 && whole ? end : 0;
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
        // "192.0.2.1@example" is somebody's mail address.
        const bool in_word = end < text.size() && (is_word_char(text[end]) || text[end] == '_' || text[end] == '@');
        const bool in_path = at > 0 && text[at - 1] == '/';
        const size_t prefix = in_path ? 0 : prefix_length(text.substr(end, 6));
        const bool version = candidate.size() < 16 && after_version(text.substr(0, at));
        at = end + prefix;
        while (!candidate.empty() && (candidate.back() == '.' || (candidate.back() == ':' && !candidate.ends_with("::")))) candidate.remove_suffix(1);
        if (in_word || prefix > 0 || version || candidate.size() < 3) continue;
        // "192.0.2.1:443" is an address and a port.
        const size_t colon = candidate.find(':');
        if (colon != std::string_view::npos && candidate.find('.') < colon && candidate.find(':', colon + 1) == std::string_view::npos)
            candidate = candidate.substr(0, colon);
        if (const auto ip = read_address(candidate)) {
            add(found, *ip);
            continue;
        }
        // "IP:192.0.2.1" and the like: the dotted piece between colons.
        while (!candidate.empty() && candidate.find('.') != std::string_view::npos) {
            const std::string_view piece = candidate.substr(0, candidate.find(':'));
            if (const auto ip = read_address(piece)) add(found, *ip);
            candidate.remove_prefix(std::min(piece.size() + 1, candidate.size()));
        }
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
void add_time(std::string_view from, ParsedReport& report, std::vector<ReadTime>* stated) {
    from = from.substr(0, 48);
    from = from.substr(0, from.find('\n'));
    for (size_t length = from.size(); length >= 14; --length) {
        if (length < from.size() && is_word_char(from[length])) continue;
        const auto candidate = from.substr(0, length);
        if (std::string_view(" ,.;:(").find(candidate.back()) != std::string_view::npos) continue;
        const auto time = read_time(candidate);
        // A zone that is not known is rather the sentence going on.
        if (!time || time->warning.find("is not known") != std::string::npos) continue;
        add(report.suggestions.times, time->at);
        if (stated && stated->size() < most_suggestions) stated->push_back(*time);
        return;
    }
}

bool month_at(std::string_view text) {
    constexpr std::array months{"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"};
    return std::find(months.begin(), months.end(), lower_case(text.substr(0, 3))) != months.end();
}

/// Whether a time may begin here: "2026-", "2 Mar", "02/Mar", "02.03.2026", "Mar 2", "March 2".
bool time_may_begin(std::string_view text) {
    const char c = text[0];
    if (c >= '0' && c <= '9') {
        if (text[4] == '-' || text[4] == '/' || text[4] == '.') return text[7] == text[4] && std::string_view(" T,_").find(text[10]) != std::string_view::npos;
        if (text[8] == 'T') return true;
        if ((text[2] == '.' || text[2] == '/' || text[2] == '-') && text[5] == text[2]) return true;
        const size_t gap = text.substr(0, 3).find_first_of(" /-");
        return gap != std::string_view::npos && gap > 0 && month_at(text.substr(gap + 1 + (text[gap + 1] == ' ' ? 1 : 0)));
    }
    if (std::string_view("JFMASONDjfmasond").find(c) == std::string_view::npos || !month_at(text)) return false;
    const size_t day = text.substr(0, 12).find_first_of("0123456789");
    return day != std::string_view::npos && text[day - 1] == ' ';
}

void find_times(std::string_view text, ParsedReport& report, std::vector<ReadTime>* stated) {
    // Reading a time is the dearest thing here, so a text made of half times has a limit of tries.
    size_t tries = 1000;
    for (size_t i = 0; i + 14 < text.size() && report.suggestions.times.size() < most_suggestions && tries > 0; ++i) {
        if (!is_word_char(text[i]) || (i > 0 && is_word_char(text[i - 1])) || !time_may_begin(text.substr(i))) continue;
        add_time(text.substr(i), report, stated);
        --tries;
    }
}

}  // namespace

void read_prose(std::string_view text, ParsedReport& report, std::vector<ReadTime>* stated) {
    const std::string clean = refanged(clean_block(text, 1 << 20));
    find_addresses(clean, report.suggestions.addresses);
    find_urls(clean, report.suggestions.urls);
    find_times(clean, report, stated);
}

void read_received(std::string_view headers, ParsedReport& report) {
    std::string from;
    for (const auto& [key, value] : read_fields(headers)) {
        if (key != "received" && key != "x-originating-ip" && key != "received-spf" && key != "x-source-ip" && key != "x-sender-ip") continue;
        // What handed the mail over stands before "by"; what follows is the reporter's own.
        const std::string lower = lower_case(value);
        const size_t by = key == "received" ? std::min(lower.find(" by "), value.size()) : value.size();
        if (key != "received" || !lower.starts_with("by ")) from += value.substr(0, by) + "\n";
        if (const size_t semicolon = value.rfind(';'); key == "received" && semicolon != std::string::npos && report.suggestions.times.empty())
            if (const auto time = read_time(value.substr(semicolon + 1))) report.suggestions.times.push_back(time->at);
    }
    std::vector<std::string> found;
    find_addresses(clean_block(from, 64 * 1024), found);
    for (auto& ip : found)
        if (!ip.starts_with("127.") && ip != "::1") add(report.suggestions.addresses, std::move(ip));
}

void need_a_person(ParsedReport& report, std::string why) {
    if (!report.triage) report.triage = std::move(why);
}

void warn(ParsedReport& report, std::string text, size_t most) {
    if (report.warnings.size() < most) report.warnings.push_back(std::move(text));
    else if (report.warnings.size() == most) report.warnings.push_back("There are more warnings of this kind; the report itself has all of it.");
}

}  // namespace bailiff
