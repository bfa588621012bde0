// SPDX-License-Identifier: Apache-2.0
// One bailiff-intake: started, asked under a deadline, ended.
#pragma once

#include <bailiff/result.hpp>
#include <bailiff/time.hpp>

#include <atomic>
#include <chrono>
#include <string>
#include <string_view>
#include <vector>
#include <sys/types.h>

namespace bailiff {

/// The most that a worker may say of one report.
inline constexpr size_t largest_answer_of_worker = 32u << 20;

/// Life: construct, start, ask any number of times while it says `said`; the destructor kills it. One thread, which must
/// outlive the process: it dies with that thread.
class WorkerProcess {
  public:
    /// `giving_up` ends every waiting within a tenth of a second.
    WorkerProcess(std::vector<std::string> argv, const Clock& clock, const std::atomic<bool>& giving_up);
    ~WorkerProcess();
    WorkerProcess(const WorkerProcess&) = delete;
    WorkerProcess& operator=(const WorkerProcess&) = delete;

    /// Starts it and waits until its box is shut. `unavailable` when it does not come to that.
    Result<void> start(std::chrono::milliseconds patience);
    bool running() const { return pid_ > 0; }
    pid_t pid() const { return pid_; }

    enum class Fate { said, ended, late, babbled };
    struct Answer {
        Fate fate = Fate::ended;
        std::string text;                 ///< of `said`; else how it ended, in words
    };
    /// After anything but `said` the process is gone.
    Answer ask(std::string_view bytes, std::chrono::milliseconds patience);
    /// Kills it, if it runs, and says how it ended.
    std::string end();

  private:
    enum class Wait { ready, late, closed };
    Wait wait_for(short events, std::chrono::milliseconds until);
    Wait send_all(std::string_view bytes, std::chrono::milliseconds until);
    Wait receive(size_t count, std::string& out, std::chrono::milliseconds until);

    const std::vector<std::string> argv_;   ///< the program's path first
    const Clock& clock_;
    const std::atomic<bool>& giving_up_;
    pid_t pid_ = -1;
    int socket_ = -1;
};

}  // namespace bailiff
