// SPDX-License-Identifier: Apache-2.0
// libvirt's handles as owners, its errors as ours, and connections that come back.
#pragma once

#include <bailiff/result.hpp>

#include <libvirt/libvirt.h>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace bailiff::agent {

struct LibvirtFree {
    void operator()(virDomainPtr domain) const { virDomainFree(domain); }
    void operator()(virNetworkPtr network) const { virNetworkFree(network); }
    void operator()(char* text) const { ::free(text); }
};
using DomainHandle = std::unique_ptr<virDomain, LibvirtFree>;
using NetworkHandle = std::unique_ptr<virNetwork, LibvirtFree>;
using LibvirtText = std::unique_ptr<char, LibvirtFree>;
/// A connection on loan; the last copy gives it back.
using ConnectionHandle = std::shared_ptr<virConnect>;

/// The error of this thread's last libvirt call in our words. `doing` completes "libvirt could not …". Codes
/// whose cause a caller reacts to: no such domain is not_found, a refused start forbidden, unsupported or
/// malformed invalid; a lost connection is unknown_outcome, since the daemon may have done it; everything
/// else is unavailable.
Error libvirt_error(const std::string& doing);

/// Starts the process-wide event loop that keep-alive and events need; harmless when it runs already. Ignores
/// SIGPIPE from then on.
void start_event_loop();

/// Connections of one purpose, opened when needed and again after they were lost. Thread-safe.
///
/// Each loan is exclusive: with libvirt 9.0, a call that hangs also holds up the calls that other threads
/// make on the same connection, since the thread that waits for its own answer does the reading and writing
/// for all of them.
class LibvirtConnections {
  public:
    LibvirtConnections(std::string uri, int keepalive_seconds, unsigned keepalive_count, size_t most = 16);
    /// A living connection for one call. May block as long as the daemon does. Errors: unavailable.
    Result<ConnectionHandle> open();

  private:
    struct Owned {
        void operator()(virConnectPtr connection) const { virConnectClose(connection); }
    };
    using Own = std::unique_ptr<virConnect, Owned>;
    /// Outlives this object as long as a loan does.
    struct State {
        std::mutex mutex;
        std::vector<Own> idle;
        size_t out = 0;
    };
    static ConnectionHandle lend(const std::shared_ptr<State>& state, Own connection);

    std::string uri_;
    int keepalive_seconds_;
    unsigned keepalive_count_;
    size_t most_;
    std::shared_ptr<State> state_ = std::make_shared<State>();
};

/// The domain, or not_found.
Result<DomainHandle> find_domain(const ConnectionHandle& connection, const std::string& uuid);
/// All domains that fit libvirt's list flags; 0 is all of them.
Result<std::vector<DomainHandle>> list_domains(const ConnectionHandle& connection, unsigned flags);

}  // namespace bailiff::agent
