// SPDX-License-Identifier: Apache-2.0
// The customers' page over a real desk and a memory store, in one thread: verbs for tests, answers at once.
#pragma once

#include "controller/config/policy_file.hpp"
#include "controller/storage/memory_storage.hpp"
#include "controller/web/statement_page.hpp"
#include "tests/fixtures/fake_clock.hpp"
#include "tests/fixtures/fake_desk.hpp"

#include <bailiff/dsse.hpp>

#include <gtest/gtest.h>

#include <cctype>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace bailiff::test {

inline PageTexts shipped_page() {
    auto texts = PageTexts::load(std::string(BAILIFF_SOURCE_DIR) + "/policies/page");
    if (!texts) throw std::runtime_error(texts.error().text);
    return std::move(*texts);
}

inline core::PolicySet policies_as_shipped() {
    std::vector<FileMistakes> mistakes;
    auto set = load_policies(std::string(BAILIFF_SOURCE_DIR) + "/policies", mistakes);
    if (!mistakes.empty()) throw std::runtime_error("the shipped policies do not load");
    return set;
}

/// What came back.
struct PageAnswer {
    int status = 0;
    HttpFields headers;
    std::string body;
    bool early = false;            ///< refused on the header alone
    std::string header(std::string_view name) const {
        for (const auto& [field, value] : headers)
            if (field == name) return value;
        return {};
    }
    bool shows(std::string_view text) const { return body.find(text) != std::string::npos; }
};

class KeptAnswer : public HttpExchange {
  public:
    std::vector<HttpResponse> answers;
    void answer(HttpResponse response) override { answers.push_back(std::move(response)); }
    std::shared_ptr<EventStream> stream(HttpFields) override { return nullptr; }
};

using Fields = std::map<std::string, std::string>;

inline std::string url_encoded(const Fields& fields) {
    std::string out;
    const auto add = [&](const std::string& text) {
        static constexpr char digits[] = "0123456789ABCDEF";
        for (const char c : text) {
            const auto byte = static_cast<unsigned char>(c);
            if (std::isalnum(byte) || c == '_') out += c;
            else out += '%', out += digits[byte >> 4], out += digits[byte & 15];
        }
    };
    for (const auto& [name, value] : fields) {
        if (!out.empty()) out += '&';
        add(name);
        out += '=';
        add(value);
    }
    return out;
}

/// Customer K-7 with VM web1; a case of virus content is reported on Monday at 09:00 IST.
class PageWorld {
  public:
    static constexpr const char* web1 = "11111111-1111-4111-8111-111111111111";
    static constexpr const char* key = "0123456789abcdef0123456789abcdef";

    explicit PageWorld(const std::string& language = "en", const std::string& vm_name = "web1", const std::string& customer = "Rao Textiles") {
        options.page_url = "https://abuse.example";
        desk = std::make_unique<Desk>(Desk::Ports{storage, clock, random, signer, mailer, writer, hosts, watchers}, policies_as_shipped(), options);
        storage.put_customer({CustomerId("K-7"), customer, {"Asha Rao", "abuse@rao.example", "+91 80 5550 1234", language, "Asia/Kolkata"}, 0});
        Vm vm;
        vm.id = VmId(web1);
        vm.name = vm_name;
        vm.host = HostId("h1");
        vm.customer = CustomerId("K-7");
        vm.addresses = {"192.0.2.10"};
        vm.power = Power::running;
        storage.put_vm(vm);
    }

    /// Reports abuse, sends the ticket, and takes the page's path out of it.
    std::string open_case(const std::string& type = "content/malware", const std::string& evidence = "EICAR in /srv/a.zip") {
        ReportInput report;
        report.type = type;
        report.vm = web1;
        report.reporter = "cert@reporter.example";
        report.summary = evidence;
        const auto filed = desk->report(report, "staff:ana");
        EXPECT_TRUE(filed) << filed.error().text;
        case_id = filed->case_id;
        tick();
        return newest_path();
    }
    /// The path in the newest mail that names one.
    std::string newest_path() const {
        const std::string mark = "https://abuse.example";
        for (auto mail = mailer.sent.rbegin(); mail != mailer.sent.rend(); ++mail)
            if (const size_t at = mail->text.find(mark + "/s/"); at != std::string::npos) return mail->text.substr(at + mark.size(), 3 + 64);
        return "no mail names the page";
    }
    void tick() {
        desk->tick();
        desk->flush();
    }
    void advance(Seconds by) {
        clock.advance(by);
        tick();
    }
    /// 10:00: the call; from then on three hours until the machine goes off.
    void call() {
        advance(Seconds(3600));
        EXPECT_TRUE(desk->act(case_id, core::LogCall{"Asha Rao", "+91", core::CallOutcome::no_answer, ""}, "staff:ana"));
        desk->flush();
    }
    core::Case the_case() { return storage.find_case(case_id).value(); }
    std::vector<core::HistoryItem> history() { return storage.history(case_id, 0, 1000); }
    /// Facts of one kind in the case's history.
    template <class F>
    std::vector<F> facts() {
        std::vector<F> out;
        for (const auto& item : history())
            if (const auto* fact = std::get_if<F>(&item.fact)) out.push_back(*fact);
        return out;
    }

