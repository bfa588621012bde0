// SPDX-License-Identifier: Apache-2.0
// bailiff-controller itself: the address comes by mail, the page stands on its own port, and what is answered there stands
// in the case.
#include "tests/integration/web/browser.hpp"
#include "tests/integration/web/page_programs.hpp"

namespace bailiff::test {
namespace {

TEST_F(ThePrograms, from_the_mail_to_the_answer) {
    start();
    const std::string path = opened_case("hi");
    ASSERT_EQ(path.size(), 67u);

    Browser browser("http://127.0.0.1:" + std::to_string(page_port));
    const auto shown = browser.get(path);
    ASSERT_EQ(shown.status, 200) << shown.body;
    EXPECT_TRUE(shown.says("<html lang=\"hi\">"));
    EXPECT_TRUE(shown.says("सोम 2027-03-01 10:00")) << shown.body;
    const auto sent = browser.post(path, {{"kind", "fixed"}, {"key", hidden(shown, "key")}, {"lang", hidden(shown, "lang")}, {"steps", "फ़ाइल हटाई"},
                                          {"root_cause", "पुराना प्लग-इन"}, {"prevention", "अपडेट"}});
    EXPECT_EQ(sent.status, 303) << sent.body;
    const auto end = browser.get(path + sent.header("location"));
    EXPECT_EQ(end.status, 410);
    EXPECT_TRUE(end.says("हमें आपका उत्तर मिल गया है"));
    const auto history = ask("GET", "/api/v1/cases/C-1/history");
    EXPECT_NE(history.body.find("answer by page: fixed"), std::string::npos) << history.body;
    EXPECT_NE(history.body.find("fixed_by_customer"), std::string::npos) << history.body;
    // The page's port serves nothing of the API, and the API's nothing of the page.
    EXPECT_EQ(browser.get("/api/v1/cases").status, 404);
    EXPECT_EQ(ask("GET", "/s/" + std::string(64, 'a')).status, 404);
    EXPECT_EQ(log().find(path.substr(3)), std::string::npos) << "who reads the log must not be able to answer";
    controller->signal(SIGTERM);
    EXPECT_EQ(controller->wait(), 0);
    controller.reset();
    EXPECT_EQ(file_text(folder + "/state/bailiff.db").find(path.substr(3)), std::string::npos) << "nor who reads the database";
}

TEST_F(ThePrograms, from_an_appeal_to_its_decision) {
    start();
    const std::string path = opened_case("hi", "connection/ddos");   // cut at once
    ASSERT_EQ(path.size(), 67u);
    Browser browser("http://127.0.0.1:" + std::to_string(page_port));
    const auto shown = browser.get(path);
    ASSERT_TRUE(shown.says("id=\"h-appeal\"")) << shown.body;
    const std::map<std::string, std::string> form{{"kind", "appeal"}, {"key", hidden(shown, "key")}, {"lang", "hi"}, {"appeal", "हम स्वयं पीड़ित हैं"}};
    const auto sent = browser.post(path, form);
    ASSERT_EQ(sent.status, 303) << sent.body;
    EXPECT_EQ(browser.post(path, form).header("location"), sent.header("location")) << "a double click";
    EXPECT_TRUE(browser.get(path + sent.header("location")).says("हमें आपकी अपील मिल गई है"));
    auto other = form;
    other["appeal"] = "और भी";
    EXPECT_EQ(browser.post(path, other).status, 409) << "one waits";

    const auto waits = ask("GET", "/api/v1/cases/C-1").body;
    EXPECT_NE(waits.find("हम स्वयं पीड़ित हैं"), std::string::npos) << waits;
    EXPECT_NE(waits.find("\"channel\":\"page\""), std::string::npos) << waits;
    const auto decided = ask("POST", "/api/v1/cases/C-1/appeal-decisions", {{"decision", "upheld"}, {"reason", "the questions were forged"}});
    EXPECT_EQ(decided.status, 200) << decided.body;
    const auto end = browser.get(path);
    EXPECT_TRUE(end.says("the questions were forged")) << end.body;
    EXPECT_TRUE(end.says("को स्वीकार की गई।")) << end.body;
}

TEST_F(ThePrograms, wrong_options_are_named) {
    const auto says = [&](std::vector<std::string> more) {
        auto all = words();
        for (size_t i = 0; i < 5; ++i) all.pop_back();   // the page's own
        all.insert(all.end(), more.begin(), more.end());
        all.push_back("--check");
        return run(all);
    };
    EXPECT_EQ(says({}).first, 0) << says({}).second;
    EXPECT_EQ(says({"--page-url", "https://abuse.example"}).first, 0) << "another replica serves it";
    EXPECT_NE(says({"--page-listen", ":8444", "--page-plain-http"}).second.find("--page-listen needs --page-url"), std::string::npos);
    EXPECT_NE(says({"--page-url", "http://abuse.example"}).second.find("--page-url: write https://"), std::string::npos);
    EXPECT_NE(says({"--page-url", "http://127.0.0.1.evil.example"}).second.find("--page-url: write https://"), std::string::npos);
    EXPECT_NE(says({"--page-url", "https://abuse.example/?x"}).second.find("without blanks"), std::string::npos);
    EXPECT_NE(says({"--page-url", "https://abuse.example", "--page-listen", ":8444"}).second.find("needs --page-tls-certificate"), std::string::npos);
    EXPECT_NE(says({"--page-url", "https://abuse.example", "--page-listen", "8444"}).second.find("has no port"), std::string::npos);
    EXPECT_EQ(says({"--page-url", "https://abuse.example", "--page-listen", ":8444", "--page-tls-certificate", "/x", "--page-tls-key", "/y"}).first, 0);
}

}  // namespace
}  // namespace bailiff::test
