// SPDX-License-Identifier: Apache-2.0
// Evidence sets as folders: images, definition, nvram, manifest; read-only, and whole or absent.
#pragma once

#include "agent/evidence/manifest.hpp"
#include "agent/ports.hpp"

#include <functional>
#include <string>

namespace bailiff::agent {

/// Path of a VM's nvram file, "" when it has none; from the hypervisor's definition.
using NvramOf = std::function<Result<std::string>(const VmId&)>;

/// `<folder>/<vm>/<set>/`. Used by one thread at a time per VM.
class FileEvidence : public EvidenceStore {
  public:
    FileEvidence(std::string folder, NvramOf nvram_of);

    Result<EvidenceSet> freeze(const EvidenceRequest& request,
                               const std::function<void(int)>& percent) override;
    std::optional<EvidenceSet> find(const VmId& vm, const CaseId& case_id) override;
    /// Errors: invalid, naming the first file that differs, is missing or cannot be read.
    Result<void> verify(const EvidenceSet& set) override;
    Result<std::string> definition(const EvidenceSet& set) override;
    Result<std::string> removed_folder(const EvidenceSet& set) override;

  private:
    Result<EvidenceSet> load(const std::string& folder);
    Result<void> check_space(const EvidenceRequest& request, const std::string& folder);
    Result<Manifest> fill(const EvidenceRequest& request, const std::string& folder,
                          const std::function<void(int)>& percent);
    std::string folder_;
    NvramOf nvram_of_;
};

}  // namespace bailiff::agent
