// SPDX-License-Identifier: Apache-2.0
// The text of a response's header, with the security fields that no handler can forget. No Boost.
#pragma once

#include "controller/api/http_message.hpp"

namespace bailiff {

/// How a response leaves.
struct HttpHeaderFacts {
    bool tls = false;
    bool close = false;
    bool length = true;           ///< false: the body ends with the connection (event streams)
    std::optional<Instant> date;
};

/// Status line and fields up to the empty line. Line breaks in names or values are replaced, so that nobody can add
/// fields through a value.
std::string http_header_text(const HttpResponse& response, const HttpHeaderFacts& facts);

}  // namespace bailiff
