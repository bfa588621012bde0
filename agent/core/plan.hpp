// SPDX-License-Identifier: Apache-2.0
// What an order would do to this host: for dry-run, and for nothing else.
#pragma once

#include "agent/core/operation.hpp"

#include <string>
#include <vector>

namespace bailiff::agent {

/// The probes ("seen: …") and then the acts in order ("would: …"), as next_step takes them when every act has its
/// effect and the guest obeys no request: the longest way, of which an obedient guest cuts the end off. `gate_up` is
/// what the canary says. An act whose effect cannot be foreseen ends the plan with a sentence that says so; it never
/// claims more than is known.
std::vector<std::string> plan_of(Operation operation, Observation seen, const Patience& patience, Milliseconds now, bool gate_up);

}  // namespace bailiff::agent
