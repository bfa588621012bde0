// SPDX-License-Identifier: Apache-2.0
// The machine's randomness: getrandom(2).
#pragma once

#include <bailiff/random.hpp>

#include <cerrno>
#include <stdexcept>
#include <sys/random.h>

namespace bailiff {

/// Cryptographic randomness of the kernel. Thread-safe.
class SystemRandom : public Random {
  public:
    uint64_t next() override {
        uint64_t out = 0;
        while (getrandom(&out, sizeof out, 0) != sizeof out)
            if (errno != EINTR) throw std::runtime_error("getrandom(2) failed; the kernel gives no randomness");
        return out;
    }
};

}  // namespace bailiff
