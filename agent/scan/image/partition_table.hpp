// SPDX-License-Identifier: Apache-2.0
// The volume layer's first half: GPT and MBR, read by our own code because both come from a hostile guest.
#pragma once

#include "agent/scan/image/image.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace bailiff::agent {

struct Partition {
    std::string name;              ///< "gpt1", "mbr5": what findings call it
    uint64_t start = 0, size = 0;  ///< bytes; may reach past the image, which `problem` then says
    bool boot_code = false;        ///< BIOS boot or Microsoft reserved: no filesystem, but code may hide there
    std::string problem;           ///< why it cannot be read; "" when it can
};

struct PartitionTable {
    std::vector<Partition> partitions;
    std::vector<std::string> notes;  ///< oddities that do not keep anything from being read
    std::string problem;             ///< the table itself is damaged: partitions may be missing
};

/// The GUID partition table, in its first or its second copy; nothing when the disk has none.
std::optional<PartitionTable> read_gpt(Image& image);

/// The MBR with its logical partitions; nothing when sector 0 holds no partition table.
std::optional<PartitionTable> read_mbr(Image& image);

/// Adds to a GPT what its MBR names besides (a "hybrid" disk boots from there), so that nothing hides in between.
void add_hybrid_partitions(PartitionTable& gpt, const PartitionTable& mbr);

}  // namespace bailiff::agent
