// SPDX-License-Identifier: Apache-2.0
// What a content is told by without being read: its name, its inode's numbers, and where exactly it lies on the disk.
#pragma once

#include "agent/scan/image/dirty_map.hpp"
#include "agent/scan/image/image.hpp"
#include "agent/scan/image/volume.hpp"

#include <bailiff/result.hpp>

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

namespace bailiff::agent {

/// The beginning of a SHA-256; all zeros stands for none. Two contents of one fingerprint lie on the same bytes of the disk, in
/// the same order, and are put together from them in the same way: they are equal when no such byte was written in between.
using Fingerprint = std::array<uint8_t, 16>;
inline constexpr Fingerprint no_fingerprint{};

/// More are neither offered to the reader nor kept in a state.
inline constexpr size_t most_fingerprints = size_t{4} << 20;

/// What the reader knows of an earlier scan. Belongs to the reader's thread.
class KnownContents {
  public:
    /// `sorted` are the fingerprints of contents in which nothing was found. Without a map (trust in metadata) no block counts
    /// as written.
    KnownContents(std::vector<Fingerprint> sorted, DirtyMap written) : sorted_(std::move(sorted)), written_(std::move(written)) {}

    /// Fingerprints that follow are of this volume.
    void begin(const Volume& volume);

    const std::vector<uint8_t>& volume() const { return volume_; }
    const DirtyMap& written() const { return written_; }
    bool contains(const Fingerprint& fingerprint) const;

  private:
    std::vector<Fingerprint> sorted_;
    DirtyMap written_;
    std::vector<uint8_t> volume_;
};

/// Gathers what a fingerprint is made of. A walk says everything that its reading of the content depends on.
class ContentPlace {
  public:
    /// Of a content of `size` bytes.
    ContentPlace(const KnownContents& known, std::string_view path, uint64_t size);

    void number(uint64_t value);
    void bytes(std::span<const uint8_t> value);
    /// The next piece of the content: `length` bytes at `offset` of the image that the volume lies in. Places of the disk
    /// itself count, also of volumes that are pieced together.
    void run(const Image& image, uint64_t offset, uint64_t length);

    /// Whether a byte of it was written since, or might have been.
    bool touched() const { return touched_; }
    /// None when there are more pieces, or more bytes in them, than such a content can need.
    Fingerprint fingerprint() const;

  private:
    const KnownContents& known_;
    std::vector<uint8_t> all_;
    uint64_t room_;  ///< bytes that further runs may have
    size_t pieces_ = 0;
    bool touched_ = false, unfit_ = false;
};

}  // namespace bailiff::agent
