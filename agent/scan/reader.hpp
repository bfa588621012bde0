// SPDX-License-Identifier: Apache-2.0
// The hidden halves of bailiff-scan: processes of its own that touch a customer's bytes, each in its sandbox.
#pragma once

#include "agent/process/process.hpp"
#include "agent/scan/descriptor.hpp"
#include "agent/scan/filesystem_walk.hpp"
#include "agent/scan/qcow2_header.hpp"

#include <bailiff/result.hpp>

#include <optional>
#include <string>
#include <vector>

namespace bailiff::agent {

/// The descriptor numbers that every role finds open.
inline constexpr int role_channel = 3, role_image = 4;

/// The first argument that makes bailiff-scan one of its own helpers rather than the program people start.
inline constexpr const char* role_prefix = "--role=";

/// What may wait unread between reader and engines.
inline constexpr size_t most_files_ahead = 32;
inline constexpr uint64_t most_bytes_ahead = 256U << 20;

/// A role that has been started, and our end of its channel.
struct RoleProcess {
    Process process;
    Descriptor channel;
};

/// Starts this very program again in a role. `image` (may be -1) becomes descriptor 4 there.
Result<RoleProcess> start_role(const std::string& role, std::vector<std::string> arguments, int image);

/// How a process that should have gone on came to its end, printable.
std::string last_words(Process& process);

/// Runs the role that the arguments name, or answers nothing when they name none. Called first thing in main.
std::optional<int> run_role(int argc, char** argv);

/// Starts the walk of an image: `export_name` is set when `image` is a connected NBD socket.
Result<RoleProcess> start_reader(int image, const std::optional<std::string>& export_name, const WalkLimits& limits);

/// The header gate, run in a sandbox of its own; `image` is an open qcow2 file.
Result<Qcow2Header> gate_qcow2(int image, const Qcow2Expectation& expected);

}  // namespace bailiff::agent
