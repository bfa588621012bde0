// SPDX-License-Identifier: Apache-2.0
// How much memory a process and all its descendants hold at most.
#pragma once

#include <sys/types.h>
#include <atomic>
#include <cstdint>
#include <thread>

namespace bailiff::test {

/// Looks ten times a second, from its own thread, as long as it lives. Counted are private and file-backed pages, shared
/// ones by their share (PSS), and each nameless file (memfd) once, since a scanner's contents lie there, mapped or not.
/// wait4's figures would not do: they know neither memfds nor what two processes hold at the same time.
class MemoryWatch {
  public:
    explicit MemoryWatch(pid_t root);
    ~MemoryWatch();
    MemoryWatch(const MemoryWatch&) = delete;
    MemoryWatch& operator=(const MemoryWatch&) = delete;

    uint64_t peak_bytes() const { return peak_; }

  private:
    std::atomic<uint64_t> peak_ = 0;
    std::atomic<bool> over_ = false;
    std::thread thread_;
};

}  // namespace bailiff::test
