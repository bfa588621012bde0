// SPDX-License-Identifier: Apache-2.0
// Rule documents -> rules. Shape: policies/schema/intake-rule.schema.json.
#include "controller/intake/rules.hpp"

#include "controller/intake/fields.hpp"

#include <algorithm>

namespace bailiff {
namespace {

std::optional<KindPair> read_rule_kind(std::string_view text, const std::string& pointer, std::vector<Mistake>& mistakes) {
    const size_t slash = text.find('/');
    KindPair kind{text.substr(0, slash), slash == std::string_view::npos ? std::string() : std::string(text.substr(slash + 1))};
    // A type of the provider's own is allowed, a category is not: policies are looked up by it.
    if (is_category(kind.first) && !kind.second.empty()) return kind;
    mistakes.push_back({pointer, "'" + std::string(text.substr(0, 80)) +
                        "' is no kind of abuse; write category/type as XARF v4 does, connection/login_attack"});
    return std::nullopt;
}

std::vector<RulePattern> read_patterns(JsonReader& reader, const char* field, std::vector<Mistake>& mistakes) {
    std::vector<RulePattern> out;
    size_t number = 0;
    for (const auto& text : reader.texts(field, false, 100)) {
        auto pattern = RulePattern::parse(text);
        if (pattern) out.push_back(std::move(*pattern));
        else mistakes.push_back({reader.at(field) + "/" + std::to_string(number), pattern.error().text});
        ++number;
    }
    return out;
}

void read_match(JsonReader& document, IntakeRule& rule, std::vector<Mistake>& mistakes) {
    auto match = document.object("match");
    if (!match) return;
    rule.from = match->texts("from", false, 200);
    rule.subject = read_patterns(*match, "subject", mistakes);
    rule.body = read_patterns(*match, "body", mistakes);
    for (const char* field : {"from", "subject", "body"})
        if (match->has(field) && match->json().at(field) == Json::array()) match->mistake(field, "is empty and would match nothing; leave it out");
    if (rule.from.empty() && rule.subject.empty() && rule.body.empty())
        match->mistake("", "says nothing about the mails it is for; name from, subject or body");
    match->finish();
}

void read_kinds(JsonReader& document, IntakeRule& rule, std::vector<Mistake>& mistakes) {
    if (document.has("kind")) rule.kind = read_rule_kind(document.text("kind", 100), document.at("kind"), mistakes);
    if (document.has("kinds")) {
        const Json* kinds = document.value("kinds");
        if (!kinds->is_object()) return document.mistake("kinds", "must be an object: a word in {type} -> category/type");
        for (const auto& [word, value] : kinds->items()) {
            const std::string pointer = document.at("kinds") + "/" + word;
            if (!value.is_string()) mistakes.push_back({pointer, "must be a text"});
            else if (const auto kind = read_rule_kind(value.get<std::string>(), pointer, mistakes)) rule.kinds.emplace_back(lower_case(word), *kind);
        }
    }
    document.each("sections", false, 50, [&](const Json& item, const std::string& pointer) {
        JsonReader section(item, mistakes, pointer);
        auto line = RulePattern::parse(section.text("line", 300));
        if (!line) section.mistake("line", line.error().text);
        const auto kind = read_rule_kind(section.text("kind", 100), section.at("kind"), mistakes);
        if (line && kind) rule.sections.push_back({std::move(*line), *kind});
        section.finish();
    });
}

/// What no single field shows.
void check_together(JsonReader& document, const IntakeRule& rule) {
    const auto takes = [&](RuleField field) {
        for (const auto* patterns : {&rule.once, &rule.event, &rule.more, &rule.subject})
            if (std::any_of(patterns->begin(), patterns->end(), [&](const auto& p) { return p.takes(field); })) return true;
        return false;
    };
    const bool source = takes(RuleField::source_ip) || takes(RuleField::source_url) || takes(RuleField::source_host);
    if (!rule.not_abuse.empty()) {
        if (source) document.mistake("not_abuse", "contradicts the patterns that take a source; leave one of both out");
        return;
    }
    if (!source) document.mistake("", "takes no {source.ip}, {source.url} or {source.host} from any line, so it could never give an event");
    if (!rule.kind && rule.kinds.empty() && rule.sections.empty() && !takes(RuleField::type))
        document.mistake("", "never says what kind of abuse it is; name a kind, kinds, sections, or take {type}");
    if (rule.event.empty() && (!rule.more.empty() || !rule.sections.empty()))
        document.mistake("event", "is missing, so more and sections have nothing to add to");
}

}  // namespace

std::optional<IntakeRule> parse_intake_rule(const Json& json, const std::string& id, std::vector<Mistake>& mistakes) {
    const size_t before = mistakes.size();
    JsonReader document(json, mistakes);
    IntakeRule rule;
    rule.id = id;
    document.optional_text("$schema", 300);
    rule.name = document.text("name", 200);
    document.optional_text("description", 2000);
    rule.reporter = document.optional_text("reporter", 200);
    read_match(document, rule, mistakes);
    rule.once = read_patterns(document, "once", mistakes);
    rule.event = read_patterns(document, "event", mistakes);
    rule.more = read_patterns(document, "more", mistakes);
    rule.until = read_patterns(document, "until", mistakes);
    read_kinds(document, rule, mistakes);
    rule.zone = document.optional_text("zone", 10);
    if (!rule.zone.empty()) {
        const auto read = read_time("2026-01-01 00:00:00 " + rule.zone);
        if (!read || !read->zone_minutes) document.mistake("zone", "is no zone that is known; write +01:00 or UTC");
    }
    rule.time_from_mail = document.boolean("time_from_mail", false, false);
    rule.fold = document.boolean("fold", false, true);
    rule.person = document.optional_text("person", 300);
    rule.not_abuse = document.optional_text("not_abuse", 300);
    if (mistakes.size() == before) check_together(document, rule);
    document.finish();
    if (mistakes.size() > before) return std::nullopt;
    return rule;
}

void IntakeRules::add(IntakeRule rule) {
    const auto place = std::upper_bound(rules_.begin(), rules_.end(), rule, [](const auto& a, const auto& b) { return a.id < b.id; });
    rules_.insert(place, std::move(rule));
}

}  // namespace bailiff
