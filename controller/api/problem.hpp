// SPDX-License-Identifier: Apache-2.0
// Errors as the API tells them: application/problem+json (RFC 9457) with every mistake's JSON pointer.
#pragma once

#include "controller/api/http_message.hpp"

#include <bailiff/json.hpp>
#include <bailiff/result.hpp>

#include <string>
#include <vector>

namespace bailiff {

/// The HTTP status of an error: the table over Errc.
int status_of(Errc code);

/// {"type","title","status","detail"} and, with mistakes, "errors":[{"pointer","text"}]. A 503 carries Retry-After.
HttpResponse problem(int status, std::string_view detail, const std::vector<Mistake>& mistakes = {});
HttpResponse problem(const Error& error);
/// 422 with all of them.
HttpResponse problem(const std::vector<Mistake>& mistakes);

}  // namespace bailiff
