// SPDX-License-Identifier: Apache-2.0
// The page's words: sound as shipped, wrong ones found when loaded, and the pages to the letter.
#include "tests/unit/web/page_world.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace bailiff::test {
namespace {

namespace fs = std::filesystem;

std::string text_of(const fs::path& file) {
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

const PageTexts& texts() {
    static const PageTexts loaded = shipped_page();
    return loaded;
}

/// The page of the world's case as it is now.
std::string rendered(PageWorld& world, const std::string& language, const PageEntry& entry = {}, int64_t receipt = 0) {
    const core::Case c = world.the_case();
    const core::Policy& policy = *world.desk->policies().find(c.policy, c.policy_revision);
    PageSituation s{c, policy, *world.desk->policies().calendar_of(policy), world.clock.now(), {}, world.storage.attachments_of(c.id), receipt, PageWorld::key};
    for (const auto& item : world.history())
        if (std::holds_alternative<core::ReplyRecorded>(item.fact) || std::holds_alternative<core::AppealLodged>(item.fact)) s.answers.push_back(item);
    return texts().render(language, page_view(texts(), language, s, entry));
}

void expect_golden(const std::string& name, const std::string& now) {
    const fs::path golden = fs::path(BAILIFF_SOURCE_DIR) / "tests/golden/page" / name;
    if (std::getenv("BAILIFF_REWRITE")) {
        fs::create_directories(golden.parent_path());
        std::ofstream(golden) << now;
    }
    EXPECT_EQ(now, text_of(golden)) << "BAILIFF_REWRITE=1 rewrites it; review the difference";
}

TEST(PageView, an_open_case_to_the_letter) {
    for (const std::string language : {"en", "hi"}) {
        PageWorld world(language);
        world.open_case();
        expect_golden("open." + language + ".html", rendered(world, language));
    }
}

TEST(PageView, shows_of_the_evidence_what_is_the_customers_to_know) {
    PageWorld world;
    world.open_case("content/malware", "192.0.2.10 sent /srv/a.zip to jane@victim.example (203.0.113.77), password=hunter2, says cert@reporter.example");
    const auto page = rendered(world, "en");
    EXPECT_NE(page.find("192.0.2.10 sent /srv/a.zip to ***@victim.example (203.0.113.x), password=***"), std::string::npos) << page;
    for (const char* secret : {"jane@", "203.0.113.77", "hunter2", "cert@"}) EXPECT_EQ(page.find(secret), std::string::npos) << secret;
}

TEST(PageView, a_form_that_cannot_be_taken_to_the_letter) {
    PageWorld world;
    world.open_case();
    world.call();
    world.advance(Seconds(3000));
    PageEntry entry;
    entry.values = {{"steps", "Removed it.\n\nThen <updated>"}, {"root_cause", ""}};
    entry.errors = {{"root_cause", "error_empty"}, {"files", "error_files"}};
    expect_golden("errors.en.html", rendered(world, "en", entry));
}

TEST(PageView, a_closed_case_to_the_letter) {
    for (const std::string language : {"en", "hi"}) {
        PageWorld world(language);
        const auto path = world.open_case();
        EXPECT_EQ(world.post(path, PageWorld::fixed()).status, 303);
        int64_t receipt = 0;
        for (const auto& item : world.history())
            if (std::holds_alternative<core::ReplyRecorded>(item.fact)) receipt = item.revision;
        expect_golden("closed." + language + ".html", rendered(world, language, {}, receipt));
    }
}

TEST(PageView, an_appeal_to_the_letter) {
    for (const std::string language : {"en", "hi"}) {
        PageWorld world(language);
        const auto path = world.open_case("connection/ddos", "40,000 packets a second to 203.0.113.7");
        EXPECT_EQ(world.post(path, {{"kind", "appeal"}, {"appeal", "Those were answers to forged questions."}}).status, 303);
        const int64_t receipt = world.the_case().revision;
        expect_golden("appeal." + language + ".html", rendered(world, language, {}, receipt));
        EXPECT_TRUE(world.desk->act(world.case_id, core::DecideAppeal{false, "The machine sent them.", "", false}, "staff:anil"));
        expect_golden("appeal_decided." + language + ".html", rendered(world, language));
    }
}

TEST(PageView, every_phase_and_stage_has_words_in_every_language) {
    PageWorld world;
    world.open_case();
    const core::Case before = world.the_case();
    const core::Policy& policy = *world.desk->policies().find(before.policy, before.policy_revision);
    const core::Calendar& calendar = *world.desk->policies().calendar_of(policy);
    for (const auto& [language, label] : texts().languages())
        for (const auto& [phase, phase_word] : Names<core::Phase>::table)
            for (const auto& [stage, stage_word] : Names<core::Stage>::table)
                for (const auto& [state, state_word] : Names<VmState>::table) {
                    core::Case c = before;
                    c.phase = phase;
                    c.stage = stage;
                    c.desired = state;
                    c.missing = {"steps", "root_cause", "prevention"};
                    if (phase == core::Phase::closed) c.outcome = core::Outcome::cleaned;
                    const Json view = page_view(texts(), language, {c, policy, calendar, world.clock.now()});
                    const std::string where = language + " " + std::string(phase_word) + " " + std::string(stage_word) + " " + std::string(state_word);
                    if (phase == core::Phase::closed) {
                        EXPECT_FALSE(view.at("closed").get<std::string>().empty()) << where;
                    } else {
                        EXPECT_GT(view.at("stands").get<std::string>().size(), 20u) << where;
                        EXPECT_GT(view.at("comes").get<std::string>().size(), 20u) << where;
                    }
                    EXPECT_EQ(dump_json(view).find('{' + std::string("span")), std::string::npos) << where;
                }
}

TEST(PageView, every_policys_next_step_is_told) {
    for (const auto& [id, policy] : policies_as_shipped().in_force) {
        PageWorld world;
        std::string type = policy.types.front();
        if (type.ends_with("*")) type = "copyright/copyright";
        const auto path = world.open_case(type);
        if (world.the_case().phase != core::Phase::open) continue;   // outbound attack: cut at once
        const auto got = world.get(path);
        EXPECT_EQ(got.status, 200) << id.text();
        EXPECT_TRUE(got.shows("Your answer is due by Mon 2026-03-02 1")) << id.text() << got.body;
        EXPECT_TRUE(got.shows("unless you have answered")) << id.text();
    }
}

TEST(PageView, times_are_the_customers_with_utc_beside) {
    PageWorld world;
    world.open_case();
    EXPECT_NE(rendered(world, "en").find("Mon 2026-03-02 10:00 IST (2026-03-02 04:30 UTC)"), std::string::npos);
    EXPECT_NE(rendered(world, "hi").find("सोम 2026-03-02 10:00 IST (2026-03-02 04:30 UTC)"), std::string::npos);
    EXPECT_NE(rendered(world, "en").find("That is in 1 h."), std::string::npos);
    world.clock.advance(Seconds(59 * 60 + 30));
    EXPECT_NE(rendered(world, "en").find("That is in less than a minute."), std::string::npos);
    world.clock.advance(Seconds(30));
    EXPECT_NE(rendered(world, "en").find("an answer still counts until we have acted"), std::string::npos);
}

TEST(PageView, the_coming_sanction_is_named_with_its_time) {
    PageWorld world;
    world.open_case();
    EXPECT_NE(rendered(world, "en").find("3 h of working time after that call the machine is switched off, unless you have answered."), std::string::npos) << rendered(world, "en");
    world.advance(Seconds(3600));
    EXPECT_NE(rendered(world, "en").find("3 h of working time after our phone call the machine is switched off, unless you answer."), std::string::npos);
    EXPECT_TRUE(world.desk->act(world.case_id, core::LogCall{"Asha Rao", "+91", core::CallOutcome::no_answer, ""}, "staff:ana"));
    EXPECT_NE(rendered(world, "en").find("At Mon 2026-03-02 13:00 IST (2026-03-02 07:30 UTC) the machine is switched off, unless you answer. That is in 3 h."), std::string::npos);
    EXPECT_TRUE(world.desk->act(world.case_id, core::PlaceHold{"they called"}, "staff:ana"));
    EXPECT_NE(rendered(world, "en").find("The case is on hold."), std::string::npos);
    EXPECT_NE(rendered(world, "en").find("Nothing happens by the clock now."), std::string::npos);
    EXPECT_EQ(rendered(world, "en").find("they called"), std::string::npos) << "staff's reasons are staff's";
}

TEST(PageView, what_strangers_wrote_is_text) {
    const std::string evil = "<script>alert(1)</script>\"'&<img src=x onerror=alert(1)>{{case_id}}{{{x}}}";
    PageWorld world("en", "web<b>1</b>", "Rao \"><script>x</script>");
    const auto path = world.open_case("content/malware", evil);
    Fields form = PageWorld::fixed();
    form["root_cause"] = "";
    form["steps"] = "</textarea><script>alert(2)</script>";
    const auto got = world.post(path, form);
    EXPECT_EQ(got.status, 422);
    for (const char* never : {"<script>", "<b>1", "<img", "</textarea><"}) EXPECT_FALSE(got.shows(never)) << never;
    EXPECT_TRUE(got.shows("&lt;/textarea&gt;&lt;script&gt;alert(2)&lt;/script&gt;</textarea>"));
    EXPECT_TRUE(got.shows("&lt;script&gt;alert(1)&lt;/script&gt;&quot;&apos;&amp;")) << got.body;
    EXPECT_TRUE(got.shows("{{case_id}}{{{x}}}")) << "a value is not a template";
    EXPECT_TRUE(got.shows("web&lt;b&gt;1&lt;/b&gt;"));
}

TEST(PageView, the_reporter_is_not_named) {
    PageWorld world;
    EXPECT_FALSE(world.get(world.open_case()).shows("reporter.example"));
}

class PageFolder : public testing::Test {
  protected:
    void SetUp() override {
        std::string made = "/tmp/bailiff-page-XXXXXX";
        dir = mkdtemp(made.data());
        for (const auto& entry : fs::directory_iterator(fs::path(BAILIFF_SOURCE_DIR) / "policies/page")) fs::copy(entry.path(), dir);
    }
    void TearDown() override { fs::remove_all(dir); }
    void change(const std::string& file, const std::string& from, const std::string& to) {
        std::string text = text_of(dir / file);
        const size_t at = text.find(from);
        ASSERT_NE(at, std::string::npos) << from;
        std::ofstream(dir / file) << text.replace(at, from.size(), to);
    }
    std::string load() const {
        const auto loaded = PageTexts::load(dir);
        return loaded ? "loaded" : loaded.error().text;
    }
    fs::path dir;
};

TEST_F(PageFolder, as_shipped_it_is_sound) { EXPECT_EQ(load(), "loaded"); }

TEST_F(PageFolder, a_word_that_is_missing_is_found) {
    change("hi.json", "\"stops\"", "\"stopps\"");
    EXPECT_NE(load().find("hi.json/stops: is missing"), std::string::npos) << load();
    EXPECT_NE(load().find("hi.json/stopps: is no word"), std::string::npos) << load();
}

TEST_F(PageFolder, a_placeholder_that_a_translation_lost_is_found) {
    change("hi.json", "{sanction}", "");
    EXPECT_NE(load().find("must have the placeholders"), std::string::npos) << load();
}

TEST_F(PageFolder, a_tag_that_does_not_escape_is_found) {
    change("page.html.mustache", "{{heading}}", "{{{heading}}}");
    EXPECT_NE(load().find("escaped, always"), std::string::npos) << load();
}

TEST_F(PageFolder, a_tag_without_a_word_is_found) {
    change("page.html.mustache", "{{t_found}}", "{{t_fuond}}");
    EXPECT_NE(load().find("t_fuond"), std::string::npos) << load();
}

TEST_F(PageFolder, a_section_that_is_not_closed_is_found) {
    change("page.html.mustache", "{{/problem}}\n</main>", "</main>");
    EXPECT_NE(load(), "loaded");
}

TEST_F(PageFolder, a_second_style_would_not_be_shown_and_is_found) {
    change("page.html.mustache", "</head>", "<style>p { color: red; }</style>\n</head>");
    EXPECT_NE(load().find("one <style>"), std::string::npos) << load();
}

TEST_F(PageFolder, a_language_is_a_file) {
    fs::copy(dir / "en.json", dir / "fr.json");
    const auto loaded = PageTexts::load(dir);
    ASSERT_TRUE(loaded) << load();
    EXPECT_EQ(loaded->languages().size(), 3u);
    EXPECT_EQ(loaded->language_of("fr-CA"), "fr");
    EXPECT_EQ(loaded->language_of("de"), "en");
    EXPECT_EQ(loaded->language_of(""), "en");
    fs::remove(dir / "en.json");
    EXPECT_NE(load().find("English is what is shown"), std::string::npos);
}

}  // namespace
}  // namespace bailiff::test
