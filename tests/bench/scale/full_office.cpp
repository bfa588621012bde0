// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/scale/full_office.hpp"

#include "controller/config/policy_file.hpp"
#include "controller/storage/sqlite.hpp"

#include <bailiff/dsse.hpp>

#include <fmt/format.h>

#include <stdexcept>
#include <utility>

namespace bailiff::test {
namespace {

constexpr int64_t batch = 1000;
constexpr const char* token = "bench";

class KeptAnswer : public HttpExchange {
  public:
    HttpResponse response;
    void answer(HttpResponse given) override { response = std::move(given); }
    std::shared_ptr<EventStream> stream(HttpFields) override { throw std::logic_error("no stream is asked for here"); }
};

}  // namespace

FullOffice::FullOffice(const std::filesystem::path& folder) {
    auto database = open_sqlite((folder / "bailiff.db").string());
    if (!database) throw std::runtime_error(database.error().text);
    auto storage = SqlStorage::open(std::move(*database));
    if (!storage) throw std::runtime_error(storage.error().text);
    storage_ = std::move(*storage);
    std::vector<FileMistakes> mistakes;
    auto policies = load_policies(std::filesystem::path(BAILIFF_SOURCE_DIR) / "policies", mistakes);
    desk_ = std::make_unique<Desk>(Desk::Ports{*storage_, clock, random_, signer_, mailer_, writer_, hosts_, feed_}, std::move(policies), DeskOptions{});
    desk_->come_back_through([this](std::function<void(Desk&)> work) { came_back_.push_back(std::move(work)); });
    api_ = std::make_unique<Api>(parts());
}

VmId FullOffice::vm(int64_t n) { return VmId(fmt::format("00000000-0000-4000-8000-{:012x}", n)); }
std::string FullOffice::address(int64_t n) { return fmt::format("10.{}.{}.{}", n >> 16 & 255, n >> 8 & 255, n & 255); }

void FullOffice::fill(const Scale& scale) {
    (void)storage_->transaction([&]() -> Result<void> {
        storage_->put_account({"ada", Role::admin, sha256_hex(token), false});
        for (int64_t n = 0; n < hosts; ++n) {
            Host host;
            host.id = HostId(fmt::format("h{}", n));
            host.gate_up = true;
            host.seen_at = clock.now();
            storage_->put_host(host);
        }
        return {};
    });
    for (int64_t from = 0; from < scale.vms; from += batch)
        (void)storage_->transaction([&]() -> Result<void> {
            for (int64_t n = from; n < std::min(from + batch, scale.vms); ++n) {
                const std::string customer = std::to_string(n / vms_per_customer);
                if (n % vms_per_customer == 0)
                    storage_->put_customer({CustomerId(customer), "Customer " + customer, {"Asha Rao", "abuse@c" + customer + ".example", "+91 80 5550 1234", "en", "Asia/Kolkata"}, 0});
                give_history(n, scale.vms);
                storage_->put_vm({vm(n), fmt::format("vm{}", n), HostId(fmt::format("h{}", n % hosts)), CustomerId(customer), {address(n)}, Power::running,
                                  VmState::running, false, false, clock.now()});
            }
            return {};
        });
    open_cases(0, scale.cases - scale.open, true);
    // Opened before the day begins, they all have the same deadline; the others come an hour later.
    open_cases(scale.cases - scale.open, scale.cases - scale.open + scale.due, false);
    clock.advance(Seconds(2 * 3600));
    open_cases(scale.cases - scale.open + scale.due, scale.cases, false);
}

/// Each address has been three VMs' by turns, as an import says; some VMs have a network besides.
void FullOffice::give_history(int64_t n, int64_t vms) {
    AddressSpan span;
    span.prefix = *parse_prefix(address(n));
    span.source = AddressSource::import_;
    for (int64_t turn = 3; turn > 0; --turn) {
        const int64_t holder = (n + turn - 1) % vms;
        span.vm = vm(holder);
        span.vm_name = fmt::format("vm{}", holder);
        span.from = clock.now() - Seconds(turn * 30 * 86'400);
        span.until = turn == 1 ? std::nullopt : std::optional(span.from + Seconds(30 * 86'400));
        storage_->put_span(span);
    }
    if (n % 100 != 0) return;
    span.prefix = *parse_prefix(fmt::format("2001:db8:{:x}:{:x}::/64", n >> 16, n & 0xffff));
    storage_->put_span(span);
    span.prefix = prefix_around(*parse_address(fmt::format("172.{}.{}.{}", 16 + (n >> 16 & 15), n >> 8 & 255, n & 255)), 96 + 29);
    storage_->put_span(span);
}

void FullOffice::open_cases(int64_t from, int64_t to, bool close) {
    for (int64_t first = from; first < to; first += batch) {
        const auto work = [&]() -> Result<void> {
            for (int64_t n = first; n < std::min(first + batch, to); ++n) {
                ReportInput report;
                report.type = !close || n % 3 ? "content/malware" : "messaging/spam";   // those that are open are due together
                report.vm = vm(n * 10).text();
                report.reporter = fmt::format("cert{}@reporter.example", n % 100);
                report.summary = "EICAR in /var/www/html/uploads/invoice.php";
                const auto filed = desk_->report(report, "bench");
                if (!filed || filed->case_id.empty()) throw std::runtime_error("a case was not opened: " + (filed ? filed->triage : filed.error().text));
                if (!close) continue;
                if (auto closed = desk_->act(filed->case_id, core::Close{"false positive of the reporter's"}, "bench"); !closed)
                    throw std::runtime_error(closed.error().text);
            }
            return {};
        };
        (void)storage_->transaction(work);
        desk_->discard();   // nobody is at the other ends
    }
}

bool FullOffice::post(const DeskTurn& turn) {
    std::function<void()> answer;
    (void)storage_->transaction([&]() -> Result<void> { return answer = turn.work(*desk_), Result<void>(); });
    desk_->flush();
    if (answer) answer();
    return true;
}

ApiParts FullOffice::parts() {
    ApiParts p;
    p.post = [this](DeskTurn turn) { return post(turn); };
    p.healthy = [] { return true; };
    p.waiting = [] { return size_t(0); };
    p.clock = &clock;
    p.random = &random_;
    p.feed = &feed_;
    p.hosts = &door_;
    p.check_policy = [](const std::string&) { return std::vector<Mistake>(); };
    return p;
}

FullOffice::Got FullOffice::get(const std::string& target) {
    HttpRequest request;
    request.method = "GET";
    if (!parse_http_target(target, request)) throw std::runtime_error("no address: " + target);
    request.peer_address = "192.0.2.99";
    request.headers["authorization"] = std::string("Bearer ") + token;
    Got got;
    bool admitted = false;
    api_->admit(request, [&](Admission admission) {
        admitted = !admission.refusal;
        if (admission.refusal) got = {admission.refusal->status, admission.refusal->body};
    });
    if (!admitted) return got;
    auto exchange = std::make_shared<KeptAnswer>();
    api_->handle(std::move(request), Respond(exchange));
    return {exchange->response.status, exchange->response.body};
}

size_t FullOffice::tick() {
    size_t taken = 0;
    const auto answers = std::exchange(came_back_, {});
    (void)storage_->transaction([&]() -> Result<void> {
        for (const auto& answer : answers) answer(*desk_);
        taken = desk_->tick();
        return {};
    });
    desk_->flush();
    return taken;
}

}  // namespace bailiff::test
