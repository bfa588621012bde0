// SPDX-License-Identifier: Apache-2.0
// What an LVM2 physical volume says about itself: its label, and the copies of its group's metadata that it keeps.
#pragma once

#include "agent/scan/image/image.hpp"
#include "agent/scan/lvm/lvm_metadata.hpp"

#include <bailiff/result.hpp>

#include <string>
#include <vector>

namespace bailiff::agent {

struct LvmLabel {
    std::string id;                     ///< 32 characters
    std::vector<LvmGroup> groups;       ///< one for each copy that is sound; a physical volume may keep none at all
    std::vector<std::string> problems;  ///< one for each copy that is not
};

/// Texts beyond this are refused. LVM's own areas are of one MiB unless somebody asked for more.
inline constexpr uint64_t largest_lvm_text = 16U << 20;

/// Reads the label in the first four sectors of the `size` bytes at `start`, and every metadata area that it names. An error
/// (invalid, unavailable) means that there is no sound label.
Result<LvmLabel> read_lvm_label(Image& image, uint64_t start, uint64_t size);

}  // namespace bailiff::agent
