// SPDX-License-Identifier: Apache-2.0
// For whom this host seals what cleaning takes out of disks.
#pragma once

#include "agent/options.hpp"
#include "agent/scan/clean/sealed_file.hpp"

#include <bailiff/result.hpp>

#include <string>

namespace bailiff::agent {

struct KeepKey {
    std::string path;   ///< of the public half, for bailiff-clean
    bool own = false;   ///< nobody named a key: it is this host's own, so whoever is root here can read what is kept
};

/// The key that `keep-key` names, or the host's own in the state folder, which is made when there is none, so that no content
/// ever lies in the clear. A host whose own private half was taken away goes on with the public one. Errors: invalid (a
/// file is no such key; it is never replaced), unavailable.
Result<KeepKey> load_or_make_keep_key(const Options& options);

/// The host's own private half. Errors: not_found, invalid.
Result<UnsealingKey> load_own_unsealing_key(const Options& options);

}  // namespace bailiff::agent
