// SPDX-License-Identifier: Apache-2.0
// Reads what a guest would see of an image, through a read-only qemu-nbd with the format pinned.
#pragma once

#include "agent/process/process.hpp"

#include <bailiff/result.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

struct nbd_handle;

namespace bailiff::agent {

/// One image, open for reading. QEMU parses the image in a process of its own; its lock refuses an image that
/// a VM is writing. Used by one thread; the process and its socket end with the object.
class NbdReader {
  public:
    /// Errors: unavailable, with qemu-nbd's words (in use, damaged, wrong format …).
    static Result<std::unique_ptr<NbdReader>> open(const std::string& path, const std::string& format);
    ~NbdReader();
    NbdReader(const NbdReader&) = delete;
    NbdReader& operator=(const NbdReader&) = delete;

    uint64_t size_bytes() const { return size_; }

    /// Calls `data` or `zeros` for the whole image in order. Stops at the first error of either.
    Result<void> read_all(const std::function<Result<void>(uint64_t offset, std::string_view bytes)>& data,
                          const std::function<Result<void>(uint64_t offset, uint64_t count)>& zeros);

  private:
    NbdReader(Process process, nbd_handle* handle, uint64_t size);
    Process process_;
    nbd_handle* handle_;
    uint64_t size_;
};

}  // namespace bailiff::agent
