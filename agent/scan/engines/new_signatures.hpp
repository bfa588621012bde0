// SPDX-License-Identifier: Apache-2.0
// After an update of ClamAV's signatures: contents that the set before found clean are matched with the new signatures only.
#pragma once

#include "agent/scan/engines/lane.hpp"
#include "agent/scan/engines/verdict_cache.hpp"

#include <bailiff/result.hpp>

#include <memory>
#include <optional>
#include <string>

namespace bailiff::agent {

struct NewSignatures {
    int64_t older = 0;               ///< the older set's number in the cache
    uint64_t count = 0;              ///< signatures that it did not have
    std::unique_ptr<Engine> engine;  ///< finds what they find, and nothing else; null when there are none
};

/// Compares what clamd has loaded with the newest set in the cache that had the same program, limits and configuration, and starts
/// a clamd with the difference. Which signatures a set had is kept beside the cache, in `CACHE.sets/`, for the newest few sets. Nothing
/// comes back when there is no older set, or its contents are not worth the start. An error says why an older set is of no use; then
/// everything is matched with all signatures, which is slower and not worse.
Result<std::optional<NewSignatures>> find_new_signatures(const ClamdOptions& options, const std::string& cache_file, unsigned streams, const Engine& clamd, VerdictCache& cache);

}  // namespace bailiff::agent
