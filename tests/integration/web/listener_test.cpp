// SPDX-License-Identifier: Apache-2.0
// The customers' page through a real TLS listener, the desk's own thread and a real HTTP client.
#include "controller/config/policy_file.hpp"
#include "controller/storage/memory_storage.hpp"
#include "controller/web/statement_page.hpp"
#include "tests/fixtures/certificate.hpp"
#include "tests/fixtures/fake_clock.hpp"
#include "tests/fixtures/fake_desk.hpp"
#include "tests/integration/web/browser.hpp"
#include "tests/unit/gateway/raw_client.hpp"

#include <bailiff/system_clock.hpp>
#include <bailiff/system_random.hpp>

#include <cstdlib>
#include <filesystem>
#include <future>
#include <gtest/gtest.h>
#include <set>

namespace bailiff::test {
namespace {

/// Desk's thread, page and server; the desk's clock stands on Monday 09:00 IST until it is moved.
class LivePage : public testing::Test {
  protected:
    LivePage() {
        std::string made = "/tmp/bailiff-page-XXXXXX";
        if (!mkdtemp(made.data())) throw std::runtime_error("mkdtemp failed");
        folder = made;
        write_certificate(folder);
        storage.put_customer({CustomerId("K-7"), "Rao Textiles", {"Asha Rao", "abuse@rao.example", "+91 80 5550 1234", "en", "Asia/Kolkata"}, 0});
        Vm vm;
        vm.id = VmId("11111111-1111-4111-8111-111111111111");
        vm.name = "web<i>1</i>";
        vm.host = HostId("h1");
        vm.customer = CustomerId("K-7");
        vm.addresses = {"192.0.2.10"};
        storage.put_vm(vm);
        DeskOptions options;
        options.page_url = "https://abuse.example";
        std::vector<FileMistakes> mistakes;
        desk = std::make_unique<Desk>(Desk::Ports{storage, clock, random, signer, mailer, writer, hosts, watchers},
                                      load_policies(std::string(BAILIFF_SOURCE_DIR) + "/policies", mistakes), options);
        // No tick by itself: tests say when the desk looks at its clock.
        loop = std::make_unique<DeskLoop>(*desk, storage, wall, std::chrono::hours(1));
        page = std::make_unique<StatementPage>(StatementPageParts{[this](DeskTurn turn) { return loop->post(std::move(turn)); }, &wall, &random, "https://abuse.example", {}},
                                               *PageTexts::load(std::string(BAILIFF_SOURCE_DIR) + "/policies/page"));
        HttpOptions http;
        http.tls = HttpTls{folder + "/cert.pem", folder + "/key.pem", "", false};
        http.clock = &wall;
        server = std::make_unique<HttpServer>(http, page->handlers());
        const auto up = server->start();
        if (!up) throw std::runtime_error(up.error().text);
        browser = std::make_unique<Browser>("https://127.0.0.1:" + std::to_string(server->bound_port()), folder + "/cert.pem");
    }
    ~LivePage() override {
        server->stop(std::chrono::milliseconds(200));
        loop->stop();
        std::error_code ignored;
        std::filesystem::remove_all(folder, ignored);
    }
    /// Runs on the desk's thread and waits until what it wrote is committed and what it owes has left.
    template <class Work>
    auto on_desk(Work work) {
        std::promise<decltype(work(*desk))> done;
        loop->post(DeskTurn{[&](Desk& d) {
                                auto result = work(d);
                                return std::function<void()>([&done, result] { done.set_value(result); });
                            },
                            [](const std::string&) {}});
        return done.get_future().get();
    }
    std::string open_case(const std::string& evidence = "EICAR in /srv/a.zip") {
        on_desk([&](Desk& d) {
            ReportInput report;
            report.type = "content/malware";
            report.address = "192.0.2.10";
            report.summary = evidence;
            const auto filed = d.report(report, "staff:ana");
            EXPECT_TRUE(filed);
            d.tick();
            return true;
        });
        // The mail's fate comes back as a turn of its own.
        return on_desk([&](Desk&) {
            const auto& text = mailer.sent.back().text;
            return text.substr(text.find("https://abuse.example/s/") + 21, 3 + 64);
        });
    }
    void advance(Seconds by) {
        on_desk([&](Desk& d) {
            clock.advance(by);
            d.tick();
            return true;
        });
    }
    core::Case the_case() {
        return on_desk([](Desk& d) { return *d.storage().find_case(CaseId("C-1")); });
    }
    size_t items() {
        return on_desk([](Desk& d) { return d.storage().chain(0, 1000).size(); });
    }

