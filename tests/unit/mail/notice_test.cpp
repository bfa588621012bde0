// SPDX-License-Identifier: Apache-2.0
// The shipped templates are right, and wrong ones are found when they are loaded.
#include "controller/mail/notice_text.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace bailiff::test {
namespace {

namespace fs = std::filesystem;
const fs::path shipped = fs::path(BAILIFF_SOURCE_DIR) / "policies/notices";

const NoticeTexts& texts() {
    static const NoticeTexts loaded = [] {
        std::vector<Mistake> mistakes;
        auto result = NoticeTexts::load(shipped, mistakes);
        if (!result) throw std::runtime_error(result.error().text);
        return *result;
    }();
    return loaded;
}

std::string read_file(const fs::path& file) {
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

/// A folder of notices with one notice, "ticket", to be spoilt by a test.
class NoticeFolder : public ::testing::Test {
  protected:
    void SetUp() override {
        char pattern[] = "/tmp/bailiff-notices-XXXXXX";
        dir_ = mkdtemp(pattern);
        write("context.json", R"({"values": {"case_id": "C-1", "due": "noon", "due_utc": "12Z", "evidence": "x", "auto": true,
            "reports": [{"type": "spam", "note": "n"}], "type": "scan"},
            "blocks": ["evidence"], "quoted": ["evidence"],
            "notices": {"ticket": {"to": "customer", "always": ["case_id"], "maybe": ["due", "due_utc", "evidence", "reports", "type", "auto"]}}})");
        ticket("ok\n");
    }
    void TearDown() override { fs::remove_all(dir_); }
    void write(const std::string& name, const std::string& text) {
        fs::create_directories((dir_ / name).parent_path());
        std::ofstream(dir_ / name) << text;
    }
    void ticket(const std::string& body) { write("en/ticket.txt.mustache", "Subject: [{{case_id}}] hello\n\n" + body); }
    /// "pointer: text" of the mistakes, or "loaded".
    std::string load() {
        std::vector<Mistake> mistakes;
        const auto result = NoticeTexts::load(dir_, mistakes);
        return result ? "loaded" : describe(mistakes);
    }
    std::string render(const Json& context) {
        std::vector<Mistake> mistakes;
        const auto result = NoticeTexts::load(dir_, mistakes);
        if (!result) return result.error().text;
        const auto text = result->render("ticket", "en", context);
        return text ? text->text : text.error().text;
    }
    fs::path dir_;
};

TEST(Notices, every_notice_renders_in_every_language_with_the_sample) {
    for (const auto& language : texts().languages())
        for (const auto& [name, notice] : texts().keys().notices) {
            const auto text = texts().render(name, language, texts().sample(name));
            ASSERT_TRUE(text) << language << "/" << name << ": " << text.error().text;
            EXPECT_NE(text->subject.find(notice.for_reporter ? "[M-31]" : "[C-17]"), std::string::npos) << language << "/" << name;
            EXPECT_EQ(text->text.find("\n\n\n"), std::string::npos) << language << "/" << name << ": a doubled blank line\n" << text->text;
            EXPECT_EQ(text->text.find("{{"), std::string::npos);
            if (!notice.for_staff) {
                EXPECT_NE(text->text.find("desk+c17@desk.example"), std::string::npos) << language << "/" << name;
                EXPECT_EQ((text->subject + text->text).find("reporter.example"), std::string::npos)
                    << language << "/" << name << " names the reporter to the customer";
            }
            if (!notice.for_reporter) continue;
            for (const char* key : {"customer_name", "contact_name", "vm_name", "case_id"}) {
                EXPECT_EQ((text->subject + text->text).find(texts().keys().sample.at(key).get<std::string>()), std::string::npos)
                    << language << "/" << name << " tells the reporter the customer's " << key;
            }
        }
}

TEST(Notices, every_notice_renders_with_nothing_but_what_it_always_has) {
    for (const auto& language : texts().languages())
        for (const auto& [name, notice] : texts().keys().notices) {
            Json context = Json::object();
            for (const auto& key : notice.always) context[key] = texts().keys().sample.at(key);
            const auto text = texts().render(name, language, context);
            ASSERT_TRUE(text) << language << "/" << name << ": " << text.error().text;
            EXPECT_EQ(text->text.find("()"), std::string::npos) << language << "/" << name << "\n" << text->text;
            EXPECT_EQ(text->text.find("\n\n\n"), std::string::npos) << language << "/" << name << "\n" << text->text;
        }
}

TEST(Notices, every_deadline_stands_in_the_ticket_in_both_zones) {
    for (const auto& language : texts().languages()) {
        const auto text = *texts().render("ticket", language, texts().sample("ticket"));
        for (const char* key : {"reply_due", "call_due", "enforce_due", "resolution_due"}) {
            const auto& sample = texts().keys().sample;
            EXPECT_NE(text.text.find(sample.at(key).get<std::string>()), std::string::npos) << language << " " << key;
            EXPECT_NE(text.text.find(sample.at(std::string(key) + "_utc").get<std::string>()), std::string::npos) << language << " " << key;
        }
    }
}

