// SPDX-License-Identifier: Apache-2.0
// Where identifiers, tokens and jitter come from: a port, so that a simulation can replay them.
#pragma once

#include <array>
#include <cstdint>
#include <string>

namespace bailiff {

/// Randomness. Implementations are thread-safe or used from one thread, as their own comment says.
class Random {
  public:
    virtual ~Random() = default;
    virtual uint64_t next() = 0;

    /// 128 random bits as 32 lower-case hex digits: order ids, job ids, tokens.
    std::string hex128() {
        // Compilers may ask for the second half first.
        const std::string high = hex64(next());
        return high + hex64(next());
    }

    /// Uniform in [0, bound); bound > 0. The bias of the modulo is below 2^-32 for every bound used here.
    uint64_t below(uint64_t bound) { return next() % bound; }

  private:
    static std::string hex64(uint64_t n) {
        static constexpr char digits[] = "0123456789abcdef";
        std::string out(16, '0');
        for (size_t i = 16; i-- > 0; n >>= 4) out[i] = digits[n & 15];
        return out;
    }
};

/// Replays from its seed on every platform (SplitMix64, Steele, Lea and Flood 2014): for simulation and tests.
class SeededRandom : public Random {
  public:
    explicit SeededRandom(uint64_t seed) : state_(seed) {}
    uint64_t next() override {
        uint64_t z = (state_ += 0x9e3779b97f4a7c15u);
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
        return z ^ (z >> 31);
    }

  private:
    uint64_t state_;
};

}  // namespace bailiff
