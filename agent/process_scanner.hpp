// SPDX-License-Identifier: Apache-2.0
// The port Scanner as processes: bailiff-scan and bailiff-clean, one per disk, each in its own sandbox.
#pragma once

#include "agent/ports.hpp"

#include <chrono>
#include <string>
#include <vector>

namespace bailiff::agent {

struct ScannerPrograms {
    std::string scan = "/usr/bin/bailiff-scan";
    std::string clean = "/usr/bin/bailiff-clean";
    std::string clamd;                       ///< Unix socket; empty: no ClamAV
    std::string clamd_config;                ///< its clamd.conf; empty: after an update, known contents are matched with all signatures
    std::string clamd_database;              ///< its DatabaseDirectory; empty: what ClamAV says is not remembered
    std::string yara;                        ///< folder of rules; empty: no YARA
    std::string cache;                       ///< file of what was found clean, for all VMs of the host; empty: none
    int64_t cache_mib = 512;
    std::chrono::milliseconds timeout = std::chrono::hours{6};   ///< per disk
    std::string keep_key = {};               ///< public key (PEM) that what is taken away is sealed for
    std::vector<std::string> known_good = {};   ///< trees of files that may take the place of what is taken away
    std::vector<std::string> hash_lists{};      ///< files of known-bad and known-good contents
    std::vector<std::string> hash_list_keys{};  ///< files of the public keys that sign them
    std::string cgroup{};                    ///< folder of the control group that scans run in; empty: the agent's
    int64_t live_mib_per_s = 0;              ///< reading from a VM that runs; 0: as fast as it goes
};

/// Thread-safe. What a scan cannot vouch for is `incomplete`; a scanner that dies is `unavailable`; a cleaning that dies
/// is `invalid`, since its overlay must then be thrown away rather than tried again.
class ProcessScanner : public Scanner {
  public:
    explicit ProcessScanner(ScannerPrograms programs) : programs_(std::move(programs)) {}
    Result<ScanOutcome> scan(const std::vector<ScanTarget>& disks, const std::function<void(int)>& percent) override;
    Result<ScanOutcome> scan_live(const std::vector<ScanTarget>& exports, const std::function<void(int)>& percent,
                                  const std::function<std::string()>& stop) override;
    Result<ScanOutcome> scan_unheld(const std::vector<ScanTarget>& disks, const std::function<bool()>& go_on) override;
    Result<std::vector<ScanHit>> clean(const std::vector<ScanTarget>& overlays, const ScanOutcome& found,
                                       const std::string& keep_folder) override;

  private:
    /// Who keeps the disks as they are while they are read.
    enum class Holding {
        ours,     ///< our own lock
        served,   ///< the process of the VM that runs, which serves one instant of them
        nobody,   ///< whoever wants to may write to them
    };
    Result<ScanOutcome> scan_each(const std::vector<ScanTarget>& disks, Holding holding, const std::function<void(int)>& percent,
                                  const std::function<std::string()>& stop);
    ScannerPrograms programs_;
};

}  // namespace bailiff::agent
