// SPDX-License-Identifier: Apache-2.0
// A request and a response as handlers see them: plain values, no Boost, usable on every thread.
#pragma once

#include <bailiff/time.hpp>

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bailiff {

using HttpFields = std::vector<std::pair<std::string, std::string>>;

/// One request. The server has already refused what is ambiguous: transfer encodings, several Hosts, encoded slashes,
/// dot segments, control characters in the path, a second Authorization, Cookie, Content-Type or Content-Length.
struct HttpRequest {
    std::string method;                           ///< "GET": upper case, as sent
    std::string target;                           ///< as sent: path, "?", query
    std::string path;                             ///< percent-decoded; begins with "/"
    HttpFields query;                             ///< percent-decoded ("+" is a space), in order, repeated names kept
    std::map<std::string, std::string> headers;   ///< names in lower case; repeated fields joined by ", "
    std::string body;
    std::string peer_address;                     ///< "192.0.2.7"; never taken from a header
    std::string client_certificate_host;          ///< the host of the verified client certificate; "" without one
    Instant client_certificate_expires{};

    /// The field's value, "" when absent. `name` in lower case.
    std::string_view header(const std::string& name) const {
        const auto found = headers.find(name);
        return found == headers.end() ? std::string_view() : std::string_view(found->second);
    }
    /// The first query value of that name.
    std::optional<std::string> query_value(std::string_view name) const {
        for (const auto& [key, value] : query)
            if (key == name) return value;
        return std::nullopt;
    }
};

/// One response. The server adds Content-Length, Date, Connection, and each of these unless `headers` names it:
/// nosniff, `Cache-Control: no-store`, no-referrer, a Content-Security-Policy that allows nothing, same-origin opener
/// policy, and on TLS Strict-Transport-Security.
struct HttpResponse {
    int status = 200;
    HttpFields headers;
    std::string body;
};

/// problem+json (RFC 9457); `detail` is a whole sentence that names the remedy.
HttpResponse http_problem(int status, std::string_view detail);
/// A JSON text with its content type.
HttpResponse http_json(int status, std::string json);
/// "Not Found" for 404; "Unknown" for what has no name.
std::string_view http_reason(int status);

/// Reads "/a%20b?x=1&y": path and query of a request target into `out`. False when it is ambiguous or malformed.
bool parse_http_target(std::string_view target, HttpRequest& out);

}  // namespace bailiff
