// SPDX-License-Identifier: Apache-2.0
// What other systems of the provider are told of a case, and in which shape.
#pragma once

#include "controller/core/case.hpp"

#include <bailiff/json.hpp>
#include <bailiff/names.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace bailiff::core {

enum class WebhookFormat {
    events,         ///< one fact of a history, as Standard Webhooks shapes it: {"type","timestamp","data"}
    alertmanager,   ///< the case as one alert, firing while it is open (Prometheus Alertmanager's webhook, version 4)
};

/// One system that is told. The audit chain is its queue: what is kept of it is how far it has been told.
struct Webhook {
    std::string id, url;
    std::string secret;                ///< the key itself, not its text
    std::vector<std::string> facts;    ///< words of the facts that are told; empty = the format's own choice
    WebhookFormat format = WebhookFormat::events;
    friend bool operator==(const Webhook&, const Webhook&) = default;
};

bool tells(const Webhook& hook, const Fact& fact);
/// The body of the message about one item. Nothing in it says how to reach the customer.
Json webhook_body(const Webhook& hook, const Case& c, const HistoryItem& item);

}  // namespace bailiff::core

namespace bailiff {
template <>
struct Names<core::WebhookFormat> {
    using E = core::WebhookFormat;
    static constexpr std::string_view what = "format of a webhook";
    static constexpr std::array table{std::pair{E::events, std::string_view("events")}, std::pair{E::alertmanager, std::string_view("alertmanager")}};
};
}  // namespace bailiff
