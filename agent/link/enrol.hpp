// SPDX-License-Identifier: Apache-2.0
// How this host comes to its certificate: once with a token, later with the certificate itself.
#pragma once

#include "agent/link/options.hpp"

#include <bailiff/time.hpp>

namespace bailiff::agent {

/// Writes DIR/ca.crt, DIR/controllers/NAME.pub (the key that signs orders: root's, for the agent to trust),
/// DIR/link/identity.pem (0600) and, when missing, DIR/link.conf. The value is the host's name. The key never leaves
/// the host; the CA is believed by its digest alone.
Result<std::string> enrol(const EnrolOptions& options, const Clock& clock);

/// Asks `to` for a new certificate with a new key and replaces DIR/link/identity.pem.
Result<void> renew(const LinkOptions& options, const ControllerAddress& to, const Clock& clock);

}  // namespace bailiff::agent
