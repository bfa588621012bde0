// SPDX-License-Identifier: Apache-2.0
// decide: whom a mail reaches when it does not reach its addressee, and a promise to phone.

#include "controller/core/situation.hpp"

#include <algorithm>
#include <cstdlib>

namespace bailiff::core {
namespace {

constexpr std::string_view next_mark = "/next-";

/// "ticket" -> "ticket/next-1" -> "ticket/next-2": a key of its own, which still tells what it was.
std::string next_key(const std::string& key) {
    const size_t at = key.find(next_mark);
    if (at == std::string::npos) return key + std::string(next_mark) + "1";
    const int64_t number = std::strtoll(key.c_str() + at + next_mark.size(), nullptr, 10);
    return key.substr(0, at + next_mark.size()) + std::to_string(number + 1);
}

bool has_failed(const Case& c, const std::string& address) {
    return std::any_of(c.mail_failures.begin(), c.mail_failures.end(), [&](const MailFailure& f) { return f.final && f.to == address; });
}

}  // namespace

/// A closed case says its last word to whoever can hear it, and nothing else any more.
void redirect(const Situation& d, Facts& facts, Notice notice, const std::string& key, const std::string& to, const std::optional<Contact>& next) {
    if (!next || next->email.empty() || next->email == to || has_failed(d.c, next->email)) return;
    if (d.c.phase == Phase::closed && notice != Notice::closed && notice != Notice::restored) return;
    facts.push_back(MailRedirected{notice, next_key(key), key, *next});
}

Result<Facts> on(const Situation& d, const MailBounced& in) {
    if (d.c.erased) return Facts{};
    // Each says it once, however many copies of it come: whoever has our mail can make bounces of it.
    for (const MailFailure& known : d.c.mail_failures)
        if (known.key == in.key && known.to == in.to && (known.final || !in.final)) return Facts{};
    Facts facts{NoticeBounced{in.notice, in.key, in.to, in.status, in.text, in.final}};
    if (in.final) redirect(d, facts, in.notice, in.key, in.to, in.next);
    return facts;
}

Result<Facts> on(const Situation& d, const CallBackReached&) {
    const auto& promised = d.c.call_back;
    if (!promised || promised->told || d.now < promised->at || d.c.phase == Phase::closed) return Facts{};
    return Facts{CallBackCame{promised->contact, promised->number, promised->note}};
}

}  // namespace bailiff::core
