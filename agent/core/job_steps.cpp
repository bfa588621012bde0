// SPDX-License-Identifier: Apache-2.0
// The ladders of jobs: evidence, scan, clean, revert.
#include "agent/core/ladder.hpp"

namespace bailiff::agent {

Step job_step(const View& v) {
    if (!v.vm().exists) return gone(v);
    const Job& job = *v.op.job();
    if (job.kind == JobKind::scan && v.op.scanned)
        return End{AnswerStatus::done, Refusal::none, "scanned: " + std::string(name(v.op.scanned->verdict))};
    if (job.kind == JobKind::clean && v.op.cleaned)
        return End{AnswerStatus::done, Refusal::none, std::to_string(v.op.cleaned->size()) + " files moved into the evidence set"};
    if (!v.off()) return GiveUp{Refusal::unexpected_state, "the VM was started meanwhile; order 'off' again"};
    switch (job.kind) {
        case JobKind::evidence:
            if (!v.seen.evidence) return act(v, Act::freeze);
            if (!v.op.evidence_verified) return act(v, Act::verify_evidence);
            return finished(v, "the evidence set is complete and was read again");
        case JobKind::scan: return act(v, Act::scan);
        case JobKind::clean:
            if (!v.seen.evidence) return GiveUp{Refusal::no_evidence, "the evidence set of the case is gone"};
            if (!v.op.evidence_verified) return act(v, Act::verify_evidence);
            for (const auto& disk : writable_disks(v.vm().disks))
                if (!v.overlay(disk.target)) return act(v, Act::create_overlay, disk.target);
            return act(v, Act::clean);
        case JobKind::revert:
            if (!v.seen.overlays.empty()) return act(v, Act::drop, v.seen.overlays.front().target);
            return finished(v, "no overlay is left; the disks are as they were at power-off");
        case JobKind::guard:
        case JobKind::unguard: return GiveUp{Refusal::unsupported, "guarding another host's VM is not built on this host yet"};
    }
    return gone(v);
}

}  // namespace bailiff::agent