    /// One request through admission and handling, as the server would.
    PageAnswer ask(const std::string& method, const std::string& target, const std::string& body = {}, std::map<std::string, std::string> headers = {}) {
        HttpRequest request;
        request.method = method;
        EXPECT_TRUE(parse_http_target(target, request)) << target;
        request.peer_address = peer;
        if (!body.empty()) headers.try_emplace("content-length", std::to_string(body.size()));
        request.headers = std::move(headers);
        PageAnswer got;
        bool admitted = false;
        page.admit(request, [&](Admission admission) {
            if (admission.refusal) got = {admission.refusal->status, admission.refusal->headers, admission.refusal->body, true};
            admitted = !admission.refusal;
        });
        if (!admitted) return got;
        request.body = body;
        const auto exchange = std::make_shared<KeptAnswer>();
        page.handle(std::move(request), Respond(exchange));
        EXPECT_EQ(exchange->answers.size(), 1u) << method << " " << target;
        const auto& answer = exchange->answers.at(0);
        return {answer.status, answer.headers, answer.body, false};
    }
    PageAnswer get(const std::string& target) { return ask("GET", target); }
    /// Hands a form in as a browser does.
    PageAnswer post(const std::string& path, Fields fields, std::map<std::string, std::string> headers = {{"sec-fetch-site", "same-origin"}}) {
        fields.try_emplace("key", key);
        fields.try_emplace("lang", "en");
        headers.try_emplace("content-type", "application/x-www-form-urlencoded");
        return ask("POST", path, url_encoded(fields), std::move(headers));
    }
    PageAnswer post_files(const std::string& path, Fields fields, const std::vector<std::pair<std::string, std::string>>& files, const std::string& field = "files") {
        fields.try_emplace("key", key);
        fields.try_emplace("lang", "en");
        std::string body;
        for (const auto& [name, value] : fields) body += "--b0undary\r\nContent-Disposition: form-data; name=\"" + name + "\"\r\n\r\n" + value + "\r\n";
        for (const auto& [name, bytes] : files)
            body += "--b0undary\r\nContent-Disposition: form-data; name=\"" + field + "\"; filename=\"" + name + "\"\r\nContent-Type: text/html\r\n\r\n" + bytes + "\r\n";
        return ask("POST", path, body + "--b0undary--\r\n", {{"content-type", "multipart/form-data; boundary=b0undary"}, {"sec-fetch-site", "same-origin"}});
    }
    static Fields fixed() {
        return {{"kind", "fixed"}, {"steps", "Removed the file"}, {"root_cause", "An old plug-in"}, {"prevention", "Updates by themselves"}};
    }

    FakeClock clock{Instant(Seconds(1'772'422'200))};   // Mon 2026-03-02 09:00 IST
    MemoryStorage storage;
    SeededRandom random{7};
    FakeMailer mailer;
    FakeWriter writer;
    FakeSigner signer;
    FakeHosts hosts;
    FakeWatchers watchers;
    DeskOptions options;
    std::unique_ptr<Desk> desk;
    CaseId case_id;
    bool outage = false;
    std::string peer = "192.0.2.99";
    std::vector<PageLogLine> log;

  private:
    bool post_turn(const DeskTurn& turn) {
        if (outage) return turn.failed("the disk is full"), true;
        std::function<void()> answer;
        (void)storage.transaction([&]() -> Result<void> { return answer = turn.work(*desk), Result<void>(); });
        desk->flush();
        if (answer) answer();
        return true;
    }

  public:
    StatementPage page{StatementPageParts{[this](DeskTurn turn) { return post_turn(turn); }, &clock, &random, "https://abuse.example", {"198.51.100.7", "198.51.100.8"}},
                       shipped_page(), [this](const PageLogLine& line) { log.push_back(line); }};
};

}  // namespace bailiff::test
