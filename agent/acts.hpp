// SPDX-License-Identifier: Apache-2.0
// Looking and acting: the only place where the runner's decisions become calls of the ports. Runs on any thread.
#pragma once

#include "agent/core/operation.hpp"
#include "agent/executor.hpp"
#include "agent/ports.hpp"

#include <functional>

namespace bailiff::agent {

/// Everything outside of the agent's own process and journal.
struct World {
    Hypervisor& hypervisor;
    Guard& guard;
    Overlays& overlays;
    EvidenceStore& evidence;
    Scanner& scanner;
    Scratch& scratch;
    ScanReports& reports;
    SweepScanner* sweeper = nullptr;   ///< none: this host sweeps nothing
};

/// Reads what is true of a VM. `history` is not filled in: it is the journal's. `set`: the one that the operation makes,
/// when it may copy a running VM. `live`: the operation, when it scans a running VM.
Result<Observation> look(const World& world, const VmId& vm, const CaseId& case_id, const EvidenceId& set = {}, const JobId& live = {});

/// Carries out one act. The answer is what its `done` entry remembers beyond act, target and time. `stop` is asked by an act
/// that may be ended early: words, when it must.
Result<Json> carry_out(const World& world, const Operation& operation, const Observation& seen, const Do& step, Instant now,
                       const std::function<void(int)>& percent, const std::function<std::string()>& stop);

/// Reading whole disks has lanes of its own.
Lane lane_of(Act act);

}  // namespace bailiff::agent
