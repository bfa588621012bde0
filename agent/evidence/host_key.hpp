// SPDX-License-Identifier: Apache-2.0
// The host's own key: whoever holds a set can tell that it is as this host froze it.
#pragma once

#include <bailiff/dsse.hpp>
#include <bailiff/result.hpp>

#include <string>

namespace bailiff::agent {

/// What the host signs of a set: its name, VM, case and instant, and the SHA-256 of `manifest.json`.
inline constexpr std::string_view evidence_payload_type = "application/vnd.bailiff.evidence.v1+json";
/// And of what cleaning moved away: the set's name, and the SHA-256 of `removed/index.json`.
inline constexpr std::string_view removed_payload_type = "application/vnd.bailiff.removed.v1+json";

/// The Ed25519 key in `path` (PEM, 0600), made when there is none. Errors: unavailable, and invalid when the file
/// is no such key: it is never replaced, since old sets are signed with it.
Result<SignatureKey> load_or_make_host_key(const std::string& path);
/// The key in `path`. Errors: not_found when the agent was never started, invalid.
Result<SignatureKey> load_host_key(const std::string& path);

}  // namespace bailiff::agent
