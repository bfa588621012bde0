// SPDX-License-Identifier: Apache-2.0
#include "controller/webhooks/http_poster.hpp"

#include "controller/webhooks/ask_http.hpp"
#include "controller/webhooks/signature.hpp"

#include <bailiff/clean_text.hpp>

namespace bailiff {

HttpPoster::HttpPoster(HttpPosterOptions options) : options_(std::move(options)), guard_(options_.networks) {}

WebhookAnswer HttpPoster::post(const WebhookMessage& message) const {
    const HttpAnswer answer = ask_http({.url = message.url,
                                        .headers = {"Content-Type: application/json", "webhook-id: " + message.id,
                                                    "webhook-timestamp: " + std::to_string(message.at.time_since_epoch().count()),
                                                    "webhook-signature: " + webhook_signature(message.secret, message.id, message.at, message.body), "Expect:"},
                                        .body = message.body,
                                        .ca_file = options_.ca_file,
                                        .timeout = options_.timeout,
                                        .guard = &guard_});
    switch (answer.end) {
        case HttpAnswer::End::refused:
            return {false, message.url.starts_with("http://")
                               ? "not connected: plain http:// goes only to networks that --webhook-network names"
                               : "not connected: the name resolves to an address of no public network; name its network with --webhook-network"};
        case HttpAnswer::End::failed: return {false, answer.trouble};
        case HttpAnswer::End::whole:
        case HttpAnswer::End::cut: break;  // a webhook's answer is its status; nobody waits for the rest of a long text
    }
    const std::string said = clean_line(answer.body, 200);
    return {answer.status >= 200 && answer.status < 300, "HTTP " + std::to_string(answer.status) + (said.empty() ? "" : ": " + said)};
}

}  // namespace bailiff
