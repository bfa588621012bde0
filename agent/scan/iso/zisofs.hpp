// SPDX-License-Identifier: Apache-2.0
// zisofs: files that mkzftree compressed, which Linux unpacks as they are read.
#pragma once

#include "agent/scan/box/memory_file.hpp"
#include "agent/scan/iso/rock_ridge.hpp"

#include <bailiff/result.hpp>

#include <functional>
#include <span>

namespace bailiff::agent {

/// Fills `out` with the stored bytes from `offset` on, or answers false.
using IsoStored = std::function<bool(uint64_t offset, std::span<uint8_t> out)>;

/// Appends the unpacked content, exactly `packed.size` bytes, in pieces of one block. Errc::unavailable when memory failed, any other
/// when what is stored is damaged or not as `packed` says.
Result<void> unpack_zisofs(const IsoStored& stored, uint64_t stored_size, const IsoPacked& packed, MemoryFile& into);

}  // namespace bailiff::agent
