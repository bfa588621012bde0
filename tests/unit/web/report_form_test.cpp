// SPDX-License-Identifier: Apache-2.0
// Staff hands reports in with a browser: the form over the real API, a real desk and the real parser.
#include "controller/web/report_form.hpp"
#include "tests/unit/api/api_world.hpp"
#include "tests/unit/web/markup.hpp"
#include "tests/unit/web/page_world.hpp"

#include <fstream>
#include <iterator>

namespace bailiff::test {
namespace {

const FormMarkup report_forms{{"what", "key", "button submit"}, ""};

class FormWorld : public ApiWorld {
  public:
    std::string password = "ana";
    std::map<std::string, std::string> from = {{"sec-fetch-site", "same-origin"}};

    Got visit(const std::string& method, const std::string& body = {}, const std::string& type = {}) {
        HttpRequest request;
        request.method = method;
        EXPECT_TRUE(parse_http_target("/report", request));
        request.peer_address = peer;
        request.headers = from;
        if (!password.empty()) request.headers["authorization"] = "Basic " + base64("ana:" + password);
        if (!body.empty()) request.headers["content-length"] = std::to_string(body.size());
        if (!type.empty()) request.headers["content-type"] = type;
        Got got;
        bool admitted = false;
        const HttpHandlers handlers = form.handlers();
        handlers.admit(request, [&](Admission admission) {
            if (admission.refusal) got = {admission.refusal->status, admission.refusal->headers, admission.refusal->body, true};
            admitted = !admission.refusal;
        });
        if (!admitted) return got;
        request.body = body;
        const auto exchange = std::make_shared<KeptExchange>();
        handlers.handle(std::move(request), Respond(exchange));
        EXPECT_EQ(exchange->answers.size(), 1u);
        return {exchange->answers.at(0).status, exchange->answers.at(0).headers, exchange->answers.at(0).body, false};
    }
    Got fill_in(Fields fields) {
        fields.try_emplace("key", PageWorld::key);
        return visit("POST", url_encoded(fields), "application/x-www-form-urlencoded");
    }
    Got upload(const std::string& mail) {
        const std::string body = "--b\r\nContent-Disposition: form-data; name=\"what\"\r\n\r\nmail\r\n--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.eml\"\r\n"
                                 "Content-Type: message/rfc822\r\n\r\n" + mail + "\r\n--b--\r\n";
        return visit("POST", body, "multipart/form-data; boundary=b");
    }
    size_t cases() { return storage.list_cases({}).size(); }

