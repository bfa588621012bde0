// SPDX-License-Identifier: Apache-2.0
// A lane: one stream to one engine, with at most one file in it.
#pragma once

#include "agent/scan/engines/clamd.hpp"
#include "agent/scan/engines/yara_worker.hpp"
#include "agent/scan/scan_result.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace bailiff::agent {

using ScanTime = std::chrono::steady_clock::time_point;

/// What one engine says about one file.
struct EngineAnswer {
    std::vector<std::string> signatures;  ///< empty: nothing found
    std::optional<SkipReason> not_scanned;
    std::string detail;
    std::vector<std::optional<uint64_t>> offsets{};   ///< for each signature, when the engine says where it matched; else empty
};

/// How a lane stands after it was looked at.
struct LaneStep {
    std::optional<EngineAnswer> answer;
    bool lost = false;  ///< the engine went away with the file in it
};

/// One stream. Belongs to the scan's thread, which polls `fd` while a file is in it.
class Lane {
  public:
    virtual ~Lane() = default;
    /// False when the engine cannot be reached any more.
    virtual bool begin(int content, uint64_t size) = 0;
    virtual int fd() const = 0;
    virtual LaneStep look() = 0;
    /// Forgets the file in it, for instance since its time is over.
    virtual void abandon() = 0;
};

/// An engine: its facts, and as many lanes as asked for.
class Engine {
  public:
    virtual ~Engine() = default;
    virtual ScanEngine facts() const = 0;
    /// Names everything that its "nothing found" depends on; empty when that is not known for sure, and then what it says is
    /// not remembered.
    virtual std::string signature_set() const = 0;
    /// Whether that is still so: signatures may be replaced while a scan runs.
    virtual bool set_holds() const { return true; }
    /// Files above this are not given to it, in bytes.
    virtual uint64_t largest_file() const = 0;
    virtual std::unique_ptr<Lane> new_lane() = 0;
};

struct ClamdOptions {
    std::string socket_path;
    std::optional<uint64_t> largest_file;  ///< bytes; see README for the default
    std::chrono::seconds patience{60};      ///< how long clamd may take to come back, or to load its signatures
    std::string database;                  ///< clamd's DatabaseDirectory; "" = which signatures it has loaded is not proven
    std::string configuration;             ///< its clamd.conf; "" = not known, and new signatures are not matched apart
};

/// One stream to the clamd of `options`.
std::unique_ptr<Lane> make_clamd_lane(const ClamdOptions& options);

/// Looks at clamd first; an error when it does not answer. With `database` the engine's set is proven, or `note` says why not.
Result<std::unique_ptr<Engine>> make_clamd_engine(const ClamdOptions& options, std::string& note);

/// Compiles the rules first; an error when they do not compile.
Result<std::unique_ptr<Engine>> make_yara_engine(const std::string& folder, std::chrono::seconds per_file);

}  // namespace bailiff::agent
