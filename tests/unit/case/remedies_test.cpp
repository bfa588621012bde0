// SPDX-License-Identifier: Apache-2.0
// Which advice fits which finding.
#include "controller/core/remedies.hpp"

#include <gtest/gtest.h>

namespace bailiff::core {
namespace {

using Texts = std::vector<std::string>;

const std::vector<Remedy> all{
    {"b-shell", {}, {"Php.Webshell.*", "*backdoor*"}, {}, {{"en", {"remove the shell"}}, {"hi", {"शेल हटाएँ"}}}},
    {"c-log4j", {}, {}, {"CVE-2021-44228"}, {{"en", {"update Log4j", "remove the shell"}}}},
    {"a-spam", {"messaging/*"}, {}, {}, {{"en", {"empty the queue"}}}},
    {"d-both", {"content/malware"}, {"Eicar*"}, {}, {{"en", {"a test file"}}}},
};

Texts fitting(const std::string& type, const std::string& summary, const std::vector<std::string>& signatures = {}, const std::string& language = "en") {
    std::vector<ScanHit> hits;
    for (const auto& signature : signatures) hits.push_back({"/x", signature, "clamav", ""});
    return remedies_for({{ReportId("R-1"), type, "cert", {}, summary}}, hits, all, language);
}

TEST(Remedies, fit_by_signature_wherever_it_is_named) {
    EXPECT_EQ(fitting("content/malware", "", {"Php.Webshell.Generic-1"}), Texts{"remove the shell"});
    EXPECT_EQ(fitting("content/malware", "Scan: Php.Webshell.Generic-1 in /var/www/x.php."), Texts{"remove the shell"});
    EXPECT_EQ(fitting("content/malware", "found (php.BACKDOOR.b)."), Texts{"remove the shell"}) << "whatever the case of its letters";
    EXPECT_EQ(fitting("content/malware", "Php.Webshellfish"), Texts{}) << "a dot is a dot";
}

TEST(Remedies, fit_by_cve_and_by_type) {
    EXPECT_EQ(fitting("vulnerability/cve", "exposed to cve-2021-44228."), (Texts{"update Log4j", "remove the shell"}));
    EXPECT_EQ(fitting("vulnerability/cve", "CVE-2021-442281"), Texts{});
    EXPECT_EQ(fitting("messaging/spam", ""), Texts{"empty the queue"});
    EXPECT_EQ(fitting("", ""), Texts{});
}

TEST(Remedies, that_name_both_need_both) {
    EXPECT_EQ(fitting("content/malware", "", {"Eicar-Test-Signature"}), Texts{"a test file"});
    EXPECT_EQ(fitting("content/phishing", "", {"Eicar-Test-Signature"}), Texts{});
    EXPECT_EQ(fitting("content/malware", "", {}), Texts{});
}

TEST(Remedies, come_in_the_order_of_their_ids_each_once_and_in_the_readers_language) {
    EXPECT_EQ(fitting("messaging/spam", "CVE-2021-44228", {"Php.Webshell.A"}), (Texts{"empty the queue", "remove the shell", "update Log4j"}));
    EXPECT_EQ(fitting("messaging/spam", "", {"Php.Webshell.A"}, "hi"), (Texts{"empty the queue", "शेल हटाएँ"})) << "English where there is no Hindi";
}

TEST(Patterns, stars_stand_for_anything) {
    for (const auto& [pattern, text] : {std::pair{"*", ""}, {"*", "x"}, {"a*c", "abbc"}, {"*b*", "abc"}, {"a*b*c", "axbxbc"}, {"abc", "ABC"}, {"**", ""}, {"a**c", "ac"}})
        EXPECT_TRUE(fits_pattern(pattern, text)) << pattern << " " << text;
    for (const auto& [pattern, text] : {std::pair{"", "x"}, {"a*c", "abd"}, {"a", ""}, {"*ab", "aba"}, {"abc", "ab"}, {"ab", "abc"}})
        EXPECT_FALSE(fits_pattern(pattern, text)) << pattern << " " << text;
    EXPECT_FALSE(fits_pattern("*a*a*a*a*a*a*a*a*b", std::string(20'000, 'a'))) << "and ends soon";
}

}  // namespace
}  // namespace bailiff::core