    ReportForm form{api.handlers(), [] {
                        auto texts = PageTexts::load(std::string(BAILIFF_SOURCE_DIR) + "/policies/report-form");
                        if (!texts) throw std::runtime_error(texts.error().text);
                        return std::move(*texts);
                    }(), random};
};

bool shows(const Got& got, std::string_view text) { return got.body.find(text) != std::string::npos; }

const Fields facts{{"what", "facts"}, {"type", "content/malware"}, {"machine", "192.0.2.10"}, {"reporter", "a caller"}, {"summary", "sends <b>mails</b>"}};

TEST(ReportForm, is_shown_to_who_signs_in) {
    FormWorld world;
    const auto got = world.visit("GET");
    EXPECT_EQ(got.status, 200);
    EXPECT_TRUE(shows(got, "under the account ana"));
    EXPECT_NE(got.header("Content-Security-Policy").find("default-src 'none'"), std::string::npos);
    expect_sound_markup(got.body, "en", report_forms);

    world.password = "";
    const auto stranger = world.visit("GET");
    EXPECT_EQ(stranger.status, 401);
    EXPECT_TRUE(stranger.header("WWW-Authenticate").starts_with("Basic ")) << "browsers ask for name and password then";
    EXPECT_FALSE(shows(stranger, "<form"));
    expect_sound_markup(stranger.body, "en", report_forms);
}

TEST(ReportForm, takes_no_body_from_who_is_not_signed_in) {
    FormWorld world;
    world.password = "wrong";
    const auto got = world.fill_in(facts);
    EXPECT_EQ(got.status, 401);
    EXPECT_TRUE(got.early);
    for (uint32_t i = 1; i < FailureLimiter::most; ++i) EXPECT_EQ(world.fill_in(facts).status, 401);
    EXPECT_EQ(world.fill_in(facts).status, 429);
    EXPECT_EQ(world.cases(), 0u);
}

TEST(ReportForm, opens_a_case_from_what_somebody_told) {
    FormWorld world;
    const auto got = world.fill_in(facts);
    EXPECT_EQ(got.status, 201) << got.body;
    EXPECT_TRUE(shows(got, "case C-1"));
    expect_sound_markup(got.body, "en", report_forms);
    const auto c = world.storage.find_case(CaseId("C-1"));
    ASSERT_TRUE(c);
    ASSERT_EQ(c->reports.size(), 1u);
    EXPECT_EQ(c->reports[0].reporter, "a caller");
    EXPECT_EQ(world.storage.history(CaseId("C-1"), 0, 1).at(0).actor, "staff:ana");
}

TEST(ReportForm, sent_twice_is_one_report_and_changed_another) {
    FormWorld world;
    const auto first = world.fill_in(facts);
    EXPECT_EQ(world.fill_in(facts).body, first.body);
    EXPECT_EQ(world.storage.reports(false, ReportId(), 10).size(), 1u);
    Fields changed = facts;
    changed["summary"] = "scans ports as well";
    EXPECT_EQ(world.fill_in(changed).status, 201);
    EXPECT_EQ(world.storage.reports(false, ReportId(), 10).size(), 2u);
    EXPECT_EQ(world.cases(), 1u);
}

TEST(ReportForm, says_what_is_wrong_beside_its_field_and_keeps_what_was_typed) {
    FormWorld world;
    Fields wrong = facts;
    wrong["type"] = "virus";
    wrong["observed_at"] = "yesterday";
    wrong.erase("machine");
    const auto got = world.fill_in(wrong);
    EXPECT_EQ(got.status, 422);
    EXPECT_TRUE(shows(got, "id=\"type-error\""));
    EXPECT_TRUE(shows(got, "id=\"observed_at-error\""));
    EXPECT_TRUE(shows(got, "id=\"machine-error\""));
    EXPECT_TRUE(shows(got, "sends &lt;b&gt;mails&lt;/b&gt;"));
    EXPECT_FALSE(shows(got, "<b>"));
    expect_sound_markup(got.body, "en", report_forms);
    EXPECT_EQ(world.fill_in({{"what", "mail"}, {"mail", " \n"}}).status, 422);
    EXPECT_EQ(world.storage.reports(false, ReportId(), 10).size(), 0u);
}

TEST(ReportForm, reads_a_mail_that_was_pasted_or_chosen_as_a_file) {
    std::ifstream in(std::string(BAILIFF_SOURCE_DIR) + "/tests/fixtures/reports/acns.eml", std::ios::binary);
    const std::string mail(std::istreambuf_iterator<char>(in), {});
    FormWorld world;
    const auto got = world.upload(mail);
    EXPECT_EQ(got.status, 201) << got.body;
    EXPECT_TRUE(shows(got, "M-1"));
    expect_sound_markup(got.body, "en", report_forms);
    EXPECT_EQ(world.storage.find_delivery(DeliveryId("M-1"))->raw, mail);

    const auto pasted = world.fill_in({{"what", "mail"}, {"mail", mail}});
    EXPECT_EQ(pasted.status, 200) << pasted.body;
    EXPECT_TRUE(shows(pasted, "came before"));

    const auto bare = world.fill_in({{"what", "mail"}, {"mail", "Your machine 192.0.2.10 attacks us\nsince noon."}});
    EXPECT_EQ(bare.status, 201) << bare.body;
    const auto kept = world.storage.find_delivery(DeliveryId("M-2"));
    ASSERT_TRUE(kept);
    EXPECT_NE(kept->notes.find("192.0.2.10"), std::string::npos) << kept->notes;
}

TEST(ReportForm, takes_nothing_that_another_site_made_a_browser_send) {
    FormWorld world;
    world.from = {{"sec-fetch-site", "cross-site"}};
    EXPECT_EQ(world.fill_in(facts).status, 403);
    world.from = {{"origin", "https://evil.example"}, {"host", "desk.example"}};
    EXPECT_EQ(world.fill_in(facts).status, 403);
    world.from = {{"origin", "null"}, {"host", "desk.example"}};
    EXPECT_EQ(world.fill_in(facts).status, 403);
    EXPECT_EQ(world.cases(), 0u);
    world.from = {{"origin", "https://desk.example"}, {"host", "desk.example"}};
    EXPECT_EQ(world.fill_in(facts).status, 201);
}

TEST(ReportForm, refuses_what_is_no_form_and_says_when_the_storage_is_away) {
    FormWorld world;
    EXPECT_EQ(world.visit("POST", "{}", "application/json").status, 415);
    EXPECT_EQ(world.visit("PUT", "x", "text/plain").status, 405);
    EXPECT_EQ(world.visit("POST", "what=%zz&&&", "multipart/form-data").status, 400);
    world.outage = true;
    const auto got = world.visit("GET");
    EXPECT_EQ(got.status, 503);
    EXPECT_TRUE(shows(got, "The storage is not available"));
}

TEST(ReportForm, leaves_every_other_address_to_the_api) {
    FormWorld world;
    HttpRequest request;
    request.method = "GET";
    ASSERT_TRUE(parse_http_target("/healthz", request));
    const auto exchange = std::make_shared<KeptExchange>();
    world.form.handlers().handle(request, Respond(exchange));
    EXPECT_EQ(exchange->answers.at(0).status, 200);
}

}  // namespace
}  // namespace bailiff::test
