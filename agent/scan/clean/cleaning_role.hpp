// SPDX-License-Identifier: Apache-2.0
// The trusted side's talk with a cleaning role, which alone parses and writes the image.
#pragma once

#include "agent/process/process.hpp"
#include "agent/scan/box/descriptor.hpp"
#include "agent/scan/box/role.hpp"
#include "agent/scan/image/source.hpp"

#include <bailiff/json.hpp>
#include <bailiff/result.hpp>

#include <string>

namespace bailiff::agent {

/// A packet from the role, and what lay beside it. The role works on hostile bytes: nothing it says is believed unchecked.
struct RoleReply {
    Json json;
    Descriptor content;
    bool has(const char* field) const { return json.contains(field); }
    /// "" when there is no such text.
    std::string text(const char* field) const;
};

class CleaningRole {
  public:
    /// Starts a role on the overlay, and waits until it has opened it.
    static Result<CleaningRole> start(const SourceSpec& overlay, bool dry_run, const std::string& role, const std::string& sibling);
    /// Asks, with a descriptor beside the question when it is not -1. An error means that the role is gone, or broke off in the
    /// middle of a change: then the overlay must be thrown away.
    Result<RoleReply> ask(const Json& question, int beside = -1);
    /// Has everything written; only then the changes are true.
    Result<void> finish();

  private:
    CleaningRole(RoleProcess role, Process server) : role_(std::move(role)), server_(std::move(server)) {}
    Result<RoleReply> reply();
    tl::unexpected<Error> gone();
    RoleProcess role_;
    Process server_;
};

}  // namespace bailiff::agent
