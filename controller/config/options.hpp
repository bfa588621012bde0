// SPDX-License-Identifier: Apache-2.0
// What bailiff-controller can be told, by flags or by an ini file with the same names; validated once, all mistakes listed.
#pragma once

#include <bailiff/time.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace bailiff {

/// An address and a port to listen on; port 0 takes any free one.
struct Endpoint {
    std::string address;
    uint16_t port = 0;
    friend bool operator==(const Endpoint&, const Endpoint&) = default;
};

/// Immutable once read. Secrets are named by file.
struct ControllerOptions {
    std::string state;                  ///< folder: database, keys, first token
    std::string database;               ///< "sqlite:PATH" or a postgresql:// URL
    std::string policies;               ///< folder
    std::string intake;                 ///< path of bailiff-intake; empty: beside this program
    Endpoint listen;                    ///< REST API
    std::string tls_certificate, tls_key;
    bool plain_http = false;            ///< loopback only
    Endpoint agents_listen;
    std::vector<std::string> agents_names;  ///< DNS names and addresses under which hosts reach us
    std::string smtp, smtp_starttls, smtp_user, smtp_password_file, smtp_ca;
    std::optional<Endpoint> page_listen; ///< of the customers' page; nothing: this controller serves none
    std::string page_url;               ///< under which customers reach it; no slash at its end
    std::string page_tls_certificate, page_tls_key;
    bool page_plain_http = false;       ///< only on loopback addresses: a proxy on this host has the TLS
    std::vector<std::string> page_proxies;  ///< addresses whose X-Forwarded-For is believed
    std::string mail_authserv;          ///< what our mail server calls itself in Authentication-Results; empty: no sender is proven
    std::string mail_from, staff_address, supervisor_address, answer_to;
    std::string staff_language;         ///< of staff notices; checked against the folders when the notices are read
    Seconds further_window{3600};       ///< one mail of further reports per contact and window
    int64_t mails_per_hour = 20;        ///< to one contact; 0 = no bound
    bool reply_token = false;           ///< notices are answered to answer_to with +TOKEN
    std::string webhooks;               ///< folder of files; empty: nobody else is told
    std::vector<std::string> webhook_networks;   ///< that webhooks may be in beside public ones
    std::string webhook_ca;             ///< PEM; empty: the system's
    int64_t sanctions_per_hour = 20;    ///< by the clock alone
    Seconds keep_raw{0}, keep_files{0}, keep_cases{0}, keep_audit{0};   ///< 0: for ever
    Seconds address_skew{300};          ///< an observation so near to an address's change of hands is for a person
    std::vector<std::string> our_networks;   ///< prefixes; none: any address may be ours
    std::string cmdb_url, cmdb_header_file, cmdb_ca;   ///< empty: no CMDB is asked
    Seconds cmdb_timeout{10};
    std::vector<std::string> tell_reporters;   ///< received, forwarded, not_ours, closed
    int64_t reporter_mails_per_day = 50, reporter_hourly = 2000, reporter_judged = 5, reporter_wrong_percent = 50;
    std::string contacts_address;       ///< mails to it ask for other contact data; empty: there is none
    std::string dialler_url, dialler_secret_file;   ///< a dialler that is told by HTTP; empty: none
    std::vector<std::string> dialler_exec;          ///< a dialler that is a program: its path, then its arguments; empty: none
    Seconds dialler_patience{30};
    Seconds order_life{600};
    int64_t tick_milliseconds = 1000;
    std::string lab_clock;              ///< file; empty in production
    std::string log_level;
};

/// What the command line asks for.
struct ControllerCommand {
    enum class Do { run, help, version, print_config, check, begin_epoch, usage_error } what = Do::run;
    ControllerOptions options;
    std::string text;                   ///< help, configuration, or every mistake with its remedy
};

ControllerCommand read_controller_command(int argc, const char* const* argv);

/// "127.0.0.1:8080", "[::1]:0", ":8443" (all addresses).
Result<Endpoint> parse_endpoint(const std::string& text);

}  // namespace bailiff
