// SPDX-License-Identifier: Apache-2.0
// One run of a program of the provider's: started by its path with exactly the arguments of the configuration.
#pragma once

#include <bailiff/time.hpp>

#include <atomic>
#include <chrono>
#include <string>
#include <string_view>
#include <vector>

namespace bailiff {

struct ProgramEnd {
    bool started = false;
    bool in_time = true;           ///< false: it was killed, and its children with it
    int code = -1;                 ///< exit code; -1: it was ended by a signal, or never ran
    std::string said;              ///< on standard error, its beginning; or why it could not be started
};

/// Blocks until it ends, its time is over or `giving_up`. `input` is its whole standard input; standard output goes nowhere.
ProgramEnd run_program(const std::vector<std::string>& argv, std::string_view input, std::chrono::milliseconds patience, const Clock& clock,
                       const std::atomic<bool>& giving_up);

}  // namespace bailiff
