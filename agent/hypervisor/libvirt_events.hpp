// SPDX-License-Identifier: Apache-2.0
// libvirt's lifecycle events in our words, over a connection that is restored when it breaks.
#pragma once

#include "agent/hypervisor/libvirt_connection.hpp"

#include <bailiff/message.hpp>
#include <bailiff/time.hpp>

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

namespace bailiff::agent {

/// Listens from construction to destruction on a thread of its own. Events die with the connection: after
/// each reconnect one with `vm` empty and what "relisted" asks the listener to look at everything again.
class LibvirtEvents {
  public:
    LibvirtEvents(std::string uri, const Clock& clock, std::function<void(VmEvent)> on_event);
    ~LibvirtEvents();
    LibvirtEvents(const LibvirtEvents&) = delete;
    LibvirtEvents& operator=(const LibvirtEvents&) = delete;

    /// Outlives this object while libvirt may still call; its listener is taken away first.
    struct Shared {
        std::mutex mutex;
        std::condition_variable changed;
        const Clock* clock = nullptr;
        std::function<void(VmEvent)> on_event;
        bool closed = false, stopping = false, done = false;
        void emit(const std::string& vm, const std::string& what, const std::string& text);
    };

  private:
    static void listen(const std::shared_ptr<Shared>& shared, const std::string& uri);
    std::shared_ptr<Shared> shared_;
};

}  // namespace bailiff::agent
