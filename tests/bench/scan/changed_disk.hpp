// SPDX-License-Identifier: Apache-2.0
// The workload's disk with a dirty bitmap, before and after an hour of its guest's work.
#pragma once

#include "tests/bench/scan/workload.hpp"

#include <filesystem>
#include <set>
#include <string>

namespace bailiff::test {

/// A copy of the first VM's qcow2 image in a folder of its own. What is done to it goes through QEMU, so that its bitmap knows.
class ChangedDisk {
  public:
    ChangedDisk(const Workload& workload, std::filesystem::path folder);

    std::filesystem::path image() const { return folder_ / "changed.qcow2"; }
    static constexpr const char* bitmap = "b0";

    /// Puts a plant there that will be gone, and begins the bitmap. Scan it, then let the guest work.
    void begin();
    /// The first plant goes, another one comes, and one file of the system is overwritten in place by a third: size, times and
    /// place stay. Besides, mails and log lines, less than a hundredth of all.
    void work();

    /// Paths, as bailiff-scan writes them, that a rescan must find, beside what a scan of the workload finds, and must not find.
    std::set<std::string> must_find() const { return {new_plant, overwritten_}; }
    static std::set<std::string> must_not_find() { return {old_plant}; }

    static constexpr const char *old_plant = "/srv/gone.php", *new_plant = "/srv/came.php";

  private:
    void debugfs(const std::string& commands);
    void write_through();
    const Workload& work_;
    std::filesystem::path folder_;
    std::string overwritten_;
};

}  // namespace bailiff::test
