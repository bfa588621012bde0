// SPDX-License-Identifier: Apache-2.0
// One HTTP request to another system, by libcurl: whoever speaks to systems of the provider's does it under the same limits.
#pragma once

#include "controller/webhooks/address_guard.hpp"

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace bailiff {

struct HttpQuestion {
    std::string url;
    std::vector<std::string> headers{};             ///< whole lines
    std::optional<std::string> body{};              ///< what is posted; nothing: a GET
    std::string ca_file{};                          ///< PEM; empty = the system's
    std::chrono::milliseconds timeout{15'000};      ///< for all of it
    size_t most_of_answer = 64 << 10;               ///< bytes; at more the transfer ends
    /// Where we may connect to; then plain http:// goes to its named networks only. Null: anywhere, for a URL that is an admin's own word.
    const AddressGuard* guard = nullptr;
};

struct HttpAnswer {
    enum class End {
        whole,      ///< it said all that it had to say
        cut,        ///< it said more than we take: `status` holds, `body` is its beginning
        refused,    ///< not connected: the guard let no address of the name's pass
        failed,     ///< no connection, no TLS, no answer in time: `trouble` says which
    };
    End end = End::failed;
    long status = 0;
    std::string body{};
    std::string trouble{};                          ///< one clean line
};

/// Blocks. From any thread. Never follows a redirection or a proxy of the environment; TLS 1.2 or newer. The guard is asked about the very
/// address that the connection is opened to, so that a name which resolves differently a moment later changes nothing.
HttpAnswer ask_http(const HttpQuestion& question);

}  // namespace bailiff
