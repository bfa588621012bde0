// SPDX-License-Identifier: Apache-2.0
// Appeals on the page: where they are offered, what becomes of them, and what is refused.
#include "tests/unit/web/markup.hpp"
#include "tests/unit/web/page_world.hpp"

namespace bailiff::test {
namespace {

const Fields appeal{{"kind", "appeal"}, {"appeal", "The mails came from another address.\n"}};

/// A case that was sanctioned at once.
std::string cut_off(PageWorld& world) {
    const auto path = world.open_case("connection/ddos", "40,000 packets a second to 203.0.113.7");
    EXPECT_EQ(world.the_case().phase, core::Phase::sanctioned);
    return path;
}
void decide(PageWorld& world, bool upheld, const std::string& reason = "The log shows it.", const std::string& by = "staff:anil") {
    const auto done = world.desk->act(world.case_id, core::DecideAppeal{upheld, reason, "", false}, by);
    ASSERT_TRUE(done) << done.error().text;
    world.tick();
}
Fields saying(const std::string& text) { return {{"kind", "appeal"}, {"appeal", text}}; }

TEST(AppealPage, offers_it_where_the_core_takes_one) {
    PageWorld open;
    EXPECT_FALSE(open.get(open.open_case()).shows("id=\"h-appeal\"")) << "nothing was decided yet";
    PageWorld world;
    const auto path = cut_off(world);
    const auto got = world.get(path);
    EXPECT_TRUE(got.shows("<h2>Appeal</h2>")) << got.body;
    EXPECT_TRUE(got.shows("id=\"h-appeal\""));
    EXPECT_TRUE(got.shows("A person who took no part in it decides within 2 d."));
    EXPECT_TRUE(world.get(path + "?lang=hi").shows("2 दिन के भीतर ऐसा व्यक्ति निर्णय करेगा"));
    EXPECT_EQ(world.post(path, appeal).status, 303);
    EXPECT_FALSE(world.get(path).shows("id=\"h-appeal\"")) << "one waits";
    decide(world, false);
    EXPECT_TRUE(world.get(path).shows("id=\"h-appeal\"")) << "there may be new facts";
}

TEST(AppealPage, shows_what_was_handed_in_and_until_when_it_is_decided) {
    PageWorld world;
    const auto path = cut_off(world);
    const auto before = world.the_case();
    const auto got = world.post(path, appeal);
    ASSERT_EQ(got.status, 303) << got.body;
    const auto lodged = world.facts<core::AppealLodged>();
    ASSERT_EQ(lodged.size(), 1u);
    EXPECT_EQ(lodged[0], (core::AppealLodged{"The mails came from another address.", core::Channel::page, Seconds(2 * 86400)}));
    EXPECT_EQ(world.history().back().actor, "customer");
    EXPECT_EQ(got.header("Location"), "?receipt=" + std::to_string(world.history().back().revision) + "&lang=en");
    EXPECT_EQ(world.the_case().phase, before.phase);
    EXPECT_EQ(world.the_case().demand, before.demand) << "it stops nothing and starts nothing";
    EXPECT_EQ(world.log.back().what, "appeal");

    const auto after = world.get(path + got.header("Location"));
    EXPECT_EQ(after.status, 200);
    EXPECT_TRUE(after.shows("<h2>We have received your appeal</h2>")) << after.body;
    EXPECT_TRUE(after.shows("<p>appeal: received Mon 2026-03-02 09:00 IST (2026-03-02 03:30 UTC). Its number is C-1/"));
    EXPECT_TRUE(after.shows("<strong>Your appeal is decided by Wed 2026-03-04 09:00 IST (2026-03-04 03:30 UTC), by a person who took no part in what was "
                            "decided. That is in 2 d.</strong>"));
    EXPECT_TRUE(after.shows("<h3>Appeal 1, Mon 2026-03-02 09:00 IST (2026-03-02 03:30 UTC), by this page</h3>"));
    EXPECT_TRUE(after.shows("<pre>The mails came from another address.</pre>"));
    EXPECT_TRUE(after.shows("There is none yet.")) << "an appeal is no answer";
    EXPECT_TRUE(world.get(path + "?lang=hi").shows("आपकी अपील पर बुध 2026-03-04 09:00 IST (2026-03-04 03:30 UTC) तक निर्णय होगा"));
    world.advance(Seconds(2 * 86400));
    EXPECT_TRUE(world.get(path).shows("Your appeal was to be decided by Wed 2026-03-04 09:00 IST (2026-03-04 03:30 UTC). It is overdue"));
    world.advance(Seconds(86400));
    EXPECT_TRUE(world.get(path).shows("was to be decided by Wed 2026-03-04 09:00")) << "a reminder moves no promise";
}

TEST(AppealPage, shows_how_it_was_decided_and_masks_as_in_evidence) {
    for (const bool upheld : {false, true}) {
        PageWorld world;
        const auto path = cut_off(world);
        EXPECT_EQ(world.post(path, appeal).status, 303);
        world.advance(Seconds(3600));
        decide(world, upheld, "203.0.113.77 and jane@victim.example say <b>so</b>, as does cert@reporter.example of 192.0.2.10");
        const auto got = world.get(path);
        EXPECT_EQ(got.status, 200);
        const std::string when = "Mon 2026-03-02 10:00 IST (2026-03-02 04:30 UTC).";
        EXPECT_TRUE(got.shows("<p>Your appeal was " + (upheld ? "upheld on " + when : "rejected on " + when + " What was decided stands.") + "</p>")) << got.body;
        EXPECT_TRUE(got.shows("<dt>Reason</dt><dd><pre>203.0.113.x and ***@victim.example say &lt;b&gt;so&lt;/b&gt;, as does ")) << got.body;
        EXPECT_TRUE(got.shows(" of 192.0.2.10</pre>")) << "the customer's own address stays";
        EXPECT_FALSE(got.shows("cert@"));
        EXPECT_FALSE(got.shows("anil")) << "who decided is not the customer's to know";
        EXPECT_EQ(world.the_case().desired, upheld ? VmState::running : VmState::isolated);
        EXPECT_TRUE(world.get(path + "?lang=hi").shows(upheld ? "को स्वीकार की गई।" : "को अस्वीकार की गई।"));
    }
}

TEST(AppealPage, what_staff_noted_of_a_call_is_not_shown) {
    PageWorld world;
    const auto path = cut_off(world);
    EXPECT_TRUE(world.desk->act(world.case_id, core::LodgeAppeal{"he shouted at me", core::Channel::phone}, "staff:ana"));
    const auto got = world.get(path + "?receipt=" + std::to_string(world.the_case().revision));
    EXPECT_TRUE(got.shows("Appeal 1, Mon 2026-03-02 09:00 IST (2026-03-02 03:30 UTC), by phone"));
    EXPECT_FALSE(got.shows("shouted"));
    EXPECT_FALSE(got.shows("We have received")) << "a receipt is for what came by the page";
}

TEST(AppealPage, refused_it_says_why_and_keeps_what_was_typed) {
    const std::string evil = "</textarea><script>alert(1)</script>{{case_id}}";
    PageWorld early;
    const auto refused = early.post(early.open_case(), saying(evil));
    EXPECT_EQ(refused.status, 409);
    EXPECT_TRUE(refused.shows("id=\"appeal-error\">Nothing was decided yet that you could appeal against.")) << refused.body;
    EXPECT_TRUE(refused.shows("&lt;/textarea&gt;&lt;script&gt;alert(1)&lt;/script&gt;{{case_id}}</textarea>"));
    EXPECT_FALSE(refused.shows("<script"));
    EXPECT_TRUE(early.facts<core::AppealLodged>().empty());

    PageWorld world;
    const auto path = cut_off(world);
    for (const char* nothing : {"", " \n "}) {
        const auto got = world.post(path, saying(nothing));
        EXPECT_EQ(got.status, 422);
        EXPECT_TRUE(got.shows("id=\"appeal-error\">Please fill this in."));
    }
    EXPECT_TRUE(world.post(path, saying(std::string(5001, 'x'))).shows("id=\"appeal-error\">This is too long"));
    EXPECT_EQ(world.post(path, saying(std::string(30'000, 'x'))).status, 413);
    EXPECT_TRUE(world.facts<core::AppealLodged>().empty());
    EXPECT_EQ(world.post(path, saying(std::string(5000, 'x'))).status, 303);
    const auto second = world.post(path, saying("and more"));
    EXPECT_EQ(second.status, 409);
    EXPECT_TRUE(second.shows("id=\"appeal-error\">An appeal waits to be decided already")) << second.body;
    EXPECT_TRUE(second.shows(">and more</textarea>"));
    Fields in_hindi = saying("और");
    in_hindi["lang"] = "hi";
    EXPECT_TRUE(world.post(path, in_hindi).shows("एक अपील पर निर्णय अभी बाकी है"));
    EXPECT_EQ(world.facts<core::AppealLodged>().size(), 1u);
}

TEST(AppealPage, a_case_takes_so_many_and_no_more) {
    PageWorld world;
    const auto path = cut_off(world);
    for (int i = 0; i < 20; ++i) {
        ASSERT_EQ(world.post(path, saying(std::to_string(i))).status, 303) << i;
        decide(world, false, "no", "staff:judge" + std::to_string(i));   // whoever decided one has taken part
    }
    EXPECT_FALSE(world.get(path).shows("id=\"h-appeal\""));
    const auto got = world.post(path, saying("one more"));
    EXPECT_EQ(got.status, 422);
    EXPECT_TRUE(got.shows("id=\"appeal-error\">This case has had as many answers as this page takes"));
    EXPECT_EQ(world.facts<core::AppealLodged>().size(), 20u);
}

TEST(AppealPage, a_double_click_is_one_appeal) {
    PageWorld world;
    const auto path = cut_off(world);
    const auto first = world.post(path, appeal), second = world.post(path, appeal);
    EXPECT_EQ(second.status, 303);
    EXPECT_EQ(first.header("Location"), second.header("Location"));
    decide(world, false);
    EXPECT_EQ(world.post(path, appeal).header("Location"), first.header("Location")) << "also when it was decided meanwhile";
    EXPECT_EQ(world.facts<core::AppealLodged>().size(), 1u);
}

TEST(AppealPage, from_another_site_or_an_unknown_address_nothing_is_taken) {
    PageWorld world;
    const auto path = cut_off(world);
    EXPECT_EQ(world.post(path, appeal, {{"sec-fetch-site", "cross-site"}}).status, 403);
    EXPECT_EQ(world.post(path, appeal, {{"origin", "https://evil.example"}}).status, 403);
    EXPECT_EQ(world.post("/s/" + std::string(64, 'a'), appeal).status, 404);
    Fields without_key = appeal;
    without_key["key"] = "short";
    EXPECT_EQ(world.post(path, without_key).status, 400);
    world.outage = true;
    EXPECT_EQ(world.post(path, appeal).status, 503);
    world.outage = false;
    EXPECT_EQ(world.get(path + "?kind=appeal&appeal=x").status, 200);
    EXPECT_TRUE(world.facts<core::AppealLodged>().empty());
}

TEST(AppealPage, ends_with_the_case_and_tells_of_one_that_outlives_it) {
    PageWorld world;
    const auto path = world.open_case();
    ASSERT_TRUE(world.desk->act(world.case_id, core::Close{"settled"}, "staff:ana"));
    world.tick();
    EXPECT_TRUE(world.get(path).shows("You can still appeal against what was decided: answer that mail"));
    const auto late = world.post(path, appeal);
    EXPECT_EQ(late.status, 410);
    EXPECT_FALSE(late.shows("<form"));
    EXPECT_TRUE(world.facts<core::AppealLodged>().empty());

    ASSERT_TRUE(world.desk->act(world.case_id, core::LodgeAppeal{"the time that it cost", core::Channel::mail}, "staff:ana"));
    const auto waits = world.get(path);
    EXPECT_EQ(waits.status, 410);
    EXPECT_TRUE(waits.shows("Your appeal is decided by Wed 2026-03-04 09:00 IST"));
    EXPECT_FALSE(waits.shows("You can still appeal"));
    decide(world, false, "two days are within the contract");
    EXPECT_TRUE(world.get(path).shows("Your appeal was rejected"));
    EXPECT_FALSE(world.get(path).shows("the time that it cost") || world.get(path).shows("the contract")) << "an address that has ended tells no more than it must";
}

TEST(AppealPage, of_a_case_that_went_on_in_another_is_lodged_there) {
    PageWorld world;
    const auto old = world.open_case("messaging/spam", "mails");
    const CaseId other = world.case_id;
    cut_off(world);
    ASSERT_NE(world.case_id, other);
    ASSERT_TRUE(world.desk->merge(world.case_id, other, false, "one matter", "staff:ana"));
    world.tick();
    EXPECT_EQ(world.post(old, appeal).status, 303);
    EXPECT_EQ(world.the_case().appeals.size(), 1u);
    EXPECT_TRUE(world.storage.find_case(other)->appeals.empty());
}

TEST(AppealPage, its_time_is_not_taken_for_the_cases_own) {
    PageWorld world;
    world.open_case();
    world.call();
    core::Case c = world.the_case();
    const core::Policy& policy = *world.desk->policies().find(c.policy, c.policy_revision);
    core::Appeal waiting;
    waiting.at = world.clock.now();
    waiting.text = "x";
    waiting.clock = {true, world.clock.now(), Seconds(60)};
    c.appeals.push_back(waiting);
    const Json view = page_view(shipped_page(), "en", {c, policy, *world.desk->policies().calendar_of(policy), world.clock.now()});
    EXPECT_EQ(view.at("comes"), "At Mon 2026-03-02 13:00 IST (2026-03-02 07:30 UTC) the machine is switched off, unless you answer. That is in 3 h.");
    EXPECT_TRUE(view.at("comes_appeal").get<std::string>().starts_with("Your appeal is decided by Mon 2026-03-02 10:01 IST"));
    EXPECT_EQ(view.at("stops"), true);
}

TEST(AppealPage, its_markup_is_sound) {
    const FormMarkup forms{{"kind", "key", "lang", "button submit"}, "5000"};
    for (const std::string language : {"en", "hi"}) {
        SCOPED_TRACE(language);
        PageWorld world(language);
        const auto path = cut_off(world);
        Fields form = appeal;
        form["lang"] = language;
        expect_sound_markup(world.get(path).body, language, forms);
        Fields blank = form;
        blank["appeal"] = "";
        expect_sound_markup(world.post(path, blank).body, language, forms);
        EXPECT_EQ(world.post(path, form).status, 303);
        expect_sound_markup(world.get(path + "?receipt=" + std::to_string(world.the_case().revision)).body, language, forms);
        form["appeal"] = "another";
        expect_sound_markup(world.post(path, form).body, language, forms);
        decide(world, true);
        expect_sound_markup(world.get(path).body, language, forms);
    }
}

}  // namespace
}  // namespace bailiff::test
