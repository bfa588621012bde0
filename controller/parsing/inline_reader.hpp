// SPDX-License-Identifier: Apache-2.0
// Reads deliveries in this process and at once: for unit tests and the simulation, never for strangers' bytes.
#pragma once

#include "controller/parsing/reading_of.hpp"

namespace bailiff {

/// `full` and `broken` play the troubles of the real one.
class InlineReader : public ReportReader {
  public:
    bool full = false, broken = false;
    bool read(std::shared_ptr<const std::string> bytes, std::function<void(Result<Reading>)> done) override {
        if (full) return false;
        if (broken) done(fail(Errc::unavailable, "the reader does not start"));
        else done(read_delivery(*bytes));
        return true;
    }
};

}  // namespace bailiff
