// SPDX-License-Identifier: Apache-2.0
#include "controller/dialler/webhook_dialler.hpp"

namespace bailiff {

void WebhookDialler::tell(const DialMessage& message, std::function<void(DialAnswer)> done) {
    // Receivers take each webhook-id once: the call and its end are two messages.
    const std::string id = "dial_" + message.id + (message.cancel ? "_cancel" : "");
    poster_.send({id, url_, secret_, message.body, message.at}, [done = std::move(done)](const WebhookAnswer& answer) { done({answer.accepted, answer.text}); });
}

}  // namespace bailiff
