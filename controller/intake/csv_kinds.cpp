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
    {"rdp-scan", "connection", "port_scan"}, {"smb-scan", "connection", "port_scan"}, {"adb-scan", "connection", "port_scan"},
    {"honeypot_rdp", "connection", "port_scan"}, {"honeypot_smb", "connection", "port_scan"}, {"honeypot_adb", "connection", "port_scan"},
    {"scanning host", "connection", "port_scan"}, {"port scan", "connection", "port_scan"}, {"login failure", "connection", "login_attack"},
    {"failed login", "connection", "login_attack"}, {"failed password", "connection", "login_attack"}, {"password_guess", "connection", "login_attack"},
    {"sql injection", "connection", "sql_injection"},
    {"harvest", "connection", "scraping"},
    {"darknet", "connection", "port_scan"}, {"portscan", "connection", "port_scan"}, {"port_scan", "connection", "port_scan"},
    {"port-scan", "connection", "port_scan"},
    {"botnet-scan", "infrastructure", "botnet"}, {"botnet-ddos", "infrastructure", "botnet"},
    {"ddos", "connection", "ddos"}, {"amplification", "connection", "ddos"},
    {"sinkhole", "connection", "infected_host"}, {"drone", "connection", "infected_host"}, {"infected", "connection", "infected_host"},
    {"infection", "connection", "infected_host"}, {"infizi", "connection", "infected_host"}, {"infektion", "connection", "infected_host"},
    {"schadprogramm", "connection", "infected_host"}, {"kompromitt", "infrastructure", "compromised_server"},
    {"trojan", "connection", "infected_host"}, {"dcu", "connection", "infected_host"}, {"cbl", "connection", "infected_host"},
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
    {"malicious host", "reputation", "blocklist"},
    {"ip_spoofer", "vulnerability", "misconfiguration"}, {"ip-spoofer", "vulnerability", "misconfiguration"},
    {"poodle", "vulnerability", "misconfiguration"}, {"freak", "vulnerability", "misconfiguration"},
    {"ssl_scan", "vulnerability", "misconfiguration"}, {"ssl-scan", "vulnerability", "misconfiguration"},
    {"outdated_dnssec", "vulnerability", "misconfiguration"}, {"outdated-dnssec", "vulnerability", "misconfiguration"},
    {"log4shell", "vulnerability", "cve"}, {"cve-20", "vulnerability", "cve"},
    {"vulnerab", "vulnerability", "misconfiguration"},
    {"copyright", "copyright", "copyright"}, {"infringement", "copyright", "copyright"},
    {"openresolver", "vulnerability", "open_service"}, {"smart_install", "vulnerability", "open_service"}, {"scan_", "vulnerability", "open_service"},
    {"scan6_", "vulnerability", "open_service"},
    {"population", "vulnerability", "open_service"}, {"accessible", "vulnerability", "open_service"}, {"open-", "vulnerability", "open_service"},
    {"open_", "vulnerability", "open_service"}, {"open ", "vulnerability", "open_service"},
    {"offene", "vulnerability", "open_service"}, {"resolver", "vulnerability", "open_service"}, {"verwundbar", "vulnerability", "misconfiguration"},
    {"ntp_", "vulnerability", "open_service"},
    {"ntp-", "vulnerability", "open_service"},
    {"haus css", "messaging", "spam"}, {"haus_css", "messaging", "spam"}, {"haus-css", "messaging", "spam"},
    {"spam", "messaging", "spam"}, {"fbl", "messaging", "spam"}, {"feedback loop", "messaging", "spam"}, {"scanning", "connection", "port_scan"},
    {"network scan", "connection", "port_scan"},
});

constexpr std::array services{"activemq", "adb", "afp", "amqp", "ard", "bgp", "chargen", "cisco", "cisco_smart_install", "ciscosmartinstall", "coap", "couchdb",
                              "cwmp", "db2", "dns", "docker", "dvr", "dvrdhcpdiscover", "elasticsearch", "epmd", "erlang", "ftp", "gre", "hadoop", "http",
                              "http_proxy", "ics", "idrac", "ipmi", "ipp", "isakmp", "ivanti", "kubernetes", "ldap", "loop", "mdns", "memcached", "modbus",
                              "mongodb", "mqtt", "msmq", "msrdpeudp", "mssql", "mysql", "nat", "nat_pmp", "natpmp", "netbios", "netis", "ntp", "ntpmonitor",
                              "ntpversion", "openresolver", "portmapper", "postgres", "postgresql", "qotd", "quic", "rabbitmq", "radmin", "rdp", "rdpeudp",
                              "redis", "rsync", "sip", "slp", "smb", "smtp", "snmp", "socks", "socks4", "socks5", "ssdp", "ssh", "stun", "synfulknock",
                              "telnet", "tftp", "ubiquiti", "vnc", "ws", "xdmcp", "zookeeper"};

bool is_service(std::string_view word) { return std::find(services.begin(), services.end(), word) != services.end(); }

}  // namespace

std::optional<KindPair> kind_of_hint(std::string_view hint) {
    std::string text = lower_case(hint.substr(0, 400));
    // A name of who lists is no word for what is listed.
    for (size_t at = text.find("spamhaus"); at != std::string::npos; at = text.find("spamhaus", at)) text.erase(at, 4);
    for (const auto& h : hints)
        if (text.find(h.part) != std::string::npos) return KindPair{h.category, h.type};
    return std::nullopt;
}

std::optional<KindPair> kind_of_tag(std::string_view tag) {
    const std::string whole = lower_case(trimmed(tag));
    if (whole.empty() || whole.size() > 200) return std::nullopt;
    // "ssh bruteforcer" is about who does it, and not about the service.
    if (auto does = kind_of_hint(whole); does && does->second == "login_attack") return does;
    // Among the services that a tag names, a known vulnerability is the news.
    if (whole.find("cve-") != std::string::npos && !whole.starts_with("ssl")) return KindPair{"vulnerability", "cve"};
    // Tags are lists too: "rdp;vnc", "ssl-poodle", "cve-2014-3566".
    for (size_t at = 0; at <= whole.size();) {
        const size_t end = std::min(whole.find_first_of(";,| ", at), whole.size());
        std::string word = whole.substr(at, end - at);
        at = end + 1;
        if (word.empty()) continue;
        if (word.starts_with("ssl-") || word.starts_with("ssl_")) return KindPair{"vulnerability", "misconfiguration"};
        if (word.starts_with("cve-")) return KindPair{"vulnerability", "cve"};
        if (word.starts_with("hacked-") || word.starts_with("hacked_")) return KindPair{"content", "remote_compromise"};
        if (is_service(word)) return KindPair{"vulnerability", "open_service"};
        if (auto kind = kind_of_word(word)) return kind;
        // "ldap-tcp", "mqtt-anonymous": the service, and something about it; but "ssh-brute-force" is no service.
        if (word.find_first_of("-_") == std::string::npos || kind_of_hint(word)) continue;
        std::replace(word.begin(), word.end(), '-', '_');
        if (is_service(word) || is_service(word.substr(0, word.find('_')))) return KindPair{"vulnerability", "open_service"};
    }
    return std::nullopt;
}

}  // namespace bailiff
