// SPDX-License-Identifier: Apache-2.0
// What bailiff-link is told, by flags and /etc/bailiff/link.conf with the same names.
#pragma once

#include <bailiff/result.hpp>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace bailiff::agent {

/// One controller's gateway.
struct ControllerAddress {
    std::string host;   ///< DNS name or IP address, without brackets
    uint16_t port = 8443;
    std::string text() const { return (host.find(':') == std::string::npos ? host : "[" + host + "]") + ":" + std::to_string(port); }
    friend bool operator==(const ControllerAddress&, const ControllerAddress&) = default;
};

/// "https://controller.example:8443": nothing but scheme, host and port; 8443 when no port is named.
Result<ControllerAddress> parse_controller(const std::string& url);

struct LinkOptions {
    std::vector<std::string> controllers;                      ///< URLs, the preferred one first
    std::string dir = "/etc/bailiff";
    std::string agent_socket = "/run/bailiff/agent.sock";
    std::chrono::milliseconds back_off_first{1'000};
    std::chrono::milliseconds back_off_most{60'000};
    std::chrono::milliseconds prefer_first_after{600'000};     ///< how often the preferred controller is tried again
    std::chrono::milliseconds agent_patience{20'000};          ///< how long a connection waits for the agent's socket

    std::string authority_file() const { return dir + "/ca.crt"; }
    /// Key and certificate in one file, so that a renewal replaces both at once. In a folder of its own, since the link
    /// may write there, and nowhere else.
    std::string identity_file() const { return dir + "/link/identity.pem"; }
};

/// What `bailiff-link enrol` is told.
struct EnrolOptions {
    std::string controller, token, ca_sha256, dir = "/etc/bailiff";
    std::string name;                                          ///< of controllers/<name>.pub; the controller's host when empty
    std::string owner = "bailiff-link";                        ///< who owns dir/link when root enrols
};

/// What the command line asks for.
struct LinkCommand {
    enum class Kind { run, enrol, print } kind = Kind::run;
    LinkOptions run;
    EnrolOptions enrol;
    std::string text;   ///< print: help, version or configuration
};

/// All mistakes in one error.
Result<LinkCommand> read_command(int argc, const char* const* argv);

}  // namespace bailiff::agent
