// SPDX-License-Identifier: Apache-2.0
// The feeds that network owners get (Shadowserver's names and those of older tables), as substrings; the first wins.
#include "controller/intake/csv_kinds.hpp"

#include "controller/intake/fields.hpp"

#include <algorithm>
#include <array>

namespace bailiff {
namespace {

struct Hint {
    const char *part, *category, *type;
};

// The narrow ones first: a scan for middleboxes that amplify is about open services, and no attack.
constexpr auto hints = std::to_array<Hint>({
    {"ddos_middlebox", "vulnerability", "open_service"},
    {"honeypot_brute", "connection", "login_attack"}, {"brute", "connection", "login_attack"}, {"loginattack", "connection", "login_attack"},
    {"login-attack", "connection", "login_attack"},
    {"honeypot_http_scan", "connection", "vulnerability_scan"}, {"http_scan", "connection", "vulnerability_scan"},
    {"http-scan", "connection", "vulnerability_scan"}, {"ics_scan", "connection", "vulnerability_scan"}, {"ics-scan", "connection", "vulnerability_scan"},
    {"darknet", "connection", "port_scan"}, {"portscan", "connection", "port_scan"}, {"port_scan", "connection", "port_scan"},
    {"port-scan", "connection", "port_scan"},
    {"botnet-scan", "infrastructure", "botnet"}, {"botnet-ddos", "infrastructure", "botnet"},
    {"ddos", "connection", "ddos"}, {"amplification", "connection", "ddos"},
    {"sinkhole", "connection", "infected_host"}, {"drone", "connection", "infected_host"}, {"infected", "connection", "infected_host"},
    {"spam_url", "messaging", "spam"}, {"spam-url", "messaging", "spam"},
    {"honeypot-url", "content", "malware"}, {"honeypot_url", "content", "malware"},
    {"ccip", "infrastructure", "botnet"}, {"cc_ip", "infrastructure", "botnet"}, {"botnet", "infrastructure", "botnet"},
    {"command and control", "infrastructure", "botnet"},
    {"compromised_website", "content", "remote_compromise"}, {"compromised-website", "content", "remote_compromise"},
    {"compromised website", "content", "remote_compromise"}, {"defacement", "content", "remote_compromise"},
    {"special_compromised", "infrastructure", "compromised_server"}, {"compromised", "infrastructure", "compromised_server"},
    {"phish", "content", "phishing"},
    {"malware_url", "content", "malware"}, {"malware-url", "content", "malware"}, {"urlhaus", "content", "malware"}, {"malware", "content", "malware"},
    {"viruses", "content", "malware"}, {"virus ", "content", "malware"},
    {"sandbox", "reputation", "threat_intelligence"}, {"device_id", "reputation", "threat_intelligence"},
    {"blocklist", "reputation", "blocklist"}, {"blacklist", "reputation", "blocklist"},
    {"ip_spoofer", "vulnerability", "misconfiguration"}, {"poodle", "vulnerability", "misconfiguration"}, {"freak", "vulnerability", "misconfiguration"},
    {"ssl_scan", "vulnerability", "misconfiguration"}, {"ssl-scan", "vulnerability", "misconfiguration"},
    {"outdated_dnssec", "vulnerability", "misconfiguration"},
    {"log4shell", "vulnerability", "cve"}, {"cve-20", "vulnerability", "cve"},
    {"vulnerab", "vulnerability", "misconfiguration"},
    {"copyright", "copyright", "copyright"}, {"infringement", "copyright", "copyright"},
    {"openresolver", "vulnerability", "open_service"}, {"scan_", "vulnerability", "open_service"}, {"scan6_", "vulnerability", "open_service"},
    {"population", "vulnerability", "open_service"}, {"accessible", "vulnerability", "open_service"}, {"open-", "vulnerability", "open_service"},
    {"open_", "vulnerability", "open_service"}, {"open ", "vulnerability", "open_service"}, {"ntp_", "vulnerability", "open_service"},
    {"ntp-", "vulnerability", "open_service"},
    {"spam", "messaging", "spam"},
});

constexpr std::array services{"adb", "afp", "amqp", "ard", "chargen", "cisco_smart_install", "ciscosmartinstall", "coap", "couchdb", "cwmp", "db2", "dns",
                              "docker", "dvr", "elasticsearch", "epmd", "erlang", "ftp", "hadoop", "http", "http_proxy", "ics", "ipmi", "ipp", "isakmp",
                              "kubernetes", "ldap", "mdns", "memcached", "modbus", "mongodb", "mqtt", "msrdpeudp", "mssql", "mysql", "nat_pmp", "natpmp",
                              "netbios", "netis", "ntp", "ntpmonitor", "ntpversion", "openresolver", "portmapper", "postgres", "postgresql", "qotd", "quic",
                              "radmin", "rdp", "rdpeudp", "redis", "rsync", "sip", "slp", "smb", "smtp", "snmp", "socks", "ssdp", "ssh", "stun",
                              "synfulknock", "telnet", "tftp", "ubiquiti", "vnc", "xdmcp", "zookeeper", "socks4", "socks5"};

}  // namespace

std::optional<KindPair> kind_of_hint(std::string_view hint) {
    const std::string text = lower_case(hint.substr(0, 400));
    for (const auto& h : hints)
        if (text.find(h.part) != std::string::npos) return KindPair{h.category, h.type};
    return std::nullopt;
}

std::optional<KindPair> kind_of_tag(std::string_view tag) {
    const std::string whole = lower_case(trimmed(tag));
    if (whole.empty() || whole.size() > 200) return std::nullopt;
    // Tags are lists too: "rdp;vnc", "ssl-poodle", "cve-2014-3566".
    for (size_t at = 0; at <= whole.size();) {
        const size_t end = std::min(whole.find_first_of(";,| ", at), whole.size());
        const std::string word = whole.substr(at, end - at);
        at = end + 1;
        if (word.empty()) continue;
        if (word.starts_with("ssl-") || word.starts_with("ssl_")) return KindPair{"vulnerability", "misconfiguration"};
        if (word.starts_with("cve-")) return KindPair{"vulnerability", "cve"};
        if (word.starts_with("hacked-") || word.starts_with("hacked_")) return KindPair{"content", "remote_compromise"};
        if (std::find(services.begin(), services.end(), word) != services.end()) return KindPair{"vulnerability", "open_service"};
        if (auto kind = kind_of_word(word)) return kind;
    }
    return std::nullopt;
}

}  // namespace bailiff
