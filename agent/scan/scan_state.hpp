// SPDX-License-Identifier: Apache-2.0
// What a scan keeps about one disk for the next one: which contents had nothing to report, and from which moment that is.
#pragma once

#include "agent/scan/box/memory_file.hpp"
#include "agent/scan/fingerprint.hpp"

#include <bailiff/result.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace bailiff::agent {

struct ScanState {
    struct Entry {
        Fingerprint told_by{};
        ContentDigest digest{};
    };
    std::string source;        ///< which image, as `Source::identity` says it
    std::string mark;          ///< the moment that the contents are of; "" = of none that a dirty bitmap could count from
    uint64_t disk_bytes = 0;
    uint64_t dirty_bytes = 0;  ///< that the bitmap showed then
    std::vector<Entry> entries;
    std::string program = BAILIFF_VERSION;  ///< another version may have more to tell of the same contents
};

/// Reads a file that `save_scan_state` wrote. Errors: `not_found` when there is none; `forbidden` when it could be another
/// user's work (owner, mode, no plain file); `invalid` when it is damaged or of another version.
Result<ScanState> load_scan_state(const std::string& path);

/// Replaces the file as a whole, readable by its owner alone. Of entries with one fingerprint the first counts, and no more
/// than `most_fingerprints` are kept.
Result<void> save_scan_state(const std::string& path, ScanState state);

}  // namespace bailiff::agent
