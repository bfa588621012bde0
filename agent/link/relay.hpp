// SPDX-License-Identifier: Apache-2.0
// One connection to a controller with one to the agent behind it; they end together. No Boost in this header but the
// io_context's name.
#pragma once

#include "agent/link/options.hpp"

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <string>

namespace bailiff::agent {

/// How a relay ended.
struct RelayEnd {
    bool was_up = false;   ///< the controller and the agent were both connected
    std::string reason;
};

struct RelayEvents {
    std::function<void()> on_up;
    std::function<void(RelayEnd)> on_end;   ///< once, last
};

/// All on the io_context's thread. A frame is read whole from one side and written to the other before the next is
/// read: a slow side slows the other by the sockets' own means, and nothing queues here. Frames are not looked into;
/// sizes are.
class Relay {
  public:
    virtual ~Relay() = default;
    virtual void run() = 0;
    /// Ends both connections; the peer has half a second to agree.
    virtual void stop(const std::string& reason) = 0;
};

/// Reads CA and identity files now; `invalid` when they cannot be used.
Result<std::shared_ptr<Relay>> make_relay(boost::asio::io_context& io, const LinkOptions& options, const ControllerAddress& to, RelayEvents events);

}  // namespace bailiff::agent
