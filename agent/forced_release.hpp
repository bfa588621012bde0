// SPDX-License-Identifier: Apache-2.0
// A VM is given back by the host's admin, without an order: `bailiff-agent release --force`.
//
//   admin_release (what is found, durable) -> force_release -> admin_released (what was done, what is left)
//
// The ordering law of operations holds here too, and the controller is told until it acknowledges.
#pragma once

#include "agent/acts.hpp"

#include <bailiff/json.hpp>
#include <bailiff/time.hpp>

#include <string>

namespace bailiff::agent {

/// What the admin asks. The id makes it happen once, however often the request is found.
struct ReleaseRequest {
    std::string id;            ///< 32 hex digits
    std::string vm;            ///< UUID
    std::string by, reason;
    bool start = false;        ///< start the VM afterwards, if it is off
    Instant at{};
    friend bool operator==(const ReleaseRequest&, const ReleaseRequest&) = default;
};

/// The body of `admin_release`: the request, and what the lock remembers, which is gone afterwards. Changes nothing.
/// A hypervisor that does not answer and a damaged lock record are no obstacle: an admin who forces has his reasons.
Json before_release(const World& world, const ReleaseRequest& request, const CaseFacts& history);

/// Ends a quarantine run, frees a network that we cut or limited, gives autostart back, takes the lock off and lets go of
/// the disks, lets a guest go on that stands still to be copied (`paused` in `before`), starts the VM if asked.
/// Whatever fails is named in `left`, and the next thing is done all the same. Overlays and evidence stay and are
/// named. May be repeated. The answer is the body of `admin_released`, without the position of its `admin_release`:
/// `{"unlocked": bool, "links_up": bool, "done": [sentence…], "left": [sentence…]}`. Runs on any thread.
Json force_release(const World& world, const Json& before);

/// One sentence for the controller and the log.
std::string release_sentence(const Json& before, const Json& outcome);

}  // namespace bailiff::agent
