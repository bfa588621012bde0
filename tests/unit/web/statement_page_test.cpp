// SPDX-License-Identifier: Apache-2.0
// Visits to the page: what each shows and changes, and what does not get in.
#include "tests/unit/web/page_world.hpp"

namespace bailiff::test {
namespace {

TEST(PageAddress, stands_in_the_ticket_and_only_its_hash_is_kept) {
    PageWorld world;
    const auto path = world.open_case();
    const std::string token = path.substr(3);
    ASSERT_TRUE(is_hex(token, 64)) << path;
    EXPECT_EQ(world.storage.case_of_token(TokenUse::page, sha256_hex(token)), world.case_id);
    EXPECT_FALSE(world.storage.case_of_token(TokenUse::page, token));
    for (const auto& item : world.storage.chain(0, 1000)) EXPECT_EQ(item.text.find(token), std::string::npos);
}

TEST(PageAddress, each_notice_has_its_own_and_the_older_ones_hold) {
    PageWorld world;
    const auto first = world.open_case();
    const auto second = world.open_case();
    ASSERT_NE(first, second);
    EXPECT_EQ(world.get(first).status, 200);
    EXPECT_EQ(world.get(second).status, 200);
}

TEST(PageAddress, of_a_mail_that_went_out_at_last_holds) {
    PageWorld world;
    world.mailer.answer = {MailFate::retry_later, 451, "later"};
    world.open_case();
    for (int i = 0; i < 10; ++i) world.advance(Seconds(1800));
    world.mailer.answer = {MailFate::accepted, 250, "ok"};
    world.advance(Seconds(1800));
    EXPECT_EQ(world.get(world.newest_path()).status, 200);
}

TEST(PageAddress, no_page_is_named_where_there_is_none) {
    PageWorld world;
    DeskOptions without;
    world.desk = std::make_unique<Desk>(Desk::Ports{world.storage, world.clock, world.random, world.signer, world.mailer, world.writer, world.hosts, world.watchers},
                                        policies_as_shipped(), without);
    EXPECT_EQ(world.open_case(), "no mail names the page");
}

TEST(PageAddress, a_wrong_one_shows_nothing_and_is_counted) {
    PageWorld world;
    const auto path = world.open_case();
    EXPECT_EQ(world.get(path).status, 200);
    const std::string wrong = "/s/" + std::string(64, 'a');
    for (uint32_t i = 0; i < FailureLimiter::most; ++i) {
        const auto got = world.get(i % 2 ? wrong : "/s/short");
        EXPECT_EQ(got.status, 404) << i;
        EXPECT_TRUE(got.shows("There is no such page"));
        EXPECT_FALSE(got.shows("C-1"));
    }
    const auto got = world.get(wrong);
    EXPECT_EQ(got.status, 429);
    EXPECT_TRUE(got.early);
    EXPECT_EQ(got.header("Retry-After"), "60");
    EXPECT_EQ(world.post(wrong, PageWorld::fixed()).status, 429);
    EXPECT_EQ(world.get(path).status, 200) << "behind one proxy everybody is one peer: who was right lately is let in";
    world.peer = "192.0.2.100";
    EXPECT_EQ(world.get(wrong).status, 404) << "another peer has a budget of its own";
    world.peer = "192.0.2.99";
    world.clock.advance(Seconds(60));
    EXPECT_EQ(world.get(wrong).status, 404);
}

TEST(PageAddress, is_in_no_log_line) {
    PageWorld world;
    const auto path = world.open_case();
    world.get(path);
    world.post(path, PageWorld::fixed());
    ASSERT_EQ(world.log.size(), 2u);
    EXPECT_EQ(world.log[0].case_id, "C-1");
    EXPECT_EQ(world.log[1].what, "fixed");
    EXPECT_EQ(world.log[1].status, 303);
    for (const auto& line : world.log) EXPECT_EQ((line.method + line.what + line.case_id + line.peer).find(path.substr(3, 8)), std::string::npos);
}

TEST(PageVisit, getting_it_changes_nothing) {
    PageWorld world;
    const auto path = world.open_case();
    const auto before = world.the_case();
    const auto items = world.storage.chain(0, 1000).size();
    for (int i = 0; i < 20; ++i) {
        EXPECT_EQ(world.get(path + "?receipt=3&lang=hi&kind=fixed&steps=x").status, 200);
        EXPECT_EQ(world.ask("HEAD", path).status, 200);
    }
    world.tick();
    EXPECT_EQ(world.the_case(), before);
    EXPECT_EQ(world.storage.chain(0, 1000).size(), items);
}

TEST(PageVisit, its_header_lets_nothing_else_in) {
    PageWorld world;
    const auto got = world.get(world.open_case());
    EXPECT_EQ(got.header("Content-Type"), "text/html; charset=utf-8");
    const std::string policy = got.header("Content-Security-Policy");
    EXPECT_TRUE(policy.starts_with("default-src 'none'; style-src 'sha256-")) << policy;
    EXPECT_TRUE(policy.ends_with("; form-action 'self'; frame-ancestors 'none'; base-uri 'none'")) << policy;
    EXPECT_EQ(policy.find("unsafe"), std::string::npos);
    EXPECT_EQ(got.header("X-Robots-Tag"), "noindex, nofollow");
    EXPECT_EQ(got.header("Strict-Transport-Security"), "max-age=31536000") << "also behind a proxy that has the TLS";
    // The rest is the server's: no-store, no-referrer, nosniff. Nothing here may take their place.
    for (const char* field : {"Cache-Control", "Referrer-Policy", "X-Content-Type-Options", "Set-Cookie"}) EXPECT_EQ(got.header(field), "") << field;
    EXPECT_FALSE(got.shows("<script"));
    EXPECT_FALSE(got.shows("src="));
    EXPECT_FALSE(got.shows("style=\"")) << "the policy would not let it through";
}

TEST(PageVisit, speaks_the_customers_language_and_can_be_switched) {
    PageWorld world("hi-IN");
    const auto path = world.open_case();
    EXPECT_TRUE(world.get(path).shows("<html lang=\"hi\">"));
    EXPECT_EQ(world.get(path).header("Content-Language"), "hi");
    EXPECT_TRUE(world.get(path + "?lang=en").shows("<html lang=\"en\">"));
    EXPECT_TRUE(world.get(path + "?lang=xx").shows("<html lang=\"hi\">"));
    EXPECT_TRUE(world.get(path).shows("<a href=\"?lang=en\" lang=\"en\" hreflang=\"en\">English</a>"));
    EXPECT_TRUE(world.ask("GET", "/s/x", "", {{"accept-language", "hi-IN,en;q=0.5"}}).shows("<html lang=\"hi\">"));
    auto form = PageWorld::fixed();
    form["lang"] = "hi";
    form["steps"] = "";
    EXPECT_TRUE(world.post(path, form).shows("कृपया इसे भरें।"));
}

TEST(Statements, i_fixed_it_closes_the_case) {
    PageWorld world;
    const auto path = world.open_case();
    const auto got = world.post(path, PageWorld::fixed());
    ASSERT_EQ(got.status, 303) << got.body;
    const auto replies = world.facts<core::ReplyRecorded>();
    ASSERT_EQ(replies.size(), 1u);
    EXPECT_EQ(replies[0].reply, (core::Reply{core::Channel::page, core::ReplyKind::fixed, "Removed the file", "An old plug-in", "Updates by themselves", ""}));
    EXPECT_TRUE(replies[0].missing.empty());
    EXPECT_EQ(world.the_case().phase, core::Phase::closed);
    for (const auto& item : world.history())
        if (std::holds_alternative<core::ReplyRecorded>(item.fact)) {
            EXPECT_EQ(item.actor, "customer");
            EXPECT_EQ(got.header("Location"), "?receipt=" + std::to_string(item.revision) + "&lang=en");
        }
    const auto after = world.get(path + got.header("Location"));
    EXPECT_EQ(after.status, 410);
    EXPECT_TRUE(after.shows("We have received your answer"));
    EXPECT_TRUE(after.shows("This case is closed"));
    EXPECT_FALSE(after.shows("<form")) << "it takes no more answers";
    EXPECT_FALSE(after.shows("EICAR") || after.shows("web1") || after.shows("Rao")) << "what was found, and where, is no longer told to who has the address";
    EXPECT_FALSE(world.get(path).shows("We have received"));
    EXPECT_EQ(world.post(path, {{"kind", "dispute"}, {"reason", "late"}}).status, 410);
    EXPECT_EQ(world.facts<core::ReplyRecorded>().size(), 1u);
}

TEST(Statements, what_is_missing_is_said_beside_its_field_and_nothing_typed_is_lost) {
    PageWorld world;
    const auto path = world.open_case();
    for (const char* field : {"steps", "root_cause", "prevention"}) {
        auto form = PageWorld::fixed();
        form[field] = " \n ";
        const auto got = world.post(path, form);
        EXPECT_EQ(got.status, 422) << field;
        EXPECT_TRUE(got.shows("<p class=\"error\" id=\"" + std::string(field) + "-error\">Please fill this in.</p>")) << field;
        EXPECT_TRUE(got.shows("<a href=\"#" + std::string(field) + "\">")) << field;
        for (const auto& [other, text] : PageWorld::fixed())
            if (other != field && other != "kind") {
                EXPECT_TRUE(got.shows(">" + text + "</textarea>")) << field << " lost " << other;
            }
    }
    auto form = PageWorld::fixed();
    form["steps"] = std::string(5001, 'x');
    EXPECT_TRUE(world.post(path, form).shows("This is too long"));
    form["steps"] = std::string(30'000, 'x');
    EXPECT_EQ(world.post(path, form).status, 413);
    EXPECT_TRUE(world.facts<core::ReplyRecorded>().empty());
    EXPECT_EQ(world.the_case().phase, core::Phase::open);
}

TEST(Statements, a_fix_is_charged_only_with_consent_and_the_consent_is_recorded) {
    PageWorld world;
    const auto path = world.open_case();
    EXPECT_TRUE(world.get(path).shows("The price is one support token."));
    const auto refused = world.post(path, {{"kind", "fix_request"}, {"remark", "Port 8080 is ours"}});
    EXPECT_EQ(refused.status, 422);
    EXPECT_TRUE(refused.shows("Please tick this box"));
    EXPECT_TRUE(refused.shows(">Port 8080 is ours</textarea>"));
    EXPECT_TRUE(world.facts<core::TokensCharged>().empty());

    const auto got = world.post(path, {{"kind", "fix_request"}, {"consent", "yes"}, {"remark", "Port 8080 is ours"}});
    EXPECT_EQ(got.status, 303);
    ASSERT_EQ(world.facts<core::TokensCharged>().size(), 1u);
    EXPECT_EQ(world.facts<core::TokensCharged>()[0].tokens, 1);
    EXPECT_EQ(world.the_case().phase, core::Phase::treatment);
    EXPECT_EQ(world.facts<core::ReplyRecorded>()[0].reply.text, "Port 8080 is ours");
    const auto notes = world.facts<core::NoteAdded>();
    ASSERT_EQ(notes.size(), 1u);
    EXPECT_EQ(notes[0].text, "Consent given on the page at 2026-03-02T03:30:00Z from 192.0.2.99: \"I agree that Rao Textiles is charged one support token for the "
                             "repair of web1, and that the machine is off meanwhile.\"");
    const auto after = world.get(path + got.header("Location"));
    EXPECT_EQ(after.status, 200);
    EXPECT_TRUE(after.shows("please fix it: received Mon 2026-03-02 09:00 IST"));
    EXPECT_TRUE(after.shows("The machine is being switched off."));
    EXPECT_FALSE(after.shows("id=\"consent\"")) << "it is not charged twice";
    const auto again = world.post(path, {{"kind", "fix_request"}, {"consent", "yes"}, {"remark", "again"}});
    EXPECT_EQ(again.status, 422);
    EXPECT_EQ(world.facts<core::TokensCharged>().size(), 1u);
}

TEST(Statements, a_fix_that_the_policy_does_not_offer_is_not_to_be_had) {
    PageWorld world;
    const auto path = world.open_case("connection/high_bandwidth");
    const core::Policy& policy = *world.desk->policies().find(world.the_case().policy, world.the_case().policy_revision);
    if (policy.support_tokens > 0) GTEST_SKIP() << "every shipped policy offers it";
    EXPECT_FALSE(world.get(path).shows("id=\"consent\""));
    EXPECT_EQ(world.post(path, {{"kind", "fix_request"}, {"consent", "yes"}}).status, 422);
    EXPECT_TRUE(world.facts<core::ReplyRecorded>().empty());
}

TEST(Statements, a_dispute_goes_to_a_person) {
    PageWorld world;
    const auto path = world.open_case();
    EXPECT_EQ(world.post(path, {{"kind", "dispute"}, {"reason", "It is the EICAR test file.\n"}}).status, 303);
    EXPECT_EQ(world.the_case().phase, core::Phase::review);
    EXPECT_EQ(world.facts<core::ReplyRecorded>()[0].reply, (core::Reply{core::Channel::page, core::ReplyKind::dispute, "", "", "", "It is the EICAR test file."}));
    const auto after = world.get(path);
    EXPECT_TRUE(after.shows("Our staff is looking at the case"));
    EXPECT_TRUE(after.shows("<pre>It is the EICAR test file.</pre>")) << "past answers are shown";
}

TEST(Statements, who_looks_into_it_has_answered) {
    PageWorld world;
    const auto path = world.open_case();
    EXPECT_EQ(world.post(path, {{"kind", "acknowledged"}, {"plan", "Until noon"}}).status, 303);
    EXPECT_EQ(world.the_case().phase, core::Phase::answered);
    EXPECT_TRUE(world.get(path).shows("What is missing is due by Mon 2026-03-02 13:00 IST"));
}

TEST(Statements, an_answer_counts_up_to_the_instant_of_the_order) {
    for (const int seconds_before : {1, 0, -30}) {
        PageWorld world;
        const auto path = world.open_case();
        world.call();
        // The clock stands at or past the deadline, and the desk has not looked at it yet.
        world.clock.advance(Seconds(3 * 3600 - seconds_before));
        EXPECT_TRUE(world.get(path).shows("the machine is switched off, unless you answer."));
        EXPECT_EQ(world.post(path, PageWorld::fixed()).status, 303) << seconds_before;
        world.advance(Seconds(60));
        EXPECT_TRUE(world.facts<core::StateDemanded>().empty()) << seconds_before;
        EXPECT_TRUE(world.hosts.sent.empty());
        EXPECT_EQ(world.the_case().phase, core::Phase::closed);
    }
}

TEST(Statements, one_that_comes_after_the_order_still_stops_what_follows) {
    PageWorld world;
    const auto path = world.open_case();
    world.call();
    world.advance(Seconds(3 * 3600));
    ASSERT_EQ(world.the_case().phase, core::Phase::treatment);
    EXPECT_EQ(world.post(path, PageWorld::fixed()).status, 303);
    EXPECT_EQ(world.the_case().phase, core::Phase::review) << "a person decides";
}

TEST(Statements, a_double_click_is_one_statement) {
    for (const char* kind : {"acknowledged", "fixed"}) {
        PageWorld world;
        const auto path = world.open_case();
        auto form = PageWorld::fixed();
        form["kind"] = kind;
        form["plan"] = "Until noon";
        const auto first = world.post(path, form), second = world.post(path, form);
        EXPECT_EQ(first.status, 303);
        EXPECT_EQ(second.status, 303) << "also when the first one has closed the case";
        EXPECT_EQ(first.header("Location"), second.header("Location"));
        EXPECT_EQ(world.facts<core::ReplyRecorded>().size(), 1u);
    }
}

TEST(Statements, the_same_form_with_other_words_is_another_statement) {
    PageWorld world;
    const auto path = world.open_case();
    EXPECT_EQ(world.post(path, {{"kind", "acknowledged"}, {"plan", "Until noon"}}).status, 303);
    EXPECT_EQ(world.post(path, {{"kind", "acknowledged"}, {"plan", "Until one"}}).status, 303) << "the browser's back, and more to say";
    EXPECT_EQ(world.facts<core::ReplyRecorded>().size(), 2u);
}

TEST(Statements, are_bounded_per_case) {
    PageWorld world;
    const auto path = world.open_case();
    for (int i = 0; i < Desk::most_statements; ++i) ASSERT_EQ(world.post(path, {{"kind", "acknowledged"}, {"plan", std::to_string(i)}}).status, 303) << i;
    const auto got = world.post(path, {{"kind", "acknowledged"}, {"plan", "one more"}});
    EXPECT_EQ(got.status, 422);
    EXPECT_TRUE(got.shows("as many answers as this page takes"));
    EXPECT_TRUE(got.shows(">one more</textarea>"));
}

TEST(Statements, from_another_site_are_refused) {
    PageWorld world;
    const auto path = world.open_case();
    const auto from = [&](std::map<std::string, std::string> headers) { return world.post(path, {{"kind", "acknowledged"}, {"plan", "x"}}, std::move(headers)).status; };
    EXPECT_EQ(from({{"sec-fetch-site", "cross-site"}}), 403);
    EXPECT_EQ(from({{"sec-fetch-site", "same-site"}}), 403);
    EXPECT_EQ(from({{"sec-fetch-site", "none"}}), 403);
    EXPECT_EQ(from({{"origin", "https://evil.example"}}), 403);
    EXPECT_EQ(from({{"origin", "http://abuse.example"}}), 403);
    EXPECT_EQ(from({{"origin", "https://abuse.example.evil.example"}}), 403);
    EXPECT_TRUE(world.facts<core::ReplyRecorded>().empty());
    EXPECT_EQ(from({{"sec-fetch-site", "same-origin"}, {"origin", "null"}}), 303) << "no-referrer makes browsers say null";
    EXPECT_EQ(from({{"origin", "https://abuse.example"}}), 303);
    EXPECT_EQ(from({}), 303) << "a program without a browser";
}

TEST(Statements, in_other_encodings_or_by_other_methods_are_refused) {
    PageWorld world;
    const auto path = world.open_case();
    EXPECT_EQ(world.ask("POST", path, "{}", {{"content-type", "application/json"}}).status, 415);
    EXPECT_EQ(world.ask("POST", path, "kind=fixed", {{"content-type", "text/plain"}}).status, 415);
    EXPECT_EQ(world.ask("POST", path, "kind=%", {{"content-type", "application/x-www-form-urlencoded"}}).status, 400);
    EXPECT_EQ(world.post(path, {{"kind", "nonsense"}}).status, 400);
    EXPECT_EQ(world.post(path, {{"kind", "fixed"}, {"key", "short"}}).status, 400);
    EXPECT_EQ(world.ask("POST", path, "", {{"content-type", "application/x-www-form-urlencoded"}, {"content-length", "9000000"}}).status, 413);
    EXPECT_EQ(world.ask("GET", path, "body").status, 413);
    for (const char* method : {"PUT", "DELETE", "PATCH", "OPTIONS"}) {
        const auto got = world.ask(method, path);
        EXPECT_EQ(got.status, 405) << method;
        EXPECT_EQ(got.header("Allow"), "GET, HEAD, POST");
    }
    EXPECT_EQ(world.get("/").status, 404);
    EXPECT_EQ(world.get("/api/v1/cases").status, 404);
    EXPECT_EQ(world.get(path + "/x").status, 404);
    EXPECT_EQ(world.get("/robots.txt").body, "User-agent: *\nDisallow: /\n");
    EXPECT_TRUE(world.facts<core::ReplyRecorded>().empty());
}

TEST(Files, are_kept_for_staff_and_named_in_the_history) {
    PageWorld world;
    const auto path = world.open_case();
    const auto got = world.post_files(path, {{"kind", "dispute"}, {"reason", "See the log"}}, {{"../../log<1>.html", "<script>alert(1)</script>"}, {"b.bin", std::string("\0\xff", 2)}}, "proof");
    ASSERT_EQ(got.status, 303) << got.body;
    const auto kept = world.storage.find_attachment(world.case_id, 1);
    ASSERT_TRUE(kept);
    EXPECT_EQ(kept->name, "log_1_.html");
    EXPECT_EQ(kept->bytes, "<script>alert(1)</script>");
    EXPECT_EQ(kept->sha256, sha256_hex(kept->bytes));
    EXPECT_EQ(world.storage.find_attachment(world.case_id, 2)->bytes, std::string("\0\xff", 2));
    ASSERT_EQ(world.facts<core::NoteAdded>().size(), 1u);
    EXPECT_NE(world.facts<core::NoteAdded>()[0].text.find("File 1 came with the statement: log_1_.html, 25 bytes, SHA-256 " + kept->sha256), std::string::npos);
    const auto after = world.get(path);
    EXPECT_TRUE(after.shows("log_1_.html, 25 bytes"));
    EXPECT_FALSE(after.shows("alert(1)")) << "nobody gets it back here";
    const auto again = world.post_files(path, {{"kind", "dispute"}, {"reason", "See the log"}}, {{"../../log<1>.html", "<script>alert(1)</script>"}, {"b.bin", std::string("\0\xff", 2)}}, "proof");
    EXPECT_EQ(again.header("Location"), got.header("Location"));
    EXPECT_EQ(world.storage.attachments_of(world.case_id).size(), 2u);
}

TEST(Files, are_bounded_per_statement_and_per_case) {
    PageWorld world;
    const auto path = world.open_case();
    const auto six = std::vector<std::pair<std::string, std::string>>(6, {"a", "x"});
    const auto many = world.post_files(path, {{"kind", "dispute"}, {"reason", "kept text"}}, six, "proof");
    EXPECT_EQ(many.status, 422);
    EXPECT_TRUE(many.shows("id=\"proof-error\">Too many files")) << many.body;
    EXPECT_TRUE(many.shows(">kept text</textarea>"));
    const auto large = world.post_files(path, {{"kind", "dispute"}, {"reason", "kept text"}}, {{"a", std::string((5 << 20) + 1, 'x')}}, "proof");
    EXPECT_EQ(large.status, 422);
    EXPECT_TRUE(world.facts<core::ReplyRecorded>().empty());

    const auto five = std::vector<std::pair<std::string, std::string>>(5, {"a", "x"});
    for (int i = 0; i < 4; ++i) EXPECT_EQ(world.post_files(path, {{"kind", "dispute"}, {"reason", std::to_string(i)}}, five, "proof").status, 303) << i;
    EXPECT_EQ(world.post_files(path, {{"kind", "dispute"}, {"reason", "21st"}}, {{"a", "x"}}, "proof").status, 422);
    EXPECT_EQ(world.post(path, {{"kind", "dispute"}, {"reason", "without a file"}}).status, 303);
    EXPECT_EQ(world.storage.attachments_of(world.case_id).size(), 20u);
}

TEST(Outage, nothing_is_kept_and_the_visitor_is_told) {
    PageWorld world;
    const auto path = world.open_case();
    world.outage = true;
    const auto got = world.post(path, PageWorld::fixed());
    EXPECT_EQ(got.status, 503);
    EXPECT_TRUE(got.shows("Nothing was changed"));
    EXPECT_EQ(world.get(path).status, 503);
    world.outage = false;
    EXPECT_EQ(world.get(path).status, 200);
}

TEST(Proxies, only_named_ones_say_who_the_visitor_is) {
    PageWorld world;
    const auto path = world.open_case();
    const auto seen = [&](const std::string& peer, const std::string& forwarded) {
        world.peer = peer;
        world.ask("GET", path, "", {{"x-forwarded-for", forwarded}});
        return world.log.back().peer;
    };
    EXPECT_EQ(seen("203.0.113.5", "192.0.2.1"), "203.0.113.5") << "a stranger's word";
    EXPECT_EQ(seen("198.51.100.7", "192.0.2.1"), "192.0.2.1");
    EXPECT_EQ(seen("198.51.100.7", "10.0.0.1, 192.0.2.1"), "192.0.2.1") << "what stands left of it is a stranger's word";
    EXPECT_EQ(seen("198.51.100.7", "10.0.0.1, 192.0.2.1, 198.51.100.8"), "192.0.2.1");
    EXPECT_EQ(seen("198.51.100.7", "2001:db8::1"), "2001:db8::1");
    EXPECT_EQ(seen("198.51.100.7", "nonsense"), "198.51.100.7");
    EXPECT_EQ(seen("198.51.100.7", ""), "198.51.100.7");
}

}  // namespace
}  // namespace bailiff::test
