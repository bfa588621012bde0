// SPDX-License-Identifier: Apache-2.0
// The runner's conversation with the controller. Operations are in runner_operations.cpp, the host's own rounds
// (canary, inventory, locks) in runner_rounds.cpp.
#include "agent/runner.hpp"

#include <algorithm>
#include <utility>

namespace bailiff::agent {
namespace {
/// More than a controller has open for one host at a time; what does not fit comes again from there.
constexpr size_t most_untaken = 256;
}  // namespace

Runner::Runner(World world, Journal& journal, Link& link, Executor& executor, const Clock& clock, Random& random, RunnerSettings settings)
    : world_(world), journal_(journal), link_(link), executor_(executor), clock_(clock), random_(random), settings_(std::move(settings)) {}

Runner::~Runner() { world_.hypervisor.watch({}); }

void Runner::start() {
    run_ = random_.hex128().substr(0, 12);
    for (const auto& entry : journal_.read_all()) {
        ledger_.apply(entry);
        sweeps_.apply(entry);
    }
    for (const auto& id : ledger_.open()) open(id);
    for (const auto& forced : ledger_.forced_releases())
        if (forced.outcome.is_null()) {
            const Json& b = forced.request;
            releases_.push_back({{b.value("request", ""), b.at("vm").get<std::string>(), b.value("by", ""), b.value("reason", ""), b.value("start", false), forced.at},
                                 b, forced.position, false, Milliseconds(0)});
        }
    world_.hypervisor.watch([this](VmEvent event) { post([this, event = std::move(event)] { on_event(event); }); });
    const auto now = clock_.monotonic();
    next_heartbeat_ = next_canary_ = next_inventory_ = next_watch_ = next_forget_ = next_sweep_ = now;
    log(LogLine::Level::info, "event=started operations=" + std::to_string(ledger_.operations().size()) +
                                  " open=" + std::to_string(live_.size()));
}

void Runner::post(std::function<void()> work) {
    {
        const std::lock_guard lock(inbox_mutex_);
        inbox_.push_back(std::move(work));
    }
    if (on_wake) on_wake();
}

void Runner::tick() {
    for (;;) {
        std::deque<std::function<void()>> inbox;
        {
            const std::lock_guard lock(inbox_mutex_);
            inbox.swap(inbox_);
        }
        for (const auto& work : inbox) {
            try {
                work();
            } catch (const Outage& outage) {
                journal_failed(outage, "");
            }
        }
        const auto now = clock_.monotonic();
        if (!journal_trouble_.empty() && now >= next_journal_) try_journal_again();
        if (now >= next_canary_) {
            next_canary_ = now + settings_.canary;
            prove_gate();
        }
        if (now >= next_inventory_) {
            next_inventory_ = now + settings_.inventory;
            list_vms();
            enforce();
        }
        if (now >= next_watch_) {
            next_watch_ = now + settings_.watch;
            watch_networks();
        }
        if (now >= next_scratch_ && serves_disks()) {
            next_scratch_ = now + settings_.scratch;
            watch_scratches();
        }
        // New trouble, and the end of one, is told at once.
        if (now >= next_heartbeat_ || (welcomed_ && trouble() != told_trouble_)) {
            next_heartbeat_ = now + settings_.heartbeat;
            heartbeat();
        }
        if (now >= next_forget_) {
            // Without the list of VMs nothing is known to be free of locks.
            next_forget_ = now + (listed_ ? Milliseconds(86'400'000) : settings_.after_outage);
            forget_old();
            expire_evidence();
        }
        if (now >= next_sweep_) {
            try {
                plan_sweep();
            } catch (const Outage& outage) {
                journal_failed(outage, "");
                next_sweep_ = now + settings_.after_outage;
            }
        }
        advance_all();
        advance_releases();
        const std::lock_guard lock(inbox_mutex_);
        if (inbox_.empty()) return;
    }
}

Milliseconds Runner::next_tick() const {
    auto due = std::min({next_heartbeat_, next_canary_, next_inventory_});
    if (!ledger_.isolated().empty() || !ledger_.limited().empty()) due = std::min(due, next_watch_);
    if (serves_disks()) due = std::min(due, next_scratch_);
    if (!journal_trouble_.empty()) due = std::min(due, next_journal_);
    if (world_.sweeper) due = std::min(due, next_sweep_);
    for (const auto& [vm, queue] : queues_) {
        if (queue.empty() || enforcing_.contains(vm)) continue;
        const Live& live = live_.at(queue.front());
        if (!live.busy) due = std::min(due, std::max(live.wake, live.operation.not_before));
    }
    for (const auto& release : releases_)
        if (!release.busy && release.wake.count() > 0) due = std::min(due, release.wake);
    return due;
}

bool Runner::idle() const { return live_.empty() && enforcing_.empty() && releases_.empty(); }

void Runner::connected() {
    welcomed_ = takes_discoveries_ = false;
    sent_discoveries_.clear();
    sent_inventory_.clear();
    Hello hello{settings_.host, settings_.version, 0, 0, settings_.boot_id, settings_.host_key};
    HostFacts facts;
    ledger_.describe(facts);
    hello.epoch = facts.epoch;
    hello.seq = facts.seq;
    link_.send(Frame{MessageId("m-" + run_ + "-" + std::to_string(++sent_)), hello});
}

void Runner::disconnected() {
    welcomed_ = false;
    // Without the controller nothing new starts; it sends them again when it is back.
    untaken_.clear();
}

void Runner::on_frame(const Frame& frame) {
    try {
        if (const auto* order = std::get_if<OrderFrame>(&frame.message)) {
            take<Order>(order->envelope, frame.id, verify_order);
        } else if (const auto* job = std::get_if<JobFrame>(&frame.message)) {
            take<Job>(job->envelope, frame.id, verify_job);
        } else if (const auto* ack = std::get_if<Ack>(&frame.message)) {
            acknowledge(*ack);
        } else if (const auto* welcome = std::get_if<Welcome>(&frame.message)) {
            welcomed_ = true;
            takes_discoveries_ = std::find(welcome->takes.begin(), welcome->takes.end(), discovery_type) != welcome->takes.end();
            for (const auto& id : ledger_.unacknowledged()) send_answer(id);
            for (const auto& forced : ledger_.forced_releases()) tell_release(forced);
            tell_bypasses();
            send_inventory_if_changed(true);
            heartbeat();   // which tells discoveries, after the inventory: a host may report its own VMs only
            if (gate_up_ == std::optional<bool>(false)) event(VmId(), "gate_down", "the start gate does not hold on this host");
        }
        // Every other frame is one that agents send: a controller that echoes is no reason to stop.
    } catch (const Outage& outage) {
        journal_failed(outage, "");
        // Nothing was done and nothing answered. The controller sends it again when it connects or when the order has
        // expired; this host does not wait for that. Verification is repeated too, so that what is late is refused.
        const bool demands = std::holds_alternative<OrderFrame>(frame.message) || std::holds_alternative<JobFrame>(frame.message);
        std::erase_if(untaken_, [&](const Frame& known) { return known.id == frame.id; });
        if (demands && untaken_.size() < most_untaken) untaken_.push_back(frame);
    }
}

void Runner::journal_failed(const Outage& outage, const std::string& doing) {
    const bool known = journal_trouble_ == outage.what();
    journal_trouble_ = outage.what();
    next_journal_ = clock_.monotonic() + settings_.after_outage;
    if (!known) log(LogLine::Level::error, "event=outage" + doing + " text=\"" + journal_trouble_ + "\"");
}

std::string Runner::trouble() const {
    const std::string& first = journal_trouble_.empty() ? trouble_ : journal_trouble_;
    return first + (first.empty() || rules_.trouble.empty() ? "" : " ") + rules_.trouble;
}

int64_t Runner::append(const std::string& operation, const std::string& kind, const Json& body, Instant at) {
    const auto position = journal_.append(operation, kind, body, at);
    if (!journal_trouble_.empty()) log(LogLine::Level::info, "event=outage_over text=\"the journal can be written again\"");
    journal_trouble_.clear();
    return position;
}

void Runner::try_journal_again() {
    next_journal_ = clock_.monotonic() + settings_.after_outage;
    try {
        // Any entry would do as a proof; a mark says what the ledger knows and changes nothing.
        append("", "mark", ledger_.mark(), clock_.now());
    } catch (const Outage& outage) {
        return journal_failed(outage, "");
    }
    std::deque<Frame> untaken;
    untaken.swap(untaken_);
    for (const Frame& frame : untaken) on_frame(frame);
}

HostFacts Runner::host_facts() const {
    HostFacts facts;
    facts.now = clock_.now();
    facts.boot_id = settings_.boot_id;
    facts.uptime = clock_.monotonic();
    ledger_.describe(facts);
    facts.host = settings_.host;
    facts.exempt = settings_.exempt;
    facts.budget_per_hour = settings_.budget_per_hour;
    facts.draining = settings_.draining;
    facts.dry_run = settings_.dry_run;
    if (listed_) facts.vms = known_;
    facts.left = left_;
    return facts;
}

namespace {

const std::string& id_of(const Order& order) { return order.order_id.text(); }
const std::string& id_of(const Job& job) { return job.job_id.text(); }
Message refusal_of(const Order*, const std::string& id, Refusal code, const std::string& text, Instant at) {
    OrderAnswer answer;
    answer.order_id = OrderId(id);
    answer.status = AnswerStatus::refused;
    answer.refusal = code;
    answer.text = text;
    answer.at = at;
    return answer;
}
Message refusal_of(const Job* job, const std::string& id, Refusal code, const std::string& text, Instant at) {
    JobAnswer answer;
    answer.job_id = JobId(id);
    if (job) answer.kind = job->kind;
    answer.status = AnswerStatus::refused;
    answer.refusal = code;
    answer.text = text;
    answer.at = at;
    return answer;
}
Json body_of(const Message& message) {
    return std::visit([](const auto& m) { return codec::json_of(m); }, message);
}

/// Whether the id is spent by this refusal. A conflict belongs to another document, a replay and a stale epoch to
/// another time, and what is signed for another host is none of ours: they are answered and not remembered.
bool remembered(Refusal code) {
    return code != Refusal::other_host && code != Refusal::stale_epoch && code != Refusal::conflict && code != Refusal::replayed;
}

}  // namespace

template <class Document, class Verify>
void Runner::take(const std::string& envelope, const MessageId& frame, Verify verify) {
    auto checked = verify(envelope, settings_.keys, host_facts());
    if (!checked) return refuse(checked.error(), frame, envelope);
    const std::string& id = id_of(checked->document);
    constexpr bool is_job = std::is_same_v<Document, Job>;
    if (checked->seen_before) {
        // Accepted, and then the journal failed before it was opened: the repeat takes it up.
        if (const auto* known = ledger_.find(id); known && !known->ended && !live_.contains(id)) {
            open(id);
            if constexpr (!is_job) supersede(checked->document);
        }
        return send_answer(id);
    }
    // The look and the proof of the gate change nothing, so they need not wait for the disk.
    const int64_t proof_from = proofs_ + 1;
    if constexpr (!is_job)
        if (checked->document.desired == VmState::off) want_proof();
    const VmId& vm = checked->document.vm_uuid;
    const int64_t look = !queues_.contains(vm) && !enforcing_.contains(vm) ? ++looks_ : 0;
    if (look) {
        Operation operation;
        operation.demand = checked->document;
        start_look(id, operation, look);
    }
    const Json body{{"type", is_job ? "job" : "order"}, {"payload", checked->payload}, {"sha256", checked->sha256},
                    {"boot", settings_.boot_id}, {"uptime", clock_.monotonic().count()}};
    const auto at = clock_.now();
    const auto position = append(id, "accepted", body, at);
    ledger_.apply({position, id, "accepted", body, at});
    stop_sweep(vm, std::string(is_job ? "job " : "order ") + id + " came for it");
    log(LogLine::Level::info, "event=taken " + std::string(is_job ? "job=" : "order=") + id + " vm=" + checked->document.vm_uuid.text() +
                                  " case=" + checked->document.case_id.text());
    open(id, proof_from);
    live_.at(id).look = look;
    live_.at(id).busy = look != 0;
    if constexpr (!is_job) supersede(checked->document);
}

template <class Document>
void Runner::refuse(const Refused<Document>& refused, const MessageId& frame, const std::string& envelope) {
    const Document* document = refused.document ? &*refused.document : nullptr;
    const std::string id = refused.claimed_id.empty() ? frame.text().substr(0, 64) : refused.claimed_id;
    const auto at = clock_.now();
    const Message answer = refusal_of(document, id, refused.code, refused.text, at);
    log(LogLine::Level::warning, "event=refused id=" + id + " code=" + std::string(name(refused.code)) + " text=\"" + refused.text + "\"");
    if (!document || !remembered(refused.code)) return send("refused-" + sha256_hex(envelope).substr(0, 32), answer);
    const Json body{{"type", std::is_same_v<Document, Job> ? "job" : "order"}, {"payload", refused.payload},
                    {"sha256", refused.sha256}, {"answer", body_of(answer)}};
    const auto position = append(id, "refused", body, at);
    ledger_.apply({position, id, "refused", body, at});
    send_answer(id);
}

std::string Runner::event_id(const ForcedRelease& release) {
    return "released-" + release.request.value("request", std::to_string(release.position));
}

void Runner::acknowledge(const Ack& ack) {
    for (const auto& frame : ack.ids) {
        if (frame.starts_with("sweep-")) {
            discovery_told(frame);
            continue;
        }
        if (frame.starts_with("released-")) {
            for (const auto& forced : ledger_.forced_releases())
                if (!forced.told && frame == event_id(forced)) {
                    const Json body{{"release", forced.position}};
                    const auto told = clock_.now();
                    ledger_.apply({append("", "admin_told", body, told), "", "admin_told", body, told});
                }
            continue;
        }
        if (ledger_.untold().contains(frame)) {
            const Json body{{"id", frame}};
            const auto at = clock_.now();
            const auto position = append("", "told", body, at);
            ledger_.apply({position, "", "told", body, at});
            continue;
        }
        const std::string id = frame.starts_with("answer-") ? frame.substr(7) : frame;
        const auto* known = ledger_.find(id);
        if (!known || !known->ended || known->acked) continue;
        const auto at = clock_.now();
        const auto position = append(id, "acked", Json::object(), at);
        ledger_.apply({position, id, "acked", Json::object(), at});
        consoles_.erase(id);
    }
}

void Runner::send(std::string id, Message message) {
    if (!welcomed_) return;
    if (id.empty()) id = "m-" + run_ + "-" + std::to_string(++sent_);
    link_.send(Frame{MessageId(std::move(id)), std::move(message)});
}

/// The report lies beside the journal, not in it. One that is gone by now (too old) leaves the answer as it is.
void Runner::attach_report(const std::string& id, Message& answer) {
    const auto attach = [&](auto& to) {
        if (!to.scan_report_sha256.empty()) to.scan_report = world_.reports.travelling(id);
    };
    if (auto* order = std::get_if<OrderAnswer>(&answer)) attach(*order);
    if (auto* job = std::get_if<JobAnswer>(&answer)) attach(*job);
}

void Runner::send_answer(const std::string& id) {
    const auto* known = ledger_.find(id);
    if (!known) return;
    if (known->ended) {
        // The stored answer word for word: the same id gets the same answer, today and in a week.
        std::vector<Mistake> mistakes;
        JsonReader read(known->answer, mistakes);
        Message answer = codec::read_message(known->is_job ? "job_answer" : "order_answer", read, mistakes);
        // Save for the passwords of consoles, which the journal does not hold: a restart loses them, and a further order
        // gives new ones.
        attach_report(id, answer);
        if (auto* order = std::get_if<OrderAnswer>(&answer))
            if (const auto consoles = consoles_.find(id); consoles != consoles_.end()) order->consoles = consoles->second;
        return send("answer-" + id, std::move(answer));
    }
    if (known->is_job) {
        JobAnswer answer;
        answer.job_id = JobId(id);
        answer.kind = known->kind;
        answer.at = clock_.now();
        return send("accepted-" + id, answer);
    }
    OrderAnswer answer;
    answer.order_id = OrderId(id);
    answer.at = clock_.now();
    if (const auto live = live_.find(id); live != live_.end()) {
        const auto& seen = live->second.last;
        answer.state = state_of(seen.vm, seen.lock.has_value(), seen.history.isolated, seen.history.limited);
        answer.power = seen.vm.power;
    }
    send("accepted-" + id, answer);
}

void Runner::log(LogLine::Level level, std::string text) {
    if (on_log) on_log({level, std::move(text)});
}

}  // namespace bailiff::agent
