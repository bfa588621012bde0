// SPDX-License-Identifier: Apache-2.0
// One record of a directory of ISO 9660 (ECMA-119, 9.1), and the names in it.
#pragma once

#include "agent/scan/image/byte_order.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace bailiff::agent {

/// The only size of sectors and of logical blocks that is read here.
inline constexpr uint64_t iso_sector = 2048;

/// Numbers stand in a record in both byte orders. The little-endian one counts, as for every system that runs here.
struct IsoRecord {
    size_t length = 0;         ///< bytes of the record itself
    uint32_t block = 0;        ///< where the content begins, behind its extended attributes
    uint32_t size = 0;         ///< bytes
    uint64_t recorded = 0;     ///< date and time in the form of the disk, seven bytes
    bool directory = false;
    bool associated = false;   ///< a second content of the file of the same name
    bool continued = false;    ///< the next record has more of the same file
    bool interleaved = false;  ///< other files' bytes stand between those of this one
    Bytes name;                ///< as it stands there; one byte of 0 or 1 for the directory itself and its parent
    Bytes system_use;          ///< where Rock Ridge is

    bool itself() const { return name.size() == 1 && name[0] == 0; }
    bool parent() const { return name.size() == 1 && name[0] == 1; }
};

/// The record at the start of `bytes`, into which the answer points; nothing when it does not fit into them or into itself.
std::optional<IsoRecord> parse_iso_record(Bytes bytes);

/// The name as a person writes it: without the version ";1" and a full stop at its end; Joliet's (UCS-2, most significant
/// byte first; pairs of surrogates are joined) as UTF-8. Nothing when it cannot be a part of a path.
std::optional<std::string> iso_name(Bytes raw, bool joliet);

/// Whether a path can have such a part: not empty, not "." or "..", no slash and no zero byte.
bool is_path_part(const std::string& name);

}  // namespace bailiff::agent
