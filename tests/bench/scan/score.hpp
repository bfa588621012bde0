// SPDX-License-Identifier: Apache-2.0
// All rounds' figures: the table, the goals, and both as JSON.
#pragma once

#include "tests/bench/scan/ways.hpp"

#include <nlohmann/json_fwd.hpp>

#include <optional>
#include <string>
#include <vector>

namespace bailiff::test {

/// One way and what its runs brought.
struct Row {
    Way way;
    std::vector<double> seconds{};  ///< one per round
    Run last{};                     ///< the last, or the last that missed a plant
    std::vector<std::set<std::string>> said{};  ///< each run's Run::all
    uint64_t peak_bytes = 0;        ///< the largest of all rounds
    bool complete = true;           ///< no run missed a plant
    std::string failed{};           ///< why it was given up; its figures are not used then
};

struct Goal {
    std::string name, text;
    std::optional<double> measured;  ///< a ratio or megabytes; nothing: its ways did not run
    double most = 0;
    std::string detail;
    std::string result() const { return !measured ? "not measured" : *measured <= most ? "PASS" : "MISS"; }
};

class Score {
  public:
    Score(const Workload& workload, unsigned lanes) : work_(workload), lanes_(lanes) {}

    std::vector<Row>& rows() { return rows_; }
    void note(Row& row, Run run);

    void print() const;
    nlohmann::json json() const;
    /// No way of ours failed, missed a plant, or said one thing in one run and another in the next. Goals in seconds do not count: they depend on the machine.
    bool sound() const;

  private:
    const Row* row(const std::string& name) const;
    /// The median of the rounds' ratios: what disturbs the machine disturbs neighbours in a round alike.
    std::optional<double> ratio(const std::string& way, const std::string& peer) const;
    std::vector<Goal> goals() const;
    /// What `row` says otherwise than the first cold run: a cache must not change what is said. After an update it may.
    std::set<std::string> differing(const Row& row) const;
    std::string remarks(const Row& row) const;

    const Workload& work_;
    unsigned lanes_;
    std::vector<Row> rows_;
};

}  // namespace bailiff::test
