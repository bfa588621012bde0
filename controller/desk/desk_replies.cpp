// SPDX-License-Identifier: Apache-2.0
// Answers that come by mail. Whatever comes from a person stops what would harm him: a proven answer as the answer that it is, any
// other by asking for a person's review, since it proves nothing and may be true.
#include "controller/desk/desk.hpp"

namespace bailiff {
namespace {

constexpr size_t most_words = 4000;

}  // namespace

/// The address that it went to says more than what it names: nobody can guess it. It proves nothing about who writes.
Result<Desk::ReplyFate> Desk::reply_by_mail(const ReadReply& mail) {
    const auto by_address = case_of_address(mail.token);
    const auto c = ports_.storage.find_case(in_charge(by_address.value_or(CaseId(mail.case_id))));
    if (!c || c->erased) return ReplyFate::no_case;
    const auto fate = answer_case(*c, mail);
    // One mail may have told of several cases; nobody is to lose a machine because his answer named the first of them only.
    if (!fate || mail.automatic) return fate;
    for (const CaseId& id : ports_.storage.told_with(c->id)) {
        const auto other = ports_.storage.find_case(id);
        if (!other || other->phase != core::Phase::open) continue;
        ReadReply copy = mail;
        copy.text = "(an answer to a mail about " + c->id.text() + " that told of this case too) " + mail.text;
        if (const auto also = answer_case(*other, copy); !also) return also;
    }
    return fate;
}

Result<Desk::ReplyFate> Desk::answer_case(const core::Case& known, const ReadReply& mail) {
    const core::Case* const c = &known;
    const std::string from = mail.from.empty() ? "an address that it does not name" : mail.from;
    std::string words = mail.text.empty() ? "(no text of its own)" : mail.text.substr(0, most_words);
    for (const auto& name : mail.attachments) words += "\n[attached: " + name + "]";
    const auto note = [&](const std::string& what) -> Result<ReplyFate> {
        const auto acted = act(c->id, core::AddNote{what + " from " + from + ":\n" + words}, "intake");
        return acted ? Result<ReplyFate>(ReplyFate::noted) : fail(acted.error());
    };
    if (mail.automatic) return note("an automatic answer, which stops nothing, came by mail");
    if (c->phase == core::Phase::closed) return note("a mail about the closed case came");
    const bool proven = mail.proven && is_contact(*c, mail.from);
    if (proven) {
        mark_mail(c->customer, mail.from, MailStanding::verified, "");
        if (lower_address(mail.from) != lower_address(c->contact.email)) words = "from " + mail.from + ":\n" + words;
        core::Reply reply;
        reply.channel = core::Channel::mail;
        reply.kind = core::ReplyKind::acknowledged;
        reply.text = words;
        const auto acted = act(c->id, core::RecordReply{reply}, "customer");
        // A mail that could not be filed would be refused, and with it the customer's words be lost.
        return acted ? Result<ReplyFate>(ReplyFate::answered) : note("an answer came that the case does not take now (" + acted.error().text + "),");
    }
    if (c->phase != core::Phase::open) return note("a mail, whose sender is not proven to be the contact, came");
    auto told = note("a mail came whose sender is not proven to be the contact,");
    if (!told) return told;
    const auto acted = act(c->id, core::AskReview{"a mail came from " + from + ", who is not proven to be the contact; read it, then decide"}, "intake");
    return acted ? Result<ReplyFate>(ReplyFate::for_review) : told;
}

}  // namespace bailiff
