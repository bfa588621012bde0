// SPDX-License-Identifier: Apache-2.0
// Reads libvirt's definitions and turns one into its quarantine form: as a tree, never as text.
#pragma once

#include "agent/ports.hpp"

#include <bailiff/result.hpp>
#include <bailiff/vm.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bailiff::agent {

/// What a definition says of a VM.
struct DomainFacts {
    std::string uuid;
    std::string name;
    std::vector<VmDisk> disks;  ///< without empty drives
    std::vector<VmNic> nics;
    std::vector<std::string> enforced;  ///< addresses that its interfaces let it send from, where they let no others through
    std::string nvram;  ///< path of the UEFI variables; empty when there are none
    std::optional<int64_t> run;  ///< libvirt's number of the process that it describes; none: the definition of no running VM
    bool ours = false;  ///< carries our start element: we started it in quarantine
};

/// Errors: invalid when the text is no domain definition.
Result<DomainFacts> read_domain(std::string_view xml);

/// The definition of a quarantine boot: same name, UUID, SMBIOS data, MAC and slots; every writable disk is
/// its overlay, every NIC stands isolated on `network`, consoles listen on the host itself only. Devices that
/// reach the host or other machines (pass-through, TPM, shared folders, network consoles, raw QEMU options)
/// are left out: what is kept is a list, what is unknown goes. Errors: invalid, naming what does not fit.
Result<std::string> quarantine_domain(std::string_view definition, const QuarantineBoot& boot,
                                      const std::string& network);

/// Whether a live definition is what quarantine_domain meant: libvirt and its hooks may have changed it.
Result<void> check_quarantined(std::string_view live, const QuarantineBoot& boot, const std::string& network);

/// The <interface> elements to update so that every NIC's link is `up` or not; those that are so already are
/// left out. Errors: invalid when a NIC is passed through or served by another process, since libvirt cannot
/// cut those.
Result<std::vector<std::string>> link_updates(std::string_view xml, bool up);

/// A definition for the canary: harmless even if the gate lets it start. `type` is "kvm" or "qemu".
std::string canary_domain(const std::string& type);

/// A network without a way out and without services, whose ports cannot reach each other.
std::string quarantine_network(const std::string& name, const std::string& bridge);

/// Whether a network's live definition has no forwarding, no addresses and no physical interface.
bool is_isolated_network(std::string_view xml);

}  // namespace bailiff::agent
