// SPDX-License-Identifier: Apache-2.0
// Roles: the hidden halves of bailiff-scan and bailiff-clean, processes of their own that touch a customer's bytes.
#pragma once

#include "agent/process/process.hpp"
#include "agent/scan/box/descriptor.hpp"
#include "agent/scan/image/qcow2_header.hpp"

#include <bailiff/result.hpp>

#include <initializer_list>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace bailiff::agent {

/// The descriptor numbers that every role finds open.
inline constexpr int role_channel = 3, role_image = 4;

using RoleMain = int (*)(const std::vector<std::string>& arguments);

/// A role that has been started, and our end of its channel.
struct RoleProcess {
    Process process;
    Descriptor channel;
};

/// Starts a program again in a role: this very one, or `sibling` from the same folder. `image` (may be -1) becomes
/// descriptor 4 there.
Result<RoleProcess> start_role(const std::string& role, const std::vector<std::string>& arguments, int image,
                               const std::string& sibling = "");

/// Runs the role that the first argument names, or answers nothing when it names none. Called first thing in main.
std::optional<int> run_role(int argc, char** argv, std::initializer_list<std::pair<const char*, RoleMain>> roles);

/// How a process that should have gone on came to its end, printable.
std::string last_words(Process& process);

/// The header gate, run in a sandbox of its own; `image` is an open qcow2 file. The program's roles must have "gate".
Result<Qcow2Header> gate_qcow2(int image, const Qcow2Expectation& expected);
int run_gate(const std::vector<std::string>& arguments);

}  // namespace bailiff::agent
