// SPDX-License-Identifier: Apache-2.0
// How the runner carries out operations: look, decide, intend, act, note; one operation at a time for each VM.
#include "agent/runner.hpp"

#include "agent/core/plan.hpp"
#include "agent/core/records.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

namespace bailiff::agent {

void Runner::open(const std::string& id, int64_t proof_from) {
    const auto* known = ledger_.find(id);
    assert(known && !known->ended);
    Live live;
    if (known->is_job) live.operation.demand = *parse_job(known->payload);
    else live.operation.demand = *parse_journaled_order(known->payload);
    for (const auto& entry : known->entries) apply(live.operation, entry, clock_.monotonic());
    live.checked = live.operation.begun;
    live.proof_from = proof_from ? proof_from : proofs_ + 1;
    queues_[known->vm].push_back(id);
    live_.emplace(id, std::move(live));
}

void Runner::supersede(const Order& newer) {
    const auto queue = queues_.find(newer.vm_uuid);
    if (queue == queues_.end()) return;
    for (const auto& id : queue->second) {
        const Live& live = live_.at(id);
        // A job outlives an order that goes on in the same direction; a release makes it pointless.
        if (id == newer.order_id.text()) return;   // what stands behind it is newer still
        // A scan of the running VM makes way for each: libvirt lets it end only after its backup job, and no order waits for a
        // scan of hours.
        const bool outlives = live.operation.job() && newer.desired != VmState::running && !live.operation.scans_live();
        if (!live.operation.superseded_by.empty() || outlives) continue;
        note(id, "superseded", {{"by", newer.order_id.text()}});
        live_.at(id).wake = Milliseconds(0);
    }
}

void Runner::note(const std::string& id, const std::string& kind, const Json& body) {
    const auto at = clock_.now();
    const auto position = append(id, kind, body, at);
    const JournalEntry entry{position, id, kind, body, at};
    ledger_.apply(entry);
    apply(live_.at(id).operation, entry, clock_.monotonic());
    // What is under way and may be ended early, is.
    if (kind == "superseded") live_.at(id).early_end->ask("a newer order for the VM came");
    if (kind == "gave_up") live_.at(id).early_end->ask(body.at("text").get<std::string>());
}

void Runner::attempt(const std::string& id, const std::function<void()>& work) {
    try {
        work();
    } catch (const Outage& outage) {
        journal_failed(outage, " id=" + id);
        if (const auto live = live_.find(id); live != live_.end()) {
            live->second.busy = false;
            live->second.look = 0;
            live->second.wake = clock_.monotonic() + settings_.after_outage;
        }
    }
}

void Runner::advance_all() {
    std::vector<std::string> heads;
    for (const auto& [vm, queue] : queues_)
        if (!queue.empty()) heads.push_back(queue.front());
    for (const auto& id : heads) attempt(id, [&] { advance(id); });
}

void Runner::advance(const std::string& id) {
    Live& live = live_.at(id);
    const auto now = clock_.monotonic();
    if (live.busy || now < live.wake || enforcing_.contains(live.operation.vm())) return;
    // Noted when the newer order came, unless the journal failed or a crash fell just then.
    for (const auto& behind : queues_.at(live.operation.vm()))
        if (const auto* newer = live_.at(behind).operation.order(); newer && behind != id) supersede(*newer);
    live.busy = true;
    live.poked = false;
    live.look = ++looks_;
    start_look(id, live.operation, live.look);
}

namespace {

/// What a look must know of its operation.
struct Wanted {
    VmId vm;
    CaseId case_id;
    EvidenceId set;   ///< empty: it copies no running VM
    JobId live;       ///< empty: it scans none
    explicit Wanted(const Operation& op)
        : vm(op.vm()), case_id(op.case_id()), set(op.copies() ? op.set_id() : EvidenceId()), live(op.scans_live() ? op.job()->job_id : JobId()) {}
};

Result<Observation> look_safely(const World& world, const Wanted& wanted) {
    try {
        return look(world, wanted.vm, wanted.case_id, wanted.set, wanted.live);
    } catch (const Outage& outage) {
        return fail(Errc::unavailable, outage.what());
    }
}

}  // namespace

void Runner::start_look(const std::string& id, const Operation& operation, int64_t look) {
    in_background(Lane::quick, [this, id, wanted = Wanted(operation), look] {
        return [this, id, look, seen = look_safely(world_, wanted)]() mutable {
            attempt(id, [&] { looked(id, look, std::move(seen)); });
        };
    });
}

void Runner::looked(const std::string& id, int64_t look, Result<Observation> seen) {
    // The operation may not have been journaled, or an outage has made it look anew since.
    const auto found = live_.find(id);
    if (found == live_.end() || found->second.look != look) return;
    Live& live = found->second;
    live.busy = false;
    const auto now = clock_.monotonic();
    const auto wait = [&](const std::string& why) {
        live.wake = now + settings_.after_outage;
        const auto until = live.operation.order() ? live.operation.order()->not_after : live.operation.job()->not_after;
        if (!live.checked && clock_.now() > until)
            finish(id, End{AnswerStatus::refused, Refusal::expired, "it expired before the host could be looked at: " + why});
    };
    if (!seen) {
        if (trouble_ != seen.error().text) log(LogLine::Level::warning, "event=look_failed id=" + id + " text=\"" + seen.error().text + "\"");
        trouble_ = seen.error().text;
        return wait(trouble_);
    }
    live.last = std::move(*seen);
    live.last.history = ledger_.describe(live.operation.vm(), live.operation.case_id());
    // Overlays that no longer fit their disks have to be dropped first; until then nothing is restored anyway.
    if (live.last.evidence && !live.last.history.bypassed && ledger_.outdated(live.last.evidence->id)) live.last.evidence.reset();
    if (const auto left = left_.find(live.operation.vm()); left != left_.end()) live.last.history.left = left->second;
    if (!live.checked) {
        if (!gate_up_) {
            live.awaits_proof = true;
            return wait("the start gate is not proven yet");
        }
        const auto facts = host_facts();
        const auto why = live.operation.order() ? may_begin(*live.operation.order(), facts, live.last, *gate_up_)
                                                : may_begin(*live.operation.job(), facts, live.last, *gate_up_);
        if (why && why->code == Refusal::dry_run && live.operation.order())
            live.plan = plan_of(live.operation, live.last, settings_.patience, now, *gate_up_);
        if (why) return finish(id, End{AnswerStatus::refused, why->code, why->text});
        live.checked = true;
        send_answer(id);
    }
    decide(id);
}

void Runner::decide(const std::string& id) {
    Live& live = live_.at(id);
    const auto now = clock_.monotonic();
    if (spares(id)) return;
    if (see_copy(live.operation, live.last, settings_.patience, now))
        log(LogLine::Level::warning, "event=copy_stands id=" + id + " text=\"the VM's backup job copies nothing more; it is ended and begun anew\"");
    const Step step = next_step(live.operation, live.last, settings_.patience, now);
    if (const auto* pause = std::get_if<Wait>(&step)) {
        // What happened while we looked may not have been seen.
        live.wake = live.poked ? now : pause->until;
        if (live.last.backup == BackupSeen::ours && live.last.backup_percent >= live.told + 10) progress(id, live.told = live.last.backup_percent);
        if (!live.waiting_since && now >= live.operation.not_before) live.waiting_since = now;
        return;
    }
    if (live.waiting_since) {
        live.operation.steps.push_back({live.operation.backup && !live.last.own_set ? "wait_for_backup" : "wait_for_guest",
                                         (now - *live.waiting_since).count()});
        live.waiting_since.reset();
    }
    if (const auto* act = std::get_if<Do>(&step); act && waits_for_live_lane(id, *act)) {
        live.wake = now + settings_.patience.look_again;
        return;
    }
    if (const auto* act = std::get_if<Do>(&step)) return act->act == Act::prove_gate ? take_proof(id, *act) : perform(id, *act);
    if (const auto* why = std::get_if<GiveUp>(&step)) {
        log(LogLine::Level::warning, "event=gave_up id=" + id + " text=\"" + why->text + "\"");
        note(id, "gave_up", {{"refusal", name(why->refusal)}, {"text", why->text}});
        live.wake = now;
        return;
    }
    finish(id, std::get<End>(step));
}

namespace {

/// Eight letters and digits, which is all that VNC takes. Bytes beyond the last whole alphabet are left out, so that every
/// letter is as likely as any other.
std::string one_time_password(const std::string& hex) {
    static constexpr std::string_view letters = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz23456789";
    std::string out;
    for (size_t i = 0; i + 1 < hex.size() && out.size() < 8; i += 2) {
        const auto byte = size_t(std::stoi(hex.substr(i, 2), nullptr, 16));
        if (byte < 256 - 256 % letters.size()) out += letters[byte % letters.size()];
    }
    return out;
}

}  // namespace

void Runner::perform(const std::string& id, const Do& step) {
    Live& live = live_.at(id);
    Json intent{{"act", name(step.act)}, {"target", step.target}};
    if (step.act == Act::permit) intent["token"] = live.operation.token.value_or(random_.hex128());
    const auto& held = live.last.lock ? live.last.lock : live.last.guard;
    if (step.act == Act::unlock && held) intent["record"] = to_json(*held);
    if (step.act == Act::open_console) live.operation.console_password = one_time_password(random_.hex128());
    if (!only_looks(step.act)) note(id, "intent", intent);
    live.busy = true;
    live.poked = false;
    live.look = ++looks_;
    // The worker gets copies: an event or a newer order may change the operation meanwhile.
    in_background(lane_of(step.act),
                  [this, id, step, operation = live.operation, seen = live.last, now = clock_.now(), look = live.look, early_end = live.early_end] {
                      const auto began = clock_.monotonic();
                      int told = 0;
                      const auto percent = [&](int n) {
                          if (n < told + 10) return;
                          told = n;
                          post([this, id, n] { progress(id, n); });
                      };
                      Result<Json> result = Json::object();
                      try {
                          result = carry_out(world_, operation, seen, step, now, percent, [&] { return early_end->why(); });
                      } catch (const Outage& outage) {
                          result = fail(Errc::unavailable, outage.what());
                      }
                      const auto took = clock_.monotonic() - began;
                      post([this, id, step, result = std::move(result), took] { attempt(id, [&] { acted(id, step, result, took); }); });
                      // The next look begins while the runner writes down that the act is done.
                      return [this, id, look, after = look_safely(world_, Wanted(operation))]() mutable {
                          attempt(id, [&] { looked(id, look, std::move(after)); });
                      };
                  });
}

void Runner::acted(const std::string& id, const Do& step, const Result<Json>& result, Milliseconds took) {
    Live& live = live_.at(id);
    live.wake = Milliseconds(0);
    if (!result) {
        log(LogLine::Level::warning, "event=act_failed id=" + id + " act=\"" + key_of(step) + "\" text=\"" + result.error().text + "\"");
        if (const auto why = after_failure(live.operation, step, result.error(), settings_.patience, clock_.monotonic());
            why && !live.operation.gave_up)
            note(id, "gave_up", {{"refusal", name(why->refusal)}, {"text", why->text}});
        return;
    }
    if (step.act == Act::open_console) {
        std::vector<Mistake> mistakes;
        JsonReader read(*result, mistakes);
        live.operation.consoles = codec::read_consoles(read, mistakes);
        return live.operation.steps.push_back({key_of(step), took.count()});
    }
    Json done = *result;
    done["act"] = name(step.act);
    done["target"] = step.target;
    done["ms"] = took.count();
    if (step.act == Act::check_health)
        return see_sign(live.operation, {done.at("shows").get<bool>(), done.at("text").get<std::string>(), done.at("run").get<int64_t>()},
                        clock_.monotonic());
    note(id, "done", done);
    if (done.contains("no_report"))
        log(LogLine::Level::error, "event=no_report id=" + id + " text=\"the signed report of the scan is not kept: " + done.at("no_report").get<std::string>() + "\"");
    log(LogLine::Level::info, "event=done id=" + id + " act=\"" + key_of(step) + "\" ms=" + std::to_string(took.count()));
}

void Runner::progress(const std::string& id, int percent) {
    const auto live = live_.find(id);
    if (live == live_.end() || !live->second.operation.job()) return;
    JobAnswer answer;
    answer.job_id = live->second.operation.job()->job_id;
    answer.kind = live->second.operation.job()->kind;
    answer.status = AnswerStatus::progress;
    answer.percent = percent;
    answer.at = clock_.now();
    send("", answer);
}

namespace {

/// At most 200 hits and a quarter of a frame: names are of the guest's choosing, and so is their length.
std::vector<ScanHit> presentable(const std::vector<ScanHit>& hits) {
    std::vector<ScanHit> out;
    size_t bytes = 0;
    for (const auto& hit : hits) {
        bytes += 6 * (hit.path.size() + hit.signature.size()) + 200;
        if (out.size() == 200 || bytes > largest_frame / 4) break;
        out.push_back(hit);
    }
    return out;
}

std::vector<ScanSuspicion> presentable(const std::vector<ScanSuspicion>& suspicions) {
    std::vector<ScanSuspicion> out;
    size_t bytes = 0;
    for (const auto& one : suspicions) {
        bytes += 6 * (one.path.size() + one.reason.size()) + 200;
        if (out.size() == most_suspicions || bytes > largest_frame / 4) break;
        out.push_back(one);
    }
    return out;
}

std::vector<StepTime> presentable(std::vector<StepTime> steps) {
    if (steps.size() > 200) steps.resize(200);
    for (auto& step : steps) step.step.resize(std::min<size_t>(step.step.size(), 64));
    return steps;
}

OrderAnswer order_answer(const Operation& op, const Observation& last, const std::vector<std::string>& plan, const End& end, Instant at) {
    OrderAnswer answer;
    answer.order_id = op.order()->order_id;
    answer.status = end.status;
    answer.refusal = end.refusal;
    answer.text = end.text.substr(0, 2000);
    answer.state = state_of(last.vm, last.lock.has_value(), last.history.isolated, last.history.limited);
    answer.power = last.vm.power;
    answer.at = at;
    answer.steps = presentable(op.steps);
    answer.plan = plan;
    if (end.status == AnswerStatus::done || end.status == AnswerStatus::already) answer.consoles = op.consoles.value_or(std::vector<Console>{});
    if (last.own_set) {
        answer.evidence = last.own_set->id;
        answer.manifest_sha256 = last.own_set->manifest_sha256;
    }
    answer.was_running = last.lock && last.lock->was_running;
    if (op.rescanned) answer.scan_report_sha256 = op.rescanned->report_sha256;
    return answer;
}

JobAnswer job_answer(const Operation& op, const Observation& last, const End& end, Instant at) {
    JobAnswer answer;
    answer.job_id = op.job()->job_id;
    answer.kind = op.job()->kind;
    answer.status = end.status;
    answer.refusal = end.refusal;
    answer.text = end.text.substr(0, 2000);
    answer.at = at;
    answer.steps = presentable(op.steps);
    const bool reached = end.status == AnswerStatus::done || end.status == AnswerStatus::already;
    answer.percent = reached ? 100 : 0;
    const auto& set = last.own_set ? last.own_set : last.evidence;
    if (answer.kind == JobKind::evidence && reached && set) {
        answer.evidence = set->id;
        answer.manifest_sha256 = set->manifest_sha256;
        answer.bytes = set->bytes;
    }
    if (op.scanned) {
        answer.verdict = op.scanned->verdict;
        answer.files = op.scanned->files;
        answer.bytes = op.scanned->bytes;
        answer.skipped = op.scanned->skipped;
        answer.hits = presentable(op.scanned->hits);
        answer.signatures_at = op.scanned->signatures_at;
        answer.suspicious = op.scanned->suspicious;
        answer.suspicions = presentable(op.scanned->suspicions);
        answer.scan_report_sha256 = op.scanned->report_sha256;
    }
    if (op.cleaned) {
        answer.files = int64_t(op.cleaned->size());
        answer.hits = presentable(*op.cleaned);
    }
    return answer;
}

}  // namespace

void Runner::finish(const std::string& id, const End& end) {
    const Live& live = live_.at(id);
    const auto at = clock_.now();
    Json answer;
    if (live.operation.order()) {
        OrderAnswer whole = order_answer(live.operation, live.last, live.plan, end, at);
        if (!whole.consoles.empty()) consoles_[id] = whole.consoles;
        for (auto& console : whole.consoles) console.password.clear();
        answer = codec::json_of(whole);
    } else {
        answer = codec::json_of(job_answer(live.operation, live.last, end, at));
    }
    const VmId vm = live.operation.vm();
    note(id, "end", {{"answer", answer}});
    log(end.status == AnswerStatus::needs_operator ? LogLine::Level::error : LogLine::Level::info,
        "event=ended id=" + id + " vm=" + vm.text() + " status=" + std::string(name(end.status)) + " refusal=" +
            std::string(name(end.refusal)) + " text=\"" + end.text + "\"");
    auto& queue = queues_[vm];
    std::erase(queue, id);
    if (queue.empty()) queues_.erase(vm);
    live_.erase(id);
    send_answer(id);
    next_inventory_ = next_sweep_ = clock_.monotonic();
}

}  // namespace bailiff::agent
