// SPDX-License-Identifier: Apache-2.0
// Reads a mail's text by the rule that fits it.
#include "controller/intake/fields.hpp"
#include "controller/intake/formats.hpp"
#include "controller/intake/rules.hpp"

#include <bailiff/clean_text.hpp>

#include <algorithm>
#include <map>
#include <tuple>

namespace bailiff {
namespace {

constexpr size_t most_lines = 5000;

using RuleLines = std::vector<RuleLine>;

RuleLines lines_of(std::string_view body) {
    RuleLines out;
    const std::string clean = refanged(clean_block(body, 1 << 20));
    for (size_t at = 0; at < clean.size() && out.size() < most_lines;) {
        const size_t end = std::min(clean.find('\n', at), clean.size());
        std::string_view line = trimmed(std::string_view(clean).substr(at, end - at));
        while (line.starts_with('>')) line = trimmed(line.substr(1));
        if (!line.empty()) out.emplace_back(line);
        at = end + 1;
    }
    return out;
}

bool any_match(const std::vector<RulePattern>& patterns, const RuleLine& line, RuleValues& values) {
    return std::any_of(patterns.begin(), patterns.end(), [&](const auto& p) { return p.match(line, values); });
}

bool fits_mail(const IntakeRule& rule, const RuleText& text, const RuleLine& subject, const RuleLines& lines, RuleValues& values) {
    const auto is_sender = [&](const auto& glob) { return fits_glob(glob, text.from_address); };
    if (!rule.from.empty() && std::none_of(rule.from.begin(), rule.from.end(), is_sender)) return false;
    if (!rule.subject.empty() && !any_match(rule.subject, subject, values)) return false;
    RuleValues ignored;
    return rule.body.empty() || std::any_of(lines.begin(), lines.end(), [&](const auto& line) { return any_match(rule.body, line, ignored); });
}

/// One event's worth of values and the kind of the section that it stood in.
struct Taken {
    RuleValues values;
    std::optional<KindPair> section;
};

/// "IP: 192.0.2.1 … IP: 192.0.2.2": where a person looks anyway, another address behind the same label begins the next event.
class Blocks {
  public:
    Blocks(const IntakeRule& rule, const RuleValues& of_subject)
        : repeat_(rule.event.empty() && !rule.person.empty()), before_(of_subject), label_(rule.once.size()) {}
    /// Asks the pattern of this number; `shared` is what the block above has so far.
    void ask(const RulePattern& pattern, size_t number, const RuleLine& line, RuleValues& shared, std::vector<Taken>& done, size_t most) {
        const bool had = !shared[RuleField::source_ip].empty();
        RuleValues one;
        if (repeat_ && had && number == label_ && pattern.match(line, one) && one[RuleField::source_ip] != shared[RuleField::source_ip] &&
            done.size() + 1 < most) {
            done.push_back({shared, std::nullopt});
            shared = before_;
        }
        const RuleValues earlier = had ? RuleValues() : shared;
        static_cast<void>(pattern.match(line, shared));
        if (had || shared[RuleField::source_ip].empty()) return;
        before_ = earlier;  // what stands above the first holds for all
        label_ = number;
    }

