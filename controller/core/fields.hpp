// SPDX-License-Identifier: Apache-2.0
// Each fact's fields, named once: the same list writes and reads JSON, so that the two cannot drift apart.
#pragma once

#include <bailiff/json.hpp>
#include "controller/core/case.hpp"

namespace bailiff::core {

template <class A> void fields(A& a, Contact& f) { a("name", f.name), a("email", f.email), a("phone", f.phone), a("language", f.language), a("zone", f.zone); }
template <class A> void fields(A& a, ReportSummary& f) {
    a("id", f.id), a("type", f.type), a("reporter", f.reporter), a("observed_at", f.observed_at), a("summary", f.summary);
    a("ascertained", f.ascertained), a("party", f.party);
}
template <class A> void fields(A& a, Reply& f) {
    a("channel", f.channel), a("kind", f.kind), a("steps", f.steps), a("root_cause", f.root_cause), a("prevention", f.prevention), a("text", f.text);
}
template <class A> void fields(A& a, StepTime& f) { a("step", f.step), a("ms", f.milliseconds); }
template <class A> void fields(A& a, ScanHit& f) { a("path", f.path), a("signature", f.signature), a("engine", f.engine), a("sha256", f.sha256); }
template <class A> void fields(A& a, ScanSuspicion& f) { a("path", f.path), a("rule", f.rule), a("reason", f.reason); }
template <class A> void fields(A& a, NoticeDue& f) { a("notice", f.notice), a("key", f.key), a("audience", f.audience); }
template <class A> void fields(A& a, Countdown& f) { a("running", f.running), a("since", f.since), a("left", f.left); }
template <class A> void fields(A& a, Call& f) { a("at", f.at), a("actor", f.actor), a("log", f.log); }

template <class A> void fields(A& a, CaseOpened& f) {
    a("case", f.case_id), a("vm", f.vm), a("vm_name", f.vm_name), a("vm_address", f.vm_address), a("host", f.host), a("customer", f.customer);
    a("customer_name", f.customer_name), a("contact", f.contact), a("policy", f.policy), a("policy_revision", f.policy_revision);
    a("resolution_left", f.resolution_left), a("report", f.report);
    a("predecessor", f.predecessor), a("split_from", f.split_from);
}
template <class A> void fields(A& a, ReportAdded& f) { a("report", f.report), a("with_ticket", f.with_ticket); }
template <class A> void fields(A& a, RungStarted& f) { a("index", f.index), a("step", f.step), a("left", f.left), a("call", f.call); }
template <class A> void fields(A& a, LadderStopped& f) { a("left", f.left), a("why", f.why); }
template <class A> void fields(A& a, ResolutionStopped& f) { a("left", f.left); }
template <class A> void fields(A& a, ResolutionStarted& f) { a("left", f.left); }
template <class A> void fields(A& a, CallOverdue& f) { a("level", f.level), a("next", f.next); }
template <class A> void fields(A& a, CallLogged& f) { a("contact", f.contact), a("number", f.number), a("outcome", f.outcome), a("note", f.note), a("call_back", f.call_back); }
template <class A> void fields(A& a, ReplyRecorded& f) { a("reply", f.reply), a("missing", f.missing); }
template <class A> void fields(A& a, TokensCharged& f) { a("tokens", f.tokens), a("key", f.key); }
template <class A> void fields(A& a, TokensRefunded& f) { a("tokens", f.tokens), a("reason", f.reason), a("key", f.key); }
template <class A> void fields(A& a, Extended& f) { a("by", f.by), a("left", f.left), a("resolution", f.resolution), a("reason", f.reason); }
template <class A> void fields(A& a, HoldPlaced& f) { a("reason", f.reason); }
template <class A> void fields(A& a, HoldLifted& f) { a("reason", f.reason); }
template <class A> void fields(A& a, ReviewOpened& f) { a("reason", f.reason); }
template <class A> void fields(A& a, ReviewDecided& f) { a("decision", f.decision), a("reason", f.reason); }
template <class A> void fields(A& a, StateDemanded& f) {
    a("desired", f.desired), a("evidence", f.evidence), a("expect", f.expect), a("sanction", f.sanction), a("reason", f.reason);
}
template <class A> void fields(A& a, StateReached& f) {
    a("order", f.order_id), a("state", f.state), a("already", f.already), a("steps", f.steps);
    a("evidence", f.evidence), a("manifest_sha256", f.manifest_sha256), a("was_running", f.was_running);
    a("report_sha256", f.report_sha256);
}
template <class A> void fields(A& a, OrderFailed& f) {
    a("order", f.order_id), a("status", f.status), a("refusal", f.refusal), a("text", f.text), a("report_sha256", f.report_sha256);
}
template <class A> void fields(A& a, StageEntered& f) { a("stage", f.stage), a("round", f.round), a("attempt", f.attempt); }
template <class A> void fields(A& a, JobFinished& f) {
    a("job", f.job_id), a("kind", f.kind), a("verdict", f.verdict), a("evidence", f.evidence), a("manifest_sha256", f.manifest_sha256);
    a("files", f.files), a("bytes", f.bytes), a("skipped", f.skipped), a("hits", f.hits);
    a("suspicious", f.suspicious), a("suspicions", f.suspicions);
    a("report_sha256", f.report_sha256);
}
template <class A> void fields(A& a, JobFailed& f) { a("job", f.job_id), a("kind", f.kind), a("refusal", f.refusal), a("text", f.text); }
template <class A> void fields(A& a, StageApproved& f) { a("stage", f.stage), a("reason", f.reason); }
template <class A> void fields(A& a, NoticeSent& f) { a("notice", f.notice), a("key", f.key), a("to", f.to), a("message_id", f.message_id); }
template <class A> void fields(A& a, NoticeFailed& f) { a("notice", f.notice), a("key", f.key), a("to", f.to), a("text", f.text); }
template <class A> void fields(A& a, VmTrouble& f) { a("what", f.what), a("text", f.text); }
template <class A> void fields(A& a, VmMoved& f) { a("host", f.host); }
template <class A> void fields(A& a, NoteAdded& f) { a("text", f.text); }
template <class A> void fields(A& a, CaseClosed& f) { a("outcome", f.outcome), a("reason", f.reason); }

template <class A> void fields(A& a, LockIncomplete& f) { a("text", f.text), a("goes_on", f.goes_on); }

template <class A> void fields(A& a, IncompleteAccepted& f) { a("scan_job", f.scan_job), a("reason", f.reason), a("second", f.second); }
template <class A> void fields(A& a, CaseErased& f) { a("upto", f.upto), a("seal", f.seal), a("envelope", f.envelope), a("reason", f.reason); }
template <class A> void fields(A& a, Acceptance& f) { a("at", f.at), a("actor", f.actor), a("reason", f.reason); }

template <class A> void fields(A& a, NoticeBounced& f) {
    a("notice", f.notice), a("key", f.key), a("to", f.to), a("status", f.status), a("text", f.text), a("final", f.final);
}
template <class A> void fields(A& a, MailRedirected& f) { a("notice", f.notice), a("key", f.key), a("of", f.of), a("contact", f.contact); }
template <class A> void fields(A& a, CallBackCame& f) { a("contact", f.contact), a("number", f.number), a("note", f.note); }
template <class A> void fields(A& a, CallBackDue& f) { a("at", f.at), a("contact", f.contact), a("number", f.number), a("note", f.note), a("told", f.told); }
template <class A> void fields(A& a, MailFailure& f) { a("key", f.key), a("to", f.to), a("final", f.final); }

template <class A> void fields(A& a, CaseTakenIn& f) {
    a("other", f.other), a("policy", f.policy), a("reports", f.reports), a("told", f.told), a("undoes_split", f.undoes_split), a("reason", f.reason);
}
template <class A> void fields(A& a, MergedInto& f) { a("into", f.into), a("reason", f.reason); }
template <class A> void fields(A& a, MergeUndone& f) { a("other", f.other), a("reason", f.reason); }
template <class A> void fields(A& a, CameBack& f) { a("from", f.from), a("reason", f.reason); }
template <class A> void fields(A& a, ReportsSplitOff& f) { a("reports", f.reports), a("into", f.into), a("reason", f.reason); }
template <class A> void fields(A& a, Muted& f) { a("by", f.by), a("policy", f.policy); }
template <class A> void fields(A& a, Unmuted& f) { a("by", f.by), a("why", f.why); }
template <class A> void fields(A& a, AppealLodged& f) { a("text", f.text), a("channel", f.channel), a("left", f.left); }
template <class A> void fields(A& a, AppealOverdue& f) { a("level", f.level), a("next", f.next); }
template <class A> void fields(A& a, AppealDecided& f) { a("upheld", f.upheld), a("reason", f.reason); }
template <class A> void fields(A& a, Assigned& f) { a("assignee", f.assignee); }

template <class A> void fields(A& a, MergedCase& f) {
    a("case", f.id), a("policy", f.policy), a("reports", f.reports), a("replies", f.replies), a("demand", f.demand);
}
template <class A> void fields(A& a, SplitReports& f) { a("into", f.into), a("reports", f.reports); }
template <class A> void fields(A& a, Appeal& f) {
    a("at", f.at), a("actor", f.actor), a("text", f.text), a("channel", f.channel), a("clock", f.clock), a("level", f.level);
    a("decided_at", f.decided_at), a("decided_by", f.decided_by), a("reason", f.reason), a("upheld", f.upheld);
}

template <class A> void fields(A& a, Case& f) {
    a("case", f.id), a("revision", f.revision), a("phase", f.phase), a("vm", f.vm), a("vm_name", f.vm_name), a("vm_address", f.vm_address);
    a("host", f.host), a("customer", f.customer), a("customer_name", f.customer_name), a("contact", f.contact), a("policy", f.policy);
    a("policy_revision", f.policy_revision), a("reports", f.reports), a("opened_at", f.opened_at), a("closed_at", f.closed_at);
    a("rung", f.rung), a("ladder", f.ladder), a("resolution", f.resolution), a("call_level", f.call_level), a("calls", f.calls);
    a("replies", f.replies), a("missing", f.missing), a("tokens", f.tokens), a("held", f.held), a("hold_reason", f.hold_reason);
    a("before_review", f.before_review), a("review_reason", f.review_reason), a("reviews", f.reviews), a("desired", f.desired);
    a("demand", f.demand), a("demanded", f.demanded), a("demand_met", f.demand_met), a("demanded_at", f.demanded_at), a("held_vm_since", f.held_vm_since);
    a("was_running", f.was_running), a("sanctioned_once", f.sanctioned_once), a("stage", f.stage), a("round", f.round), a("attempt", f.attempt), a("evidence", f.evidence);
    a("jobs", f.jobs), a("overlays", f.overlays), a("giving_back", f.giving_back), a("lock_waived", f.lock_waived);
    a("verdict", f.verdict), a("scan_job", f.scan_job), a("hits", f.hits), a("cleaned", f.cleaned), a("notices", f.notices);
    a("suspicious", f.suspicious), a("suspicions", f.suspicions);
    a("incomplete_scan", f.incomplete_scan), a("acceptances", f.acceptances), a("accepted_scan", f.accepted_scan);
    a("outcome", f.outcome), a("outcome_if_restored", f.outcome_if_restored);
    a("erased", f.erased);
    a("call_since", f.call_since), a("call_back", f.call_back), a("writes_to", f.writes_to), a("mail_failures", f.mail_failures);
    a("predecessor", f.predecessor), a("split_from", f.split_from), a("merged", f.merged), a("merged_into", f.merged_into);
    a("before_merge", f.before_merge), a("ticket_unsent", f.ticket_unsent), a("splits", f.splits), a("reports_left", f.reports_left), a("muted_by", f.muted_by);
    a("appeals", f.appeals), a("assignee", f.assignee);
}

/// Writes fields into an object; what is empty or zero is written too, so that a history reads the same for ever.
class FieldWriter {
  public:
    Json out = Json::object();
    /// With `untouched`, an object as this writes it: a field that stands there the same is left out.
    explicit FieldWriter(const Json* untouched = nullptr) : untouched_(untouched) {}
    template <class T>
    void operator()(const char* field, T& value) {
        Json j = json(value);
        if (untouched_)
            if (const auto same = untouched_->find(field); same != untouched_->end() && *same == j) return;
        out[field] = std::move(j);
    }

