// SPDX-License-Identifier: Apache-2.0

#include "tests/simulation/world.hpp"

#include "controller/config/policy_file.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <stdexcept>

namespace bailiff::test {

void SimMailer::send(const OutgoingMail& mail, std::function<void(MailAnswer)> done) {
    if (away) return done({MailFate::retry_later, 0, "no connection"});
    delivered.push_back({mail.message_id, mail.subject, mail.to, clock_.now()});
    if (int64_t(random_.below(100)) < lost_answers_percent) return done({MailFate::unknown, 0, "connection lost after the last byte"});
    done({MailFate::accepted, 250, "ok"});
}

// ---- a host ---------------------------------------------------------------------------------------------------------

SimHost::SimHost(HostId host_id, FakeClock& c, Random& r, const SignatureKey& key) : id(std::move(host_id)), clock(c), random(r), host(c) {
    settings.host = id;
    settings.keys = {{key.key_id(), key}};
    settings.boot_id = "boot";
    settings.budget_per_hour = 1000;
    const auto perhaps_crash = [this] {
        if (crash_per_mille > 0 && int64_t(random.below(1000)) < crash_per_mille) throw Crashed{};
    };
    journal.before = [perhaps_crash](const auto&, const auto&, const auto&) { perhaps_crash(); };
    journal.after = journal.before;
    host.fault = [perhaps_crash](const std::string&, Phase) -> std::optional<Error> {
        perhaps_crash();
        return std::nullopt;
    };
}

void SimHost::send(const Frame& frame) {
    if (!connected) return;
    to_controller.push_back({clock.now() + Seconds(int64_t(random.below(3))), encode(frame)});
}

void SimHost::survive(const std::function<void()>& work) {
    try {
        work();
    } catch (const Crashed&) {
        ++crashes;
        runner.reset();
        connected = false;
        to_controller.clear();
        to_agent.clear();
        back_at = clock.now() + Seconds(1 + int64_t(random.below(120)));
        reconnect_at = back_at;
    }
}

void SimHost::boot() {
    survive([&] {
        runner = std::make_unique<agent::Runner>(host.world(), journal, *this, executor, clock, random, settings);
        runner->start();
    });
}

// ---- the world ------------------------------------------------------------------------------------------------------

SimWorld::SimWorld(Plan plan)
    : plan_(std::move(plan)), clock_(*parse_rfc3339("2026-03-27T20:00:00Z")), random_(plan_.seed), storage_(std::make_unique<MemoryStorage>()),
      mailer_(clock_, random_) {
    std::vector<FileMistakes> mistakes;
    policies_ = load_policies(plan_.policies, mistakes);
    if (!mistakes.empty() || policies_.in_force.empty()) throw std::runtime_error("the policies in " + plan_.policies + " do not load");
    // Half of the worlds live where the clocks change on the second night.
    if (plan_.seed % 2) {
        core::CalendarData rome = policies_.calendars.begin()->second.data();
        rome.timezone = "Europe/Rome";
        policies_.calendars.insert_or_assign(rome.id, *core::Calendar::build(rome));
    }
    for (int64_t h = 1; h <= plan_.hosts; ++h) {
        hosts_.push_back(std::make_unique<SimHost>(HostId(fmt::format("h{}", h)), clock_, random_, signer_.key));
        for (int64_t v = 1; v <= plan_.vms_per_host; ++v) {
            const VmId vm(fmt::format("{:08x}-0000-4000-8000-{:012x}", h, v));
            FakeVm& fake = hosts_.back()->host.add_vm(vm, fmt::format("vm{}-{}", h, v));
            fake.obeys_agent = random_.below(2);
            fake.obeys_acpi = random_.below(4) > 0;
            home_[vm] = hosts_.back().get();
            vms_.push_back(vm);
            const CustomerId customer(fmt::format("{}", h * 100 + v));
            storage_->put_customer({customer, "Customer " + customer.text(), {"Asha", "c" + customer.text() + "@lotus.example", "+91", "en", ""}, 0});
            storage_->put_vm({vm, fake.name, hosts_.back()->id, customer, {}, Power::running, VmState::running, false, false, clock_.now()});
        }
    }
    // In three worlds of four any host can run any VM, and HA tries.
    if (plan_.seed % 4)
        for (const auto& host : hosts_) storage_->put_host({host->id, false, false, true, 0, "", "", clock_.now(), "west"});
    // In every second world one reporter alone suffices for nothing.
    for (auto& [id, policy] : policies_.in_force) policy.sources = 1 + int64_t(plan_.seed % 2);
    end_ = clock_.now() + Seconds(plan_.days * 86400);
    start_controller();
}
SimWorld::~SimWorld() = default;

void SimWorld::start_controller() {
    DeskOptions options;
    options.checkpoint_every = 20;
    desk_ = std::make_unique<Desk>(Desk::Ports{*storage_, clock_, random_, signer_, mailer_, writer_, *this, watchers_}, policies_, options);
}

/// One turn as DeskLoop takes it. With faults on, the signer may fail in the middle (all is rolled back), and the
/// controller may die between the commit and what should have left.
bool SimWorld::turn(const std::function<void(Desk&)>& work) {
    signer_.broken = faults_ && chance(5);
    try {
        (void)storage_->transaction([&]() -> Result<void> {
            work(*desk_);
            return {};
        });
    } catch (const StorageOutage&) {
        ++outages_;
        desk_->discard();
        return false;
    }
    if (faults_ && chance(3)) {
        ++controller_crashes_;
        start_controller();
        for (auto& host : hosts_) break_connection(*host);
        tell("the controller crashed after a commit and is back");
        return true;
    }
    desk_->flush();
    for (; told_ < watchers_.seen.size(); ++told_) {
        const auto& [id, item] = watchers_.seen[told_];
        tell(id.text() + " " + item.actor + ": " + core::describe(item.fact));
    }
    return true;
}

void SimWorld::tell(const std::string& line) {
    story_.push_back(format_rfc3339(clock_.now()) + " " + line);
    if (story_.size() > 20000) story_.pop_front();
}

bool SimWorld::connected(const HostId& id) {
    return std::any_of(hosts_.begin(), hosts_.end(), [&](const auto& host) { return host->id == id && host->connected; });
}

bool SimWorld::send(const HostId& id, const Frame& frame) {
    for (auto& host : hosts_) {
        if (host->id != id || !host->connected) continue;
        host->to_agent.push_back({clock_.now() + Seconds(int64_t(random_.below(3))), encode(frame)});
        return true;
    }
    return false;
}

void SimWorld::break_connection(SimHost& host) {
    if (!host.connected) return;
    ++breaks_;
    host.connected = false;
    host.to_agent.clear();
    host.to_controller.clear();
    host.reconnect_at = clock_.now() + Seconds(1 + int64_t(random_.below(faults_ ? 600 : 10)));
    if (host.runner) host.survive([&] { host.runner->disconnected(); });
    turn([id = host.id](Desk& desk) { desk.host_disconnected(id); });
}

/// A frame that is lost takes its connection with it, as TCP does; frames may come late, and twice.
void SimWorld::network() {
    for (auto& each : hosts_) {
        SimHost& host = *each;
        if (!host.runner) continue;
        if (!host.connected && clock_.now() >= host.reconnect_at) {
            host.connected = true;
            turn([id = host.id](Desk& desk) { desk.host_connected(id); });
            host.survive([&] { host.runner->connected(); });
            continue;
        }
        while (host.connected && !host.to_controller.empty() && host.to_controller.front().at <= clock_.now()) {
            const std::string text = host.to_controller.front().text;
            host.to_controller.pop_front();
            if (faults_ && chance(10)) {
                break_connection(host);
                break;
            }
            const auto frame = decode(text);
            if (!frame) throw std::runtime_error("an agent sent what cannot be read: " + frame.error().text);
            const int copies = faults_ && chance(50) ? 2 : 1;
            for (int i = 0; i < copies && host.connected; ++i)
                if (!turn([&](Desk& desk) { desk.on_frame(host.id, *frame); })) break_connection(host);
        }
        while (host.connected && host.runner && !host.to_agent.empty() && host.to_agent.front().at <= clock_.now()) {
            const std::string text = host.to_agent.front().text;
            host.to_agent.pop_front();
            if (faults_ && chance(10)) {
                break_connection(host);
                break;
            }
            const auto frame = decode(text);
            if (!frame) throw std::runtime_error("the controller sent what cannot be read: " + frame.error().text);
            const int copies = faults_ && chance(50) ? 2 : 1;
            for (int i = 0; i < copies && host.runner; ++i) host.survive([&] { host.runner->on_frame(*frame); });
        }
    }
}

void SimWorld::agents() {
    for (auto& host : hosts_) {
        host->crash_per_mille = faults_ ? 1 : 0;
        if (!host->runner && clock_.now() >= host->back_at) host->boot();
        if (host->runner) host->survive([&] { host->runner->tick(); });
    }
}

bool SimWorld::settled() const {
    for (const auto& c : storage_->list_cases({std::nullopt, true, VmId(), CustomerId(), CaseId(), 1000}))
        if (c.phase != core::Phase::closed) return false;
    if (!storage_->to_send(clock_.now() + Seconds(86400), 1).empty()) return false;
    for (const auto& job : storage_->open_jobs(HostId()))
        if (is_guard(job.job.kind)) return false;
    return std::all_of(hosts_.begin(), hosts_.end(), [](const auto& host) { return host->runner && host->connected && host->runner->idle(); });
}

/// Seconds while something moves, minutes while all waits; never past a deadline.
void SimWorld::advance_time() {
    bool moving = false;
    for (const auto& host : hosts_)
        moving = moving || !host->to_agent.empty() || !host->to_controller.empty() || !host->runner || !host->runner->idle() || !host->connected;
    Instant next = clock_.now() + (moving ? Seconds(2) : Seconds(300 + int64_t(random_.below(900))));
    if (const auto due = desk_->next_due(); due && *due > clock_.now()) next = std::min(next, *due);
    clock_.set(next);
}

void SimWorld::step() {
    ++steps_;
    advance_time();
    agents();
    network();
    agents();
    if (steps_ % 4 == 0) people();
    turn([](Desk& desk) { desk.tick(); });
}

bool SimWorld::play() {
    faults_ = plan_.faults;
    while (clock_.now() < end_) step();
    // Faults cease, reports stop, people do their work: within ten days nothing may be left open.
    faults_ = false;
    quiet_ = true;
    mailer_.away = false;
    mailer_.lost_answers_percent = 0;
    signer_.broken = false;
    for (const Instant limit = clock_.now() + Seconds(10 * 86400); clock_.now() < limit && !settled();) step();
    return settled();
}

std::string SimWorld::summary() const {
    int64_t agent_crashes = 0;
    for (const auto& host : hosts_) agent_crashes += host->crashes;
    return fmt::format("{} steps, {} cases, {} mails, {} agent crashes, {} controller crashes, {} turns rolled back, {} connections broken, {} starts elsewhere refused", steps_,
                       storage_->list_cases({std::nullopt, false, VmId(), CustomerId(), CaseId(), 100000}).size(), mailer_.delivered.size(), agent_crashes,
                       controller_crashes_, outages_, breaks_, refused_elsewhere_);
}

}  // namespace bailiff::test
