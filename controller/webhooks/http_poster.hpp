// SPDX-License-Identifier: Apache-2.0
// One message to another system, by HTTP.
#pragma once

#include "controller/desk/ports.hpp"
#include "controller/webhooks/address_guard.hpp"

#include <chrono>
#include <string>

namespace bailiff {

struct HttpPosterOptions {
    std::vector<Network> networks;             ///< beside public addresses; plain http:// goes to these only
    std::string ca_file;                       ///< PEM; empty = the system's
    std::chrono::milliseconds timeout{15'000}; ///< for all of it
};

/// Thread-safe: holds nothing but its options.
class HttpPoster {
  public:
    explicit HttpPoster(HttpPosterOptions options);
    WebhookAnswer post(const WebhookMessage& message) const;

  private:
    HttpPosterOptions options_;
    AddressGuard guard_;
};

}  // namespace bailiff
