// SPDX-License-Identifier: Apache-2.0
// Addresses, URLs, kinds of abuse, and key-value lists, read leniently and written strictly.
#include "controller/intake/fields.hpp"

#include <bailiff/clean_text.hpp>

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace bailiff {
namespace {

bool is_letter_or_digit(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }

struct Kind {
    std::string_view category, type;
    std::array<std::string_view, 6> words;  // lower case, without separators; the type's own word is implied
};

// XARF v4.2's types, and what older dialects call them.
constexpr auto kinds = std::to_array<Kind>({
    {"messaging", "spam", {"emailspam", "unsolicited"}},
    {"messaging", "bulk_messaging", {}},
    {"connection", "login_attack", {"bruteforce", "auth", "sshbruteforce", "loginattempt", "passwordattack"}},
    {"connection", "port_scan", {"portscan", "scan", "scanning", "networkscan"}},
    {"connection", "ddos", {"dos", "denialofservice", "ddosattack", "amplification", "flood"}},
    {"connection", "infected_host", {"infectedhost", "infection", "drone", "sinkhole", "trojan", "infected"}},
    {"connection", "reconnaissance", {"probe"}},
    {"connection", "scraping", {}},
    {"connection", "sql_injection", {"sqli"}},
    {"connection", "vulnerability_scan", {"exploitattempt", "exploit"}},
    {"content", "phishing", {"phish", "phishingsite"}},
    {"content", "malware", {"virus", "malwaredistribution", "malwareurl", "maliciousurl", "malwarehosting"}},
    {"content", "fraud", {"scam"}},
    {"content", "brand_infringement", {"trademark"}},
    {"content", "csam", {"childabuse"}},
    {"content", "csem", {}},
    {"content", "exposed_data", {"dataleak"}},
    {"content", "remote_compromise", {"defacement", "webshell", "compromisedwebsite", "hackedsite"}},
    {"content", "suspicious_registration", {}},
    {"infrastructure", "botnet", {"bot", "c2", "cnc", "commandandcontrol"}},
    {"infrastructure", "compromised_server", {"compromised", "compromisedhost", "compromise"}},
    {"copyright", "copyright", {"dmca", "copyrightinfringement", "infringement"}},
    {"copyright", "p2p", {"torrent", "filesharing", "bittorrent"}},
    {"copyright", "cyberlocker", {}},
    {"copyright", "link_site", {}},
    {"copyright", "ugc_platform", {}},
    {"copyright", "usenet", {}},
    {"vulnerability", "cve", {}},
    {"vulnerability", "open_service", {"openresolver", "openrelay", "openproxy", "exposedservice", "open"}},
    {"vulnerability", "misconfiguration", {"vulnerableservice", "vulnerable"}},
    {"reputation", "blocklist", {"blacklist", "blocked"}},
    {"reputation", "threat_intelligence", {}},
});

std::string bare_word(std::string_view word) {
    std::string out;
    for (const char c : lower_case(word))
        if (is_letter_or_digit(c)) out += c;
    return out;
}

}  // namespace

std::string lower_case(std::string_view text) {
    std::string out(text);
    for (char& c : out)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return out;
}

std::string_view trimmed(std::string_view text) {
    const size_t first = text.find_first_not_of(" \t\r\n");
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

std::optional<std::string> read_address(std::string_view text) {
    text = trimmed(text);
    if (text.starts_with('[')) {
        const size_t end = text.find(']');
        if (end == std::string_view::npos) return std::nullopt;
        text = text.substr(1, end - 1);
        if (lower_case(text.substr(0, 5)) == "ipv6:") text.remove_prefix(5);
    }
    text = text.substr(0, text.find_first_of(" \t("));
    if (text.empty() || text.size() > 45) return std::nullopt;
    const std::string copy(text);
    in_addr v4{};
    in6_addr v6{};
    char shown[INET6_ADDRSTRLEN] = "";
    if (inet_pton(AF_INET, copy.c_str(), &v4) == 1) {
        inet_ntop(AF_INET, &v4, shown, sizeof shown);
    } else if (inet_pton(AF_INET6, copy.c_str(), &v6) == 1) {
        // The same machine, whichever way its address was logged.
        if (IN6_IS_ADDR_V4MAPPED(&v6)) inet_ntop(AF_INET, &v6.s6_addr[12], shown, sizeof shown);
        else inet_ntop(AF_INET6, &v6, shown, sizeof shown);
    } else {
        return std::nullopt;
    }
    return std::string(shown);
}

std::optional<uint16_t> read_port(std::string_view text) {
    text = trimmed(text);
    uint16_t port = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
    if (error != std::errc{} || end != text.data() + text.size() || text.empty()) return std::nullopt;
    return port;
}

bool looks_like_url(std::string_view text) {
    const std::string head = lower_case(text.substr(0, 8));
    return head.starts_with("http://") || head.starts_with("https://") || head.starts_with("ftp://");
}

bool looks_like_host(std::string_view text) {
    if (text.size() > 253 || text.find('.') == std::string_view::npos || text.starts_with('.')) return false;
    return std::all_of(text.begin(), text.end(), [](char c) { return is_letter_or_digit(c) || c == '.' || c == '-' || c == '_'; });
}

std::optional<std::string> host_of_url(std::string_view url) {
    if (!looks_like_url(url)) return std::nullopt;
    std::string_view rest = url.substr(url.find("://") + 3);
    rest = rest.substr(0, rest.find_first_of("/?#"));
    if (const size_t at = rest.rfind('@'); at != std::string_view::npos) rest.remove_prefix(at + 1);
    if (rest.starts_with('[')) {
        const size_t end = rest.find(']');
        return end == std::string_view::npos ? std::nullopt : std::optional(lower_case(rest.substr(1, end - 1)));
    }
    rest = rest.substr(0, rest.find(':'));
    if (rest.empty()) return std::nullopt;
    return lower_case(rest);
}

bool place_identifier(std::string_view identifier, ReportedPlace& place) {
    identifier = trimmed(identifier);
    if (const auto ip = read_address(identifier)) {
        place.ip = *ip;
    } else if (looks_like_url(identifier)) {
        place.url = clean_line(identifier, 2048);
    } else if (looks_like_host(identifier)) {
        place.host = lower_case(identifier);
    } else {
        return false;
    }
    return true;
}

void complete_from_url(ReportedPlace& place) {
    if (!place.ip.empty() || !place.host.empty()) return;
    const auto host = host_of_url(place.url);
    if (!host) return;
    if (const auto ip = read_address(*host)) place.ip = *ip;
    else if (looks_like_host(*host)) place.host = *host;
}

bool is_category(std::string_view word) {
    return std::any_of(kinds.begin(), kinds.end(), [&](const Kind& k) { return k.category == word; });
}

bool is_type(std::string_view category, std::string_view type) {
    return std::any_of(kinds.begin(), kinds.end(), [&](const Kind& k) { return k.category == category && k.type == type; });
}

std::optional<std::pair<std::string, std::string>> kind_of_word(std::string_view word) {
    const std::string bare = bare_word(word);
    if (bare.empty()) return std::nullopt;
    for (const Kind& kind : kinds)
        if (bare_word(kind.type) == bare || std::find(kind.words.begin(), kind.words.end(), bare) != kind.words.end())
            return std::pair{std::string(kind.category), std::string(kind.type)};
    return std::nullopt;
}

Fields read_fields(std::string_view text) {
    Fields out;
    for (size_t at = 0; at < text.size() && out.size() < 500;) {
        const size_t end = std::min(text.find('\n', at), text.size());
        const std::string_view line = text.substr(at, end - at);
        at = end + 1;
        const size_t colon = line.find(':');
        const bool continues = !line.empty() && (line[0] == ' ' || line[0] == '\t');
        if (continues && !out.empty()) {
            if (out.back().second.size() < 64 * 1024) out.back().second += " " + std::string(trimmed(line));
        } else if (colon != std::string_view::npos && colon > 0 && colon < 60) {
            std::string_view value = trimmed(line.substr(colon + 1));
            // YAML's quotes are not part of the value.
            if (value.size() >= 2 && (value.front() == '"' || value.front() == '\'') && value.back() == value.front())
                value = value.substr(1, value.size() - 2);
            out.emplace_back(lower_case(trimmed(line.substr(0, colon))), std::string(value));
        }
    }
    return out;
}

std::string_view field(const Fields& fields, std::string_view key) {
    for (const auto& [k, value] : fields)
        if (k == key) return value;
    return {};
}

}  // namespace bailiff
