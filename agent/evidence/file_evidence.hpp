// SPDX-License-Identifier: Apache-2.0
// Evidence sets as folders: images, definition, nvram, manifest; read-only, and whole or absent.
#pragma once

#include "agent/evidence/manifest.hpp"
#include "agent/ports.hpp"

#include <bailiff/dsse.hpp>

#include <functional>
#include <optional>
#include <string>

namespace bailiff::agent {

/// Path of a VM's nvram file, "" when it has none; from the hypervisor's definition.
using NvramOf = std::function<Result<std::string>(const VmId&)>;

/// What else goes into sets, and who vouches for them.
struct EvidenceHost {
    std::string host;                   ///< the name in the signed statement
    std::optional<SignatureKey> key;    ///< none: sets are not signed
    std::string tpm_folder;             ///< swtpm's states by VM, as libvirt keeps them; empty: TPMs are not kept
};

/// Adds a file that lies in the folder already to the manifest.
Result<void> enter(Manifest& manifest, const std::string& folder, const std::string& name);

/// `<folder>/<vm>/<set>/`. Used by one thread at a time per VM.
class FileEvidence : public EvidenceStore {
  public:
    FileEvidence(std::string folder, NvramOf nvram_of, EvidenceHost host = {});

    Result<EvidenceSet> freeze(const EvidenceRequest& request,
                               const std::function<void(int)>& percent) override;
    std::optional<EvidenceSet> find(const VmId& vm, const CaseId& case_id) override;
    std::optional<EvidenceSet> find_set(const VmId& vm, const EvidenceId& id) override;
    std::vector<EvidenceSet> all() override;
    Result<void> expire(const EvidenceSet& set) override;

    // live_evidence.cpp
    std::string staging(const VmId& vm, const EvidenceId& id) override;
    Result<void> prepare(const EvidenceRequest& request) override;
    Result<BackupFiles> make_targets(const EvidenceRequest& request) override;
    BackupFiles targets(const VmId& vm, const EvidenceId& id) override;
    std::string memory_name() override;
    Result<void> take_over(const VmId& vm, const EvidenceId& id) override;
    bool taken_over(const VmId& vm, const EvidenceId& id) override;
    Result<EvidenceSet> store(const VmId& vm, const EvidenceId& id, const LiveCopy& copy,
                              const std::function<void(int)>& percent) override;
    Result<void> discard(const VmId& vm, const EvidenceId& id) override;

    /// Errors: invalid, naming the first file that differs, is missing or cannot be read.
    Result<void> verify(const EvidenceSet& set) override;
    /// An image that stands alone is rebuilt beside the disk, compared and renamed over it; a block device or an image
    /// with a backing file is overwritten where it lies, and compared afterwards.
    Result<void> put_back(const EvidenceSet& set, const VmDisk& disk) override;
    Result<std::string> definition(const EvidenceSet& set) override;
    Result<std::string> removed_folder(const EvidenceSet& set) override;
    Result<void> index_removed(const EvidenceSet& set) override;

  private:
    static Result<void> check_names(const VmId& vm, const EvidenceId& id);
    static Result<EvidenceSet> load(const std::string& folder);
    Result<void> check_room(int64_t bytes, const std::string& folder) const;
    Result<void> check_space(const EvidenceRequest& request, const std::string& folder);
    /// Definitions, nvram and TPM state.
    Result<void> write_side_files(const EvidenceRequest& request, const std::string& folder, Manifest& manifest);
    Result<void> write_manifest(const Manifest& manifest, const std::string& folder) const;
    static Result<Manifest> draft_of(const std::string& folder);
    Result<Manifest> hashed(const std::string& folder, const LiveCopy& copy, const std::function<void(int)>& percent);
    Result<Manifest> fill(const EvidenceRequest& request, const std::string& folder,
                          const std::function<void(int)>& percent);
    std::string folder_;
    NvramOf nvram_of_;
    EvidenceHost host_;
};

}  // namespace bailiff::agent
