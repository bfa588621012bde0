// SPDX-License-Identifier: Apache-2.0
// What a notice's template may say: the case in words, every time in the reader's zone and in UTC. The keys are those
// of policies/notices/context.json; what is not known is absent, and the template leaves its sentence out.

#include "controller/desk/desk.hpp"

#include "controller/core/discovery.hpp"
#include "controller/core/redaction.hpp"

#include <algorithm>
#include <charconv>

namespace bailiff {

using core::Case;

namespace {

/// Shows instants in the contact's own zone when one is known.
core::Calendar readers_calendar(const Case& c, const core::Calendar& desk) {
    const std::string& zone = core::addressee(c).zone;
    if (zone.empty() || zone == desk.data().timezone) return desk;
    core::CalendarData data = desk.data();
    data.timezone = zone;
    auto own = core::Calendar::build(std::move(data));
    return own ? *own : desk;
}

std::string sanction_words(VmState state, const std::string& vm) {
    switch (state) {
        case VmState::off: return "The machine " + vm + " was switched off. Its disks are kept as they are.";
        case VmState::isolated: return "The network of the machine " + vm + " was cut. It runs on, and its console stays reachable.";
        case VmState::limited: return "The network of the machine " + vm + " was limited. It runs on.";
        case VmState::quarantined: return "The machine " + vm + " runs in quarantine.";
        case VmState::running: return "The machine " + vm + " runs.";
    }
    return {};
}

/// "3 h of working time after our phone call the machine is switched off".
std::string enforce_words(const core::Policy& policy) {
    const core::Step& last = policy.ladder.back();
    const bool call = std::any_of(policy.ladder.begin(), policy.ladder.end(), [](const core::Step& s) { return s.waits_for == core::WaitsFor::call; });
    std::string when;
    if (last.within > Seconds{0})
        when = spoken_duration(last.within) + (last.clock == core::StepClock::working ? " of working time" : "") + (call ? " after our phone call " : " later ");
    switch (last.then.value_or(VmState::off)) {
        case VmState::off: return when + "the machine is switched off";
        case VmState::isolated: return when + "the machine's network is cut; its console stays";
        case VmState::limited: return when + "the machine's network is limited";
        case VmState::quarantined: return when + "the machine is quarantined";
        case VmState::running: return {};
    }
    return {};
}

std::string outcome_words(core::CallOutcome outcome) {
    switch (outcome) {
        case core::CallOutcome::reached: return "reached";
        case core::CallOutcome::no_answer: return "no answer";
        case core::CallOutcome::voicemail: return "voicemail";
        case core::CallOutcome::wrong_number: return "wrong number";
    }
    return {};
}

std::string need_words(std::string_view need) {
    if (need == "steps") return "the steps that you have taken, in writing";
    if (need == "root_cause") return "the root cause";
    return "how you keep it from happening again";
}

Json texts(const std::vector<std::string>& lines) {
    Json out = Json::array();
    for (const auto& line : lines) out.push_back({{"text", line}});
    return out;
}

/// What the reader of the notice may see of evidence: staff all, the customer what is his.
class Shown {
  public:
    Shown(const Case& c, const core::NoticeDue& due) : whole_(due.audience != core::Audience::customer), with_(core::redaction_for(c)) {}
    std::string text(const std::string& evidence) const { return whole_ ? evidence : core::redacted(evidence, with_); }

