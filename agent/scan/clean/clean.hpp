// SPDX-License-Identifier: Apache-2.0
// Cleaning an overlay: each hit's content is kept outside first, then taken away inside.
#pragma once

#include "agent/scan/image/source.hpp"
#include "agent/scan/scan_result.hpp"

#include <bailiff/result.hpp>

#include <cstdint>
#include <functional>
#include <string>

namespace bailiff::agent {

/// What was done about one path.
struct CleanRecord {
    std::string path, volume;  ///< as in the scan's finding
    std::string sha256;        ///< of the content that was there; "" when there was none
    uint64_t size = 0;
    std::string action;  ///< "removed" (name and content), "blanked" (content is zeros), "absent" (nothing there, or blanked before), "failed"
    std::string reason;  ///< for "failed": a sentence
    std::string kept;    ///< the file with the content, outside the image
};

struct CleanSummary {
    uint64_t changed = 0, absent = 0, failed = 0;
};

std::string clean_record_json(const CleanRecord& record);
std::string clean_summary_json(const CleanSummary& summary);

/// Handles each distinct (volume, path) of the verdict's hits once. A content that is not the one that was found is left alone.
/// An error means that the image could not be opened, or that changes may not have reached it: then throw the overlay away.
Result<CleanSummary> clean(const SourceSpec& overlay, const Verdict& found, const std::string& keep_folder,
                           const std::function<void(const CleanRecord&)>& tell);

}  // namespace bailiff::agent
