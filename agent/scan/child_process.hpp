// SPDX-License-Identifier: Apache-2.0
// Starting a program by its argument list: no shell, an empty environment, and only the descriptors it is meant to have.
#pragma once

#include "agent/scan/descriptor.hpp"

#include <bailiff/result.hpp>

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace bailiff::agent {

struct ChildSpec {
    std::vector<std::string> arguments;          ///< [0] is the program: an absolute path, or looked up in /usr/bin:/usr/sbin:/bin:/sbin
    std::vector<std::pair<int, int>> descriptors;  ///< {ours, its number in the child}; numbers from 3 on
    std::string input;                           ///< what it reads on its standard input
    bool keep_output = false;                    ///< else standard output goes to /dev/null
    uint64_t cpu_seconds = 3600;                 ///< 0: no limit
};

/// How a child ended.
struct ChildExit {
    int status = -1;  ///< exit status, or 128 + signal
    std::string output, errors;  ///< at most 1 MiB each
    bool timed_out = false;
};

/// A running child. It is killed and reaped when this goes out of scope, and by the kernel when we die.
class ChildProcess {
  public:
    static Result<ChildProcess> start(const ChildSpec& spec);
    ChildProcess(ChildProcess&& other) noexcept;
    ChildProcess& operator=(ChildProcess&& other) noexcept;
    ~ChildProcess();

    /// Whether it still runs; reaps it otherwise.
    bool alive();
    /// Waits up to `limit`, then kills it.
    ChildExit wait(std::chrono::milliseconds limit);
    void kill();
    /// What it has written to its standard error so far, in one printable line.
    std::string errors_so_far() const;
    pid_t pid() const { return pid_; }

  private:
    ChildProcess() = default;
    pid_t pid_ = -1;
    int status_ = -1;
    Descriptor output_, errors_;
};

/// start + wait.
Result<ChildExit> run_child(const ChildSpec& spec, std::chrono::milliseconds limit);

}  // namespace bailiff::agent
