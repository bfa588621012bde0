// SPDX-License-Identifier: Apache-2.0
// The scan itself: one thread that takes files from the reader and spreads them over the engines' lanes.
#pragma once

#include "agent/scan/engines/hash_list.hpp"
#include "agent/scan/engines/lane.hpp"
#include "agent/scan/engines/new_signatures.hpp"
#include "agent/scan/engines/verdict_cache.hpp"
#include "agent/scan/image/source.hpp"
#include "agent/scan/reader.hpp"
#include "agent/scan/rescan.hpp"
#include "agent/scan/scan_result.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

namespace bailiff::agent {

struct ScanSettings {
    WalkLimits limits;
    unsigned lanes = 2;  ///< streams per engine
    std::chrono::seconds per_file{180};
    std::chrono::seconds reader_silence{300};  ///< how long the reader may work without a word
    std::function<ScanTime()> now;             ///< monotonic
    VerdictCache* cache = nullptr;             ///< null: every content is matched
    NewSignatures* new_signatures = nullptr;   ///< of ClamAV; null: what the present signatures did not see is matched with all of them
    Rescan* rescan = nullptr;                  ///< null: every content is read, and nothing is kept of this scan; needs `cache`
    std::function<bool()> cancelled;           ///< asked twice a second at least; true ends the scan as incomplete
    const HashLists* hashes = nullptr;         ///< null: none
};

/// Told of each finding as it comes, on the scan's thread.
class ScanListener {
  public:
    virtual ~ScanListener() = default;
    virtual void hit(const Finding&) {}
    virtual void skipped(const SkippedItem&) {}
    virtual void suspicious(const SuspiciousFile&) {}
    virtual void volume(const ScannedVolume&) {}
    virtual void note(const std::string&) {}
    virtual void progress(const ScanProgress& progress) = 0;
};

/// Scans to the end. An error means that the image could not be opened at all; everything later ends in the verdict.
Result<Verdict> scan(Source source, const std::vector<std::unique_ptr<Engine>>& engines, const ScanSettings& settings,
                     ScanListener& listener);

}  // namespace bailiff::agent
