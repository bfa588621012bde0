// SPDX-License-Identifier: Apache-2.0

#include "tests/scenarios/stage.hpp"

#include "controller/config/policy_file.hpp"
#include "controller/storage/memory_storage.hpp"

#include <algorithm>
#include <sstream>

namespace bailiff::test {

struct Stage::Verb {
    std::string_view word;
    std::function<void(Stage&, const Command&, Lines&)> run;
};

namespace {

const VmId web1("11111111-1111-4111-8111-111111111111");
const VmId db1("22222222-2222-4222-8222-222222222222");

std::string said(const Error& error) {
    return "error " + std::string(error.code == Errc::forbidden ? "forbidden" : error.code == Errc::invalid ? "invalid" : "conflict") + ": " + error.text;
}

}  // namespace

std::string value(const Command& c, const std::string& key, const std::string& otherwise) {
    const auto found = c.named.find(key);
    return found == c.named.end() ? otherwise : found->second;
}

Command parse_command(const std::string& line) {
    Command out;
    std::istringstream in(line);
    std::string word;
    in >> out.verb;
    while (in >> std::ws && !in.eof()) {
        if (in.peek() == '"') {
            in.get();
            std::getline(in, out.text, '"');
            continue;
        }
        in >> word;
        const auto equals = word.find('=');
        if (equals == std::string::npos) {
            out.words.push_back(word);
            continue;
        }
        std::string given = word.substr(equals + 1);
        if (!given.empty() && given[0] == '"') {  // key="several words"
            std::string rest;
            given.erase(0, 1);
            if (given.empty() || given.back() != '"') {
                std::getline(in, rest, '"');
                given += rest;
            } else {
                given.pop_back();
            }
        }
        out.named[word.substr(0, equals)] = given;
    }
    return out;
}

Stage::Stage(const std::string& policies_folder) : storage_(std::make_unique<MemoryStorage>()) {
    std::vector<FileMistakes> mistakes;
    auto policies = load_policies(policies_folder, mistakes);
    if (!mistakes.empty()) throw std::runtime_error("the shipped policies do not load");
    shown_ = std::make_unique<core::Calendar>(policies.calendars.at("asia-kolkata"));
    policies_ = std::move(policies);
    begin(false);
    storage_->put_customer({CustomerId("7"), "Lotus Textiles", {"Asha Rao", "asha@lotus.example", "+91 80 5550 0117", "en", ""}, 0});
    storage_->put_host({HostId("h1"), false, false, true, 0, "", "", clock_.now(), ""});
    storage_->put_vm({web1, "web1", HostId("h1"), CustomerId("7"), {"192.0.2.10"}, Power::running, VmState::running, false, false, clock_.now()});
    storage_->put_vm({db1, "db1", HostId("h1"), CustomerId("7"), {"192.0.2.11"}, Power::running, VmState::running, false, false, clock_.now()});
    storage_->put_account({"ravi", Role::analyst, "", false});
}
Stage::~Stage() = default;

void Stage::begin(bool with_dialler) {
    DeskOptions options;
    options.staff_address = "desk@provider.example";
    options.supervisor_address = "supervisor@provider.example";
    options.mail_domain = "provider.example";
    options.tell_reporters = {ReporterNotice::received, ReporterNotice::forwarded, ReporterNotice::not_ours, ReporterNotice::closed};
    options.contacts_address = "contacts@provider.example";
    with_dialler_ = with_dialler;
    auto policies = desk_ ? desk_->policies() : std::move(policies_);
    desk_ = std::make_unique<Desk>(
        Desk::Ports{*storage_, clock_, random_, signer_, mailer_, writer_, hosts_, watchers_, nullptr, nullptr, with_dialler ? &dialler_ : nullptr}, std::move(policies), options);
}

std::string Stage::local(Instant at) const { return shown_->local(at); }

CaseId Stage::case_of(const Command& c) const {
    for (const auto& word : c.words)
        if (word.starts_with("C-")) return CaseId(word);
    return last_case_;
}

const std::vector<Stage::Verb>& Stage::verbs() {
    static const std::vector<Verb> table{
        {"at", [](Stage& s, const Command& c, Lines& out) { s.at(c, out); }},
        {"report", [](Stage& s, const Command& c, Lines& out) { s.report(c, out); }},
        {"advance", [](Stage& s, const Command& c, Lines& out) { s.advance(c, out); }},
        {"call", [](Stage& s, const Command& c, Lines& out) { s.call(c, out); }},
        {"reply", [](Stage& s, const Command& c, Lines& out) { s.reply(c, out); }},
        {"extend", [](Stage& s, const Command& c, Lines& out) {
             const auto by = parse_duration(value(c, "by"));
             if (!by) return out.push_back("script: " + by.error().text);
             s.act(c, out, core::Extend{*by, c.text}, "staff:ravi");
         }},
        {"hold", [](Stage& s, const Command& c, Lines& out) { s.act(c, out, core::PlaceHold{c.text}, "staff:ravi"); }},
        {"resume", [](Stage& s, const Command& c, Lines& out) { s.act(c, out, core::LiftHold{c.text}, "staff:ravi"); }},
        {"decide", [](Stage& s, const Command& c, Lines& out) {
             const auto decision = parse_name<core::Decision>(c.words.empty() ? "" : c.words.back());
             if (!decision) return out.push_back("script: " + decision.error().text);
             s.act(c, out, core::Decide{*decision, c.text}, "staff:meera");
         }},
        {"approve", [](Stage& s, const Command& c, Lines& out) {
             const auto stage = parse_name<core::Stage>(c.words.empty() ? "" : c.words.back());
             if (!stage) return out.push_back("script: " + stage.error().text);
             s.act(c, out, core::Approve{*stage, c.text}, "staff:meera");
         }},
        {"accept-incomplete", [](Stage& s, const Command& c, Lines& out) {
             const auto waiting = s.desk_->view(s.case_of(c));
             const JobId scan(value(c, "scan", waiting ? waiting->c.incomplete_scan.text() : ""));
             s.act(c, out, core::AcceptIncomplete{scan, c.text, ""}, "staff:" + value(c, "by", "meera"));
         }},
        {"merge", [](Stage& s, const Command& c, Lines& out) { s.merge(c, out); }},
        {"split", [](Stage& s, const Command& c, Lines& out) { s.split(c, out); }},
        {"undo", [](Stage& s, const Command& c, Lines& out) { s.undo(c, out); }},
        {"appeal", [](Stage& s, const Command& c, Lines& out) {
             if (value(c, "by", "mail") != "page") return s.act(c, out, core::LodgeAppeal{c.text, core::Channel::mail}, "customer");
             const auto taken = s.desk_->take_appeal({s.case_of(c), c.text, "form " + std::to_string(++s.answers_)});
             if (!taken) return out.push_back(said(taken.error()));
             s.desk_->tick();
         }},
        {"decide-appeal", [](Stage& s, const Command& c, Lines& out) {
             s.act(c, out, core::DecideAppeal{!c.words.empty() && c.words.back() == "upheld", c.text, "", false}, "staff:" + value(c, "by", "anil"));
         }},
        {"assign", [](Stage& s, const Command& c, Lines& out) { s.act(c, out, core::Assign{value(c, "to")}, "staff:ravi"); }},
        {"sources", [](Stage& s, const Command& c, Lines& out) { s.sources(c, out); }},
        {"review", [](Stage& s, const Command& c, Lines& out) { s.act(c, out, core::AskReview{c.text}, "staff:ravi"); }},
        {"close", [](Stage& s, const Command& c, Lines& out) { s.act(c, out, core::Close{c.text}, "staff:meera"); }},
        {"note", [](Stage& s, const Command& c, Lines& out) { s.act(c, out, core::AddNote{c.text}, "staff:ravi"); }},
        {"host", [](Stage& s, const Command& c, Lines& out) { s.host(c, out); }},
        {"customer", [](Stage& s, const Command& c, Lines& out) { s.customer(c, out); }},
        {"vm", [](Stage& s, const Command& c, Lines& out) { s.vm(c, out); }},
        {"contact", [](Stage& s, const Command& c, Lines& out) { s.contact(c, out); }},
        {"contacts", [](Stage& s, const Command& c, Lines& out) { s.contacts(c, out); }},
        {"queue", [](Stage& s, const Command&, Lines& out) { s.queue(out); }},
        {"bounce", [](Stage& s, const Command& c, Lines& out) { s.bounce(c, out); }},
        {"wish", [](Stage& s, const Command& c, Lines& out) { s.wish(c, out); }},
        {"approve-change", [](Stage& s, const Command& c, Lines& out) { s.decide_change(c, out, true); }},
        {"reject-change", [](Stage& s, const Command& c, Lines& out) { s.decide_change(c, out, false); }},
        {"dialler", [](Stage& s, const Command& c, Lines& out) { s.dialler(c, out); }},
        {"holiday", [](Stage& s, const Command& c, Lines& out) { s.holiday(c, out); }},
        {"had", [](Stage& s, const Command& c, Lines& out) { s.had(c, out); }},
        {"who", [](Stage& s, const Command& c, Lines& out) { s.who(c, out); }},
        {"knows", [](Stage& s, const Command& c, Lines& out) { s.knows(c, out); }},
        {"mailed", [](Stage& s, const Command& c, Lines& out) { s.mailed(c, out); }},
        {"reporter", [](Stage& s, const Command& c, Lines& out) { s.reporter(c, out); }},
        {"cluster", [](Stage& s, const Command& c, Lines&) { s.cluster(c); }},
        {"lock", [](Stage& s, const Command& c, Lines& out) { s.lock(c, out); }},
        {"evidence", [](Stage& s, const Command& c, Lines& out) { s.evidence(c, out); }},
        {"mail", [](Stage& s, const Command& c, Lines& out) { s.mail(c, out); }},
        {"why", [](Stage& s, const Command& c, Lines& out) { s.why(c, out); }},
        {"show", [](Stage& s, const Command& c, Lines& out) { s.show(c, out); }},
    };
    return table;
}

std::vector<std::string> Stage::run(const std::string& line) {
    Lines out;
    const Command command = parse_command(line);
    const auto& table = verbs();
    const auto verb = std::find_if(table.begin(), table.end(), [&](const Verb& v) { return v.word == command.verb; });
    if (verb == table.end()) return {"script: unknown verb '" + command.verb + "'"};
    verb->run(*this, command, out);
    tell(out);
    return out;
}

/// "2026-03-02 05:00" or "2026-03-02 05:00:30" in the shown zone.
Instant Stage::read_time(const Command& c, Lines& out) const {
    if (c.words.size() < 2) return out.push_back("script: a time is written 2026-03-02 05:00"), clock_.now();
    std::string text = c.words[0] + "T" + c.words[1] + (c.words[1].size() == 5 ? ":00" : "") + "Z";
    const auto utc = parse_rfc3339(text);
    if (!utc) return out.push_back("script: " + utc.error().text), clock_.now();
    // The zone's offset at about that time; scenarios do not name the hour that a clock change skips or repeats.
    const std::string shown = shown_->local_rfc3339(*utc);
    const std::string offset = shown.substr(shown.size() - 6);
    return *parse_rfc3339(text.substr(0, 19) + (shown.back() == 'Z' ? "Z" : offset));
}

void Stage::at(const Command& c, Lines& out) {
    if (!value(c, "calendar").empty()) {
        const auto& calendars = desk_->policies().calendars;
        const auto found = calendars.find(value(c, "calendar"));
        if (found == calendars.end()) return out.push_back("script: no calendar " + value(c, "calendar"));
        *shown_ = found->second;
    }
    clock_.set(read_time(c, out));
}

void Stage::report(const Command& c, Lines& out) {
    ReportInput input;
    input.type = c.words.empty() ? "" : c.words[0];
    input.vm_name = value(c, "vm");
    input.address = value(c, "address");
    input.reporter = value(c, "from", "cert@reporter.example");
    input.summary = c.text;
    input.port = std::strtoll(value(c, "port", "0").c_str(), nullptr, 10);
    input.observed_at = time_of(c, "at", Instant{}, out);
    input.ascertained = std::find(c.words.begin(), c.words.end(), "ascertained") != c.words.end();
    const auto outcome = desk_->report(input, "staff:ravi");
    if (!outcome) return out.push_back("error " + outcome.error().text);
    if (outcome->case_id.empty()) return out.push_back(outcome->report.text() + " waits in triage: " + outcome->triage);
    last_case_ = outcome->case_id;
    desk_->tick();
}

/// "advance 90m"-like spans are ISO 8601; "advance due" goes to the next deadline; two words are a local time.
/// Deadlines on the way are taken at their own instant, as a running controller would.
void Stage::advance(const Command& c, Lines& out) {
    Instant target = clock_.now();
    if (!c.words.empty() && c.words[0] == "due") {
        const auto next = desk_->next_due();
        if (!next) return out.push_back("nothing is due");
        target = *next;
    } else if (c.words.size() == 1) {
        const auto span = parse_duration(c.words[0]);
        if (!span) return out.push_back("script: " + span.error().text);
        target += *span;
    } else {
        target = read_time(c, out);
    }
    if (target < clock_.now()) return out.push_back("script: time does not go back");
    for (auto next = desk_->next_due(); next && *next <= target; next = desk_->next_due()) {
        clock_.set(std::max(*next, clock_.now()));
        if (desk_->tick() == 0) break;
        tell(out);
    }
    clock_.set(target);
    desk_->tick();
}

void Stage::act(const Command& c, Lines& out, const core::Input& input, const std::string& actor) {
    const auto done = desk_->act(case_of(c), input, actor);
    if (!done) return out.push_back(said(done.error()));
    desk_->tick();
}

void Stage::call(const Command& c, Lines& out) {
    const auto outcome = parse_name<core::CallOutcome>(c.words.empty() ? "" : c.words.back());
    if (!outcome) return out.push_back("script: " + outcome.error().text);
    // Whom the queue names, unless the script does.
    const auto view = desk_->view(case_of(c));
    core::Contact contact = view ? view->c.contact : core::Contact{};
    if (const auto sheet = view ? desk_->call_sheet(view->c, view->dues) : std::nullopt; sheet && !sheet->contact.phone.empty()) contact = sheet->contact;
    core::LogCall log{value(c, "contact", contact.name), value(c, "number", contact.phone), *outcome, c.text};
    if (const auto back = value(c, "back"); !back.empty()) {
        const auto at = parse_rfc3339(back);
        if (!at) return out.push_back("script: " + at.error().text);
        log.call_back = *at;
    }
    act(c, out, log, "staff:ravi");
}

void Stage::reply(const Command& c, Lines& out) {
    const auto kind = parse_name<core::ReplyKind>(c.words.empty() ? "" : c.words.back());
    if (!kind) return out.push_back("script: " + kind.error().text);
    const auto channel = parse_name<core::Channel>(value(c, "by", "mail"));
    if (!channel) return out.push_back("script: " + channel.error().text);
    act(c, out, core::RecordReply{{*channel, *kind, value(c, "steps"), value(c, "cause"), value(c, "prevention"), c.text}}, "customer");
}

/// "host done", "host already", "host refuse unexpected_state", "host fail", "host needs_operator",
/// "host scan clean|infected|incomplete", "host up|down", "host event lock_bypassed".
void Stage::host(const Command& c, Lines& out) {
    const std::string word = c.words.empty() ? "" : c.words[0];
    const std::string second = c.words.size() > 1 ? c.words[1] : "";
    const HostId h1(value(c, "on", "h1"));
    if (word == "down") return void(hosts_.down.insert(h1));
    if (word == "up") {
        hosts_.down.erase(h1);
        desk_->host_connected(h1);
        desk_->on_frame(h1, Frame{MessageId("hello"), Hello{h1, "0.1.0", 1, 0, "boot"}});
        return;
    }
    const MessageId id("m" + std::to_string(++answers_));
    if (word == "found") return found(c, id);
    if (word == "event") return desk_->on_frame(h1, Frame{id, VmEvent{web1, second, clock_.now(), c.text}});
    AnswerStatus status = AnswerStatus::done;
    Refusal refusal = Refusal::none;
    if (word == "already") status = AnswerStatus::already;
    if (word == "fail") status = AnswerStatus::failed;
    if (word == "needs_operator") {
        status = AnswerStatus::needs_operator;
        refusal = find_name<Refusal>(second).value_or(Refusal::none);
    }
    if (word == "refuse") {
        status = AnswerStatus::refused;
        refusal = parse_name<Refusal>(second).value_or(Refusal::unexpected_state);
    }
    const auto orders = storage_->open_orders(h1);
    if (!orders.empty()) {
        const Order& order = orders.front().order;
        desk_->on_frame(h1, Frame{id, OrderAnswer{order.order_id, status, refusal, c.text, order.desired, order.desired == VmState::off ? Power::off : Power::running, clock_.now(), {}, {}, {}}});
        desk_->tick();
        return;
    }
    const auto jobs = storage_->open_jobs(h1);
    if (jobs.empty()) return out.push_back("script: the host has nothing to answer");
    const Job& job = jobs.front().job;
    JobAnswer answer{job.job_id, job.kind, status, refusal, c.text, clock_.now(), 100, {}, "", ScanVerdict::incomplete, 0, 0, 0, {}, {}};
    if (job.kind == JobKind::evidence) {
        answer.evidence = EvidenceId(job.case_id.text() + "-evidence");
        answer.manifest_sha256 = sha256_hex("manifest");
        answer.bytes = 61 << 20;
    }
    if (job.kind == JobKind::scan) {
        answer.verdict = parse_name<ScanVerdict>(second.empty() ? "clean" : second).value_or(ScanVerdict::incomplete);
        answer.files = 1234;
        if (answer.verdict == ScanVerdict::infected) answer.hits = {{"/var/www/eicar.com", "Eicar-Test-Signature", "clamd", sha256_hex("eicar")}};
        if (answer.verdict == ScanVerdict::incomplete) answer.skipped = 3;
    }
    if (job.kind == JobKind::clean) answer.files = 1;
    desk_->on_frame(h1, Frame{id, answer});
    desk_->tick();
}

/// "host found Win.Worm engine=clamav path=/x content=a [vm=db1]": its own sweep tells of it.
void Stage::found(const Command& c, const MessageId& id) {
    Discovery discovery;
    discovery.vm = value(c, "vm", "web1") == "db1" ? db1 : web1;
    discovery.at = clock_.now();
    discovery.verdict = ScanVerdict::infected;
    discovery.files = 1234;
    discovery.hits_total = 1;
    discovery.hits = {{value(c, "path", "/var/www/invoice.exe"), c.words.size() > 1 ? c.words[1] : "Eicar-Test-Signature", value(c, "engine", "clamav"),
                       sha256_hex(value(c, "content", "eicar"))}};
    desk_->on_frame(HostId(value(c, "on", "h1")), Frame{id, discovery});
    if (const auto newest = storage_->list_cases({std::nullopt, true, VmId(), CustomerId(), CaseId(), 1}); !newest.empty()) last_case_ = newest.front().id;
    desk_->tick();
}

/// "cluster west h1 h2": these hosts, enrolled, can run each other's VMs; "cluster - h2" lets one stand alone.
void Stage::cluster(const Command& c) {
    for (size_t i = 1; i < c.words.size(); ++i) {
        Host host = storage_->find_host(HostId(c.words[i])).value_or(Host{HostId(c.words[i]), false, false, true, 0, "", "", clock_.now(), ""});
        host.cluster = c.words[0] == "-" ? "" : c.words[0];
        storage_->put_host(host);
    }
    desk_->hosts_changed();
}

/// "lock not_required": what every policy in force asks of the hosts' gates; for cases that are opened from now on.
void Stage::lock(const Command& c, Lines& out) {
    const auto rule = parse_name<GateRule>(c.words.empty() ? "" : c.words[0]);
    if (!rule) return out.push_back("script: " + rule.error().text);
    core::PolicySet policies = desk_->policies();
    for (auto& [id, policy] : policies.in_force) policy.gate = *rule;
    desk_->replace_policies(std::move(policies));
}

/// "evidence first [memory]": that every policy in force copies the running VM before it does anything to it.
void Stage::evidence(const Command& c, Lines& out) {
    const bool memory = c.words.size() == 2 && c.words[1] == "memory";
    if (c.words.empty() || c.words[0] != "first" || (c.words.size() > 1 && !memory)) return out.push_back("script: evidence first, evidence first memory");
    core::PolicySet policies = desk_->policies();
    for (auto& [id, policy] : policies.in_force) {
        policy.evidence_first = true;
        policy.memory = memory;
    }
    desk_->replace_policies(std::move(policies));
}

void Stage::mail(const Command& c, Lines& out) {
    const std::string word = c.words.empty() ? "" : c.words[0];
    if (word == "up") mailer_.answer = {MailFate::accepted, 250, "ok"};
    else if (word == "down") mailer_.answer = {MailFate::retry_later, 0, "no connection"};
    else if (word == "refuse") mailer_.answer = {MailFate::refused, 550, "no such user"};
    else out.push_back("script: mail up, down or refuse");
}

void Stage::why(const Command& c, Lines& out) {
    const auto view = desk_->view(case_of(c));
    if (!view || !view->dues.deadline) return out.push_back("no deadline stands");
    out.push_back(view->dues.deadline->what + " " + local(view->dues.deadline->at));
    for (const auto& line : view->dues.deadline->why) out.push_back("  " + line);
}

void Stage::show(const Command& c, Lines& out) {
    const auto view = desk_->view(case_of(c));
    if (!view) return out.push_back("error " + view.error().text);
    out.push_back(view->c.id.text() + " " + std::string(name(view->c.phase)) + (view->c.stage == core::Stage::none ? "" : "/" + std::string(name(view->c.stage))) +
                  (view->c.held ? ", on hold" : "") + ", VM demanded " + std::string(name(view->c.desired)) + ", revision " + std::to_string(view->c.revision));
    if (view->dues.call) out.push_back("  call due since " + local(view->dues.call->since) + ", " + std::to_string(view->dues.call->attempts) + " attempts");
}

void Stage::tell(Lines& out) {
    desk_->flush();
    desk_->flush();
    // Of what staff hands in the command itself says so.
    const auto waiting = storage_->reports(true, ReportId(), 100);
    for (size_t i = waiting.size(); i-- > 0;)
        if (!waiting[i].fingerprint.empty() && told_triage_.insert(waiting[i].id).second)
            out.push_back(waiting[i].id.text() + " waits in triage: " + waiting[i].triage);
    for (; told_history_ < watchers_.seen.size(); ++told_history_) {
        const auto& [id, item] = watchers_.seen[told_history_];
        if (std::holds_alternative<core::NoticeSent>(item.fact)) continue;  // the mail itself is told below
        out.push_back(id.text() + "  " + local(item.at).substr(4) + "  " + item.actor + ": " + core::describe(item.fact));
    }
    for (; told_mails_ < mailer_.sent.size(); ++told_mails_) out.push_back("mail  " + mailer_.sent[told_mails_].subject + " -> " + mailer_.sent[told_mails_].to);
    tell_dials(out);
    for (; told_frames_ < hosts_.sent.size(); ++told_frames_) {
        const auto& [host, frame] = hosts_.sent[told_frames_];
        const std::string* envelope = nullptr;
        if (const auto* order = std::get_if<OrderFrame>(&frame.message)) envelope = &order->envelope;
        if (const auto* job = std::get_if<JobFrame>(&frame.message)) envelope = &job->envelope;
        if (!envelope) continue;
        const auto opened = open_envelope(*envelope, {{signer_.key.key_id(), signer_.key}});
        if (opened->type == order_payload_type) {
            const Order order = *parse_order(opened->payload);
            out.push_back("order " + host.text() + ": " + "VM " + std::string(name(order.desired)) + ", generation " + std::to_string(order.vm_generation) +
                          ", evidence " + std::string(name(order.evidence)) + (order.memory ? " with memory" : "") +
                          (order.accepted_scan.empty() ? "" : ", accepted scan " + order.accepted_scan.text().substr(0, 8)));
        } else {
            const Job job = *parse_job(opened->payload);
            out.push_back("job   " + host.text() + ": " + job.reason);
        }
    }
    for (const auto& c : storage_->list_cases({std::nullopt, false, VmId(), CustomerId(), CaseId(), 50})) {
        const auto view = desk_->view(c.id);
        const std::string due = view->dues.deadline ? "due   " + c.id.text() + " " + view->dues.deadline->what + " " + local(view->dues.deadline->at)
                                                    : "due   " + c.id.text() + " nothing";
        auto& told = told_due_[c.id];
        if (told == due) continue;
        told = due;
        out.push_back(due);
    }
}

}  // namespace bailiff::test
