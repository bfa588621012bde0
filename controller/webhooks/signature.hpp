// SPDX-License-Identifier: Apache-2.0
// Standard Webhooks' signature, version 1.
#pragma once

#include <bailiff/time.hpp>

#include <string>
#include <string_view>

namespace bailiff {

/// "v1,BASE64": HMAC-SHA256 with `key` (bytes) over "ID.SECONDS.BODY".
std::string webhook_signature(std::string_view key, std::string_view id, Instant at, std::string_view body);

}  // namespace bailiff
