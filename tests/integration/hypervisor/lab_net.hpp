// SPDX-License-Identifier: Apache-2.0
// The network side of a laboratory host: listeners on its bridge that count what a guest gets through, and connections.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <thread>
#include <vector>

namespace bailiff::test {

/// Runs `work` on a thread inside a network namespace and returns its result; sockets made there stay there.
int in_namespace(const std::string& path, const std::function<int()>& work);

/// A connected TCP socket in the namespace, or -1.
int connect_in(const std::string& path, const std::string& host, uint16_t port);

/// Listens on ports of an address in a namespace; counts connections and bytes by port until destroyed.
class Listeners {
  public:
    Listeners(const std::string& path, const std::string& address, const std::vector<uint16_t>& ports);
    ~Listeners();
    Listeners(const Listeners&) = delete;
    Listeners& operator=(const Listeners&) = delete;

    int64_t connections(uint16_t port) const { return counts_.at(port).connections; }
    int64_t bytes(uint16_t port) const { return counts_.at(port).bytes; }
    /// What came within `span`, from now.
    int64_t connections_within(uint16_t port, std::chrono::milliseconds span) const;
    int64_t bytes_within(uint16_t port, std::chrono::milliseconds span) const;

  private:
    struct Count {
        std::atomic<int64_t> connections{0}, bytes{0};
    };
    void serve();
    std::map<uint16_t, Count> counts_;
    std::map<int, uint16_t> sockets_;   ///< listening ones
    std::atomic<bool> stopping_{false};
    std::thread thread_;
};

}  // namespace bailiff::test
