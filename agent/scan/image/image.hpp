// SPDX-License-Identifier: Apache-2.0
// A disk as a row of bytes: a raw file's descriptor, or a connected NBD socket.
#pragma once

#include "agent/scan/image/byte_order.hpp"
#include "agent/scan/image/dirty_map.hpp"

#include <bailiff/result.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace bailiff::agent {

/// Random access; only what bailiff-clean opens for writing can be written. One thread at a time.
class Image {
  public:
    virtual ~Image() = default;
    virtual uint64_t size() const = 0;  ///< bytes
    /// Fills `out` completely, or answers false: past the end, or an I/O error.
    virtual bool read(uint64_t offset, std::span<uint8_t> out) = 0;

    /// False ends the walk over the places.
    using TakePlace = std::function<bool(uint64_t offset, uint64_t length)>;
    /// Where these bytes lie on the disk itself, piece by piece, in their order. False when `take` ended it, or when they lie
    /// outside of the image.
    virtual bool places(uint64_t offset, uint64_t length, const TakePlace& take) const {
        return offset <= size() && length <= size() - offset && take(offset, length);
    }
    /// Adds what was written since the moment that the source's dirty bitmap counts from. An error says why that is not known.
    virtual Result<void> written(DirtyMap& /*map*/) { return fail(Errc::unavailable, "the image has no dirty bitmap"); }

    /// Writes all of `bytes`, or answers false.
    virtual bool write(uint64_t /*offset*/, Bytes /*bytes*/) { return false; }
    /// Puts what was written on the disk.
    virtual bool flush() { return false; }

    /// `length` bytes at `offset`, fewer only at the end of the image; empty on an error.
    std::vector<uint8_t> bytes(uint64_t offset, size_t length);
};

/// A raw image, read through a descriptor that stays the caller's.
Result<std::unique_ptr<Image>> open_raw_image(int fd);

/// An NBD export, spoken to over a connected socket that becomes the image's own. With `dirty_bitmap`, a name, its server is
/// asked for that bitmap (meta context "qemu:dirty-bitmap:NAME"); whether it has it is told by `written`.
Result<std::unique_ptr<Image>> open_nbd_image(int socket, const std::string& export_name, const std::string& dirty_bitmap = "");

}  // namespace bailiff::agent
