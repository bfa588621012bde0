// SPDX-License-Identifier: Apache-2.0
#include <bailiff/json.hpp>

#include <gtest/gtest.h>

namespace bailiff {

TEST(StrictJson, refuses_what_nlohmann_would_let_through) {
    EXPECT_FALSE(parse_json(R"({"a":1,"a":2})"));
    EXPECT_FALSE(parse_json(std::string(200'000, '[')));
    std::string large(20'000, ' ');
    large += '1';
    EXPECT_FALSE(parse_json(large, order_limits));
    EXPECT_FALSE(parse_json("{} x"));
    EXPECT_FALSE(parse_json("\"\xff\""));
    EXPECT_TRUE(parse_json(R"({"a":{"a":1},"b":[{"a":2}]})"));
}

TEST(StrictJson, finds_a_key_that_stands_twice_in_whatever_order_keys_come) {
    for (const char* twice : {R"({"a":1,"b":2,"b":3})", R"({"a":1,"b":2,"a":3})", R"({"b":1,"a":2,"b":3})", R"({"b":1,"a":2,"a":3})",
                              R"({"a":1,"c":2,"b":3,"d":4,"d":5})", R"([{"x":{"c":1,"b":2,"a":3,"c":4}}])"})
        EXPECT_FALSE(parse_json(twice)) << twice;
    for (const char* once : {R"({"a":1,"b":2,"c":3})", R"({"c":1,"b":2,"a":3})", R"({"a":1,"c":{"a":1,"c":2},"b":{"b":1,"a":2}})"})
        EXPECT_TRUE(parse_json(once)) << once;
}

TEST(JsonReader, collects_every_mistake_with_its_pointer) {
    const Json json = *parse_json(R"({"n":1.0,"big":18446744073709551615,"t":7,"when":"tomorrow","typo":true})");
    std::vector<Mistake> mistakes;
    JsonReader read(json, mistakes, "/x");
    read.integer("n", 0, 9);
    read.integer("big", 0, 9);
    read.text("t");
    read.instant("when");
    read.text("absent");
    read.finish();
    ASSERT_EQ(mistakes.size(), 6u);
    EXPECT_EQ(mistakes[0], (Mistake{"/x/n", "must be a whole number"}));
    EXPECT_EQ(mistakes[1].pointer, "/x/big");
    EXPECT_EQ(mistakes[2], (Mistake{"/x/t", "must be a text"}));
    EXPECT_EQ(mistakes[4], (Mistake{"/x/absent", "is missing"}));
    EXPECT_EQ(mistakes[5].pointer, "/x/typo");
    EXPECT_NE(mistakes[5].text.find("known are absent, big, n, t, when"), std::string::npos);
}

}  // namespace bailiff
