// SPDX-License-Identifier: Apache-2.0
// What a state of ours does to a VM's interfaces, and how each of them gets back exactly what it had: as trees, without libvirt.
//
// One note per VM lies on the disk from before the first change until everything is given back. It says what is demanded
// and how every interface looked when it was found, in the running and in the stored definition. What an interface must
// look like follows from both alone, so every change may be repeated after a crash, and a demand may follow another.
#pragma once

#include <bailiff/order.hpp>
#include <bailiff/result.hpp>

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace bailiff::agent {

/// How a VM is isolated; the host's admin chooses.
enum class IsolateBy {
    link,      ///< its links go down: the guest sees no carrier
    network,   ///< its interfaces move to the quarantine network
    filter,    ///< a filter drops every frame: the guest sees nothing
};

/// What the interfaces shall be; nothing demanded means: as found.
struct NetworkDemand {
    bool cut = false;
    Limit limit;   ///< empty when cut
    bool nothing() const { return !cut && limit.empty(); }
    friend bool operator==(const NetworkDemand&, const NetworkDemand&) = default;
};

/// The note. Keys of `live` and `stored` are MAC and slot; values are <interface> elements as found.
struct HoldNote {
    NetworkDemand demand;
    IsolateBy by = IsolateBy::link;       ///< as it was when the VM was cut
    bool rate_on_tap = false;             ///< libvirt could not set the rate on this kernel: nft does
    bool starting = false;                ///< our own start of the VM stands paused until its network is ready
    std::set<int64_t> rates;              ///< every rate that was put there: an interface with one of them bears ours
    std::set<std::string> taps_down;      ///< taps that we took down on the host, before libvirt's own cut or while it hung
    std::vector<std::string> graphics;    ///< the running VM's <graphics> elements with the owner's passwords, when we set others
    std::map<std::string, std::string> live, stored;
};

std::string format_note(const HoldNote& note);
Result<HoldNote> parse_note(std::string_view text);

/// The tap of an interface, "vnet3"; only running VMs have any.
struct TapOf {
    std::string mac, tap;
};
Result<std::vector<TapOf>> taps_of(std::string_view xml);

/// Writes down every interface of `xml` that is not in `found`, and anew what somebody else has changed on those that are.
/// To be called with the note as it is BEFORE its demand changes. True when something was added.
Result<bool> note_interfaces(std::string_view xml, const HoldNote& note, const std::string& network, std::map<std::string, std::string>& found);

/// A filter of ours on one interface: its name, and what it includes of the owner's.
struct FilterWanted {
    std::string name;
    std::string original;   ///< the owner's <filterref> element, or empty
};
/// The filters that the demand needs. `uuid` is the VM's.
Result<std::vector<FilterWanted>> filters_wanted(std::string_view xml, const HoldNote& note, const std::map<std::string, std::string>& found,
                                                 const std::string& uuid);
/// `uuid` is that of the filter when it exists already, else empty.
std::string filter_definition(const FilterWanted& filter, const NetworkDemand& demand, const std::string& uuid);
/// What a filter of ours closes: "25,465"; "all" when it drops every frame; empty for a filter that is none of ours.
std::string closed_by_filter(std::string_view xml);
/// Names of our filters that interfaces of this definition refer to.
std::set<std::string> our_filters(std::string_view xml);

/// What to do so that each interface is as demanded.
struct InterfaceUpdates {
    std::vector<std::string> updates;   ///< <interface> elements; those that are so already are left out
    std::string out_of_reach;           ///< a sentence that names the interfaces that libvirt can neither cut nor limit, and the remedy
};
Result<InterfaceUpdates> interface_updates(std::string_view xml, const HoldNote& note, const std::map<std::string, std::string>& found,
                                                   const std::string& uuid, const std::string& network);

/// What is on the interfaces of one definition.
struct LayerFacts {
    bool cut = true;                ///< every interface, by link, network or filter; taps are the caller's to look at
    bool fits = true;               ///< every interface is as demanded
    std::optional<Limit> limit;     ///< what all of them bear alike
    std::vector<std::string> open;  ///< MACs of those that are not cut
};
/// `closed` says what each of our filters closes, by name.
Result<LayerFacts> layer_facts(std::string_view xml, const HoldNote& note, const std::map<std::string, std::string>& found,
                               const std::string& uuid, const std::string& network, const std::map<std::string, std::string>& closed);

/// Kilobytes a second, as libvirt and nft count a rate.
int64_t kilobytes_of(int64_t rate_kbit);

}  // namespace bailiff::agent
