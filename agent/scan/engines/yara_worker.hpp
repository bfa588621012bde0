// SPDX-License-Identifier: Apache-2.0
// YARA in processes of its own: rules compiled once, then one forked and sandboxed worker per stream.
#pragma once

#include "agent/process/process.hpp"
#include "agent/scan/box/descriptor.hpp"

#include <bailiff/result.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace bailiff::agent {

struct RoleProcess;

/// The process that holds the compiled rules. Belongs to the scan's thread.
class YaraRules {
  public:
    /// Compiles every *.yar and *.yara file directly in `folder`. An error names the file and line.
    static Result<YaraRules> compile(const std::string& folder, std::chrono::seconds per_file);
    /// SHA-256 over the rule files' names and contents.
    const std::string& version() const { return version_; }
    /// A new worker's channel; an error when the rules' process has died.
    Result<Descriptor> new_worker();

  private:
    YaraRules(Process process, Descriptor channel, std::string version);
    Process process_;
    Descriptor channel_;
    std::string version_;
};

/// What a worker answers about one file.
struct YaraAnswer {
    bool scanned = false;
    std::string problem;             ///< when not scanned
    bool timed_out = false;
    std::vector<std::string> rules;  ///< names of the rules that matched
    std::vector<std::optional<uint64_t>> offsets;   ///< for each of them, where its first string lies in the content
};

/// One packet: the content beside it. Answered by one packet, see `parse_yara_answer`.
bool ask_yara(int worker, int content, uint64_t size);
Result<YaraAnswer> parse_yara_answer(std::span<const uint8_t> packet);

/// The role's own main.
int run_yara_worker(const std::vector<std::string>& arguments);

}  // namespace bailiff::agent
