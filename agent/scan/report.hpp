// SPDX-License-Identifier: Apache-2.0
// What bailiff-scan prints: JSON lines for programs, or short lines for people, with progress on a terminal.
#pragma once

#include "agent/scan/scan.hpp"

namespace bailiff::agent {

class Report : public ScanListener {
  public:
    /// With `tells_progress`, JSON lines tell of it, too.
    Report(bool json, bool tells_progress, std::function<ScanTime()> now);
    void hit(const Finding& hit) override;
    void skipped(const SkippedItem& item) override;
    void suspicious(const SuspiciousFile& file) override;
    void volume(const ScannedVolume& volume) override;
    void note(const std::string& text) override;
    void progress(const ScanProgress& progress) override;
    void finish(const Verdict& verdict);

  private:
    void clear_progress();
    /// In a colour (an SGR number) where a person sees it; programs and files get the bare text.
    std::string painted(const std::string& text, const char* colour) const;
    bool json_, tells_progress_, terminal_, colours_, shown_ = false;
    std::function<ScanTime()> now_;
    ScanTime started_, next_, next_line_;
};

}  // namespace bailiff::agent
