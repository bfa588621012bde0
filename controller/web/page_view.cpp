// SPDX-License-Identifier: Apache-2.0
#include "controller/web/page_view.hpp"

#include "controller/core/appeal.hpp"
#include "controller/core/discovery.hpp"
#include "controller/core/redaction.hpp"

#include <algorithm>
#include <array>

namespace bailiff {
namespace {

using core::Case;
using core::Phase;
using core::Stage;

/// Words and times in the reader's language and zone.
class Speaker {
  public:
    Speaker(const PageTexts& texts, std::string language, const Case& c, const core::Calendar& desk)
        : texts_(texts), language_(std::move(language)), reader_(in_zone_of(c, desk)) {}

    std::string word(std::string_view key, const PageTexts::Fillings& fillings = {}) const { return texts_.word(language_, key, fillings); }
    /// "Mon 2026-03-02 13:00 IST (2026-03-02 07:30 UTC)".
    std::string when(Instant at) const {
        static constexpr std::array days{"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};
        std::string local = reader_.local(at);
        for (const std::string day : days)
            if (local.starts_with(day)) {
                std::string key = day;
                key[0] = char(key[0] - 'A' + 'a');
                local.replace(0, day.size(), word(key));
                break;
            }
        const std::string utc = format_rfc3339(at);
        return local + " (" + utc.substr(0, 10) + " " + utc.substr(11, 5) + " UTC)";
    }
    /// "2 h 10 min", "3 d 4 h", "less than a minute".
    std::string span(Seconds s) const {
        const int64_t n = s.count(), days = n / 86400, hours = n / 3600 % 24, minutes = n / 60 % 60;
        std::string out;
        const auto add = [&](int64_t count, const char* unit) {
            if (count) out += (out.empty() ? "" : " ") + std::to_string(count) + " " + word(unit);
        };
        add(days, "days");
        add(hours, "hour");
        if (days == 0) add(minutes, "minute");
        return out.empty() ? word("less") : out;
    }
    std::string left(Instant at, Instant now) const { return at > now ? word("left", {{"left", span(at - now)}}) : word("left_none"); }
    std::string zone() const { return reader_.data().timezone; }

  private:
    static core::Calendar in_zone_of(const Case& c, const core::Calendar& desk) {
        if (c.contact.zone.empty() || c.contact.zone == desk.data().timezone) return desk;
        core::CalendarData data = desk.data();
        data.timezone = c.contact.zone;
        auto own = core::Calendar::build(std::move(data));
        return own ? *own : desk;
    }
    const PageTexts& texts_;
    std::string language_;
    core::Calendar reader_;
};

const core::Step* rung_of(const Case& c, const core::Policy& policy) {
    return c.rung >= 0 && size_t(c.rung) < policy.ladder.size() ? &policy.ladder[size_t(c.rung)] : nullptr;
}

const char* stage_key(const Case& c) {
    switch (c.stage) {
        case Stage::none: return "stands_treatment";
        case Stage::power_off: return c.demand_met ? "stands_treatment" : "stands_power_off";
        case Stage::evidence: return "stands_evidence";
        case Stage::scan: return "stands_scan";
        case Stage::clean_decision: return "stands_clean_decision";
        case Stage::clean: return "stands_clean";
        case Stage::quarantine:
        case Stage::quarantine_end: return "stands_quarantine";
        case Stage::rescan: return "stands_rescan";
        case Stage::restore_decision: return "stands_restore_decision";
        case Stage::revert_off:
        case Stage::revert: return "stands_revert";
    }
    return "stands_treatment";
}

const char* stands_key(const Case& c, const core::Policy& policy) {
    if (c.held) return "stands_held";
    const core::Step* step = rung_of(c, policy);
    switch (c.phase) {
        case Phase::open:
            if (step && step->waits_for == core::WaitsFor::call) return "stands_call";
            return step && step->then && !c.calls.empty() ? "stands_enforce" : "stands_reply";
        case Phase::answered: return "stands_answered";
        case Phase::review: return "stands_review";
        case Phase::sanctioned:
            if (c.desired == VmState::off) return c.demand_met ? "stands_treatment" : "stands_power_off";
            return c.desired == VmState::limited ? "stands_limited" : "stands_isolated";
        case Phase::treatment: return stage_key(c);
        case Phase::restoring: return "stands_restoring";
        case Phase::closed: return "closed";
    }
    return "stands_review";
}

std::string sanction_words(const Speaker& say, const core::Policy& policy) {
    switch (policy.ladder.back().then.value_or(VmState::off)) {
        case VmState::off: return say.word("sanction_off");
        case VmState::isolated: return say.word("sanction_isolated");
        case VmState::limited: return say.word("sanction_limited");
        case VmState::quarantined: return say.word("sanction_quarantined");
        case VmState::running: return {};
    }
    return {};
}

std::string span_of(const Speaker& say, Seconds within, core::StepClock clock) {
    const std::string span = say.span(within);
    return clock == core::StepClock::working ? say.word("working", {{"span", span}}) : span;
}

/// The case's own deadline. An appeal has one beside it, which may end first and is told of by itself.
std::optional<core::Deadline> own_deadline(const PageSituation& s) {
    if (!core::pending_appeal(s.c)) return core::owed(s.c, s.policy, s.calendar).deadline;
    Case without = s.c;
    without.appeals.clear();
    return core::owed(without, s.policy, s.calendar).deadline;
}

/// Until when the appeal is decided, or how it was. Also the last word of a closed case says so: an appeal goes on after the end.
std::string appeal_words(const Speaker& say, const PageSituation& s, const core::Appeal& appeal) {
    if (appeal.decided_at != Instant{}) return say.word(appeal.upheld ? "appeal_upheld" : "appeal_rejected", {{"when", say.when(appeal.decided_at)}});
    const Instant due = core::appeal_due(appeal, s.policy, s.calendar);
    if (due <= s.now) return say.word("appeal_overdue", {{"when", say.when(due)}});
    return say.word("appeal_waits", {{"when", say.when(due)}, {"left", say.left(due, s.now)}});
}

/// What the clock will bring, by what stands now: holds and extensions count.
void tell_what_comes(Json& out, const Speaker& say, const PageSituation& s) {
    const auto due = own_deadline(s);
    const core::Step* step = rung_of(s.c, s.policy);
    const core::Step& end = s.policy.ladder.back();
    const PageTexts::Fillings last{{"span", span_of(say, end.within, end.clock)}, {"sanction", sanction_words(say, s.policy)}};
    out["comes"] = say.word("comes_nothing");
    out["comes_else"] = "";
    const auto by = [&](const char* key) {
        return say.word(key, {{"when", say.when(due->at)}, {"left", say.left(due->at, s.now)}, {"sanction", sanction_words(say, s.policy)}});
    };
    if (due && s.c.phase == Phase::open && step) {
        if (step->waits_for == core::WaitsFor::call) {
            out["comes"] = say.word("comes_call", last);
        } else if (step->then) {
            out["comes"] = by("comes_enforce");
        } else {
            const auto next = size_t(s.c.rung) + 1;
            const bool call = next < s.policy.ladder.size() && s.policy.ladder[next].waits_for == core::WaitsFor::call;
            out["comes"] = by("comes_reply");
            out["comes_else"] = say.word(call ? "comes_reply_call" : "comes_reply_then", last);
        }
    } else if (due && s.c.phase == Phase::answered) {
        out["comes"] = by("comes_resolution");
        out["comes_else"] = say.word("comes_resolution_else");
    }
    const core::Appeal* appeal = core::pending_appeal(s.c);
    const std::string of_appeal = appeal ? appeal_words(say, s, *appeal) : "";
    out["comes_appeal"] = due ? of_appeal : "";
    if (appeal && !due) out["comes"] = of_appeal;
    out["stops"] = due && s.c.phase == Phase::open;
    out["due"] = due || appeal;
}

std::string outcome_words(const Speaker& say, const Case& c) {
    const std::string key = "out_" + std::string(name(c.outcome.value_or(core::Outcome::closed_by_staff)));
    // Nobody is told of a complete scan that was none.
    const bool scanned = c.outcome == core::Outcome::cleaned || c.outcome == core::Outcome::found_clean;
    return say.word(scanned && !c.accepted_scan.empty() ? key + "_gaps" : key);
}

std::string number_of(const Case& c, int64_t revision) { return c.id.text() + "/" + std::to_string(revision); }

/// The receipt that was asked for, of what came by this page; empty texts when there is none of it.
void put_receipt(Json& out, const Speaker& say, const PageSituation& s) {
    out["receipt"] = out["receipt_title"] = "";
    const auto put = [&](const core::HistoryItem& item, const char* title, const std::string& kind) {
        out["receipt_title"] = say.word(title);
        out["receipt"] = say.word("receipt_line", {{"kind", say.word("kind_" + kind)}, {"when", say.when(item.at)}, {"number", number_of(s.c, item.revision)}});
    };
    for (const auto& item : s.answers) {
        if (item.revision != s.receipt) continue;
        const auto* answer = std::get_if<core::ReplyRecorded>(&item.fact);
        const auto* appeal = std::get_if<core::AppealLodged>(&item.fact);
        if (answer && answer->reply.channel == core::Channel::page) put(item, "receipt", std::string(name(answer->reply.kind)));
        if (appeal && appeal->channel == core::Channel::page) put(item, "receipt_appeal", "appeal");
    }
}

Json answers_view(const Speaker& say, const PageSituation& s) {
    Json out = Json::array();
    for (const auto& item : s.answers) {
        const auto* answer = std::get_if<core::ReplyRecorded>(&item.fact);
        if (!answer) continue;
        const core::Reply& reply = answer->reply;
        Json parts = Json::array();
        const auto part = [&](const char* label, const std::string& text) {
            if (!text.empty()) parts.push_back({{"label", say.word(label)}, {"text", text}});
        };
        // What staff wrote down of a phone call is staff's note.
        if (reply.channel == core::Channel::page || reply.channel == core::Channel::mail) {
            part("said_steps", reply.steps);
            part("said_root_cause", reply.root_cause);
            part("said_prevention", reply.prevention);
            part("said_text", reply.text);
        }
        const std::string line = say.word("answer_line", {{"number", number_of(s.c, item.revision)}, {"when", say.when(item.at)},
                                                          {"channel", say.word("channel_" + std::string(name(reply.channel)))},
                                                          {"kind", say.word("kind_" + std::string(name(reply.kind)))}});
        out.push_back({{"line", line}, {"parts", std::move(parts)}});
    }
    return out;
}

/// Every appeal with what became of it. What the decision says of evidence is masked as the evidence is.
Json appeals_view(const Speaker& say, const PageSituation& s) {
    Json out = Json::array();
    const core::Redaction redaction = core::redaction_for(s.c);
    for (const auto& appeal : s.c.appeals) {
        Json parts = Json::array();
        // What staff wrote down of a phone call is staff's note.
        if (appeal.channel == core::Channel::page || appeal.channel == core::Channel::mail) parts.push_back({{"label", say.word("said_text")}, {"text", appeal.text}});
        if (!appeal.reason.empty()) parts.push_back({{"label", say.word("said_reason")}, {"text", core::redacted(appeal.reason, redaction)}});
        const std::string line = say.word("appeal_line", {{"number", std::to_string(out.size() + 1)}, {"when", say.when(appeal.at)},
                                                          {"channel", say.word("channel_" + std::string(name(appeal.channel)))}});
        out.push_back({{"line", line}, {"state", appeal_words(say, s, appeal)}, {"parts", std::move(parts)}});
    }
    return out;
}

Json reports_view(const Speaker& say, const Case& c) {
    Json out = Json::array();
    const core::Redaction redaction = core::redaction_for(c);
    for (const auto& report : c.reports) {
        // Who reported is not the customer's to know.
        const std::string line = core::is_own_scan(report.reporter) ? say.word("own_scan", {{"type", report.type}})
                                                                    : say.word("report", {{"id", report.id.text()}, {"type", report.type}});
        out.push_back({{"line", line}, {"at", format_rfc3339(report.observed_at)}, {"when", say.when(report.observed_at)}, {"evidence", core::redacted(report.summary, redaction)}});
    }
    return out;
}

/// Every field of the forms is there, filled in or not.
void put_entry(Json& out, const Speaker& say, const PageEntry& entry, bool fix) {
    static constexpr std::pair<const char*, const char*> fields[] = {{"steps", "steps"},   {"root_cause", "root_cause"}, {"prevention", "prevention"},
                                                                     {"files", "files"},   {"consent", "fix"},           {"remark", "fix"},
                                                                     {"reason", "reason"}, {"proof", "files"},           {"plan", "plan"},
                                                                     {"appeal", "appeal_text"}};
    Json list = Json::array();
    for (const auto& [field, label] : fields) {
        const auto typed = entry.values.find(field);
        out["v_" + std::string(field)] = typed == entry.values.end() ? "" : typed->second;
        std::string text;
        for (const auto& [at, wrong] : entry.errors)
            if (at == field) text = say.word(wrong);
        // A form that is no longer offered is not there to lead to.
        const bool there = fix || std::string_view(label) != "fix";
        if (!text.empty()) list.push_back({{"field", there ? field : "main"}, {"label", say.word(label)}, {"text", text}});
        out["e_" + std::string(field)] = text;
    }
    out["errors"] = !list.empty();
    out["error_list"] = std::move(list);
}

void put_languages(Json& out, const PageTexts& texts, const std::string& language) {
    out["lang"] = language;
    out["languages"] = Json::array();
    for (const auto& [code, label] : texts.languages()) out["languages"].push_back({{"code", code}, {"label", label}, {"current", code == language}});
}

std::string price_words(const PageTexts& texts, const std::string& language, const core::Policy& policy) {
    const int64_t tokens = policy.support_tokens;
    return tokens == 1 ? texts.word(language, "price_one") : texts.word(language, "price_many", {{"tokens", std::to_string(tokens)}});
}

Json lines(const std::vector<std::string>& texts) {
    Json out = Json::array();
    for (const auto& text : texts) out.push_back({{"text", text}});
    return out;
}

}  // namespace

bool fix_offered(const Case& c, const core::Policy& policy) {
    return policy.support_tokens > 0 && (c.phase == Phase::open || c.phase == Phase::answered || c.phase == Phase::sanctioned);
}

std::string consent_words(const PageTexts& texts, const std::string& language, const Case& c, const core::Policy& policy) {
    return texts.word(language, "consent", {{"customer", c.customer_name}, {"price", price_words(texts, language, policy)}, {"vm", c.vm_name}});
}

Json problem_view(const PageTexts& texts, const std::string& language, const std::string& key) {
    Json out{{"problem", true}, {"errors", false}, {"title", texts.word(language, key)}, {"text", texts.word(language, key + "_text")}};
    put_languages(out, texts, language);
    return out;
}

Json page_view(const PageTexts& texts, const std::string& language, const PageSituation& s, const PageEntry& entry) {
    const Case& c = s.c;
    const Speaker say(texts, language, c, s.calendar);
    const PageTexts::Fillings title{{"case", c.id.text()}, {"policy", s.policy.title}, {"vm", c.vm_name}};
    const bool closed = c.phase == Phase::closed;
    // An address that has ended tells no more than the mail did that it came from.
    Json out{{"problem", false}, {"open", !closed}, {"errors", false}, {"title", say.word(closed ? "closed_heading" : "heading", title)}};
    out["heading"] = out["title"];
    put_languages(out, texts, language);
    put_receipt(out, say, s);
    out["closed"] = closed ? outcome_words(say, c) : "";
    const bool may_appeal = core::may_appeal(c).has_value();
    if (closed) {
        // Who has settled it by his own answer has nothing that he could appeal against, though he may.
        out["may_appeal"] = may_appeal && (c.demand > 0 || c.outcome == core::Outcome::closed_by_staff);
        out["closed_appeal"] = c.appeals.empty() ? "" : appeal_words(say, s, c.appeals.back());
        return out;
    }

    put_entry(out, say, entry, fix_offered(c, s.policy));
    out["stands"] = say.word(stands_key(c, s.policy));
    std::vector<std::string> missing;
    if (c.phase == Phase::answered)
        for (const auto& need : c.missing) missing.push_back(say.word("need_" + need));
    out["missing_list"] = !missing.empty();
    out["missing"] = lines(missing);
    tell_what_comes(out, say, s);
    out["loaded"] = say.word("loaded", {{"now", say.when(s.now)}});
    out["times"] = say.word("times", {{"zone", say.zone()}});
    out["hours"] = say.word("hours", {{"hours", s.calendar.describe_hours()}});

    out["nature"] = s.policy.nature;
    out["policy"] = s.policy.title;
    out["machine"] = c.vm_address.empty() ? c.vm_name : c.vm_name + " (" + c.vm_address + ")";
    out["customer"] = c.customer_name;
    out["opened"] = say.when(c.opened_at);
    out["opened_at"] = format_rfc3339(c.opened_at);
    out["reports"] = reports_view(say, c);
    std::vector<std::string> hits, files;
    for (const auto& hit : c.hits) hits.push_back(say.word("hit", {{"signature", hit.signature}, {"path", hit.path}}));
    out["hits"] = lines(hits);
    out["remedy_list"] = !s.policy.remedies.empty();
    out["remedies"] = lines(s.policy.remedies);

    out["answers"] = answers_view(say, s);
    for (const auto& file : s.files) files.push_back(say.word("file_line", {{"name", file.name}, {"size", std::to_string(file.size)}}));
    out["file_list"] = !files.empty();
    out["files"] = lines(files);
    out["appeals"] = appeals_view(say, s);
    out["may_appeal"] = may_appeal || entry.values.contains("appeal");   // what was typed is kept
    out["appeal_part"] = out["may_appeal"].get<bool>() || !c.appeals.empty();
    out["appeal_intro"] = say.word("appeal_intro", {{"span", span_of(say, s.policy.appeal.within, s.policy.appeal.clock)}});
    out["key"] = s.key;
    out["fix"] = fix_offered(c, s.policy);
    out["fix_price"] = say.word("fix_price", {{"price", price_words(texts, language, s.policy)}});
    out["consent"] = consent_words(texts, language, c, s.policy);
    return out;
}

}  // namespace bailiff
