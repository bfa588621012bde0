// SPDX-License-Identifier: Apache-2.0
// Bodies of acts -> inputs of the core.
#include "controller/api/acts.hpp"

namespace bailiff {
namespace {

using namespace core;

constexpr size_t long_text = 16 * 1024;

/// An instant as people write it: the seconds may be left out.
Instant read_minute(JsonReader& read, const char* field) {
    std::string text = read.optional_text(field, 64);
    if (text.empty()) return {};
    if (text.size() > 16 && (text[16] == 'Z' || text[16] == '+' || text[16] == '-')) text.insert(16, ":00");
    const auto at = parse_rfc3339(text);
    if (!at) read.mistake(field, at.error().text);
    return at.value_or(Instant{});
}

Input read_call(JsonReader& read, const Case&) {
    LogCall out;
    out.contact = read.optional_text("contact", 256);
    out.number = read.optional_text("number", 64);
    out.outcome = read.word("outcome", CallOutcome::no_answer);
    out.note = read.optional_text("note", long_text);
    out.call_back = read_minute(read, "call_back");
    return out;
}

Input read_reply(JsonReader& read, const Case&) {
    Reply out;
    out.channel = read.word("channel", Channel::staff, false);
    out.kind = read.word("kind", ReplyKind::acknowledged);
    out.steps = read.optional_text("steps", long_text);
    out.root_cause = read.optional_text("root_cause", long_text);
    out.prevention = read.optional_text("prevention", long_text);
    out.text = read.optional_text("text", long_text);
    return RecordReply{std::move(out)};
}

Input read_extension(JsonReader& read, const Case&) {
    Extend out;
    out.by = read.duration("by");
    out.reason = read.text("reason");
    if (read.has("by") && out.by == Seconds(0)) read.mistake("by", "must be longer than nothing; write PT1H");
    return out;
}

Input read_decision(JsonReader& read, const Case&) {
    Decide out;
    out.decision = read.word("decision", Decision::resume);
    out.reason = read.text("reason");
    return out;
}

Input read_approval(JsonReader& read, const Case& c) {
    Approve out;
    // Without a stage it is the one that waits; naming it guards against approving what one did not look at.
    out.stage = read.word("stage", c.stage, false);
    out.reason = read.optional_text("reason");
    if (read.has("stage") && out.stage != Stage::clean_decision && out.stage != Stage::restore_decision)
        read.mistake("stage", "must be clean_decision or restore_decision");
    return out;
}

Input read_acceptance(JsonReader& read, const Case& c) {
    AcceptIncomplete out;
    // Without a scan it is the one that waits; naming it guards against accepting what one did not look at.
    const std::string named = read.optional_text("scan", 128);
    out.scan_job = named.empty() ? c.incomplete_scan : JobId(named);
    out.reason = read.text("reason");
    return out;
}

Input read_appeal(JsonReader& read, const Case&) {
    LodgeAppeal out;
    out.text = read.text("text", long_text);
    out.channel = read.word("channel", Channel::staff, false);
    return out;
}

Input read_appeal_decision(JsonReader& read, const Case&) {
    DecideAppeal out;
    const std::string word = read.text("decision", 16);
    out.upheld = word == "upheld";
    if (read.has("decision") && word != "upheld" && word != "rejected") read.mistake("decision", "must be upheld or rejected");
    out.reason = read.text("reason");
    return out;
}

/// Without an account nobody looks after the case any more.
Input read_assignment(JsonReader& read, const Case&) { return Assign{read.optional_text("account", 64)}; }

Input read_refund(JsonReader& read, const Case&) {
    RefundTokens out;
    out.tokens = read.integer("tokens", 1, 1'000'000, false, 0);
    out.reason = read.text("reason");
    return out;
}

Input read_hold(JsonReader& read, const Case&) { return PlaceHold{read.text("reason")}; }
Input read_resume(JsonReader& read, const Case&) { return LiftHold{read.text("reason")}; }
Input read_review(JsonReader& read, const Case&) { return AskReview{read.text("reason")}; }
Input read_close(JsonReader& read, const Case&) { return Close{read.text("reason")}; }
Input read_note(JsonReader& read, const Case&) { return AddNote{read.text("text", long_text)}; }

constexpr Act table[] = {
    {"calls", Role::analyst, read_call},
    {"replies", Role::analyst, read_reply},
    {"extensions", Role::analyst, read_extension},
    {"hold", Role::analyst, read_hold},
    {"resume", Role::analyst, read_resume},
    {"decisions", Role::analyst, read_decision},
    {"approvals", Role::approver, read_approval},
    {"reviews", Role::analyst, read_review},
    {"close", Role::approver, read_close},
    {"notes", Role::analyst, read_note},
    {"acceptances", Role::approver, read_acceptance},
    {"appeals", Role::analyst, read_appeal},
    {"appeal-decisions", Role::approver, read_appeal_decision},
    {"assignments", Role::analyst, read_assignment},
    {"refunds", Role::approver, read_refund},
};

}  // namespace

std::span<const Act> acts() { return table; }

const Act* find_act(std::string_view word) {
    for (const Act& act : table)
        if (act.word == word) return &act;
    return nullptr;
}

Role role_for(const core::Input& input) {
    if (const auto* decide = std::get_if<core::Decide>(&input)) {
        switch (decide->decision) {
            case core::Decision::enforce:
            case core::Decision::dismiss:
            case core::Decision::treat: return Role::approver;
            case core::Decision::resume:
            case core::Decision::accept: return Role::analyst;
        }
    }
    if (std::holds_alternative<core::Approve>(input) || std::holds_alternative<core::Close>(input) ||
        std::holds_alternative<core::AcceptIncomplete>(input) || std::holds_alternative<core::DecideAppeal>(input) ||
        std::holds_alternative<core::RefundTokens>(input))
        return Role::approver;
    return Role::analyst;
}

}  // namespace bailiff
