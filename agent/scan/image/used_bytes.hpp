// SPDX-License-Identifier: Apache-2.0
// How much of a volume is in use, as its own superblock has it: what a scan's progress is measured against.
#pragma once

#include "agent/scan/image/image.hpp"
#include "agent/scan/image/volume.hpp"

#include <cstdint>

namespace bailiff::agent {

/// Bytes, at most the volume's size, which is also the answer when the superblock does not say (NTFS, FAT12, FAT16); 0 for what
/// is not read. An estimate for people: nothing may depend on it. `image` is `volume.on(disk)`.
uint64_t used_bytes(Image& image, const Volume& volume);

}  // namespace bailiff::agent
