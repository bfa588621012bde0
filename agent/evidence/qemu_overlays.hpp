// SPDX-License-Identifier: Apache-2.0
// Overlays as qcow2 files, each with a label that says what it stands on.
#pragma once

#include "agent/evidence/file_evidence.hpp"
#include "agent/ports.hpp"

#include <chrono>
#include <string>

namespace bailiff::agent {

/// `<folder>/<vm>/<case>/<target>.qcow2` and `<target>.json`. The folders are 0711: QEMU's user opens its
/// file and lists nothing. Used by one thread at a time per VM.
class QemuOverlays : public Overlays {
  public:
    QemuOverlays(std::string folder, NvramOf nvram_of,
                 std::chrono::milliseconds commit_timeout = std::chrono::hours{6});

    Result<std::vector<Overlay>> find(const VmId& vm, const CaseId& case_id) override;
    /// Errors: conflict when an overlay of this name stands on something else; invalid for a disk that is no
    /// file.
    Result<Overlay> create(const VmId& vm, const CaseId& case_id, const VmDisk& disk) override;
    /// Errors: conflict when base or overlay are not those of the label any more; unavailable while a VM uses
    /// them.
    Result<void> commit(const Overlay& overlay) override;
    /// Removes the overlay; with the last one, the nvram copy and the folder.
    Result<void> drop(const Overlay& overlay) override;
    /// "" when the VM has none. A copy that exists is kept: the quarantined VM may have written to it.
    Result<std::string> copy_nvram(const VmId& vm, const CaseId& case_id) override;

  private:
    Result<std::string> folder_of(const VmId& vm, const CaseId& case_id) const;
    std::string folder_;
    NvramOf nvram_of_;
    std::chrono::milliseconds commit_timeout_;
};

}  // namespace bailiff::agent