    std::string folder;
    SystemClock wall;
    FakeClock clock{Instant(Seconds(1'772'422'200))};   // Mon 2026-03-02 09:00 IST
    MemoryStorage storage;
    SystemRandom random;
    FakeMailer mailer;
    FakeWriter writer;
    FakeSigner signer;
    FakeHosts hosts;
    FakeWatchers watchers;
    std::unique_ptr<Desk> desk;
    std::unique_ptr<DeskLoop> loop;
    std::unique_ptr<StatementPage> page;
    std::unique_ptr<HttpServer> server;
    std::unique_ptr<Browser> browser;
};

TEST_F(LivePage, getting_it_changes_nothing_and_nobody_may_keep_frame_or_pass_it_on) {
    const auto path = open_case();
    const auto before = the_case();
    const auto count = items();
    for (int i = 0; i < 5; ++i) {
        const auto shown = browser->get(path);
        ASSERT_EQ(shown.status, 200) << shown.body;
        EXPECT_EQ(shown.header("cache-control"), "no-store");
        EXPECT_EQ(shown.header("referrer-policy"), "no-referrer");
        EXPECT_EQ(shown.header("x-content-type-options"), "nosniff");
        EXPECT_EQ(shown.header("strict-transport-security"), "max-age=31536000");
        EXPECT_NE(shown.header("content-security-policy").find("frame-ancestors 'none'"), std::string::npos);
        const auto head = browser->get(path, true);
        EXPECT_EQ(head.status, 200);
        EXPECT_EQ(head.body, "");
    }
    EXPECT_EQ(the_case(), before);
    EXPECT_EQ(items(), count);
}

TEST_F(LivePage, i_fixed_it_at_the_last_second_before_the_order) {
    const auto path = open_case();
    advance(Seconds(3600));
    on_desk([](Desk& d) { return d.act(CaseId("C-1"), core::LogCall{"Asha Rao", "+91", core::CallOutcome::no_answer, ""}, "staff:ana").has_value(); });
    on_desk([&](Desk&) { return clock.advance(Seconds(3 * 3600 - 1)), true; });
    const auto form = browser->get(path);
    EXPECT_TRUE(form.says("13:00 IST (2026-03-02 07:30 UTC) the machine is switched off, unless you answer. That is in less than a minute.")) << form.body;
    const auto sent = browser->post(path, {{"kind", "fixed"}, {"key", hidden(form, "key")}, {"lang", "en"}, {"steps", "Removed the file"},
                                           {"root_cause", "An old plug-in"}, {"prevention", "Updates"}});
    ASSERT_EQ(sent.status, 303) << sent.body;
    advance(Seconds(1));
    advance(Seconds(3600));
    EXPECT_EQ(the_case().phase, core::Phase::closed);
    EXPECT_EQ(the_case().demand, 0) << "nothing was ever demanded of the machine";
    EXPECT_TRUE(on_desk([&](Desk&) { return hosts.sent.empty(); }));
    const auto receipt = browser->get(path + sent.header("location"));
    EXPECT_EQ(receipt.status, 410);
    EXPECT_TRUE(receipt.says("We have received your answer"));
    EXPECT_TRUE(receipt.says("This case is closed"));
    EXPECT_EQ(browser->post(path, {{"kind", "dispute"}, {"key", hidden(form, "key")}, {"lang", "en"}, {"reason", "late"}}).status, 410);
}

TEST_F(LivePage, twenty_clicks_at_once_are_one_statement) {
    const auto path = open_case();
    const auto key = hidden(browser->get(path), "key");
    const std::string base = "https://127.0.0.1:" + std::to_string(server->bound_port());
    std::vector<std::future<std::string>> clicks;
    for (int i = 0; i < 20; ++i)
        clicks.push_back(std::async(std::launch::async, [&] {
            Browser own(base, folder + "/cert.pem");
            const auto shown = own.post(path, {{"kind", "acknowledged"}, {"key", key}, {"lang", "en"}, {"plan", "Until noon"}});
            return std::to_string(shown.status) + shown.header("location");
        }));
    std::set<std::string> answers;
    for (auto& click : clicks) answers.insert(click.get());
    EXPECT_EQ(answers.size(), 1u);
    EXPECT_TRUE(answers.begin()->starts_with("303?receipt="));
    EXPECT_EQ(the_case().replies.size(), 1u);
}

TEST_F(LivePage, both_encodings_and_files) {
    const auto path = open_case();
    const auto key = hidden(browser->get(path), "key");
    EXPECT_EQ(browser->post_plain(path, {{"kind", "acknowledged"}, {"key", key}, {"lang", "en"}, {"plan", "राम & \"co\" +1%\nuntil noon"}}).status, 303);
    std::string bytes;
    for (int i = 0; i < 100'000; ++i) bytes += char(i * 31);
    const auto sent = browser->post(path, {{"kind", "dispute"}, {"key", key}, {"lang", "en"}, {"reason", "See the screenshot"}}, {{"proof", "../screen\"shot.png", bytes}});
    EXPECT_EQ(sent.status, 303) << sent.body;
    const auto c = the_case();
    ASSERT_EQ(c.replies.size(), 2u);
    EXPECT_EQ(c.replies[0].text, "राम & \"co\" +1%\nuntil noon");
    const auto file = on_desk([](Desk& d) { return d.storage().find_attachment(CaseId("C-1"), 1); });
    ASSERT_TRUE(file);
    EXPECT_EQ(file->bytes, bytes);
    EXPECT_EQ(file->name, "screen_shot.png");
    EXPECT_EQ(browser->get(path + "/1").status, 404) << "no file is ever given back";
}

TEST_F(LivePage, too_large_uploads_are_refused_early_and_late) {
    const auto path = open_case();
    const auto key = hidden(browser->get(path), "key");
    const std::map<std::string, std::string> fields{{"kind", "dispute"}, {"key", key}, {"lang", "en"}, {"reason", "See the film"}};
    const auto beside = browser->post(path, fields, {{"proof", "film.bin", std::string((5 << 20) + 4096, 'x')}});
    EXPECT_EQ(beside.status, 422);
    EXPECT_TRUE(beside.says(">See the film</textarea>")) << "what was typed is not lost";
    const auto refused = browser->post(path, fields, {{"proof", "film.bin", std::string(40 << 20, 'x')}});
    EXPECT_TRUE(refused.status == 413 || refused.status == 0) << refused.status << ": refused on the header, the connection may close under the upload";
    // The header alone is enough for a no.
    RawClient raw(server->bound_port(), RawTls{});
    raw.send("POST " + path + " HTTP/1.1\r\nHost: abuse.example\r\nContent-Type: multipart/form-data; boundary=x\r\nContent-Length: 99999999999\r\n\r\n");
    EXPECT_TRUE(raw.read_response().starts_with("HTTP/1.1 413 ")) << "no byte of the body was sent";
    EXPECT_TRUE(the_case().replies.empty());
}

TEST_F(LivePage, strangers_and_other_sites_get_nothing) {
    const auto path = open_case();
    const auto key = hidden(browser->get(path), "key");
    const std::map<std::string, std::string> fields{{"kind", "acknowledged"}, {"key", key}, {"lang", "en"}, {"plan", "x"}};
    EXPECT_EQ(browser->post(path, fields, {}, {"Sec-Fetch-Site: cross-site"}).status, 403);
    EXPECT_EQ(browser->post(path, fields, {}, {"Origin: https://evil.example"}).status, 403);
    const std::string wrong = "/s/" + std::string(64, 'f');
    EXPECT_EQ(browser->post(wrong, fields, {}).status, 404);
    const auto shown = browser->get(wrong);
    EXPECT_EQ(shown.status, 404);
    EXPECT_FALSE(shown.says("C-1"));
    EXPECT_TRUE(the_case().replies.empty());
    int refused = 0;
    for (int i = 0; i < 40; ++i) refused += browser->get("/s/" + std::string(64, char('0' + i % 10))).status == 429;
    EXPECT_GE(refused, 20) << "ten a minute are looked up, and one minute may have ended between";
    EXPECT_EQ(browser->get(path).status, 200);
}

TEST_F(LivePage, what_reporters_and_customers_wrote_stays_text) {
    const auto path = open_case("<script>alert(document.cookie)</script>");
    const auto shown = browser->get(path);
    EXPECT_EQ(shown.status, 200);
    EXPECT_FALSE(shown.says("<script"));
    EXPECT_FALSE(shown.says("<i>1"));
    EXPECT_TRUE(shown.says("&lt;script&gt;alert(document.cookie)&lt;/script&gt;"));
    EXPECT_TRUE(shown.says("web&lt;i&gt;1&lt;/i&gt;"));
}

}  // namespace
}  // namespace bailiff::test
