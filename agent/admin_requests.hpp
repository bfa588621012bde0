// SPDX-License-Identifier: Apache-2.0
// What the host's admin asks of the agent by command: drain, and the forced release of a VM. Files in STATE/admin, so
// that it works beside a running agent, without one, and over a crash of either.
#pragma once

#include "agent/forced_release.hpp"

#include <bailiff/json.hpp>
#include <bailiff/result.hpp>
#include <bailiff/time.hpp>

#include <optional>
#include <string>
#include <vector>

namespace bailiff::agent {

/// `bailiff-agent drain on`: nothing harmful is taken any more until it is switched off.
struct DrainNote {
    Instant since{};
    std::string by, reason;
    friend bool operator==(const DrainNote&, const DrainNote&) = default;
};

/// The folder of these files: written by root's commands, read and emptied by the agent. Every write is durable.
class AdminFolder {
  public:
    explicit AdminFolder(std::string state) : folder_(std::move(state) + "/admin") {}

    Result<void> drain(const DrainNote& note);
    Result<void> undrain();
    /// An error when a note is there that cannot be read: it counts as draining, and somebody should look.
    Result<std::optional<DrainNote>> drained() const;
    std::string drain_path() const { return folder_ + "/drain.json"; }

    Result<void> ask(const ReleaseRequest& request);
    /// What was asked and not yet answered; what cannot be read is skipped.
    std::vector<ReleaseRequest> asked() const;
    /// Stores the outcome, then takes the request away.
    Result<void> answer(const std::string& id, const Json& outcome);
    std::optional<Json> answered(const std::string& id) const;
    /// Takes request and answer away.
    void forget(const std::string& id);

    /// UUIDs and names to be swept at once; empty: all. A second request before the agent has looked replaces the first.
    Result<void> ask_sweep(const std::vector<std::string>& vms);
    /// The request, which is taken away; nothing when there is none, or none that can be read.
    std::optional<std::vector<std::string>> take_sweep_request();
    /// What the running agent's sweep does next, in its own words.
    Result<void> tell_sweep(const Json& plan);
    std::optional<Json> told_sweep() const;

  private:
    Result<void> write(const std::string& name, const Json& body);
    std::string folder_;
};

/// Who gives the command, for the journal: "root", or "asha (as root)" under sudo.
std::string calling_person();

}  // namespace bailiff::agent
