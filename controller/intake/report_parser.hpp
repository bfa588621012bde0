// SPDX-License-Identifier: Apache-2.0
// Bytes from a reporter -> what they say happened, when, and from which address.
#pragma once

#include <bailiff/json.hpp>
#include <bailiff/time.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bailiff {

class IntakeRules;

/// Where the abuse came from (or went to), as far as the report says.
struct ReportedPlace {
    std::string ip;    ///< normal form, IPv4 or IPv6; empty: not stated
    std::string host;  ///< a name, lower case
    std::string url;
    std::optional<uint16_t> port;
    std::string network = {};  ///< "192.0.2.0/24", where a whole network is reported instead of an address
    friend bool operator==(const ReportedPlace&, const ReportedPlace&) = default;
};

/// What was attached as proof. `text` holds the beginning of textual evidence only.
struct ReportedEvidence {
    std::string content_type, description, text;
    size_t size_bytes = 0;
    friend bool operator==(const ReportedEvidence&, const ReportedEvidence&) = default;
};

/// One thing that happened. Category and type are XARF v4's words, empty where they are not known; what the report
/// itself said stands beside them.
struct ReportedEvent {
    std::string category, type;
    std::string category_raw, type_raw;
    ReportedPlace source, destination;
    std::optional<Instant> observed_at;
    std::string observed_at_raw;
    std::string report_id;  ///< the reporter's own number
    std::string summary;    ///< one line
    bool abuse = true;      ///< false: a report about something else, such as a failed DKIM check (RFC 6591)
    std::vector<ReportedEvidence> evidence;
    /// What else the report states by name, as it states it: "user_agent", "original_mail_from", "service" ….
    std::vector<std::pair<std::string, std::string>> details;
    bool zone_assumed = false;  ///< the time was read as UTC because it states no zone that is known
    friend bool operator==(const ReportedEvent&, const ReportedEvent&) = default;
};

struct ReportedBy {
    std::string name, contact, domain;
    friend bool operator==(const ReportedBy&, const ReportedBy&) = default;
};

/// A report, read as far as it can be. Every text in it is cleaned UTF-8.
struct ParsedReport {
    /// arf, arf-auth-failure, xarf-v4, xarf-v3, x-arf, csv, acns, safe-browsing, rule, prose, unknown; and what is no report:
    /// dmarc-aggregate, tls-report, bounce, receipt, auto-reply.
    std::string format = "unknown";
    std::string rule;         ///< the id of the rule that read it (format "rule")
    bool about_abuse = true;  ///< false: it was understood, and is no report of abuse; `triage` says what it is
    bool by_mail = false;
    std::string subject;
    std::vector<ReportedEvent> events;
    ReportedBy reporter;
    std::vector<std::string> warnings;  ///< what was odd, and what was made of it
    std::optional<std::string> triage;  ///< why a person has to look; without it every event may be matched
    /// Found in prose: for a person to choose from, never matched automatically.
    struct Suggestions {
        std::vector<std::string> addresses, urls;
        std::vector<Instant> times;
    } suggestions;
};

/// What a report may cost. Beyond them it is kept, with a warning or as triage.
struct ReportLimits {
    size_t bytes = 25u << 20;
    size_t depth = 10;       ///< of MIME parts inside each other
    size_t parts = 200;
    size_t events = 20'000;
    size_t warnings = 100;
    size_t unpacked_bytes = 64u << 20;  ///< of all members of an archive together
    size_t members = 50;                ///< of an archive
};

/// Reads a report of any known format, recognised by its content. Total: never throws on any input, and whatever
/// cannot be read comes back as triage with its reason. Pure and thread-safe. `rules` read what has no format of its own
/// (nullptr: none do); `name`, the file's, may say what a table lists.
ParsedReport parse_report(std::string_view bytes, const ReportLimits& limits = {}, const IntakeRules* rules = nullptr, std::string_view name = {});

/// {"format","rule","about_abuse","by_mail","subject","events":[{"category","type","source":{"ip","port","url","host"},
/// "observed_at","report_id","details":{…},…}],"reporter":{"name","contact","domain"},"warnings":[…],"triage":null|"…","suggestions":{…}}; what is
/// not known is null.
Json to_json(const ParsedReport& report);

}  // namespace bailiff
