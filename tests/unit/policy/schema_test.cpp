// SPDX-License-Identifier: Apache-2.0
// The shipped JSON Schemas and the parsers agree: on a table of documents, and field by field.
#include "controller/config/calendar_file.hpp"
#include "controller/config/remedy_file.hpp"
#include "tests/unit/policy/files.hpp"

#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validator.hpp>

namespace bailiff::test {
namespace {

bool schema_accepts(const std::string& schema_file, const Json& document) {
    const Json text = shipped_json("schema/" + schema_file);
    valijson::Schema schema;
    valijson::SchemaParser parser;
    valijson::adapters::NlohmannJsonAdapter schema_adapter(text), document_adapter(document);
    parser.populateSchema(schema_adapter, schema);
    valijson::Validator validator;
    return validator.validate(schema, document_adapter, nullptr);
}

bool parser_accepts_policy(const Json& document) {
    std::vector<Mistake> mistakes;
    return parse_policy(dump_json(document), mistakes).has_value();
}

bool parser_accepts_calendar(const Json& document) {
    std::vector<Mistake> mistakes;
    return parse_calendar(dump_json(document), mistakes).has_value();
}

struct Change {
    const char* pointer;
    const char* value;  ///< JSON, or empty to remove the field
    bool sound;
};

Json with(const std::string& file, const Change& change) {
    const Json value = *change.value ? Json::parse(change.value) : Json();
    return Json::parse(changed(file, change.pointer, value));
}

TEST(Schema, PoliciesAgree) {
    const Change changes[] = {
        {"/title", R"("Another")", true}, {"/title", R"("")", false}, {"/title", "5", false}, {"/title", "", false},
        {"/id", R"("a b")", false}, {"/id", R"(".hidden")", false}, {"/id", "", false}, {"/revision", "7", true},
        {"/revision", "0", false}, {"/revision", "1.5", false}, {"/revision", R"("1")", false}, {"/source", "", true},
        {"/nature", "", false}, {"/calendar", R"("../x")", false}, {"/calendar", R"("eu.west-1")", true},
        {"/types", "[]", false}, {"/types", R"(["*"])", true}, {"/types", R"(["content/x","content/x"])", false},
        {"/types/0", R"("messaging/*")", true}, {"/types/0", R"("mail/spam")", false}, {"/types/0", R"("content")", false},
        {"/types/0", R"("content/MALWARE")", false}, {"/ladder", "[]", false}, {"/ladder", "", false},
        {"/ladder/0/step", R"("no spaces")", false}, {"/ladder/0/waits_for", R"("mail")", false},
        {"/ladder/0/waits_for", "", false}, {"/ladder/0/within", R"("PT90M")", true}, {"/ladder/0/within", R"("1h")", false},
        {"/ladder/0/within", R"("P1M")", false}, {"/ladder/0/within", R"("P")", false}, {"/ladder/0/within", "60", false},
        {"/ladder/0/clock", R"("elapsed")", true}, {"/ladder/0/clock", R"("wall")", false}, {"/ladder/0/clock", "", false},
        {"/ladder/2/then", R"("isolated")", true}, {"/ladder/2/then", R"("running")", false},
        {"/ladder/2/then", R"("quarantined")", false}, {"/ladder/0/extra", "1", false},
        {"/ladder/1/escalate_after", "", true}, {"/without_call", "false", true}, {"/without_call", R"("no")", false},
        {"/resolution", "", true}, {"/resolution/within", "", false}, {"/resolution/clock", "", false},
        {"/resolution/extra", "1", false}, {"/answer", "", true}, {"/answer/needs", "", false},
        {"/answer/needs/0", R"("apology")", false}, {"/answer/needs", R"(["prevention"])", true}, {"/answer/extra", "1", false},
        {"/restore", "", false}, {"/restore/when", "", false}, {"/restore/when", R"("confirmed")", true},
        {"/restore/by", R"("nobody")", false}, {"/restore/extra", "1", false}, {"/treatment", "", true},
        {"/treatment/clean_by", R"("policy")", true}, {"/treatment/clean_by", R"("robot")", false},
        {"/treatment/clean_rounds", "11", false}, {"/treatment/scan", "1", false}, {"/treatment/extra", "1", false},
        {"/treatment/evidence_first", "true", true}, {"/treatment/memory", "1", false}, {"/limit", R"({"closed_ports":[0]})", false},
        {"/limit", R"({"extra":1})", false}, {"/limit", R"({"rate_kbit":-1})", false}, {"/lock", R"({"gate":"not_required"})", true},
        {"/lock", R"({"gate":"perhaps"})", false}, {"/restore/health", R"("fine")", false}, {"/restore/signatures_within", R"("P2D")", true},
        {"/support_tokens", "0", true}, {"/support_tokens", "-1", false}, {"/support_tokens", "1001", false},
        {"/remedies", "[]", true}, {"/remedies", "", true}, {"/remedies/0", R"("")", false}, {"/remedies/0", "1", false},
        {"/discovery", "", true}, {"/discovery", "{}", true}, {"/discovery/weight", "", true}, {"/discovery/weight", R"({"yara":7})", true},
        {"/discovery/weight/clamav", "1001", false}, {"/discovery/weight/clamav", "-1", false}, {"/discovery/weight/clamv", "1", false},
        {"/discovery/opens_at", "0", false}, {"/discovery/opens_at", R"("10")", false}, {"/discovery/cases_per_day", "0", true},
        {"/discovery/cases_per_day", "-1", false}, {"/discovery/extra", "1", false},
        {"/$schema", "", true}, {"/$schema", "1", false}, {"/extra", "1", false}};
    for (const auto& change : changes) {
        const Json document = with("virus-content.json", change);
        EXPECT_EQ(schema_accepts("policy.schema.json", document), change.sound) << change.pointer << " = " << change.value;
        EXPECT_EQ(parser_accepts_policy(document), change.sound) << change.pointer << " = " << change.value;
    }
}

TEST(Schema, CalendarsAgree) {
    const Change changes[] = {
        {"/timezone", R"("Europe/Rome")", true}, {"/timezone", "", false}, {"/timezone", R"("")", false},
        {"/hours", "", false}, {"/hours", "[]", false}, {"/hours/mon", "", true}, {"/hours/mon", "[]", true},
        {"/hours/monday", "[]", false}, {"/hours/mon/0", R"(["09:00"])", false}, {"/hours/mon/0", R"(["9:00","18:00"])", false},
        {"/hours/mon/0", R"(["09:00","24:00"])", true}, {"/hours/mon/0", R"(["09:00","24:01"])", false},
        {"/hours/mon/0", R"(["09:60","18:00"])", false}, {"/hours/mon/0", R"("09:00-18:00")", false},
        {"/holidays", "", true}, {"/holidays", R"(["2026-01-26","*-08-15"])", true}, {"/holidays", R"(["26.1.2026"])", false},
        {"/holidays", R"(["*-13-01"])", false}, {"/holidays", R"([20260126])", false},
        {"/special_hours", R"({"2026-12-24":[["09:00","13:00"]],"2026-12-25":[]})", true},
        {"/special_hours", R"({"christmas":[]})", false}, {"/special_hours", R"({"*-12-24":[]})", false},
        {"/special_hours", R"({"2026-12-24":[["09:00"]]})", false}, {"/holiday_files", R"(["in.ics"])", true},
        {"/holiday_files", R"("in.ics")", false}, {"/holiday_files", "[1]", false}, {"/extra", "1", false},
        {"/$schema", "", true}};
    for (const auto& change : changes) {
        const Json document = with("calendars/asia-kolkata.json", change);
        EXPECT_EQ(schema_accepts("calendar.schema.json", document), change.sound) << change.pointer << " = " << change.value;
        EXPECT_EQ(parser_accepts_calendar(document), change.sound) << change.pointer << " = " << change.value;
    }
}

TEST(Schema, RemediesAgree) {
    const Change changes[] = {
        {"/types", "[]", true}, {"/types", "", true}, {"/types/0", "5", false}, {"/signatures", "[]", true}, {"/signatures", "", true},
        {"/signatures/0", R"("Php.Webshell.*")", true}, {"/signatures/0", R"("two words")", false}, {"/signatures/0", R"("**")", false},
        {"/cves", R"(["CVE-2021-44228"])", true}, {"/cves", R"(["cve-2021-44228"])", false}, {"/cves", R"(["CVE-2021-12"])", false},
        {"/steps", "", false}, {"/steps/en", "", false}, {"/steps/hi", "", true}, {"/steps/en", "[]", false}, {"/steps/en/0", R"("")", false},
        {"/steps/hindi", R"(["x"])", false}, {"/source", R"("ours")", true}, {"/extra", "1", false}, {"/$schema", "", true}};
    for (const auto& change : changes) {
        const Json document = with("remedies/web-shell.json", change);
        std::vector<Mistake> mistakes;
        EXPECT_EQ(schema_accepts("remedy.schema.json", document), change.sound) << change.pointer << " = " << change.value;
        EXPECT_EQ(parse_remedy(dump_json(document), mistakes).has_value(), change.sound) << change.pointer << " = " << change.value;
    }
}

/// Every property named anywhere in a schema, as "answer.needs" or "ladder.step".
void schema_fields(const Json& schema, const std::string& prefix, std::set<std::string>& fields) {
    if (schema.contains("items")) schema_fields(schema["items"], prefix, fields);
    if (!schema.contains("properties")) return;
    for (const auto& [key, value] : schema["properties"].items()) {
        const std::string path = prefix.empty() ? key : prefix + "." + key;
        fields.insert(path);
        schema_fields(value, path, fields);
    }
}

void document_fields(const Json& document, const std::string& prefix, std::set<std::string>& fields) {
    if (document.is_array())
        for (const auto& item : document) document_fields(item, prefix, fields);
    if (!document.is_object()) return;
    for (const auto& [key, value] : document.items()) {
        const std::string path = prefix.empty() ? key : prefix + "." + key;
        fields.insert(path);
        document_fields(value, path, fields);
    }
}

TEST(Schema, KnowsExactlyTheFieldsThatTheCanonicalJsonHas) {
    std::vector<Mistake> mistakes;
    auto policy = read_policy(shipped / "virus-content.json", mistakes);
    ASSERT_TRUE(policy) << describe(mistakes);
    // What a policy need not say is written only where it does.
    policy->limit = {"25", 512};
    policy->signatures_within = Seconds(86400);
    std::set<std::string> in_schema, in_document;
    schema_fields(shipped_json("schema/policy.schema.json"), "", in_schema);
    document_fields(Json::parse(policy_json(*policy)), "", in_document);
    EXPECT_EQ(in_schema.erase("$schema"), 1u);
    EXPECT_EQ(in_schema, in_document);
}

TEST(Schema, AcceptsWhatIsShipped) {
    std::vector<FileMistakes> mistakes;
    for (const auto& [id, policy] : load_policies(shipped, mistakes).in_force) {
        EXPECT_TRUE(schema_accepts("policy.schema.json", shipped_json(id.text() + ".json"))) << id.text();
        EXPECT_TRUE(schema_accepts("policy.schema.json", Json::parse(policy_json(policy)))) << id.text();
    }
    EXPECT_TRUE(schema_accepts("calendar.schema.json", shipped_json("calendars/asia-kolkata.json")));
}

}  // namespace
}  // namespace bailiff::test
