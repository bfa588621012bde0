// SPDX-License-Identifier: Apache-2.0
// The program's loop: keeps one relay alive, renews the certificate, ends on SIGTERM.
#pragma once

#include "agent/link/options.hpp"

#include <bailiff/random.hpp>
#include <bailiff/time.hpp>

namespace bailiff::agent {

/// Runs until SIGTERM or SIGINT; the program's exit code. `clock` is the machine's: certificates live by it.
int run_link(const LinkOptions& options, const Clock& clock, Random& random);

}  // namespace bailiff::agent
