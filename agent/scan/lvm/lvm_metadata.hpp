// SPDX-License-Identifier: Apache-2.0
// The model of a volume group, as its metadata text describes it. Nothing of the disk is read here.
#pragma once

#include <bailiff/result.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace bailiff::agent {

/// Where a stripe lies: `device` names a physical volume ("pv0") or, in what we do not read, another logical volume.
struct LvmArea {
    std::string device;
    uint64_t extent = 0;
    friend bool operator==(const LvmArea&, const LvmArea&) = default;
};

struct LvmSegment {
    uint64_t start = 0, count = 0;     ///< extents of the logical volume
    std::string type;                  ///< "striped", "raid1", "thin-pool" …
    uint64_t stripe_size = 0;          ///< bytes
    std::vector<LvmArea> areas;        ///< of "striped": one is a linear segment
    std::vector<std::string> mirrors;  ///< of "raid1": the logical volumes that are its sides …
    std::vector<std::string> mirror_metadata;  ///< … and those that keep their state
    friend bool operator==(const LvmSegment&, const LvmSegment&) = default;
};

struct LvmLogicalVolume {
    std::string name;
    bool visible = false;                 ///< not a part of another one
    std::vector<LvmSegment> segments;     ///< they follow each other from extent 0, unless `problem`
    std::vector<std::string> references;  ///< every text in its segments: the names of its parts may be among them
    std::string problem;                  ///< why it cannot be read; "" when it can, as far as its text says
    friend bool operator==(const LvmLogicalVolume&, const LvmLogicalVolume&) = default;
};

struct LvmPhysicalVolume {
    std::string name, id;   ///< "pv0", and 32 characters without dashes
    uint64_t start = 0;     ///< bytes before its first extent
    uint64_t extents = 0;
    bool missing = false;   ///< LVM gave it up: what it holds is older than the rest
    friend bool operator==(const LvmPhysicalVolume&, const LvmPhysicalVolume&) = default;
};

struct LvmGroup {
    std::string name, id;
    int64_t sequence = 0;      ///< grows with every change
    uint64_t extent_size = 0;  ///< bytes
    std::vector<LvmPhysicalVolume> physical;
    std::vector<LvmLogicalVolume> logical;
    friend bool operator==(const LvmGroup&, const LvmGroup&) = default;
};

/// Errors (invalid): what cannot be the description of one volume group. A logical volume that cannot be understood is no
/// error: it stays in the list with its `problem`, so that none is dropped in silence.
Result<LvmGroup> parse_lvm_group(std::string_view text);

}  // namespace bailiff::agent
