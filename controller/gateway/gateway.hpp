// SPDX-License-Identifier: Apache-2.0
// The agents' listener: TLS 1.3, enrolment without a certificate, everything else with one. One session per host.
//
//   POST /enrol   {token, csr_pem} -> {host, certificate, ca, order_key}
//   POST /renew   {csr_pem} -> {host, certificate}                     with the host's certificate
//   GET  /agent   WebSocket: frames of message.hpp as text             with the host's certificate, Hello first
//   GET  /healthz                                                      for links that wait for their preferred controller
#pragma once

#include "controller/desk/ports.hpp"
#include "controller/gateway/enrolment.hpp"

#include <bailiff/message.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <vector>

namespace bailiff {

struct GatewayOptions {
    std::string address = "0.0.0.0";
    uint16_t port = 8443;                             ///< 0: any free one
    size_t most_connections = 4096;
    size_t most_connections_per_address = 4096;       ///< hosts may stand behind one address translation
    size_t most_queued_bytes = 8 << 20;               ///< per host; a slower reader is disconnected
    size_t most_frames_per_second = 2000;             ///< per host, over a few seconds; a flood is disconnected
    std::chrono::milliseconds idle{30'000};           ///< ping after half of it, closed after all of it
    std::chrono::milliseconds hello_timeout{30'000};
    std::chrono::milliseconds poll{500};              ///< how often bans and expiries are looked at
};

/// What the gateway tells; all on its io thread, hand on to the desk's queue and return. A host's calls come in the
/// order connect, frames (Hello first), disconnect; a newer connection of the same host ends the older one first.
struct GatewayEvents {
    std::function<void(const HostId&)> on_connect;
    std::function<void(const HostId&, Frame)> on_frame;
    std::function<void(const HostId&)> on_disconnect;
};

/// start, stop and the destructor are for one thread; everything else for any.
class Gateway : public Hosts {
  public:
    /// `enrolment` is used on the desk's thread only, through `post`; it must outlive the desk's loop.
    Gateway(GatewayOptions options, Enrolment& enrolment, PostTurn post, GatewayEvents events);
    ~Gateway() override;

    Result<void> start();
    void stop();
    uint16_t bound_port() const;

    /// Queued, not delivered: what matters is sent again until it is answered.
    bool send(const HostId& host, const Frame& frame) override;
    bool connected(const HostId& host) override;
    std::vector<HostId> connected_hosts() const;
    /// Open connections, those without a certificate or Hello included.
    size_t connections() const;
    /// Ends the host's connection (its link comes back by itself).
    void close(const HostId& host, const std::string& reason);
    /// Cuts a host off at once, before the next look at the store would. The ban itself is the store's.
    void banned(const HostId& host);

  private:
    struct State;
    std::shared_ptr<State> state_;
};

}  // namespace bailiff
