// SPDX-License-Identifier: Apache-2.0
// openapi.yaml says exactly what the table of routes says, and its examples are taken by the real parsers.
#include "controller/api/openapi_text.hpp"
#include "tests/unit/api/api_world.hpp"

#include <yaml-cpp/yaml.h>

#include <set>

namespace bailiff::test {
namespace {

const YAML::Node& document() {
    static const YAML::Node parsed = YAML::Load(std::string(openapi_text()));
    return parsed;
}

std::string role_of(const Route& route) { return route.role ? std::string(name(*route.role)) : "none"; }

/// A scalar as JSON would have it: quoted ones are texts whatever they look like.
Json to_json(const YAML::Node& node) {
    if (node.IsMap()) {
        Json out = Json::object();
        for (const auto& entry : node) out[entry.first.as<std::string>()] = to_json(entry.second);
        return out;
    }
    if (node.IsSequence()) {
        Json out = Json::array();
        for (const auto& entry : node) out.push_back(to_json(entry));
        return out;
    }
    const auto text = node.as<std::string>();
    if (node.Tag() == "!") return text;
    if (text == "true" || text == "false") return text == "true";
    if (!text.empty() && text.find_first_not_of("0123456789") == std::string::npos) return std::stoll(text);
    return text;
}

YAML::Node resolved(const YAML::Node& node) {
    if (!node["$ref"]) return node;
    YAML::Node at = document();
    std::istringstream path(node["$ref"].as<std::string>().substr(2));
    for (std::string part; std::getline(path, part, '/');) at.reset(at[part]);
    return at;
}

TEST(OpenApi, EveryRouteIsDescribed) {
    for (const Route& route : api_routes()) {
        const auto path = document()["paths"][std::string(route.pattern)];
        std::string method(route.method);
        for (char& c : method) c = char(std::tolower(c));
        ASSERT_TRUE(path && path[method]) << route.method << " " << route.pattern << " is missing in openapi.yaml";
        const auto operation = path[method];
        EXPECT_EQ(operation["x-role"].as<std::string>(""), role_of(route)) << route.pattern;
        EXPECT_EQ(operation["summary"].as<std::string>(""), route.summary) << route.pattern;
        EXPECT_EQ(bool(operation["requestBody"]), route.body != BodyUse::none) << route.pattern;
        EXPECT_EQ(operation["security"] && operation["security"].size() == 0, !route.role) << route.pattern;
        EXPECT_TRUE(operation["responses"]["default"] || !route.role) << route.pattern;
        const bool named = route.pattern.find("{id}") != std::string_view::npos;
        EXPECT_EQ(path["parameters"] && path["parameters"][0]["$ref"].as<std::string>() == "#/components/parameters/id", named) << route.pattern;
    }
}

TEST(OpenApi, NothingElseIsDescribed) {
    std::set<std::string> known;
    for (const Route& route : api_routes()) known.insert(std::string(route.method) + " " + std::string(route.pattern));
    for (const auto& path : document()["paths"])
        for (const auto& operation : path.second) {
            auto method = operation.first.as<std::string>();
            if (method == "parameters") continue;
            for (char& c : method) c = char(std::toupper(c));
            EXPECT_TRUE(known.contains(method + " " + path.first.as<std::string>())) << method << " " << path.first;
        }
}

TEST(OpenApi, EveryReferenceLeadsSomewhere) {
    size_t found = 0;
    const std::function<void(const YAML::Node&)> walk = [&](const YAML::Node& node) {
        if (node.IsMap() && node["$ref"]) {
            ++found;
            EXPECT_TRUE(resolved(node).IsDefined() && !resolved(node).IsNull()) << node["$ref"];
        } else if (node.IsMap()) {
            for (const auto& entry : node) walk(entry.second);
        } else if (node.IsSequence()) {
            for (const auto& entry : node) walk(entry);
        }
    };
    walk(document());
    EXPECT_GT(found, 100u);
}

TEST(OpenApi, ExamplesAreTakenByTheParsers) {
    size_t tried = 0;
    for (const Route& route : api_routes()) {
        if (route.body == BodyUse::none) continue;
        ApiWorld world;
        std::string path(route.pattern), method(route.method);
        for (char& c : method) c = char(std::tolower(c));
        const auto body = resolved(document()["paths"][path][method]["requestBody"])["content"]["application/json"]["example"];
        ASSERT_TRUE(body) << "no example: " << path;
        if (const size_t at = path.find("{id}"); at != std::string::npos)
            path.replace(at, 4, path.find("vms") != std::string::npos         ? ApiWorld::web1
                                : path.find("customers") != std::string::npos ? "K-7"
                                : path.find("reports") != std::string::npos   ? "R-1"
                                                                              : world.open_case());
        const auto got = world.ask(std::string(route.method), path, "ada", to_json(body));
        EXPECT_NE(got.status, 400) << path << got.body;
        EXPECT_NE(got.status, 422) << path << " does not take its own example: " << got.body;
        ++tried;
    }
    EXPECT_GE(tried, 17u);
}

TEST(OpenApi, IsServedAsItIs) {
    ApiWorld world;
    const auto got = world.ask("GET", "/api/v1/openapi.yaml", "");
    EXPECT_EQ(got.status, 200);
    EXPECT_EQ(got.body, openapi_text());
    EXPECT_EQ(got.header("Content-Type"), "application/yaml");
}

}  // namespace
}  // namespace bailiff::test
