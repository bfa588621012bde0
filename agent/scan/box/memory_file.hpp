// SPDX-License-Identifier: Apache-2.0
// A file in memory without a name, which nobody can change once it is sealed.
#pragma once

#include "agent/scan/box/descriptor.hpp"

#include <bailiff/result.hpp>

#include <array>
#include <cstdint>
#include <span>
#include <string>

namespace bailiff::agent {

/// Written by the reader, sealed, then passed to the engines: whoever writes it cannot show one content to ClamAV and
/// another to YARA.
class MemoryFile {
  public:
    static Result<MemoryFile> create();
    Result<void> append(std::span<const char> bytes);
    /// Zeros that take no memory, for the holes of sparse files.
    Result<void> append_zeros(uint64_t count);
    Result<void> seal();
    int fd() const { return file_.fd(); }
    int release() { return file_.release(); }

  private:
    explicit MemoryFile(Descriptor file) : file_(std::move(file)) {}
    Descriptor file_;
};

/// The size of a memory file that came from elsewhere; an error unless every seal is set.
Result<uint64_t> sealed_size(int fd);

/// SHA-256 of a content.
using ContentDigest = std::array<uint8_t, 32>;
std::string hex_of(const ContentDigest& digest);

/// Of a sealed file's content.
Result<ContentDigest> digest_of(int fd, uint64_t size);

}  // namespace bailiff::agent