    static Json json(std::string& v) { return v; }
    static Json json(int64_t& v) { return v; }
    static Json json(bool& v) { return v; }
    static Json json(Instant& v) { return format_rfc3339(v); }
    static Json json(Seconds& v) { return v.count(); }
    template <class Tag> static Json json(Id<Tag>& v) { return v.text(); }
    template <Named E> static Json json(E& v) { return name(v); }
    template <class T> static Json json(std::optional<T>& v) { return v ? json(*v) : Json(nullptr); }
    template <class T> static Json json(std::vector<T>& v) {
        Json list = Json::array();
        for (auto& item : v) list.push_back(json(item));
        return list;
    }
    template <class T> requires std::is_class_v<T>
    static Json json(T& v) {
        FieldWriter inner;
        fields(inner, v);
        return std::move(inner.out);
    }

  private:
    const Json* untouched_;
};

/// Reads them back. A field that an older release did not write keeps its default; a wrong one is a mistake.
class FieldReader {
  public:
    FieldReader(const Json& in, std::vector<Mistake>& mistakes) : FieldReader(in, mistakes, Place{}) {}
    template <class T>
    void operator()(const char* field, T& value) {
        if (!in_.is_object()) return;
        if (const auto found = in_.find(field); found != in_.end()) read(*found, value, Place{&here_, field, 0});
    }

