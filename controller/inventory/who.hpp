// SPDX-License-Identifier: Apache-2.0
// Whose was an address at a time: intervals, and what may be concluded from them. Pure.
#pragma once

#include "controller/inventory/address.hpp"

#include <bailiff/id.hpp>
#include <bailiff/json.hpp>
#include <bailiff/names.hpp>
#include <bailiff/time.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace bailiff {

/// Who says so.
enum class AddressSource {
    inventory,       ///< the directory, at each change of a VM's addresses
    import_,         ///< a file of the provider's records
    cmdb,            ///< the provider's CMDB, asked for this address and time
    inventory_now,   ///< no history at all: the directory knows who has it now
    enforced,        ///< the VM's host, which lets it send from nothing else: as good as a record
    lease,           ///< the VM's host, which gave it the address by DHCP: whether it keeps to it, nobody knows
};

inline constexpr int64_t last_port_there_is = 65535;

/// One interval: a VM had an address, or all of a prefix, or a range of an address's ports, from then until then.
struct AddressSpan {
    Prefix prefix;
    int64_t first_port = 0, last_port = last_port_there_is;
    Instant from{};
    std::optional<Instant> until{};       ///< not included; nothing: it still has it, or until its source names the next one
    bool earlier = false;                 ///< `from` is only when it was first seen: it may have had it before
    VmId vm;                              ///< empty where only a name is known
    std::string vm_name;
    CustomerId customer;                  ///< at that time, where the source says so
    AddressSource source = AddressSource::inventory;
    Instant learned_at{};
    friend bool operator==(const AddressSpan&, const AddressSpan&) = default;
};

enum class Confidence {
    certain,
    likely,      ///< nothing speaks against it, and the records do not quite reach
    ambiguous,   ///< several, or records that contradict each other: a person decides
    unknown,
};

/// Who had an address at a time, and how sure that is.
struct Who {
    Confidence confidence = Confidence::unknown;
    std::vector<AddressSpan> holders;     ///< one where it is certain or likely, the candidates where it is ambiguous
    std::string reason;                   ///< in words
    friend bool operator==(const Who&, const Who&) = default;
};

/// Concludes from the spans that hold the address (any others are passed over). The longest prefix wins, then the narrowest range of
/// ports. `port` 0: not said. `skew` is by how much clocks may differ: an observation so near to a change of hands is ambiguous. A lease
/// never overrules what another source says: it makes a VM likely where nobody is known, and what contradicts it ambiguous.
Who who_had(const Address& address, int64_t port, Instant at, const std::vector<AddressSpan>& spans, Seconds skew);

/// "web1 (11111111-…)": the VM as far as the span names it.
std::string vm_words(const AddressSpan& span);
/// "from 2026-03-01T00:00:00Z until 2026-03-03T00:00:00Z", "since at least …".
std::string time_words(const AddressSpan& span);

/// As the API shows it and rows keep it.
Json to_json(const AddressSpan& span);
Json to_json(const Who& who);

/// A line of the provider's records: {"address","from","to","vm","customer","ports"}. `vm` is an id or a name, `to` may be empty or
/// absent, `ports` is "40000-40999" or absent. Errors: invalid, with what to write instead.
Result<AddressSpan> span_from(const Json& row, AddressSource source, Instant now);

template <>
struct Names<AddressSource> {
    static constexpr std::string_view what = "source of an address";
    static constexpr std::array table{
        std::pair{AddressSource::inventory, std::string_view("inventory")}, std::pair{AddressSource::import_, std::string_view("import")},
        std::pair{AddressSource::cmdb, std::string_view("cmdb")}, std::pair{AddressSource::inventory_now, std::string_view("inventory_now")},
        std::pair{AddressSource::enforced, std::string_view("enforced")}, std::pair{AddressSource::lease, std::string_view("lease")}};
};
template <>
struct Names<Confidence> {
    static constexpr std::string_view what = "confidence";
    static constexpr std::array table{
        std::pair{Confidence::certain, std::string_view("certain")}, std::pair{Confidence::likely, std::string_view("likely")},
        std::pair{Confidence::ambiguous, std::string_view("ambiguous")}, std::pair{Confidence::unknown, std::string_view("unknown")}};
};

}  // namespace bailiff
