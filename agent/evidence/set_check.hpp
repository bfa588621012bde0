// SPDX-License-Identifier: Apache-2.0
// Whether a set is still what its manifest says and its host signed; and the signatures themselves.
#pragma once

#include "agent/evidence/manifest.hpp"

#include <bailiff/dsse.hpp>
#include <bailiff/result.hpp>

#include <optional>
#include <string>

namespace bailiff::agent {

inline constexpr size_t manifest_cap_bytes = size_t{16} << 20;

/// How much a check demands.
struct CheckOptions {
    TrustedKeys keys;          ///< of the hosts whose signatures count; empty: signatures are not looked at
    bool must_be_signed = true;    ///< else a set without a signature passes, as the first version made them
    bool removed = true;           ///< what cleaning moved away as well
};

/// The signed statement about `manifest.json`, as it lies in `manifest.dsse`.
std::string sign_manifest(const SignatureKey& key, const Manifest& manifest, std::string_view text, const std::string& host);

/// Writes `removed/index.json` over what lies in `removed/`, and `removed/index.dsse` when there is a key.
Result<void> index_removed_files(const std::string& set_folder, const EvidenceId& id, const std::optional<SignatureKey>& key);

/// Reads every byte of the set in `folder`. Errors: invalid, naming the FIRST mistake: the manifest's signature, a
/// file that was edited, is missing, is there although nobody listed it, or may be written; then the same of `removed/`.
Result<void> check_set(const std::string& folder, const CheckOptions& options);

}  // namespace bailiff::agent
