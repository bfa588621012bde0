// SPDX-License-Identifier: Apache-2.0
// The inside of next_step: what every ladder looks at, and the ladders' names. For the *_steps.cpp files only.
#pragma once

#include "agent/core/operation.hpp"

#include <optional>
#include <string>

namespace bailiff::agent {

/// What every ladder looks at.
struct View {
    const Operation& op;
    const Observation& seen;
    const Patience& patience;
    Milliseconds now;

    const VmObservation& vm() const { return seen.vm; }
    bool off() const { return vm().power == Power::off || vm().power == Power::crashed; }
    int times(const Do& step) const {
        const auto found = op.done.find(key_of(step));
        return found == op.done.end() ? 0 : found->second;
    }
    const Overlay* overlay(const std::string& target) const {
        for (const auto& o : seen.overlays)
            if (o.target == target) return &o;
        return nullptr;
    }
};

/// An act whose effect is looked for afterwards: done again when it is missing, given up when that does not help.
Step act(const View& v, Act what, const std::string& target = "");
/// `done`, or `already` when nothing was changed.
Step finished(const View& v, std::string text);
/// The VM is no longer here.
Step gone(const View& v);
/// Links that are down or limited because of us, or may be since a crash: whoever gives the VM back frees them.
bool links_are_ours(const View& v);

// evidence_steps.cpp. Each says its next step, or nothing when its part is done.
/// Until the instant of the copy is fixed. `hold`: the guest is paused for it.
std::optional<Step> begin_copy(const View& v, bool hold, bool memory);
/// A guest that we paused goes on.
std::optional<Step> let_guest_go(const View& v);
/// Until the copy is a set, and was read again.
std::optional<Step> end_copy(const View& v);
/// What an unfinished copy holds: the guest frozen or paused, the backup job, its files.
std::optional<Do> let_go(const View& v);
/// "; the copy of the running VM is …" for the answer; "" when there is none.
std::string copied_text(const View& v);

Step order_step(const View& v);   // order_steps.cpp
Step job_step(const View& v);     // job_steps.cpp
Step undo_order(const View& v);   // undo_steps.cpp
Step undo_job(const View& v);

}  // namespace bailiff::agent