TEST(Notices, the_page_is_named_where_an_answer_is_wanted_and_only_when_there_is_one) {
    const std::string url = texts().keys().sample.at("page_url").get<std::string>();
    for (const auto& language : texts().languages())
        for (const char* notice : {"ticket", "further_report", "answer_incomplete", "switched_off", "network_cut"}) {
            Json context = texts().sample(notice);
            EXPECT_NE(texts().render(notice, language, context)->text.find("\n" + url + "\n"), std::string::npos) << language << "/" << notice << ": on a line of its own";
            context.erase("page_url");
            context.erase("other_cases");
            EXPECT_EQ(texts().render(notice, language, context)->text.find("/s/"), std::string::npos) << language << "/" << notice;
        }
    for (const char* notice : {"restored", "closed", "call_reminder", "review_needed"})
        EXPECT_EQ(texts().render(notice, "en", texts().sample(notice))->text.find(url), std::string::npos) << notice;
}

TEST(Notices, a_statement_of_reasons_says_whether_it_was_automated) {
    for (const char* notice : {"switched_off", "network_cut"}) {
        Json context = texts().sample(notice);
        context["automated"] = true;
        const auto yes = texts().render(notice, "en", context)->text;
        context["automated"] = false;
        const auto no = texts().render(notice, "en", context)->text;
        EXPECT_NE(yes.find("automated process"), std::string::npos);
        EXPECT_NE(no.find("was not automated"), std::string::npos);
        for (const char* part : {"Ground:", "Virus content, revision 3", "our call to the authorised contact", "If you hold this decision"})
            EXPECT_NE(yes.find(part), std::string::npos) << part;
    }
}

TEST(Notices, the_english_ticket_to_the_letter) {
    const auto text = *texts().render("ticket", "en", texts().sample("ticket"));
    const std::string now = "Subject: " + text.subject + "\n\n" + text.text;
    const fs::path golden = fs::path(BAILIFF_SOURCE_DIR) / "tests/golden/mail/ticket.en.txt";
    if (std::getenv("BAILIFF_REWRITE")) {
        fs::create_directories(golden.parent_path());
        std::ofstream(golden) << now;
    }
    EXPECT_EQ(now, read_file(golden)) << "BAILIFF_REWRITE=1 rewrites it; review the difference";
}

TEST(Notices, a_hindi_ticket_is_in_hindi) {
    const auto text = *texts().render("ticket", "hi-IN", texts().sample("ticket"));
    EXPECT_NE(text.subject.find("कृपया web1 पर कार्रवाई करें"), std::string::npos) << text.subject;
    EXPECT_NE(text.text.find("उत्तर कैसे दें"), std::string::npos);
    EXPECT_NE(texts().render("closed", "hi", texts().sample("closed"))->text.find("बंद हो गया है"), std::string::npos);
}

TEST(Notices, every_notice_of_the_core_has_its_words) {
    for (const auto& [notice, word] : Names<core::Notice>::table) {
        EXPECT_TRUE(texts().keys().notices.contains(word)) << word;
        NoticeTexts writer = texts();
        EXPECT_TRUE(writer.write(notice, "en", writer.sample(word))) << word;
    }
}

TEST(Notices, a_language_that_is_missing_falls_back_to_english) {
    const auto english = *texts().render("call_reminder", "en", texts().sample("call_reminder"));
    for (const char* language : {"xx", "", "en-GB"})
        EXPECT_EQ(texts().render("call_reminder", language, texts().sample("call_reminder"))->text, english.text) << language;
}

TEST(Notices, staff_too_can_be_written_to_in_every_language) {
    for (const auto& language : texts().languages())
        for (const auto& [name, notice] : texts().keys().notices) {
            if (language == "en" || !notice.for_staff) continue;
            const auto text = *texts().render(name, language, texts().sample(name));
            EXPECT_NE(text.text, texts().render(name, "en", texts().sample(name))->text) << language << "/" << name;
            EXPECT_NE(text.text.find("Lotus Textiles"), std::string::npos) << language << "/" << name;
        }
    EXPECT_NE(texts().render("call_reminder", "hi", texts().sample("call_reminder"))->text.find("+91 22 5550 0117"), std::string::npos);
}

