// SPDX-License-Identifier: Apache-2.0
// The signed reports of scans as files: what a host said of a disk, for whoever asks years later.
#pragma once

#include "agent/ports.hpp"

#include <bailiff/dsse.hpp>
#include <bailiff/time.hpp>

#include <string>
#include <vector>

namespace bailiff::agent {

/// How much is kept at most; the oldest go first, and never the newest.
struct ReportBounds {
    size_t files = 2000;
    uint64_t bytes = uint64_t{1} << 30;
};

/// `FOLDER/<vm>/<start>-<job>.dsse`, and beside it `….short.dsse` when the whole one is too large to travel; all 0400.
/// Thread-safe: a file is whole or absent, and each job has its own.
class FileScanReports : public ScanReports {
  public:
    FileScanReports(std::string folder, SignatureKey key, const Clock& clock, ReportBounds bounds = {});
    Result<std::string> keep(ScanReport report) override;
    std::string travelling(const std::string& job) override;
    int64_t expire(Instant before, const std::function<bool(const VmId&)>& needed) override;

  private:
    struct Kept {
        std::string path, job;
        VmId vm;
        int64_t started = 0;   ///< seconds since 1970
        uint64_t bytes = 0;
        bool is_short = false;
    };
    std::vector<Kept> all() const;
    void keep_within_bounds(const std::string& newest_job) const;

    std::string folder_;
    SignatureKey key_;
    const Clock& clock_;
    ReportBounds bounds_;
};

}  // namespace bailiff::agent
