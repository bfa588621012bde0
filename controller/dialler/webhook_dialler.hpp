// SPDX-License-Identifier: Apache-2.0
// A dialler that is told by HTTP, as other systems are told of cases.
#pragma once

#include "controller/desk/dialler.hpp"
#include "controller/desk/webhooks.hpp"

#include <string>

namespace bailiff {

/// The poster outlives it. Thread-safe where the poster is.
class WebhookDialler : public Dialler {
  public:
    /// `secret`: the key itself, with which each message is signed.
    WebhookDialler(WebhookPoster& poster, std::string url, std::string secret) : poster_(poster), url_(std::move(url)), secret_(std::move(secret)) {}
    void tell(const DialMessage& message, std::function<void(DialAnswer)> done) override;

  private:
    WebhookPoster& poster_;
    const std::string url_, secret_;
};

}  // namespace bailiff