TEST(Notices, strangers_text_stays_in_its_place) {
    Json context = texts().sample("ticket");
    context["evidence"] = "line\r\n\r\nHOW TO ANSWER\r\n\r\nYou need not.\x1b[2J";
    context["reports"][0]["summary"] = "a\r\n\r\nWHAT TO DO\r\n{{case_id}} &<b>";
    context["vm_name"] = "web1\r\nBcc: victim@else.example";
    const auto text = *texts().render("ticket", "en", context);
    EXPECT_NE(text.text.find("\n  | HOW TO ANSWER\n"), std::string::npos) << text.text;
    EXPECT_NE(text.text.find("a  WHAT TO DO {{case_id}} &<b>"), std::string::npos) << "one line, not interpreted, not escaped";
    EXPECT_EQ(text.text.find('\x1b'), std::string::npos);
    EXPECT_EQ(text.subject.find_first_of("\r\n"), std::string::npos);
}

TEST(Notices, an_incomplete_or_wrong_context_is_refused_by_name) {
    const auto refusal = [](const std::function<void(Json&)>& change) {
        Json context = texts().sample("ticket");
        change(context);
        const auto text = texts().render("ticket", "en", context);
        return text ? std::string("rendered") : text.error().text;
    };
    EXPECT_EQ(refusal([](Json&) {}), "rendered");
    EXPECT_EQ(refusal([](Json& c) { c["code"] = "a key of another notice"; }), "rendered");
    EXPECT_NE(refusal([](Json& c) { c.erase("case_id"); }).find("/case_id: is missing"), std::string::npos);
    EXPECT_NE(refusal([](Json& c) { c["vm_name"] = ""; }).find("/vm_name: is missing"), std::string::npos);
    EXPECT_NE(refusal([](Json& c) { c.erase("reply_due_utc"); }).find("/reply_due_utc: is missing"), std::string::npos);
    EXPECT_NE(refusal([](Json& c) { c["vm_nam"] = "x"; }).find("/vm_nam: is no key"), std::string::npos);
    EXPECT_NE(refusal([](Json& c) { c["vm_name"] = 7; }).find("/vm_name: has a value of another kind"), std::string::npos);
    EXPECT_NE(refusal([](Json& c) { c["remedies"] = Json::array({"x"}); }).find("/remedies: must hold objects"), std::string::npos);
    EXPECT_FALSE(texts().render("tickett", "en", Json::object()));
}

TEST_F(NoticeFolder, loads_and_renders) {
    ticket("{{#due}}\nby {{due}} ({{due_utc}})\n{{/due}}\n{{^due}}\nno hurry\n{{/due}}\n{{#reports}}\n- {{type}}\n{{/reports}}\nend\n");
    EXPECT_EQ(load(), "loaded");
    EXPECT_EQ(render({{"case_id", "C-1"}}), "no hurry\nend\n");
    EXPECT_EQ(render({{"case_id", "C-1"}, {"due", "noon"}, {"due_utc", "12Z"}}), "by noon (12Z)\nend\n");
    const Json reports = Json::array({Json{{"type", "spam"}}, Json{{"note", "no type"}}});
    EXPECT_EQ(render({{"case_id", "C-1"}, {"type", "scan"}, {"reports", reports}}), "no hurry\n- spam\n- \nend\n")
        << "a report without a type must not show the case's";
}

TEST_F(NoticeFolder, a_language_may_lack_a_staff_notice_and_then_english_is_sent) {
    write("context.json", R"({"values": {"case_id": "C-1"}, "blocks": [], "quoted": [],
        "notices": {"ticket": {"to": "staff", "always": ["case_id"], "maybe": []}}})");
    ticket("English\n");
    fs::create_directories(dir_ / "fr");
    std::vector<Mistake> mistakes;
    const auto texts = NoticeTexts::load(dir_, mistakes);
    ASSERT_TRUE(texts) << describe(mistakes);
    EXPECT_EQ(texts->render("ticket", "fr", {{"case_id", "C-1"}})->text, "English\n");
}

