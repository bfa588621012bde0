// SPDX-License-Identifier: Apache-2.0
// What both programs call the states of a VM, and what an agent tells of the VMs on its host.
#pragma once

#include <bailiff/id.hpp>
#include <bailiff/names.hpp>

#include <compare>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace bailiff {

/// The state a case can demand of a VM, gentlest first. Orders carry one of these and nothing else.
enum class VmState {
    running,      ///< released: as it was found, no lock
    limited,      ///< some outgoing ports closed or bandwidth capped
    isolated,     ///< whole network cut, console stays
    off,          ///< powered off and locked
    quarantined,  ///< booted from an overlay on an isolated network, same name and UUID
};

template <>
struct Names<VmState> {
    static constexpr std::string_view what = "VM state";
    static constexpr std::array table{
        std::pair{VmState::running, std::string_view("running")}, std::pair{VmState::limited, std::string_view("limited")},
        std::pair{VmState::isolated, std::string_view("isolated")}, std::pair{VmState::off, std::string_view("off")},
        std::pair{VmState::quarantined, std::string_view("quarantined")}};
};

/// Whether reaching the state takes something away from the customer. Such orders fall under budgets.
constexpr bool harmful(VmState state) { return state != VmState::running; }

/// What the hypervisor itself says of a VM's power.
enum class Power { running, paused, off, crashed, unknown };

template <>
struct Names<Power> {
    static constexpr std::string_view what = "power state";
    static constexpr std::array table{
        std::pair{Power::running, std::string_view("running")}, std::pair{Power::paused, std::string_view("paused")},
        std::pair{Power::off, std::string_view("off")}, std::pair{Power::crashed, std::string_view("crashed")},
        std::pair{Power::unknown, std::string_view("unknown")}};
};

/// One disk of a VM, as its definition names it.
struct VmDisk {
    std::string target;          ///< "vda"
    std::string format;          ///< "qcow2" or "raw": from the definition, never probed
    std::string source;          ///< absolute path of the image file, or a URL the adapter understands
    bool read_only = false;      ///< CD-ROMs and shared read-only media are neither copied nor scanned
    friend bool operator==(const VmDisk&, const VmDisk&) = default;
};

/// One network interface of a VM.
struct VmNic {
    std::string mac;      ///< lower case, colons
    std::string network;  ///< libvirt network or bridge name
    bool link_up = true;
    friend bool operator==(const VmNic&, const VmNic&) = default;
};

/// By what a host knows an address of a VM. What the guest says (its agent, the neighbour table) is no such thing.
enum class KnownBy {
    enforced,   ///< the host lets nothing else through
    lease,      ///< a current DHCP lease of a network that the host itself serves
};

template <>
struct Names<KnownBy> {
    static constexpr std::string_view what = "way in which a host knows an address";
    static constexpr std::array table{std::pair{KnownBy::enforced, std::string_view("enforced")}, std::pair{KnownBy::lease, std::string_view("lease")}};
};

/// An address of a VM as its host knows it.
struct VmAddress {
    KnownBy by = KnownBy::enforced;
    std::string address;   ///< or a network: the controller decides what it takes
    friend auto operator<=>(const VmAddress&, const VmAddress&) = default;
};
/// Of one VM, in one record.
inline constexpr size_t most_vm_addresses = 64;

/// What an agent reports of one VM. Everything here may be old by the time it is read: `Inventory` carries the time.
struct VmRecord {
    VmId vm;
    std::string name;
    Power power = Power::unknown;
    bool persistent = true;
    bool autostart = false;
    bool locked = false;      ///< Bailiff's lock is on this host
    VmState state = VmState::running;  ///< what the agent observes of the states an order can demand
    std::vector<VmDisk> disks;
    std::vector<VmNic> nics;
    std::vector<VmAddress> addresses{};  ///< of a VM that runs or is paused; sorted; older agents name none
    friend bool operator==(const VmRecord&, const VmRecord&) = default;
};

}  // namespace bailiff