  private:
    bool whole_;
    core::Redaction with_;
};

/// The report that a notice tells of, by the number in its key "further_report/3"; the newest where it has none.
const core::ReportSummary& report_of(const Case& c, const std::string& key) {
    const size_t slash = key.find('/');
    size_t number = 0;
    if (slash != std::string::npos) std::from_chars(key.data() + slash + 1, key.data() + key.size(), number);
    const bool names_one = key.starts_with("further_report/") && number > 0 && number <= c.reports.size();
    return names_one ? c.reports[number - 1] : c.reports.back();
}

/// Nobody is told of a complete scan that was none.
std::string closed_words(core::Outcome outcome, bool gaps_accepted) {
    switch (outcome) {
        case core::Outcome::fixed_by_customer: return "You have confirmed in writing what was done and why it happened.";
        case core::Outcome::cleaned: return gaps_accepted ? "The machine was cleaned, and a scan afterwards found nothing in what it could read."
                                                               : "The machine was cleaned, and a complete scan afterwards found nothing.";
        case core::Outcome::found_clean: return gaps_accepted ? "A scan of the machine found nothing in what it could read."
                                                                   : "A complete scan of the machine found nothing.";
        case core::Outcome::accepted: return "Your answer was accepted.";
        case core::Outcome::false_positive: return "The report turned out to be wrong. We are sorry for the trouble.";
        case core::Outcome::closed_by_staff: return "Our staff has closed the case.";
        case core::Outcome::merged: return "It goes on in another case.";
    }
    return {};
}

Json new_report_json(const Case& c, const core::ReportSummary& report, std::string summary) {
    return {{"case_id", c.id.text()}, {"vm_name", c.vm_name}, {"report_id", report.id.text()}, {"type", report.type},
            {"observed_at", format_rfc3339(report.observed_at)}, {"summary", std::move(summary)}};
}

}  // namespace

/// One mail for all further reports that wait for the contact: those of this case, then those of his other cases.
void Desk::tell_of_new_reports(Json& context, const Case& c, const std::vector<OutboxMail>& also) {
    std::vector<std::pair<CaseId, std::string>> keys;
    for (const auto& mail : also) keys.emplace_back(mail.case_id, mail.due.key);
    std::stable_partition(keys.begin(), keys.end(), [&](const auto& one) { return one.first == c.id; });
    std::map<CaseId, Case> others;
    std::set<CaseId> told;
    Json list = Json::array();
    for (const auto& [id, key] : keys) {
        if (id != c.id && !others.contains(id))
            if (auto other = ports_.storage.find_case(id)) others.emplace(id, std::move(*other));
        const auto other = others.find(id);
        if (id != c.id && other == others.end()) continue;
        const Case& of = id == c.id ? c : other->second;
        const core::NoticeDue due{core::Notice::further_report, key, core::Audience::customer};
        const auto& report = report_of(of, key);
        context["new_reports"].push_back(new_report_json(of, report, Shown(of, due).text(core::in_one_line(report))));
        if (id == c.id || !told.insert(id).second) continue;
        const core::Policy& policy = policy_of(of);
        Json line{{"case_id", of.id.text()}, {"vm_name", of.vm_name}, {"policy_title", policy.title}};
        if (const auto deadline = core::owed(of, policy, calendar_of(policy)).deadline)
            line["due"] = readers_calendar(of, calendar_of(policy)).local(deadline->at) + " (" + format_rfc3339(deadline->at) + ")";
        if (const auto address = new_page_address(of, due)) line["page_url"] = *address;
        list.push_back(std::move(line));
    }
    context["several"] = !also.empty();
    context["elsewhere"] = !list.empty();
    context["other_cases"] = std::move(list);
}

Json Desk::notice_context(const Case& c, const core::NoticeDue& due) {
    const core::Policy& policy = policy_of(c);
    const core::Calendar& calendar = calendar_of(policy);
    const core::Calendar reader = due.audience == core::Audience::customer ? readers_calendar(c, calendar) : calendar;
    Json out = Json::object();
    const auto instant = [&](const std::string& key, std::optional<Instant> at) {
        if (!at) return;
        out[key] = reader.local(*at);
        out[key + "_utc"] = format_rfc3339(*at);
    };
    const auto& report = report_of(c, due.key);
    const Shown shown(c, due);
    out["case_id"] = c.id.text();
    if (!c.predecessor.empty()) out["again_after"] = c.predecessor.text();
    out["customer_name"] = c.customer_name;
    out["contact_name"] = core::addressee(c).name;
    out["vm_name"] = c.vm_name;
    out["vm_address"] = c.vm_address;
    out["zone"] = reader.data().timezone;
    out["policy_id"] = policy.id.text();
    out["policy_title"] = policy.title;
    out["nature"] = policy.nature;
    out["type"] = report.type;
    instant("reported_at", report.observed_at);
    out["evidence"] = shown.text(report.summary);
    if (core::is_own_scan(report.reporter)) out["own_scan"] = true;
    Json reports = Json::array();
    for (const auto& r : c.reports)
        reports.push_back({{"report_id", r.id.text()}, {"type", r.type}, {"reporter", due.audience == core::Audience::customer ? "" : r.reporter},
                           {"observed_at", format_rfc3339(r.observed_at)}, {"summary", shown.text(core::in_one_line(r))}});
    out["reports"] = std::move(reports);
    out["new_reports"] = Json::array({new_report_json(c, report, shown.text(core::in_one_line(report)))});
    if (c.phase != core::Phase::closed) {
        // What fits this finding first, then what always helps.
        const std::string language = due.audience == core::Audience::customer ? core::addressee(c).language : options_.staff_language;
        auto remedies = core::remedies_for(c.reports, c.hits, policies_.remedies, language);
        remedies.insert(remedies.end(), policy.remedies.begin(), policy.remedies.end());
        out["remedies"] = texts(remedies);
    }

    core::Timeline times = core::timeline(policy, calendar, c.opened_at, std::nullopt);
    // What stands is told, not what the policy would make of an opening time and a call: holds and extensions count.
    const auto standing = core::owed(c, policy, calendar).deadline;
    if (standing && standing->what == "enforce") times.enforce_due = standing->at;
    else if (c.phase != core::Phase::open || c.held) times.enforce_due.reset();
    instant("reply_due", times.reply_due);
    instant("call_due", times.call_due);
    instant("enforce_due", times.enforce_due);
    instant("resolution_due", times.resolution_due);
    out["enforce_what"] = enforce_words(policy);
    out["why"] = texts(times.why);
    out["working_hours"] = calendar.describe_hours();
    out["answer_to"] = options_.answer_to;
    std::vector<std::string> needs;
    for (const core::Need need : policy.needs) needs.push_back(need_words(name(need)));
    out["how_to_fix_needs"] = texts(needs);
    if (policy.support_tokens > 0)
        out["provider_fix"] = "If you would rather have us repair the machine, say so in your answer; " + (policy.support_tokens == 1 ? "one support token is" : std::to_string(policy.support_tokens) + " support tokens are") +
                              " charged for it.";
    if (const auto last = policy.support_tokens > 0 ? ports_.storage.last_entry(c.customer) : std::nullopt) out["token_balance"] = std::to_string(last->balance);
    out["phone"] = c.contact.phone;
    if (due.audience != core::Audience::customer)
        if (const auto sheet = call_sheet(c, core::owed(c, policy, calendar))) {
            out["contact_name"] = sheet->contact.name;
            out["phone"] = sheet->contact.phone;
        }
    out["call_script"] = "Say who you are and name case " + c.id.text() + ".\nAsk whether the mail has arrived.\nAsk what will be done, and until when.\n"
                         "Say what follows otherwise: " + enforce_words(policy) + ".\nLog the call: bailiffctl case call " + c.id.text() + " --outcome ...";
    Json attempts = Json::array();
    for (const auto& call : c.calls)
        attempts.push_back({{"at", reader.local(call.at)}, {"outcome", outcome_words(call.log.outcome)}, {"by", call.actor}});
    out["attempts"] = std::move(attempts);

    std::vector<std::string> facts;
    for (const auto& r : c.reports) facts.push_back(format_rfc3339(r.observed_at) + ": " + shown.text(core::in_one_line(r)) + " (report " + r.id.text() + ").");
    for (const auto& call : c.calls) facts.push_back(format_rfc3339(call.at) + ": our call to the authorised contact: " + outcome_words(call.log.outcome) + ".");
    for (const auto& hit : c.hits) facts.push_back("Scan: " + hit.signature + " in " + hit.path + ".");
    if (due.audience != core::Audience::customer) {
        for (const auto& failure : c.mail_failures)
            if (failure.final) facts.push_back("Mail " + failure.key + " did not reach " + failure.to + ".");
        if (c.writes_to) facts.push_back("Mails go to " + c.writes_to->name + " <" + c.writes_to->email + "> since then.");
    }
    out["facts"] = texts(facts);
    if (c.desired != VmState::running) {
        out["sanction"] = sanction_words(c.desired, c.vm_name);
        instant("sanction_at", sanction_ordered_at(c, due).value_or(c.demanded_at));
    }
    out["ground"] = policy.title + ", revision " + std::to_string(policy.revision);
    out["automated"] = c.reviews == 0;
    out["redress"] = "If you hold this decision to be wrong, answer this mail and say why. A person who did not take part in it will look at it.";
    if (c.phase == core::Phase::closed) {
        instant("restored_at", c.closed_at);
        instant("closed_at", c.closed_at);
        out["closed_because"] = closed_words(*c.outcome, !c.accepted_scan.empty());
        if (c.verdict == ScanVerdict::clean) out["clean_proof"] = "The disks were scanned while switched off, completely, and nothing was found.";
    }
    std::vector<std::string> missing;
    for (const auto& need : c.missing) missing.push_back(need_words(need));
    out["missing"] = texts(missing);
    out["review_reason"] = c.review_reason;
    // The newest appeal: to staff while it waits, to the customer when it was decided.
    if (const bool about = due.key.starts_with("review_needed/appeal-") || due.notice == core::Notice::appeal_decided; about && !c.appeals.empty()) {
        const core::Appeal& appeal = c.appeals.back();
        out["appeal_text"] = appeal.text;
        instant("appeal_at", appeal.at);
        if (appeal.decided_at == Instant{}) {
            out["review_reason"] = "an appeal" + std::string(appeal.level > 0 ? " is overdue, which" : "") + " says: " + appeal.text +
                                   ". A person who took no part in the decision decides it: bailiffctl case decide-appeal " + c.id.text() + " ...";
            if (standing && standing->what == "appeal") instant("appeal_due", standing->at);
        } else {
            out[appeal.upheld ? "appeal_upheld" : "appeal_rejected"] = true;
            out["appeal_reason"] = appeal.reason;
        }
    }
    out["code"] = due.key;
    out["remedy"] = c.review_reason.empty() ? "Look at the case: bailiffctl case show " + c.id.text()
                                            : c.review_reason + ". Look at the host, then decide: bailiffctl case decide " + c.id.text() + " ...";
    return out;
}

}  // namespace bailiff