  private:
    bool repeat_;
    RuleValues before_;
    size_t label_;
};

/// Goes through the lines once. `once` patterns see the subject and every line, so their order in the mail does not matter.
std::vector<Taken> take(const IntakeRule& rule, const RuleLine& subject, const RuleLines& lines, RuleValues& shared, size_t most) {
    for (const auto& pattern : rule.once) static_cast<void>(pattern.match(subject, shared));
    std::vector<Taken> out;
    Blocks blocks(rule, shared);
    std::optional<KindPair> section;
    for (const auto& line : lines) {
        RuleValues ignored;
        if (any_match(rule.until, line, ignored)) break;
        // Each pattern of `once` takes from the first line that it fits; one line can serve several.
        for (size_t i = 0; i < rule.once.size(); ++i) blocks.ask(rule.once[i], i, line, shared, out, most);
        const auto heading = std::find_if(rule.sections.begin(), rule.sections.end(), [&](const auto& s) { return s.line.match(line, ignored); });
        if (heading != rule.sections.end()) section = heading->kind;
        RuleValues values;
        if (any_match(rule.event, line, values)) {
            if (out.size() >= most) break;
            out.push_back({std::move(values), section});
        } else if (!out.empty()) {
            any_match(rule.more, line, out.back().values);
        }
    }
    if (rule.event.empty()) out.push_back({shared, std::nullopt});
    else
        for (auto& one : out) one.values.fill_from(shared);
    return out;
}

std::optional<KindPair> kind_of(const IntakeRule& rule, const Taken& taken) {
    for (const auto field : {RuleField::type, RuleField::service}) {
        const std::string word = lower_case(taken.values[field]);
        if (word.empty()) continue;
        for (const auto& [part, kind] : rule.kinds)
            if (word.find(part) != std::string::npos) return kind;
        if (field != RuleField::type) continue;
        if (auto kind = kind_of_word(word)) return kind;
        if (auto kind = kind_of_hint(word); kind && !taken.section && !rule.kind) return kind;
    }
    return taken.section ? taken.section : rule.kind;
}

/// A time without a zone gets the one that the mail names for its times, else the rule's; one without a year the mail's own.
void read_rule_time(const IntakeRule& rule, const Taken& taken, const RuleText& text, ReportedEvent& event, ParsedReport& report) {
    const std::string stated = clean_line(taken.values[RuleField::observed_at], 100), named = taken.values[RuleField::zone];
    const std::string zone = read_time("2026-01-01 00:00:00 " + named).value_or(ReadTime{}).zone_minutes ? named : rule.zone;
    const auto read = read_time(stated);
    if (read && !read->zone_minutes && !zone.empty()) {
        read_observed_at(stated + " " + zone, event, report.warnings);
        event.observed_at_raw = stated;
    } else if (const auto written = read_time(text.date); !read && written && !yearless_time(stated).empty()) {
        if (const auto time = read_yearless_time(stated, written->at, zone)) {
            event.observed_at = time->at;
            event.zone_assumed = !time->zone_minutes;
            warn(report, "The time '" + stated + "' has no year; the last one before the mail was written is taken." +
                             (time->warning.empty() ? "" : " " + time->warning));
        }
        event.observed_at_raw = stated;
    } else if (!stated.empty()) {
        read_observed_at(stated, event, report.warnings);
    } else if (rule.time_from_mail && !text.date.empty()) {
        read_observed_at(text.date, event, report.warnings);
        warn(report, "The mail names no time of observation; the time when it was written is taken.");
    }
    if (!event.observed_at) warn(report, "The report does not say when it was observed.");
}

/// False where nothing was taken that could be found.
bool make_event(const IntakeRule& rule, const Taken& taken, ReportedEvent& event, ParsedReport& report) {
    const RuleValues& v = taken.values;
    if (const auto ip = read_address(v[RuleField::source_ip])) event.source.ip = *ip;
    event.source.url = v[RuleField::source_url];
    if (looks_like_host(v[RuleField::source_host])) event.source.host = lower_case(v[RuleField::source_host]);
    complete_from_url(event.source);
    if ((event.source.ip + event.source.host + event.source.url).empty()) return false;
    event.source.port = read_port(v[RuleField::source_port]);
    if (const auto ip = read_address(v[RuleField::destination_ip]); ip && *ip != event.source.ip) event.destination.ip = *ip;
    event.destination.port = read_port(v[RuleField::destination_port]);
    event.report_id = clean_line(v[RuleField::report_id], 200);
    event.type_raw = clean_line(v[RuleField::type].empty() ? v[RuleField::service] : v[RuleField::type], 60);
    event.summary = clean_line(v[RuleField::summary].empty() ? rule.name : v[RuleField::summary], 300);
    if (!v[RuleField::service].empty()) event.details.emplace_back("service", clean_line(v[RuleField::service], 60));
    if (auto kind = kind_of(rule, taken)) std::tie(event.category, event.type) = std::move(*kind);
    else need_a_person(report, "The rule '" + rule.id + "' does not know what kind of abuse '" + event.type_raw + "' is; choose it by hand.");
    return true;
}

/// Events of one source and kind are one, seen several times.
void fold_events(std::vector<ReportedEvent>& events) {
    std::map<std::tuple<std::string, std::string, std::string, std::string>, size_t> first;
    std::vector<ReportedEvent> kept;
    std::vector<size_t> times;
    for (auto& event : events) {
        const auto key = std::tuple(event.source.ip, event.source.host, event.source.url, event.type);
        const auto [place, is_new] = first.emplace(key, kept.size());
        if (is_new) {
            kept.push_back(std::move(event));
            times.push_back(1);
            continue;
        }
        ++times[place->second];
        if (event.observed_at && kept[place->second].observed_at != event.observed_at) {
            auto& details = kept[place->second].details;
            const auto last = std::find_if(details.begin(), details.end(), [](const auto& d) { return d.first == "last_seen"; });
            if (last == details.end()) details.emplace_back("last_seen", format_rfc3339(*event.observed_at));
            else last->second = format_rfc3339(*event.observed_at);
        }
    }
    for (size_t i = 0; i < kept.size(); ++i)
        if (times[i] > 1) kept[i].details.emplace_back("occurrences", std::to_string(times[i]));
    events = std::move(kept);
}

}  // namespace

bool read_by_rules(const IntakeRules& rules, const RuleText& text, const ReportLimits& limits, ParsedReport& report) {
    const auto lines = lines_of(text.body);
    const RuleLine subject(text.subject);
    for (const IntakeRule& rule : rules.all()) {
        RuleValues shared;
        if (!fits_mail(rule, text, subject, lines, shared)) continue;
        if (!rule.not_abuse.empty()) {
            report.rule = rule.id;
            report.format = "rule";
            report.about_abuse = false;
            need_a_person(report, "This is no abuse report: " + rule.not_abuse);
            return true;
        }
        // What this rule finds counts only if it finds an event; else the next may fit better.
        ParsedReport trial = report;
        std::vector<ReportedEvent> events;
        for (const Taken& taken : take(rule, subject, lines, shared, limits.events)) {
            ReportedEvent event;
            if (!make_event(rule, taken, event, trial)) continue;
            read_rule_time(rule, taken, text, event, trial);
            events.push_back(std::move(event));
        }
        if (events.empty()) {
            warn(report, "The rule '" + rule.id + "' is for such mails, but found nothing in this one; has the sender changed its form?");
            continue;
        }
        if (rule.fold) fold_events(events);
        for (auto& event : events) trial.events.push_back(std::move(event));
        trial.format = "rule";
        trial.rule = rule.id;
        if (trial.reporter.name.empty()) trial.reporter.name = rule.reporter;
        if (!rule.person.empty()) need_a_person(trial, rule.person);
        report = std::move(trial);
        return true;
    }
    return false;
}

}  // namespace bailiff
