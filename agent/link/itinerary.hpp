// SPDX-License-Identifier: Apache-2.0
// Which controller to try next, and after what pause: pure, so that the order can be read and tested.
#pragma once

#include <bailiff/random.hpp>

#include <algorithm>
#include <cassert>
#include <chrono>
#include <cstddef>

namespace bailiff::agent {

/// The list is tried in order without pauses; after a whole round of failures comes a pause that doubles from round to
/// round. Pauses are drawn from [half, whole], so that a thousand links do not come back in the same second.
class Itinerary {
  public:
    Itinerary(size_t controllers, std::chrono::milliseconds first, std::chrono::milliseconds most) : count_(controllers), first_(first), most_(most) {
        assert(count_ > 0);
    }
    size_t current() const { return at_; }

    /// The current controller could not be used: the next one, after the returned pause.
    std::chrono::milliseconds failed(Random& random) {
        at_ = (at_ + 1) % count_;
        if (at_ != 0) return std::chrono::milliseconds(0);
        const auto pause = jitter(pause_, random);
        pause_ = std::min(pause_ * 2, most_);
        return pause;
    }
    /// A connection that worked has ended: from the preferred one again, after a short pause.
    std::chrono::milliseconds ended(Random& random) {
        at_ = 0;
        pause_ = first_;
        return jitter(first_, random);
    }
    /// On purpose, to the preferred one, at once.
    void restart() {
        at_ = 0;
        pause_ = first_;
    }

  private:
    static std::chrono::milliseconds jitter(std::chrono::milliseconds whole, Random& random) {
        const auto half = whole / 2;
        return half + std::chrono::milliseconds(random.below(uint64_t((whole - half).count()) + 1));
    }
    size_t count_, at_ = 0;
    std::chrono::milliseconds first_, most_, pause_ = first_;
};

}  // namespace bailiff::agent
