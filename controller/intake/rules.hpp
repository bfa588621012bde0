// SPDX-License-Identifier: Apache-2.0
// Rules that read what has no format of its own: mails of one provider, line by line. Data that staff write
// (policies/intake/*.json), compiled once and then only read.
#pragma once

#include "controller/intake/csv_kinds.hpp"
#include "controller/intake/report_parser.hpp"
#include "controller/intake/rule_pattern.hpp"

#include <bailiff/json.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bailiff {

/// A line under which everything is of one kind: "IPs engaged in harvesting on your network:".
struct RuleSection {
    RulePattern line;
    KindPair kind;
};

struct IntakeRule {
    std::string id, name;
    // Which mails: one of each list that is not empty.
    std::vector<std::string> from;  ///< "*@blocklist.example", of the From address
    std::vector<RulePattern> subject, body;
    // What to take.
    std::vector<RulePattern> once;   ///< holds for every event of the mail
    std::vector<RulePattern> event;  ///< such a line begins an event; without any the mail is one
    std::vector<RulePattern> more;   ///< such a line adds to the event above it
    std::vector<RulePattern> until;  ///< what follows is not read
    std::vector<RuleSection> sections;
    std::optional<KindPair> kind;                       ///< what it is where nothing says otherwise
    std::vector<std::pair<std::string, KindPair>> kinds;  ///< by a word in {type} or {service}, lower case
    std::string zone;             ///< of times without one: "+01:00", "UTC"
    bool time_from_mail = false;  ///< a mail that names no time happened about when it was written
    bool fold = true;             ///< events of one source and kind are one
    std::string person;           ///< why a person decides nevertheless
    std::string not_abuse;        ///< what such a mail is instead of a report
    std::string reporter;
};

/// One rule from its document. Every mistake is named; nothing where there is any.
std::optional<IntakeRule> parse_intake_rule(const Json& document, const std::string& id, std::vector<Mistake>& mistakes);

/// All rules, tried in the order of their ids; the first that takes an event wins. Immutable once filled, so any number of
/// threads may read it.
class IntakeRules {
  public:
    void add(IntakeRule rule);
    const std::vector<IntakeRule>& all() const { return rules_; }

  private:
    std::vector<IntakeRule> rules_;
};

/// What rules look at.
struct RuleText {
    std::string from_address, subject, date;
    std::string body;  ///< of the parts for people
};

/// Whether a rule read it: then its events are in the report (or what the mail is instead), with the rule's id.
bool read_by_rules(const IntakeRules& rules, const RuleText& text, const ReportLimits& limits, ParsedReport& report);

}  // namespace bailiff
