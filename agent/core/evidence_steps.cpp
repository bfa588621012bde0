// SPDX-License-Identifier: Apache-2.0
// The copy of a running VM: how it begins, how it ends, and what is let go when it cannot end.
//
//   prepare_backup ─> [pause ─> dump_memory] ─> begin_backup ─> [links_down] ─> [resume] ─> (wait) ─> store_backup
//
// The copy is of the instant of begin_backup: from then on QEMU saves what the guest overwrites. So the guest goes on, cut
// off or not, while its disks are stored, and what it does then is not in the copy.
#include "agent/core/ladder.hpp"

#include <algorithm>

namespace bailiff::agent {
namespace {

bool paused_by_us(const View& v) { return v.op.paused_here && v.vm().power == Power::paused; }

}  // namespace

std::optional<Step> begin_copy(const View& v, bool hold, bool memory) {
    // First of all: nobody's guest stays frozen for longer than it must.
    if (v.op.perhaps_frozen && !v.op.thaw_unanswered) return Do{Act::thaw, ""};
    if (v.seen.own_set) return std::nullopt;
    if (v.op.copy_broken) return act(v, Act::abort_backup);
    // Somebody let the guest go between its memory and its disks.
    if (v.op.backup && memory && !v.op.backup->paused) return act(v, Act::abort_backup);
    if (v.op.backup) return std::nullopt;
    // Somebody else's job may take hours: the guest does not stand still for it. `prepare_backup` says whose it is, and is
    // tried again for some minutes.
    const bool busy = v.seen.backup == BackupSeen::foreign || v.vm().migrating;
    if (busy && paused_by_us(v)) return act(v, Act::resume);
    if (busy || !v.op.prepared) return act(v, Act::prepare_backup);
    if (hold && v.vm().power != Power::paused) return act(v, Act::pause);
    // BEFORE the backup: while that runs, libvirt lets a dump wait for 30 s and refuses it.
    if (memory && !v.op.memory) return act(v, Act::dump_memory);
    return act(v, Act::begin_backup);
}

std::optional<Step> let_guest_go(const View& v) {
    if (paused_by_us(v)) return act(v, Act::resume);
    return std::nullopt;
}

std::optional<Step> end_copy(const View& v) {
    if (v.seen.own_set) {
        if (!v.op.evidence_verified) return act(v, Act::verify_evidence);
        return std::nullopt;
    }
    if (v.seen.backup == BackupSeen::ours) return Wait{v.now + v.patience.look_again};
    return act(v, Act::store_backup);
}

std::optional<Do> let_go(const View& v) {
    if (v.op.perhaps_frozen && !v.op.thaw_unanswered && !v.off()) return Do{Act::thaw, ""};
    if (v.op.copy_begun && !v.seen.own_set) return Do{Act::abort_backup, ""};
    if (paused_by_us(v)) return Do{Act::resume, ""};
    return std::nullopt;
}

std::string copied_text(const View& v) {
    if (!v.seen.own_set) return "";
    std::string out = "; the copy of the running VM is evidence set " + v.seen.own_set->id.text() + " (" +
                      std::string(name(v.seen.own_set->consistency)) + (v.op.memory ? ", with its memory" : "") + ")";
    if (v.op.backup && !v.op.backup->note.empty()) out += ": " + v.op.backup->note;
    if (v.op.thaw_unanswered) out += "; its guest agent did not confirm that it thawed: look at the guest";
    return out;
}

}  // namespace bailiff::agent
