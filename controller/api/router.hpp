// SPDX-License-Identifier: Apache-2.0
// The one table of the API's routes. Dispatch, 404 and 405, HEAD and OPTIONS, and the test of openapi.yaml read it.
#pragma once

#include "controller/api/http_message.hpp"
#include "controller/desk/ports.hpp"

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace bailiff {

struct ApiCall;
class Api;

/// What a request body is: none, JSON and nothing else, or JSON or a delivery (a mail, a XARF document).
enum class BodyUse { none, json, report, file };   ///< file: JSON with a file in it

/// One route. A pattern's `{name}` takes one whole segment. Exactly one of the two handlers is set: `turn` runs on the
/// desk's thread inside the transaction, `direct` on the io thread and must not block.
struct Route {
    std::string_view method;              ///< GET, POST or PUT
    std::string_view pattern;             ///< "/api/v1/cases/{id}/calls"
    std::optional<Role> role;             ///< the least one; nothing = open to everybody
    BodyUse body = BodyUse::none;
    bool secret = false;                  ///< the answer holds a secret: never kept for idempotency keys
    HttpResponse (*turn)(ApiCall&) = nullptr;
    HttpResponse (*direct)(Api&, const HttpRequest&) = nullptr;
    std::string_view summary;             ///< one line, as in openapi.yaml
};

/// Every route there is.
std::span<const Route> api_routes();

/// What matching found. `allow` is filled whenever the path exists, for 405 and OPTIONS.
struct RouteMatch {
    const Route* route = nullptr;
    std::vector<std::string> values;      ///< of the pattern's names, in order
    std::string allow;                    ///< "GET, HEAD, OPTIONS"
};

/// HEAD finds the GET route. Segments longer than 128 bytes or empty match no name.
RouteMatch match_route(std::span<const Route> routes, std::string_view method, std::string_view path);

}  // namespace bailiff