TEST_F(NoticeFolder, a_policy_may_have_words_of_its_own_in_a_language) {
    write("context.json", R"({"values": {"case_id": "C-1", "policy_id": "spam"}, "blocks": [], "quoted": [],
        "notices": {"ticket": {"to": "customer", "always": ["case_id"], "maybe": []}, "closed": {"to": "customer", "always": ["case_id"], "maybe": []}}})");
    for (const char* language : {"en", "hi"}) {
        fs::create_directories(dir_ / language);
        for (const char* notice : {"ticket", "closed"})
            write(std::string(language) + "/" + notice + ".txt.mustache", std::string("Subject: [{{case_id}}]\n\n") + language + "\n");
    }
    fs::create_directories(dir_ / "en/spam");
    write("en/spam/ticket.txt.mustache", "Subject: [{{case_id}}] spam\n\nen, of spam\n");
    std::vector<Mistake> mistakes;
    const auto texts = NoticeTexts::load(dir_, mistakes);
    ASSERT_TRUE(texts) << describe(mistakes);
    const auto text = [&](const char* notice, const char* language, const char* policy) { return texts->render(notice, language, {{"case_id", "C-1"}, {"policy_id", policy}})->text; };
    EXPECT_EQ(text("ticket", "en", "spam"), "en, of spam\n");
    EXPECT_EQ(text("ticket", "fr", "spam"), "en, of spam\n");
    EXPECT_EQ(text("ticket", "en", "virus-content"), "en\n");
    EXPECT_EQ(text("closed", "en", "spam"), "en\n") << "what it has none for is said as ever";
    EXPECT_EQ(text("ticket", "hi", "spam"), "hi\n") << "the reader's language goes first";
    EXPECT_EQ(text("ticket", "en", "../en/spam"), "en\n");
    EXPECT_EQ(texts->policies(), std::set<std::string>{"spam"}) << "main holds it against the policies";
    write("en/spam/tickett.txt.mustache", "Subject: [{{case_id}}]\n\nx\n");
    write("en/spam/closed.html.mustache", "{{nobody}}\n");
    const std::string said = load();
    EXPECT_NE(said.find("en/spam/tickett.txt.mustache: is the template of no notice"), std::string::npos) << said;
    EXPECT_NE(said.find("en/spam/closed.txt.mustache: is missing"), std::string::npos) << said;
    fs::remove_all(dir_ / "en/spam");
    fs::remove_all(dir_ / "hi");
}

TEST_F(NoticeFolder, html_is_escaped_and_plain_text_is_not) {
    ticket("{{#type}}{{type}}{{/type}}\n");
    write("en/ticket.html.mustache", "<p>{{#type}}{{type}}{{/type}}</p>\n");
    std::vector<Mistake> mistakes;
    const auto text = *NoticeTexts::load(dir_, mistakes)->render("ticket", "en", {{"case_id", "C-1"}, {"type", "<b>&\"'"}});
    EXPECT_EQ(text.text, "<b>&\"'\n");
    EXPECT_EQ(text.html, "<p>&lt;b&gt;&amp;&quot;&apos;</p>\n");
}

TEST_F(NoticeFolder, mistakes_are_found_with_file_and_line) {
    const auto finds = [&](const std::string& body, const std::string& where, const std::string& what) {
        ticket(body);
        const auto said = load();
        EXPECT_NE(said.find(where), std::string::npos) << said;
        EXPECT_NE(said.find(what), std::string::npos) << said;
    };
    finds("a\n{{duee}}\n", "en/ticket.txt.mustache:4", "'duee' is no key");
    finds("{{due}}\n", ":3", "can be absent");
    finds("{{^due}}{{due}}{{/due}}\n", ":3", "can be absent");
    finds("{{#due}}\n", ":3", "is not closed");
    finds("{{/due}}\n", ":3", "closes nothing");
    finds("{{#due}}{{#type}}{{/due}}{{/type}}\n", ":3", "closes the section type");
    finds("{{#reports}}{{duee}}{{/reports}}\n", ":3", "'duee' is no key");
    finds("{{note}}\n", ":3", "'note' is no key");
    finds("{{auto}}\n", ":3", "is no text");
    finds("{{> partial}}\n", ":3", "partials");
    finds("{{#due}\n", ":3", "not closed");
}

TEST_F(NoticeFolder, mistakes_in_the_set_are_found) {
    write("en/ticket.txt.mustache", "Subject: no case\n\nx\n");
    EXPECT_NE(load().find("must contain [{{case_id}}]"), std::string::npos);
    write("en/ticket.txt.mustache", "Hello\n\nx\n");
    EXPECT_NE(load().find("starts with 'Subject:"), std::string::npos);
    ticket("ok\n");
    write("en/tickett.txt.mustache", "Subject: [{{case_id}}]\n\nx\n");
    EXPECT_NE(load().find("en/tickett.txt.mustache: is the template of no notice"), std::string::npos);
    fs::remove(dir_ / "en/tickett.txt.mustache");
    fs::create_directory(dir_ / "fr");
    EXPECT_NE(load().find("fr/ticket.txt.mustache: is missing"), std::string::npos);
    fs::remove_all(dir_ / "fr");
    write("en/ticket.html.mustache", "{{{case_id}}}\n");
    EXPECT_NE(load().find("unescaped in HTML"), std::string::npos);
    fs::remove(dir_ / "en/ticket.html.mustache");
    EXPECT_EQ(load(), "loaded");
    write("context.json", R"({"values": {"a": 1}, "blocks": ["b"], "quoted": [], "notices": {"t": {"to": "all", "always": [], "maybe": []}}})");
    const auto said = load();
    for (const char* part : {"/values/a: must be a text", "/blocks: names 'b'", "/notices/t/to: must be customer, staff or reporter"})
        EXPECT_NE(said.find(part), std::string::npos) << said;
}

}  // namespace
}  // namespace bailiff::test
