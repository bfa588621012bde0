// SPDX-License-Identifier: Apache-2.0
// Addresses, URLs, kinds of abuse, and key-value lists, read leniently and written strictly.
#include "controller/intake/fields.hpp"

#include <bailiff/clean_text.hpp>

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <unordered_map>

namespace bailiff {
namespace {

bool is_letter_or_digit(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }

struct Kind {
    std::string_view category, type;
    std::array<std::string_view, 24> words;  // lower case, without separators; the type's own word is implied
};

// XARF v4.2's types, and what older dialects, feeds and abuse bots call them.
constexpr auto kinds = std::to_array<Kind>({
    {"messaging", "spam", {"emailspam", "mailspam", "unsolicited", "spamvertised", "spamvertized", "spamvertisement", "commentspam", "forumspam", "blogspam",
                           "ube", "uce", "trap", "spamtrap", "emailabuse", "outboundspam", "spamming", "abusivespam"}},
    {"messaging", "bulk_messaging", {"bulk", "bulkmail", "newsletter"}},
    {"connection", "login_attack", {"bruteforce", "auth", "sshbruteforce", "loginattempt", "passwordattack", "dictionaryattack", "dictionaryattacks",
                                    "bruteforcelogin", "bruteforceattack", "credentialstuffing", "failedlogin", "loginfailure", "sshattack", "authattack",
                                    "loginattempts", "passwordguessing", "bruteforcing", "potentiallycompromisedaccount", "identitytheft", "sshlogin",
                                    "sshbrute", "attemptlogin"}},
    {"connection", "port_scan", {"portscan", "scan", "scanning", "networkscan", "portscanning", "portprobe", "hostscan", "scanner", "sweep", "portsweep",
                                 "portscans", "icmpsweep", "networkscanning", "darknet", "synscan", "scanners", "hostsweep", "reconscanning"}},
    {"connection", "ddos", {"dos", "denialofservice", "ddosattack", "amplification", "flood", "dosattack", "udpflood", "synflood", "httpflood",
                            "ddosamplification", "ddosparticipant", "reflection", "amplificationattack", "distributeddenialofservice", "flooding",
                            "dosattacker", "ddosbot", "availabilityddos", "availabilitydos"}},
    {"connection", "infected_host", {"infectedhost", "infection", "drone", "sinkhole", "trojan", "infected", "botnetdrone", "botinfection", "zombie",
                                     "malwareinfection", "infectedsystem", "sinkholehttpdrone", "botnetinfection", "worm", "hacktool", "bots", "dgadomain",
                                     "mirai", "botinfections", "rpzrewrite", "infectedip",
                                     "infectedips", "intrusionbotnet"}},
    {"connection", "reconnaissance", {"probe", "probing", "recon", "snooping"}},
    {"connection", "scraping", {"webcrawler", "crawler", "harvesting", "harvester", "emailharvesting", "badbot", "badbots", "contentscraping", "webscraping",
                                "regbot", "spider"}},
    {"connection", "sql_injection", {"sqli", "sqlinjectionattack", "injection"}},
    {"connection", "vulnerability_scan", {"exploitattempt", "exploit", "webattack", "webappattack", "hacking", "hackattempt", "intrusion", "intrusionattempt",
                                          "rfi", "lfi", "xss", "exploitation", "exploits", "icsscan", "httpscan", "webexploit", "hackattack", "idsalert",
                                          "serverexploit", "webattacks", "attemptexploit"}},
    {"content", "phishing", {"phish", "phishingsite", "phishingattack", "phishingurl", "phishingwebsite", "phishingpage", "phishurl", "fraudphishing"}},
    {"content", "malware", {"virus", "malwaredistribution", "malwareurl", "maliciousurl", "malwarehosting", "malwareattack", "malwaredownload", "ransomware",
                            "drivebydownload", "maliciouscontent", "malwaresite", "exploitkit", "malicioussite", "payloaddelivery", "malwaredelivery",
                            "maliciousfile", "malurl", "malwareurls"}},
    {"content", "fraud", {"scam", "advancefee", "fakeshop", "fraudulent", "fraudsite", "webfraud", "fraudscam"}},
    {"content", "brand_infringement", {"trademark", "trademarkinfringement", "counterfeit", "brandabuse", "impersonation", "masquerade", "trademarkviolation"}},
    {"content", "csam", {"childabuse", "childpornography", "csamlinks", "childsexualabusematerial", "childsexualabuse", "childexploitation"}},
    {"content", "csem", {}},
    {"content", "exposed_data", {"dataleak", "leak", "databreach", "unauthorisedinformationaccess", "unauthorizedinformationaccess"}},
    {"content", "remote_compromise", {"defacement", "webshell", "compromisedwebsite", "hackedsite", "hackedwebsite", "webhack", "backdoor", "webdefacement",
                                      "compromisedsite", "applicationcompromise", "deface"}},
    {"content", "suspicious_registration", {}},
    {"infrastructure", "botnet", {"bot", "c2", "cnc", "commandandcontrol", "ccserver", "c2server", "cncserver", "botnetcontroller", "botnetcc", "botnetcnc",
                                  "botnetc2", "botnetcontrol", "botnetcommandandcontrol", "controller"}},
    {"infrastructure", "compromised_server", {"compromised", "compromisedhost", "compromise", "rootkit", "hacked", "compromisedsystem", "hackedserver",
                                              "systemcompromise", "privilegedaccountcompromise", "unprivilegedaccountcompromise", "accountcompromise",
                                              "unauthorizeduseofresources", "intrusionusercompromise", "intrusionadmincompromise",
                                              "intrusionappcompromise"}},
    {"copyright", "copyright", {"dmca", "copyrightinfringement", "infringement", "piracy", "copyrightviolation", "copyrightclaim", "fraudcopyright"}},
    {"copyright", "p2p", {"torrent", "filesharing", "bittorrent", "peertopeer", "edonkey"}},
    {"copyright", "cyberlocker", {}},
    {"copyright", "link_site", {}},
    {"copyright", "ugc_platform", {}},
    {"copyright", "usenet", {}},
    {"vulnerability", "cve", {}},
    {"vulnerability", "open_service", {"openresolver", "openrelay", "openproxy", "exposedservice", "open", "openresolvers", "opendns", "opendnsresolver",
                                       "opensmtprelay", "openport", "potentiallyunwantedaccessible", "ddosamplifier", "accessibleservice",
                                       "openproxyserver", "proxy", "openntp", "opensnmp", "opennetbios", "openportmapper", "openmemcached", "amplifier",
                                       "vulnerableopen"}},
    {"vulnerability", "misconfiguration", {"vulnerableservice", "vulnerable", "vulnerability", "vulnerablesystem", "outdated", "weakcrypto", "sslfreak",
                                           "sslpoodle", "ipspoofer", "informationdisclosure", "insecure", "vulnerableconfig"}},
    {"reputation", "blocklist", {"blacklist", "blocked", "blocklisted", "blacklisted", "rbl", "dnsbl", "listing", "dnsblacklist", "dnsblocklist"}},
    {"reputation", "threat_intelligence", {"threatintel", "indicator", "tor"}},
});

std::string bare_word(std::string_view word) {
    std::string out;
    for (const char c : lower_case(word))
        if (is_letter_or_digit(c)) out += c;
    return out;
}

/// "192.000.002.010" -> "192.0.2.10": what is filled up to three digits is decimal; a single zero before digits could be octal.
std::string without_padding(std::string_view text) {
    if (text.find(':') != std::string_view::npos || text.find("0") == std::string_view::npos) return std::string(text);
    std::string out;
    for (size_t at = 0; at <= text.size();) {
        const size_t end = std::min(text.find('.', at), text.size());
        std::string_view part = text.substr(at, end - at);
        while (part.size() == 3 && part[0] == '0') part.remove_prefix(part[1] == '0' ? 2 : 1);
        out += part;
        if (end < text.size()) out += '.';
        at = end + 1;
    }
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
    text = text.substr(0, text.find_first_of(" \t(;,"));
    if (text.empty() || text.size() > 45) return std::nullopt;
    const std::string copy = without_padding(text);
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

bool on_the_internet(std::string_view ip) {
    const std::string copy(ip);
    in_addr v4{};
    in6_addr v6{};
    if (inet_pton(AF_INET, copy.c_str(), &v4) == 1) {
        const uint32_t n = ntohl(v4.s_addr), first = n >> 24;
        return first != 0 && first != 10 && first != 127 && first < 224 && n >> 16 != 0xa9fe && n >> 20 != 0xac1 && n >> 16 != 0xc0a8 && n >> 22 != 0x191;
    }
    if (inet_pton(AF_INET6, copy.c_str(), &v6) != 1) return false;
    const auto first = v6.s6_addr[0];
    return !IN6_IS_ADDR_UNSPECIFIED(&v6) && !IN6_IS_ADDR_LOOPBACK(&v6) && (first & 0xfe) != 0xfc && !IN6_IS_ADDR_LINKLOCAL(&v6) && first != 0xff;
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
    return head.starts_with("http://") || head.starts_with("https://") || head.starts_with("ftp://") || head.starts_with("ftps://") ||
           head.starts_with("tftp://");
}

bool looks_like_host(std::string_view text) {
    if (text.size() > 253 || text.find('.') == std::string_view::npos || text.starts_with('.')) return false;
    // "37.120.178.9.10" is a broken address and no name: the last label of a name has a letter.
    const std::string_view last = text.substr(0, text.find_last_not_of('.') + 1);
    if (const size_t dot = last.rfind('.'); dot == std::string_view::npos || last.find_first_not_of("0123456789", dot +
        1) == std::string_view::npos) return false;
    // "192.0.xxx.xx" is an address that somebody masked.
    if (text.find_first_not_of("0123456789xX.*") == std::string_view::npos && text[0] >= '0' && text[0] <= '9') return false;
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

std::optional<std::string> read_network(std::string_view text) {
    text = trimmed(text);
    const size_t slash = text.find('/');
    if (slash == std::string_view::npos) return std::nullopt;
    const auto ip = read_address(text.substr(0, slash));
    const auto bits = read_port(text.substr(slash + 1));
    if (!ip || !bits || *bits > (ip->find(':') == std::string::npos ? 32 : 128)) return std::nullopt;
    return *ip + "/" + std::to_string(*bits);
}

std::optional<std::pair<std::string, std::optional<uint16_t>>> read_endpoint(std::string_view text) {
    text = trimmed(text);
    // "[2001:db8::1]:443" and "192.0.2.1:443"; an IPv6 address without brackets has no port that could be told from it.
    const size_t colon = text.rfind(':');
    const bool bracketed = text.starts_with('[');
    if (colon != std::string_view::npos && (bracketed ? colon > text.find(']') : text.find(':') == colon)) {
        const auto ip = read_address(text.substr(0, colon));
        const auto port = read_port(text.substr(colon + 1));
        if (ip && port) return std::pair{*ip, port};
    }
    const auto ip = read_address(text);
    if (!ip) return std::nullopt;
    return std::pair{*ip, std::optional<uint16_t>()};
}

std::optional<std::pair<std::string, std::optional<uint16_t>>> find_endpoint(std::string_view text) {
    text = text.substr(0, 300);
    if (auto whole = read_endpoint(text)) return whole;
    std::optional<std::pair<std::string, std::optional<uint16_t>>> found;
    constexpr std::string_view marks = " \t\"'<>()[],;=";
    for (size_t at = 0; at < text.size();) {
        const size_t end = std::min(text.find_first_of(marks, at), text.size());
        std::string_view piece = text.substr(at, end - at);
        at = end + 1;
        const std::string head = lower_case(piece.substr(0, 5));
        for (const std::string_view label : {"ipv4:", "ipv6:", "ip4:", "ip6:", "ip:"})
            if (head.starts_with(label)) {
                piece.remove_prefix(label.size());
                break;
            }
        const auto one = piece.size() < 3 ? std::nullopt : read_endpoint(piece);
        if (!one) continue;
        if (found && found->first != one->first) return std::nullopt;
        found = one;
    }
    return found;
}

std::string refanged(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    const auto next = [&](size_t i, std::string_view word) { return text.compare(i, word.size(), word) == 0; };
    const auto next_word = [&](size_t i, std::string_view word) { return lower_case(text.substr(i, word.size())) == word; };
    for (size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if ((c == '[' || c == '(' || c == '{') && i + 2 < text.size()) {
            if (next(i + 1, ".]") || next(i + 1, ".)") || next(i + 1, ".}")) {
                out += '.', i += 2;
                continue;
            }
            if (next(i + 1, ":]")) {
                out += ':', i += 2;
                continue;
            }
            if (next(i + 1, "://]")) {
                // "hxxp [://] example": the blanks are part of the disguise here too.
                while (!out.empty() && out.back() == ' ') out.pop_back();
                out += "://", i += 4;
                while (i + 1 < text.size() && text[i + 1] == ' ') ++i;
                continue;
            }
            if (next_word(i + 1, "dot]") || next_word(i + 1, "dot)")) {
                // "example [dot] com": the blanks are part of the disguise.
                while (!out.empty() && out.back() == ' ') out.pop_back();
                out += '.', i += 4;
                while (i + 1 < text.size() && text[i + 1] == ' ') ++i;
                continue;
            }
        }
        if ((c == 'h' || c == 'H') && (next_word(i, "hxxp") || next_word(i, "h**p"))) {
            out += "http", i += 3;
        } else {
            out += c;
        }
    }
    return out;
}

bool place_identifier(std::string_view identifier, ReportedPlace& place) {
    const std::string plain = refanged(trimmed(identifier));
    identifier = plain;
    if (const auto endpoint = read_endpoint(identifier)) {
        place.ip = endpoint->first;
        if (endpoint->second && !place.port) place.port = endpoint->second;
    } else if (const auto network = read_network(identifier)) {
        place.network = *network;
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
    // A table asks for each of its lines.
    static const std::unordered_map<std::string, const Kind*> by_word = [] {
        std::unordered_map<std::string, const Kind*> map;
        for (const Kind& kind : kinds) map.emplace(bare_word(kind.type), &kind);
        for (const Kind& kind : kinds)
            for (const auto other : kind.words)
                if (!other.empty()) map.emplace(other, &kind);
        return map;
    }();
    const auto found = by_word.find(bare_word(word));
    if (found == by_word.end()) return std::nullopt;
    return std::pair{std::string(found->second->category), std::string(found->second->type)};
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
            // YAML's type tags ("!!python/unicode 'x'") are not part of the value either.
            if (value.starts_with("!!")) value = trimmed(value.substr(std::min(value.find(' '), value.size())));
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
