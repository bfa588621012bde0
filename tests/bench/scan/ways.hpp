// SPDX-License-Identifier: Apache-2.0
// The ways to a verdict about one disk that are measured beside each other: bailiff-scan's and its peers'.
#pragma once

#include "tests/bench/scan/changed_disk.hpp"
#include "tests/bench/scan/verdicts.hpp"
#include "tests/bench/scan/workload.hpp"
#include "tests/fixtures/clamd.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace bailiff::test {

/// One run of one way.
struct Run {
    double seconds = 0;         ///< wall time of its processes, from start to end; preparations are not in it
    Seens seens;                ///< empty when the way gives no verdict
    std::set<std::string> all;  ///< everything that bailiff-scan said, to compare runs by
    uint64_t peak_bytes = 0;    ///< of bailiff-scan and its children; 0 when not watched
    std::string note;
};

struct Way {
    std::string name, what;
    std::string missing;   ///< why it cannot be run here; "" when it can
    bool ours = false;     ///< a missed plant is a bug of Bailiff's
    bool updated = false;  ///< matches with the update's signatures, too
    std::function<Run()> run;
};

/// A clamd whose output is read all the time by a thread of its own, since millions of files may bring many findings.
class WarmClamd {
  public:
    explicit WarmClamd(const std::string& configuration)
        : clamd_("", configuration), listener_([this](const std::stop_token& over) {
              while (!over.stop_requested() && clamd_.running()) std::this_thread::sleep_for(std::chrono::milliseconds(100));
          }) {}
    std::string socket_path() const { return clamd_.socket_path(); }
    std::string configuration_file() const { return clamd_.folder() + "/clamd.conf"; }

  private:
    TestClamd clamd_;
    std::jthread listener_;  ///< last: it ends before what it looks at
};

enum class Peers { none, installed, all };

/// Owns the two clamds (warm for all, and nobody's time) and the caches. Lazy: what no way asks for is never started.
/// One thread uses it.
class Ways {
  public:
    Ways(const Workload& workload, unsigned lanes);
    /// In the order in which a round takes them. Slow peers only with Peers::all.
    std::vector<Way> list(Peers peers);
    /// What filling the first VM's cache took; nothing when it was never filled.
    std::optional<double> fill_seconds() const { return fill_seconds_; }

  private:
    std::vector<Way> own_ways();
    std::vector<Way> peer_ways(Peers peers);
    std::string not_built(const std::string& option) const;
    bool names(const std::string& option) const { return not_built(option).empty(); }

    Run clamdscan(const std::filesystem::path& what, const std::filesystem::path& system_root);
    Run scan(const std::vector<std::string>& arguments, const std::filesystem::path& image);
    Run cached_scan(const std::filesystem::path& filled_by, bool updated);
    /// A copy of the cache that a scan of `image` filled before: each run finds the same one.
    std::string cache_of(const std::filesystem::path& image);
    /// Rescans a disk of which less than a hundredth has changed since its state was written.
    Run changed_blocks();
    /// What names a clamd and its signatures; its state is proven before anybody's time runs.
    std::vector<std::string> proven_engine(bool updated);
    Run plain_hash() const;
    Run tsk_recover();
    Run mounted(const std::vector<std::string>& mount, const std::vector<std::string>& unmount);
    Run fuse2fs();
    Run tar_out();

    WarmClamd& clamd();
    WarmClamd& updated_clamd();
    std::filesystem::path scratch(const std::string& name) const;

    const Workload& work_;
    unsigned lanes_;
    std::string help_;
    std::unique_ptr<WarmClamd> clamd_, updated_clamd_;
    std::set<std::filesystem::path> filled_;
    std::set<bool> proven_;
    std::optional<double> fill_seconds_;
    std::unique_ptr<ChangedDisk> changed_;
};

}  // namespace bailiff::test
