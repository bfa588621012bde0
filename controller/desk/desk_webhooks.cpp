// SPDX-License-Identifier: Apache-2.0
// What other systems are told. The audit chain is their queue: each has a place in it, which moves on when it has answered, so
// nothing is lost in a crash or an outage, and each is told in the order in which things happened.
#include "controller/desk/desk.hpp"

#include <algorithm>
#include <array>

#include <spdlog/spdlog.h>

namespace bailiff {
namespace {

/// Items that one look passes over at most, so that a turn stays short.
constexpr size_t looked_at_once = 200;
/// An answer that could not be handed back, since the desk's queue was full, keeps nobody waiting for ever.
constexpr Seconds answer_lost_after{600};

/// Half an hour after some tries, then hours: a system that is being mended comes back within a working day.
Seconds webhook_patience(int64_t failures) {
    constexpr std::array<int64_t, 6> waits{5, 30, 300, 1800, 7200, 18'000};
    return Seconds(waits[size_t(std::clamp<int64_t>(failures - 1, 0, int64_t(waits.size()) - 1))]);
}

Result<core::HistoryItem> item_of(const ChainedItem& link) {
    auto json = parse_json(link.text);
    if (!json) return fail(json.error());
    if (json->is_object()) json->erase("case");
    return core::parse_item(*json);
}

}  // namespace

void Desk::tell_webhooks() {
    if (!ports_.poster) return;
    for (const core::Webhook& hook : options_.webhooks) {
        const auto sent = webhooks_under_way_.find(hook.id);
        if (sent != webhooks_under_way_.end() && now() - sent->second < answer_lost_after) continue;
        auto state = ports_.storage.find_webhook(hook.id);
        if (!state) {
            // A new one begins with what happens from now on.
            ports_.storage.put_webhook({hook.id, ports_.storage.chain_position(), 0, {}, ""});
            continue;
        }
        if (state->next_try <= now()) tell_webhook(hook, std::move(*state));
    }
}

void Desk::tell_webhook(const core::Webhook& hook, WebhookState state) {
    const int64_t before = state.position;
    for (const ChainedItem& link : ports_.storage.chain(before, looked_at_once)) {
        const auto item = item_of(link);
        const auto c = item ? ports_.storage.find_case(link.case_id) : std::nullopt;
        if (!item || !c || !core::tells(hook, item->fact)) {
            state.position = link.position;
            continue;
        }
        if (state.position != before) ports_.storage.put_webhook(state);
        // The chain's hash: the same at every attempt, and never given to two items, also after a backup was restored.
        WebhookMessage message{"msg_" + link.hash.substr(0, 32), hook.url, hook.secret, dump_json(core::webhook_body(hook, *c, *item)), now()};
        leaving_.push_back([this, id = hook.id, position = link.position, message = std::move(message)] {
            webhooks_under_way_.insert_or_assign(id, message.at);
            ports_.poster->send(message, [this, id, position](WebhookAnswer answer) {
                auto back = [id, position, answer](Desk& desk) { desk.webhook_answered(id, position, answer); };
                if (come_back_) come_back_(std::move(back));
                else back(*this);
            });
        });
        return;
    }
    if (state.position != before) ports_.storage.put_webhook(state);
}

void Desk::webhook_answered(const std::string& id, int64_t position, const WebhookAnswer& answer) {
    // Before the commit: should that fail, the message goes out again, under its old id.
    webhooks_under_way_.erase(id);
    auto state = ports_.storage.find_webhook(id);
    if (!state) return;
    state->last_answer = answer.text.substr(0, 500);
    if (answer.accepted) {
        if (state->failures > 0) spdlog::info("webhook={} answers again after {} failures", id, state->failures);
        state->position = std::max(state->position, position);
        state->failures = 0;
        state->next_try = {};
    } else {
        ++state->failures;
        state->next_try = now() + webhook_patience(state->failures);
        spdlog::warn("webhook={} failed {} times, again at {}: {}", id, state->failures, format_rfc3339(state->next_try), answer.text);
    }
    ports_.storage.put_webhook(*state);
}

}  // namespace bailiff