  private:
    /// Where something stands. Written out only for a mistake: a case has a hundred fields, and is read at every step.
    struct Place {
        const Place* in = nullptr;
        const char* field = nullptr;   ///< none: an item of a list
        size_t index = 0;
        std::string pointer() const { return in ? in->pointer() + "/" + (field ? std::string(field) : std::to_string(index)) : std::string(); }
    };
    FieldReader(const Json& in, std::vector<Mistake>& mistakes, const Place& here) : in_(in), mistakes_(mistakes), here_(here) {
        if (!in_.is_object()) wrong(here_, "must be an object");
    }
    void wrong(const Place& at, const char* what) { mistakes_.push_back({at.pointer(), what}); }
    void read(const Json& j, std::string& v, const Place& at) {
        if (const auto* text = j.get_ptr<const std::string*>()) v = *text;
        else wrong(at, "must be a text");
    }
    void read(const Json& j, int64_t& v, const Place& at) {
        j.is_number_integer() ? void(v = j.get<int64_t>()) : wrong(at, "must be a whole number");
    }
    void read(const Json& j, bool& v, const Place& at) { j.is_boolean() ? void(v = j.get<bool>()) : wrong(at, "must be true or false"); }
    void read(const Json& j, Instant& v, const Place& at) {
        const auto* text = j.get_ptr<const std::string*>();
        const auto parsed = text ? parse_rfc3339(*text) : Result<Instant>(fail(Errc::invalid, ""));
        parsed ? void(v = *parsed) : wrong(at, "must be an instant");
    }
    void read(const Json& j, Seconds& v, const Place& at) {
        j.is_number_integer() ? void(v = Seconds(j.get<int64_t>())) : wrong(at, "must be seconds");
    }
    template <class Tag> void read(const Json& j, Id<Tag>& v, const Place& at) {
        if (const auto* text = j.get_ptr<const std::string*>()) v = Id<Tag>(*text);
        else wrong(at, "must be an id");
    }
    template <Named E> void read(const Json& j, E& v, const Place& at) {
        const auto* text = j.get_ptr<const std::string*>();
        const auto found = text ? find_name<E>(*text) : std::nullopt;
        found ? void(v = *found) : wrong(at, "is no known word");
    }
    template <class T> void read(const Json& j, std::optional<T>& v, const Place& at) {
        if (j.is_null()) return v.reset();
        read(j, v.emplace(), at);
    }
    template <class T> void read(const Json& j, std::vector<T>& v, const Place& at) {
        if (!j.is_array()) return wrong(at, "must be an array");
        v.clear();
        for (size_t i = 0; i < j.size(); ++i) read(j[i], v.emplace_back(), Place{&at, nullptr, i});
    }
    template <class T> requires std::is_class_v<T>
    void read(const Json& j, T& v, const Place& at) {
        FieldReader inner(j, mistakes_, at);
        fields(inner, v);
    }
    const Json& in_;
    std::vector<Mistake>& mistakes_;
    Place here_;
};

}  // namespace bailiff::core
