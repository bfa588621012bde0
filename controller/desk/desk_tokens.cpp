// SPDX-License-Identifier: Apache-2.0
// Support tokens: what the facts of cases charge and refund enters the customer's ledger, once, in the turn that writes the fact.
#include "controller/desk/desk.hpp"

#include <spdlog/spdlog.h>

namespace bailiff {

/// The ledger's key is the fact's: a turn that is tried again finds its entry there. A charge of an older release has no key of its
/// own, and enters together with its refund.
void Desk::enter_facts(const core::Case& c, const std::vector<core::HistoryItem>& items) {
    Storage& storage = ports_.storage;
    const auto enter = [&](const std::string& key, LedgerKind kind, int64_t amount, const std::string& reason, const std::string& actor, Instant at) {
        const auto entered = storage.enter({key, c.customer, 0, kind, amount, 0, reason, actor, c.id, at});
        if (!entered) return;
        if (auto customer = storage.find_customer(c.customer)) {
            customer->tokens_charged -= amount;
            storage.put_customer(*customer);
        }
        spdlog::info("customer={} case={} tokens={} kind={} balance={} actor={} key={}", c.customer.text(), c.id.text(), amount, name(kind), entered->balance, actor, key);
    };
    for (const auto& item : items) {
        if (const auto* charged = std::get_if<core::TokensCharged>(&item.fact))
            enter(charged->key, LedgerKind::charge, -charged->tokens, "the customer asked us to fix " + c.vm_name, item.actor, item.at);
        const auto* refunded = std::get_if<core::TokensRefunded>(&item.fact);
        if (!refunded) continue;
        for (const auto& before : storage.history(c.id, 0, size_t(item.revision))) {
            const auto* charged = std::get_if<core::TokensCharged>(&before.fact);
            if (charged && charged->key.empty())
                enter(c.id.text() + "/charge/at/" + std::to_string(before.revision), LedgerKind::charge, -charged->tokens, "entered with its refund", before.actor, before.at);
        }
        enter(refunded->key, LedgerKind::refund, refunded->tokens, refunded->reason, item.actor, item.at);
    }
}

Result<LedgerEntry> Desk::enter_tokens(const CustomerId& id, LedgerKind kind, int64_t amount, const std::string& reason, const std::string& actor) {
    constexpr int64_t most = 1'000'000;
    if (reason.empty()) return fail(Errc::invalid, "An entry needs a reason.");
    if (kind != LedgerKind::grant && kind != LedgerKind::adjustment) return fail(Errc::invalid, "Charges and refunds are acts of their case.");
    if (amount == 0 || amount > most || amount < -most || (kind == LedgerKind::grant && amount < 0))
        return fail(Errc::invalid, "A grant is 1 to " + std::to_string(most) + " support tokens; an adjustment may be negative, and is not 0.");
    Result<LedgerEntry> out = fail(Errc::not_found, "There is no customer '" + id.text() + "'; `bailiffctl customer list` shows those there are.");
    const auto done = ports_.storage.transaction([&]() -> Result<void> {
        if (!ports_.storage.find_customer(id)) return fail(out.error());
        const auto entered = ports_.storage.enter({std::string(name(kind)) + "/" + ports_.random.hex128(), id, 0, kind, amount, 0, reason, actor, CaseId(), now()});
        if (!entered) return fail(Errc::unavailable, "The entry's number was given twice; try again.");
        spdlog::info("customer={} tokens={} kind={} balance={} actor={}", id.text(), amount, name(kind), entered->balance, actor);
        out = *entered;
        return {};
    });
    if (!done) return fail(done.error());
    return out;
}

}  // namespace bailiff
