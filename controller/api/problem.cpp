// SPDX-License-Identifier: Apache-2.0
// One table from our error codes to HTTP's, and one writer of problem documents.
#include "controller/api/problem.hpp"

namespace bailiff {

int status_of(Errc code) {
    switch (code) {
        case Errc::not_found: return 404;
        case Errc::conflict: return 409;
        case Errc::invalid: return 422;
        case Errc::forbidden: return 403;
        case Errc::unavailable: return 503;
        // Nobody knows whether it happened: what a gateway says whose upstream went silent.
        case Errc::unknown_outcome: return 504;
    }
    return 500;
}

HttpResponse problem(int status, std::string_view detail, const std::vector<Mistake>& mistakes) {
    Json body{{"type", "about:blank"}, {"title", http_reason(status)}, {"status", status}, {"detail", detail}};
    if (!mistakes.empty()) {
        Json errors = Json::array();
        for (const auto& m : mistakes) errors.push_back({{"pointer", m.pointer}, {"text", m.text}});
        body["errors"] = std::move(errors);
    }
    HttpResponse out{status, {{"Content-Type", "application/problem+json"}}, dump_json(body)};
    if (status == 503) out.headers.emplace_back("Retry-After", "5");
    return out;
}

HttpResponse problem(const Error& error) { return problem(status_of(error.code), error.text); }

HttpResponse problem(const std::vector<Mistake>& mistakes) {
    return problem(422, mistakes.size() == 1 ? "One part of the request is wrong: " + describe(mistakes) + "."
                                             : std::to_string(mistakes.size()) + " parts of the request are wrong; see errors.",
                   mistakes);
}

}  // namespace bailiff
