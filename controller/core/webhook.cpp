// SPDX-License-Identifier: Apache-2.0
#include "controller/core/webhook.hpp"

#include <algorithm>
#include <array>

namespace bailiff::core {
namespace {

/// What changes an alert: that it is there, how it stands, that it is over.
constexpr std::array<std::string_view, 7> of_alerts{"case_opened", "report_added", "reply_recorded", "review_opened", "state_reached", "case_closed", "came_back"};

/// Whoever keeps tickets need not know telephone numbers and addresses, and whoever reads their logs must not.
std::string text_for_others(const Fact& fact) {
    const bool names_the_contact = std::holds_alternative<NoticeSent>(fact) || std::holds_alternative<NoticeFailed>(fact) || std::holds_alternative<CallLogged>(fact) ||
                                   std::holds_alternative<NoticeBounced>(fact) || std::holds_alternative<MailRedirected>(fact) || std::holds_alternative<CallBackCame>(fact);
    return names_the_contact ? std::string(word_of(fact)) : describe(fact);
}

Json event_body(const Case& c, const HistoryItem& item) {
    // What billing counts, and the key by which it counts each once.
    Json tokens;
    if (const auto* f = std::get_if<TokensCharged>(&item.fact)) tokens = {{"amount", f->tokens}, {"idempotency_key", f->key}};
    if (const auto* f = std::get_if<TokensRefunded>(&item.fact)) tokens = {{"amount", -f->tokens}, {"idempotency_key", f->key}};
    Json fact = json_of(item.fact);
    for (const char* field : {"contact", "number", "to"})
        if (fact.is_object()) fact.erase(field);
    // What a mail server says of an address names it.
    if (std::holds_alternative<NoticeBounced>(item.fact)) fact.erase("text");
    Json out{{"type", word_of(item.fact)},
            {"timestamp", format_rfc3339(item.at)},
            {"data",
             {{"case", c.id.text()}, {"revision", item.revision}, {"actor", item.actor}, {"text", text_for_others(item.fact)}, {"fact", std::move(fact)},
              {"phase", name(c.phase)}, {"policy", c.policy.text()}, {"vm", c.vm.text()}, {"vm_name", c.vm_name}, {"vm_address", c.vm_address},
              {"host", c.host.text()}, {"customer", c.customer.text()}}}};
    if (!tokens.is_null()) out["data"]["tokens"] = std::move(tokens);
    return out;
}

Json alert_body(const Webhook& hook, const Case& c, const HistoryItem& item) {
    const bool over = c.phase == Phase::closed;
    const std::string status = over ? "resolved" : "firing";
    const Json labels{{"alertname", "BailiffCase"}, {"case", c.id.text()}, {"policy", c.policy.text()}, {"vm", c.vm.text()}, {"vm_name", c.vm_name},
                      {"instance", c.vm_address}, {"host", c.host.text()}, {"customer", c.customer.text()}};
    const Json annotations{{"summary", c.reports.empty() ? std::string() : c.reports.front().summary}, {"phase", name(c.phase)}, {"description", text_for_others(item.fact)}};
    Json alert{{"status", status}, {"labels", labels}, {"annotations", annotations}, {"startsAt", format_rfc3339(c.opened_at)},
               {"endsAt", over ? format_rfc3339(c.closed_at) : std::string("0001-01-01T00:00:00Z")}, {"generatorURL", ""},
               {"fingerprint", "bailiff-" + c.id.text()}};
    return {{"version", "4"}, {"groupKey", "{}:{case=\"" + c.id.text() + "\"}"}, {"truncatedAlerts", 0}, {"status", status}, {"receiver", hook.id},
            {"groupLabels", {{"case", c.id.text()}}}, {"commonLabels", labels}, {"commonAnnotations", annotations}, {"externalURL", ""},
            {"alerts", Json::array({std::move(alert)})}};
}

}  // namespace

bool tells(const Webhook& hook, const Fact& fact) {
    const std::string_view word = word_of(fact);
    if (!hook.facts.empty()) return std::find(hook.facts.begin(), hook.facts.end(), word) != hook.facts.end();
    return hook.format == WebhookFormat::events || std::find(of_alerts.begin(), of_alerts.end(), word) != of_alerts.end();
}

Json webhook_body(const Webhook& hook, const Case& c, const HistoryItem& item) {
    switch (hook.format) {
        case WebhookFormat::events: return event_body(c, item);
        case WebhookFormat::alertmanager: return alert_body(hook, c, item);
    }
    return {};
}

}  // namespace bailiff::core
