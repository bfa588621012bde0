// SPDX-License-Identifier: Apache-2.0
// What bailiff-clean prints: JSON lines for programs, or a table for people, with progress on a terminal.
#pragma once

#include "agent/scan/clean/clean.hpp"

#include <bailiff/time.hpp>

#include <chrono>
#include <string>

namespace bailiff::agent {

class CleanReport : public CleanListener {
  public:
    /// `clock` must outlive it; it decides when the first progress is shown.
    CleanReport(bool json, const Clock& clock);
    void record(const CleanRecord& record) override;
    void progress(uint64_t done, uint64_t paths, uint64_t bytes) override;
    /// The last line. `request` says where contents were kept.
    void finish(const CleanSummary& summary, const CleanRequest& request);

  private:
    void clear_progress();
    bool json_, terminal_, colours_, headed_ = false, shown_ = false;
    const Clock& clock_;
    std::chrono::milliseconds started_, next_;
};

}  // namespace bailiff::agent
