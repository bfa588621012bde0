// SPDX-License-Identifier: Apache-2.0
// Two or more ways to the same effect, measured in turn (A B A B), and compared pair by pair: what disturbs the machine
// disturbs neighbours alike.
#pragma once

#include <algorithm>
#include <chrono>
#include <fmt/format.h>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace bailiff::test {

using SteadyClock = std::chrono::steady_clock;

inline double milliseconds_since(SteadyClock::time_point begin) {
    return std::chrono::duration<double, std::milli>(SteadyClock::now() - begin).count();
}

inline double median(std::vector<double> values) {
    if (values.empty()) return 0;
    std::sort(values.begin(), values.end());
    const size_t middle = values.size() / 2;
    return values.size() % 2 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

/// Figures of several ways, one per round and way; the peer is the way that the others are compared with.
class Paired {
  public:
    Paired(std::string what, std::string peer) : what_(std::move(what)), peer_(std::move(peer)) {}
    void note(const std::string& way, double figure) {
        if (!figures_.contains(way)) order_.push_back(way);
        figures_[way].push_back(figure);
    }
    double median_ratio(const std::string& way) const {
        std::vector<double> ratios;
        const auto& own = figures_.at(way);
        const auto& other = figures_.at(peer_);
        for (size_t i = 0; i < std::min(own.size(), other.size()); ++i) ratios.push_back(own[i] / other[i]);
        return median(ratios);
    }
    void print() const {
        fmt::print("\n{}\n", what_);
        for (const auto& way : order_) {
            const auto& all = figures_.at(way);
            fmt::print("  {:<34} median {:>8.1f} ms  ({:.1f} - {:.1f}, {} rounds)", way, median(all), *std::min_element(all.begin(), all.end()),
                       *std::max_element(all.begin(), all.end()), all.size());
            if (way != peer_) fmt::print("  {:.2f} of {}", median_ratio(way), peer_);
            fmt::print("\n");
        }
        for (const auto& way : order_) {
            if (way == peer_) continue;
            fmt::print("  pairs {} / {}:", way, peer_);
            for (size_t i = 0; i < std::min(figures_.at(way).size(), figures_.at(peer_).size()); ++i)
                fmt::print(" {:.2f}", figures_.at(way)[i] / figures_.at(peer_)[i]);
            fmt::print("\n");
        }
        std::fflush(stdout);
    }

  private:
    std::string what_, peer_;
    std::vector<std::string> order_;
    std::map<std::string, std::vector<double>> figures_;
};

}  // namespace bailiff::test
