// SPDX-License-Identifier: Apache-2.0
// What the host's admin may change while the agent runs: the never-touch list, drain, and on SIGHUP the limits of
// agent.conf. Broken files change nothing, and are said aloud until they are mended.
#pragma once

#include "agent/admin_requests.hpp"
#include "agent/options.hpp"
#include "agent/runner.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace bailiff::agent {

/// Looks at the files again. Used from one thread; every look is a few stat(2) of local files.
///
/// A name is added to the never-touch list at once and taken off it only when the file has not changed for two seconds:
/// an editor that empties the file before it writes it must not open a moment in which nobody is exempt. A list that
/// cannot be read, holds what is no name, or vanishes leaves the old one in force.
class HostRulesWatch {
  public:
    /// `reread` reads flags and agent.conf again.
    HostRulesWatch(const Options& options, const Clock& clock, std::function<Result<Options>()> reread);

    const HostRules& rules() const { return rules_; }
    /// True when the rules differ from those of the last call. Call before every order and at least every second.
    bool look();
    /// SIGHUP: agent.conf too.
    bool reload();

  private:
    struct Stamp {
        bool exists = false;
        int64_t seconds = 0, nanoseconds = 0, size = 0;
        uint64_t inode = 0;
        friend bool operator==(const Stamp&, const Stamp&) = default;
    };
    static Stamp stamp_of(const std::string& path);
    void look_at_list();
    void look_at_drain();
    bool settle();

    const Clock& clock_;
    std::function<Result<Options>()> reread_;
    std::string list_path_;
    AdminFolder admin_;
    HostRules rules_, told_;
    bool configured_draining_ = false;
    std::string config_trouble_, list_trouble_, drain_trouble_;
    Stamp list_, drain_;
    std::set<std::string> newest_;                        ///< what the list says now
    std::optional<Milliseconds> list_changed_;            ///< until it has settled
};

}  // namespace bailiff::agent
