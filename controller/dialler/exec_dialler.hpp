// SPDX-License-Identifier: Apache-2.0
// A dialler that is a program of the provider's: one run per message, the message on its standard input.
#pragma once

#include "controller/desk/dialler.hpp"
#include "controller/threads/work_queue.hpp"

#include <atomic>
#include <chrono>
#include <functional>
#include <string>
#include <vector>

namespace bailiff {

struct ExecDiallerOptions {
    std::vector<std::string> argv;             ///< the program's path first
    std::chrono::milliseconds patience{30'000};
    size_t most_waiting = 200;
};

/// `tell` may be called from any thread. The destructor ends the run in progress and answers what waits as not taken: the storage
/// keeps it, and the next start tells it.
class ExecDialler : public Dialler {
  public:
    ExecDialler(ExecDiallerOptions options, const Clock& clock);
    void tell(const DialMessage& message, std::function<void(DialAnswer)> done) override;

  private:
    DialAnswer told(const DialMessage& message, const std::atomic<bool>& stopping) const;

    const ExecDiallerOptions options_;
    const Clock& clock_;
    WorkQueue<DialMessage, DialAnswer> queue_;  // last: it uses all of the above
};

}  // namespace bailiff
