// SPDX-License-Identifier: Apache-2.0
// Facts as words, as JSON and as lines for people.

#include "controller/core/fields.hpp"

#include <algorithm>
#include <array>

namespace bailiff::core {
namespace {

constexpr std::array<std::string_view, std::variant_size_v<Fact>> fact_words{
    "case_opened",    "report_added",    "rung_started",  "ladder_stopped", "resolution_stopped", "resolution_started", "call_overdue",
    "call_logged",    "reply_recorded",  "tokens_charged", "extended",      "hold_placed",        "hold_lifted",        "review_opened",
    "review_decided", "state_demanded",  "state_reached", "order_failed",   "stage_entered",      "job_finished",       "job_failed",
    "stage_approved", "notice_sent",     "notice_failed", "vm_trouble",     "vm_moved",           "note_added",         "case_closed",
    "lock_incomplete", "incomplete_accepted", "case_erased",
    "notice_bounced", "mail_redirected", "call_back_came",
    "case_taken_in", "merged_into", "merge_undone", "came_back", "reports_split_off", "muted", "unmuted", "appeal_lodged", "appeal_overdue", "appeal_decided", "assigned",
    "tokens_refunded"};

constexpr std::array<std::string_view, std::variant_size_v<Input>> input_words{
    "deadline_reached", "add_report", "log_call",   "record_reply", "extend",          "place_hold",      "lift_hold",      "decide",       "approve",
    "ask_review",       "close",      "add_note",   "notice_accepted", "notice_refused", "order_answered", "job_answered", "vm_reported", "vm_seen_on",
    "hosts_without_lock", "accept_incomplete", "erase_case",
    "mail_bounced", "call_back_reached",
    "take_in", "merge_away", "undo_merge", "come_back", "split_off", "mute", "unmute", "lodge_appeal", "decide_appeal", "assign",
    "refund_tokens"};

template <size_t I = 0>
bool read_as(size_t index, const Json& body, std::vector<Mistake>& mistakes, Fact& out) {
    if constexpr (I < std::variant_size_v<Fact>) {
        if (index != I) return read_as<I + 1>(index, body, mistakes, out);
        FieldReader reader(body, mistakes);
        fields(reader, out.emplace<I>());
        return true;
    } else {
        return false;
    }
}

}  // namespace

bool is_fact_word(std::string_view word) { return std::find(fact_words.begin(), fact_words.end(), word) != fact_words.end(); }

std::string_view word_of(const Fact& fact) { return fact_words[fact.index()]; }
std::string_view word_of(const Input& input) { return input_words[input.index()]; }

Json json_of(const Fact& fact) {
    return std::visit(
        [](auto f) {
            FieldWriter writer;
            fields(writer, f);
            return std::move(writer.out);
        },
        fact);
}

Result<Fact> parse_fact(std::string_view word, const Json& body) {
    for (size_t i = 0; i < fact_words.size(); ++i) {
        if (fact_words[i] != word) continue;
        std::vector<Mistake> mistakes;
        Fact fact;
        read_as(i, body, mistakes, fact);
        if (!mistakes.empty()) return fail(Errc::invalid, "A history item that cannot be read: " + describe(mistakes));
        return fact;
    }
    return fail(Errc::invalid, "'" + std::string(word.substr(0, 60)) + "' is no fact this release knows; it was written by a newer one.");
}

Json json_of(const HistoryItem& item) {
    return Json{{"revision", item.revision}, {"at", format_rfc3339(item.at)}, {"actor", item.actor},
                {"fact", word_of(item.fact)}, {"body", json_of(item.fact)}};
}

Result<HistoryItem> parse_item(const Json& json) {
    std::vector<Mistake> mistakes;
    JsonReader read(json, mistakes);
    HistoryItem item;
    item.revision = read.integer("revision", 1, std::numeric_limits<int64_t>::max());
    item.at = read.instant("at");
    item.actor = read.text("actor", 200);
    const std::string word = read.text("fact", 60);
    const Json* body = read.value("body");
    if (!mistakes.empty()) return fail(Errc::invalid, "A history item that cannot be read: " + describe(mistakes));
    auto fact = parse_fact(word, *body);
    if (!fact) return fail(fact.error());
    item.fact = std::move(*fact);
    return item;
}

Json json_of(const Case& c) {
    static const Json untouched = [] {
        FieldWriter writer;
        Case nobody;
        fields(writer, nobody);
        return std::move(writer.out);
    }();
    FieldWriter writer(&untouched);
    Case copy = c;
    fields(writer, copy);
    return std::move(writer.out);
}

Result<Case> parse_case(const Json& json) {
    std::vector<Mistake> mistakes;
    Case c;
    FieldReader reader(json, mistakes);
    fields(reader, c);
    if (!mistakes.empty()) return fail(Errc::invalid, "A case that cannot be read: " + describe(mistakes));
    return c;
}

}  // namespace bailiff::core
