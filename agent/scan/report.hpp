// SPDX-License-Identifier: Apache-2.0
// What bailiff-scan prints: JSON lines for programs, or short lines for people, with progress on a terminal.
#pragma once

#include "agent/scan/scan.hpp"

namespace bailiff::agent {

class Report : public ScanListener {
  public:
    Report(bool json, std::function<ScanTime()> now);
    void hit(const Finding& hit) override;
    void skipped(const SkippedItem& item) override;
    void volume(const ScannedVolume& volume) override;
    void progress(uint64_t files, uint64_t bytes, uint64_t hits) override;
    void finish(const Verdict& verdict);

  private:
    void clear_progress();
    /// In a colour (an SGR number) where a person sees it; programs and files get the bare text.
    std::string painted(const std::string& text, const char* colour) const;
    bool json_, terminal_, colours_, shown_ = false;
    std::function<ScanTime()> now_;
    ScanTime started_, next_;
};

}  // namespace bailiff::agent
