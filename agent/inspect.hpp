// SPDX-License-Identifier: Apache-2.0
// `bailiff-agent status|locks|journal`: what lies in the state folder, for an admin whose controller is away.
#pragma once

#include "agent/options.hpp"

namespace bailiff::agent {

/// Reads only, also beside a running agent; prints to standard output. The exit status.
int inspect(const Command& command);

}  // namespace bailiff::agent
