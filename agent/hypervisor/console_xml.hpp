// SPDX-License-Identifier: Apache-2.0
// A running VM's screens and serial lines as its definition tells them; no libvirt needed.
#pragma once

#include <bailiff/message.hpp>
#include <bailiff/result.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace bailiff::agent {

/// One screen. Only one that was started with a password takes another while it runs.
struct Screen {
    Console console;      ///< its address; without password
    bool takes_password = false;
    std::string xml;      ///< its <graphics> element, with its present password when the definition was read with secrets
};

/// VNC and SPICE. `xml` is the running definition, read with secrets. Errors: invalid.
Result<std::vector<Screen>> screens_of(std::string_view xml);

/// Serial lines that somebody on the host can open: a pty or a socket. One line that is listed as <serial> and as <console>
/// counts once. Errors: invalid.
Result<std::vector<Console>> serial_lines_of(std::string_view xml);

/// The element with another password that ends at `until`.
std::string with_password(const std::string& graphics, const std::string& password, Instant until);

/// VNC looks at the first eight characters only.
inline constexpr size_t longest_vnc_password = 8;

}  // namespace bailiff::agent
