// SPDX-License-Identifier: Apache-2.0
// HTTP to the controller: one request at a time, by libcurl.
#pragma once

#include <bailiff/result.hpp>

#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bailiff {

/// Where the controller is and how it is asked.
struct RestOptions {
    std::string server;              ///< "https://abuse.example:8443", or "http://127.0.0.1:8080"
    std::string token;
    std::string ca_file;             ///< PEM; empty = the system's
    std::chrono::seconds timeout{30};
};

/// What the server said, whatever it is.
struct RestAnswer {
    int status = 0;
    std::map<std::string, std::string> headers;   ///< names in lower case
    std::string body;
};

using RestHeaders = std::vector<std::pair<std::string, std::string>>;

/// Not thread-safe. Follows no redirects and takes no proxy from the environment: the token goes to the named server
/// only, and never over plain HTTP to anything but loopback.
class RestClient {
  public:
    static Result<RestClient> open(RestOptions options);
    /// A body is JSON unless `headers` name its Content-Type. `unavailable` when the server cannot be reached; `unknown_outcome` when
    /// the connection broke after the request had gone out.
    Result<RestAnswer> ask(const std::string& method, const std::string& path, const std::string& body = {},
                           const RestHeaders& headers = {});
    /// Hands pieces of the answer's body to `piece` as they come, until it says false or the server ends the answer.
    /// No time-out once the answer has begun. The answer's body is filled only for a status other than 200.
    Result<RestAnswer> stream(const std::string& path, const RestHeaders& headers, const std::function<bool(std::string_view)>& piece);
    const RestOptions& options() const { return options_; }

  private:
    explicit RestClient(RestOptions options) : options_(std::move(options)) {}
    RestOptions options_;
};

/// "a b/c" as one segment or value of a URL: "a%20b%2Fc".
std::string url_escaped(std::string_view text);

}  // namespace bailiff
