// SPDX-License-Identifier: Apache-2.0
// Runs other programs: argument lists, clean environment, limits, time-outs that end the whole process group.
#pragma once

#include <bailiff/result.hpp>

#include <sys/types.h>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bailiff::agent {

/// Resource limits of the child (setrlimit); what is not set is inherited. Core dumps are always off.
struct ProcessLimits {
    std::optional<uint64_t> address_space_bytes;
    std::optional<uint64_t> file_size_bytes;
    std::optional<uint64_t> cpu_seconds;
    std::optional<uint64_t> open_files;
};

/// A descriptor of ours that the child finds under number `as` (3 or higher). All others are closed in the
/// child.
struct InheritedDescriptor {
    int descriptor;
    int as;
};

struct ProcessOptions {
    std::chrono::milliseconds timeout{30'000};  ///< of run(); then the group gets SIGTERM, and later SIGKILL
    std::chrono::milliseconds grace{2'000};     ///< between SIGTERM and SIGKILL
    std::string input;                          ///< the child's standard input, a file without a name
    size_t output_cap_bytes = size_t{256} * 1024;  ///< per stream; the rest is read and dropped
    std::vector<std::string> environment{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8"};
    std::string directory = "/";  ///< working directory
    ProcessLimits limits;
    std::vector<InheritedDescriptor> descriptors;
    std::optional<uid_t> uid;  ///< with gid: runs as this user, without further groups
    std::optional<gid_t> gid;
    std::string cgroup;  ///< folder of a control group that the child, and all that it starts, runs in; "" = ours
    bool die_with_parent = false;  ///< SIGKILL when the *thread* that started it ends
    std::function<void(std::string_view)>
        on_output;  ///< sees standard output as it comes; called on the waiting thread
};

/// How a child ended.
struct ProcessResult {
    int exit_code = -1;  ///< -1 when a signal ended it
    int signal = 0;
    bool timed_out = false;  ///< we ended it
    bool truncated = false;  ///< a stream was longer than output_cap_bytes
    std::string out;
    std::string err;

    bool ok() const { return exit_code == 0 && !timed_out; }
    /// "exit code 1: qemu-img: Could not open …", for messages and logs.
    std::string describe() const;
};

/// A child process in its own session. Not copyable; used by one thread at a time. The destructor ends the
/// child's process group and reaps it, so that nothing outlives its owner by accident.
class Process {
  public:
    /// Starts `argv`; argv[0] is an absolute path or is looked up in the PATH of options.environment.
    /// Errors: not_found when there is no such program, invalid for an empty list, unavailable when it cannot
    /// start.
    static Result<Process> start(const std::vector<std::string>& argv, ProcessOptions options = {});

    /// start() and wait(options.timeout). A child that fails is a result, not an error.
    static Result<ProcessResult> run(const std::vector<std::string>& argv, ProcessOptions options = {});

    Process(Process&& other) noexcept;
    Process& operator=(Process&& other) noexcept;
    Process(const Process&) = delete;
    Process& operator=(const Process&) = delete;
    ~Process();

    pid_t pid() const { return pid_; }
    /// Whether the child still runs; reads its output meanwhile, so that it cannot block on a full pipe.
    bool running();
    /// Waits for at most so long, and ends nothing; whether the child has ended.
    bool wait_ended(std::chrono::milliseconds patience);
    /// Waits for the end; after `timeout` ends the group and says timed_out.
    ProcessResult wait(std::chrono::milliseconds timeout);
    /// SIGTERM to the group, SIGKILL after options.grace; returns when the child is reaped.
    ProcessResult stop();

  private:
    Process(pid_t pid, int pidfd, int out, int err, ProcessOptions options);
    bool pump(std::chrono::milliseconds timeout);
    bool read_stream(int& descriptor, std::string& into, bool live);
    void reap();
    void close_all() noexcept;

    pid_t pid_ = -1;
    int pidfd_ = -1;
    int out_ = -1;
    int err_ = -1;
    bool ended_ = false;
    ProcessOptions options_;
    ProcessResult result_;
};

/// Standard output of a program that must succeed. Any other end is Errc::unavailable with the program's own
/// words.
Result<std::string> output_of(const std::vector<std::string>& argv, ProcessOptions options = {});

}  // namespace bailiff::agent
