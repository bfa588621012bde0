// SPDX-License-Identifier: Apache-2.0
// What a customer and a member of staff do in a real browser that runs no script: the page by the mail's address, the form for reports.
#include "tests/fixtures/web_driver.hpp"
#include "tests/integration/web/page_programs.hpp"

namespace bailiff::test {
namespace {

class ABrowser : public ThePrograms {
  protected:
    void SetUp() override {
        ThePrograms::SetUp();
        driver = std::make_unique<WebDriver>(folder);
        start();
    }
    void TearDown() override {
        driver.reset();
        ThePrograms::TearDown();
    }
    std::string page() const { return "http://127.0.0.1:" + std::to_string(page_port); }
    std::string report_form() {
        std::string token = file_text(folder + "/state/admin.token");
        token.pop_back();
        return "http://admin:" + token + "@127.0.0.1:" + std::to_string(api_port) + "/report";
    }
    std::unique_ptr<WebDriver> driver;
};

TEST_F(ABrowser, shows_the_case_and_hands_the_answer_in) {
    const std::string path = opened_case("en");
    driver->go(page() + path);
    EXPECT_EQ(driver->title(), "Case C-1: Virus content on web1") << driver->text("body");
    // The style stands in the page and its hash in the policy: if they did not fit, the browser would drop it.
    EXPECT_EQ(driver->style(".due", "background-color"), "rgba(253, 241, 231, 1)");
    EXPECT_NE(driver->text(".due").find("2027-03-01 10:00"), std::string::npos) << driver->text(".due");
    EXPECT_FALSE(driver->matches("script"));

    // What is required is asked for before anything is sent.
    const std::string form = "form[aria-labelledby=h-fixed] ";
    driver->type(form + "#steps", "Removed the file and closed the account");
    driver->click(form + "button");
    EXPECT_FALSE(driver->valid("#root_cause"));
    EXPECT_EQ(driver->url(), page() + path);

    driver->type(form + "#root_cause", "An old plug-in <script>alert(1)</script>");
    driver->type(form + "#prevention", "Updates by themselves");
    std::ofstream(folder + "/scan.log") << "clean\n";
    driver->type(form + "#files", folder + "/scan.log");
    driver->click(form + "button");
    ASSERT_TRUE(eventually([&] { return driver->url().find("?receipt=") != std::string::npos; })) << driver->text("body");
    EXPECT_NE(driver->text("[role=status]").find("We have received your answer"), std::string::npos) << driver->text("body");
    EXPECT_FALSE(driver->matches("script"));
    for (const auto& complaint : driver->complaints()) EXPECT_EQ(complaint.find("Content Security Policy"), std::string::npos) << complaint;

    const auto history = ask("GET", "/api/v1/cases/C-1/history");
    EXPECT_NE(history.body.find("answer by page: fixed"), std::string::npos) << history.body;
    EXPECT_NE(history.body.find("scan.log, 6 bytes"), std::string::npos) << history.body;
}

TEST_F(ABrowser, takes_an_appeal_and_shows_how_it_was_decided) {
    const std::string path = opened_case("en", "connection/ddos");   // cut at once
    driver->go(page() + path);
    const std::string form = "form[aria-labelledby=h-appeal] ";
    driver->click(form + "button");
    EXPECT_FALSE(driver->valid("#appeal"));
    driver->type(form + "#appeal", "Those were answers to forged questions <script>alert(1)</script>");
    driver->click(form + "button");
    ASSERT_TRUE(eventually([&] { return driver->url().find("?receipt=") != std::string::npos; })) << driver->text("body");
    EXPECT_NE(driver->text("[role=status]").find("We have received your appeal"), std::string::npos) << driver->text("body");
    EXPECT_NE(driver->text(".due").find("2027-03-03 09:0"), std::string::npos) << driver->text(".due");
    EXPECT_FALSE(driver->matches("script"));
    EXPECT_FALSE(driver->matches(form)) << "one waits";

    EXPECT_EQ(ask("POST", "/api/v1/cases/C-1/appeal-decisions", {{"decision", "rejected"}, {"reason", "the machine sent them"}}).status, 200);
    driver->go(page() + path);
    EXPECT_NE(driver->text("main").find("the machine sent them"), std::string::npos) << driver->text("main");
    EXPECT_TRUE(driver->matches("#appeal"));
    for (const auto& complaint : driver->complaints()) EXPECT_EQ(complaint.find("Content Security Policy"), std::string::npos) << complaint;
}

TEST_F(ABrowser, changes_the_language_by_a_link) {
    const std::string path = opened_case("en");
    driver->go(page() + path);
    driver->click("a[hreflang=hi]");
    EXPECT_TRUE(driver->matches("html[lang=hi]"));
}

TEST_F(ABrowser, lets_staff_hand_a_report_in) {
    opened_case("en");
    driver->go(report_form());
    EXPECT_EQ(driver->title(), "Hand in a report") << driver->text("body");
    driver->type("#type", "messaging/spam");
    driver->type("#machine", "192.0.2.10");
    driver->type("#reporter", "a caller");
    driver->type("#summary", "Mails for pills");
    driver->click("form[aria-labelledby=h-facts] button");
    ASSERT_TRUE(eventually([&] { return driver->matches("[role=status]"); })) << driver->text("body");
    EXPECT_NE(driver->text("[role=status]").find("case C-2"), std::string::npos) << driver->text("body");
    EXPECT_EQ(ask("GET", "/api/v1/cases/C-2").status, 200);

    driver->click("[role=status] a");
    driver->type("#mail", "From: soc@reporter.example\nSubject: your machine\n\nOur sensor saw 192.0.2.10 at 2027-03-01 03:00:00 UTC.\n");
    driver->click("form[aria-labelledby=h-mail] button");
    ASSERT_TRUE(eventually([&] { return driver->text("[role=status]").find("kept as M-") != std::string::npos; })) << driver->text("body");
    for (const auto& complaint : driver->complaints()) EXPECT_EQ(complaint.find("Content Security Policy"), std::string::npos) << complaint;
}

}  // namespace
}  // namespace bailiff::test
