// SPDX-License-Identifier: Apache-2.0
// What a cleaning is given: a scan's verdict, and what the scan found suspicious without calling it malware.
#pragma once

#include "agent/scan/scan_result.hpp"

#include <bailiff/result.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bailiff::agent {

/// A file by which malware may come back: a cron job, a unit, a preloaded library, a key. Customers have such files of their
/// own, so a person decides about each.
struct Suspicion {
    std::string path, volume;  ///< as in a finding
    std::string rule, reason;  ///< which rule saw it, and a sentence
    std::string sha256;        ///< of the content, hex; "" when the scan does not say
    std::optional<uint64_t> size;   ///< bytes
};

struct CleanFindings {
    Verdict verdict;
    std::vector<Suspicion> suspicious;
};

/// Reads what bailiff-scan --json printed; the verdict's field `suspicious` may be missing. Errors as `parse_verdict`.
Result<CleanFindings> read_findings(std::string_view output);

}  // namespace bailiff::agent
