// SPDX-License-Identifier: Apache-2.0
// The JSON Schema of intake's rules and their parser agree: on the shipped rules, and on a table of changed ones.
#include "controller/intake/rule_files.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validator.hpp>

namespace bailiff::test {
namespace {

namespace fs = std::filesystem;

Json policy_document(const fs::path& name) {
    std::ifstream in(fs::path(BAILIFF_SOURCE_DIR) / "policies" / name);
    EXPECT_TRUE(in) << name;
    return Json::parse(std::string(std::istreambuf_iterator<char>(in), {}));
}

bool rule_schema_accepts(const Json& document) {
    static const Json text = policy_document("schema/intake-rule.schema.json");
    valijson::Schema schema;
    valijson::SchemaParser parser;
    valijson::adapters::NlohmannJsonAdapter schema_adapter(text), document_adapter(document);
    parser.populateSchema(schema_adapter, schema);
    valijson::Validator validator;
    return validator.validate(schema, document_adapter, nullptr);
}

TEST(RuleSchema, knows_every_shipped_rule) {
    size_t count = 0;
    for (const auto& entry : fs::directory_iterator(fs::path(BAILIFF_SOURCE_DIR) / "policies/intake")) {
        if (entry.path().extension() != ".json") continue;
        EXPECT_TRUE(rule_schema_accepts(policy_document(fs::path("intake") / entry.path().filename()))) << entry.path();
        ++count;
    }
    EXPECT_GE(count, 12u);
}

TEST(RuleSchema, and_parser_agree) {
    struct Change {
        const char *pointer, *value;
        bool sound;
    };
    const Change changes[] = {{"/name", R"("")", false},           {"/name", "5", false},                     {"/name", "", false},
                              {"/match", "", false},               {"/match", "{}", false},                   {"/match/from", "[1]", false},
                              {"/match/from", "[]", false},        {"/match/extra", "1", false},              {"/once", "", true},
                              {"/once", R"("x")", false},          {"/event", R"([""])", false},              {"/sections/0/kind", R"("spam")", false},
                              {"/sections/0/extra", "1", false},   {"/sections/0/line", "", false},           {"/kind", R"("messaging/spam")", true},
                              {"/kind", R"("mail/spam")", false},  {"/kinds", R"({"x":"content/malware"})", true}, {"/kinds", R"({"x":1})", false},
                              {"/zone", R"("UTC")", true},         {"/zone", "1", false},                     {"/fold", "false", true},
                              {"/fold", R"("no")", false},         {"/time_from_mail", "1", false},           {"/person", R"("why")", true},
                              {"/until", R"(["x"])", true},        {"/extra", "1", false},                    {"/$schema", "", true}};
    for (const auto& [pointer, value, sound] : changes) {
        Json document = policy_document("intake/project-honeypot.json");
        if (*value) document[Json::json_pointer(pointer)] = Json::parse(value);
        else if (document.contains(Json::json_pointer(pointer))) document = document.patch(Json::array({{{"op", "remove"}, {"path", pointer}}}));
        std::vector<Mistake> mistakes;
        EXPECT_EQ(rule_schema_accepts(document), sound) << pointer << " = " << value;
        EXPECT_EQ(parse_intake_rule(document, "x", mistakes).has_value(), sound) << pointer << " = " << value << ": " << describe(mistakes);
    }
}

}  // namespace
}  // namespace bailiff::test
