// SPDX-License-Identifier: Apache-2.0
// See lab_net.hpp.
#include "tests/integration/hypervisor/lab_net.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <stdexcept>
#include <sys/socket.h>
#include <unistd.h>

namespace bailiff::test {
namespace {

sockaddr_in address_of(const std::string& host, uint16_t port) {
    sockaddr_in out{};
    out.sin_family = AF_INET;
    out.sin_port = htons(port);
    ::inet_pton(AF_INET, host.c_str(), &out.sin_addr);
    return out;
}

}  // namespace

int in_namespace(const std::string& path, const std::function<int()>& work) {
    int out = -1;
    std::thread([&] {
        const int target = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
        if (target >= 0 && ::setns(target, CLONE_NEWNET) == 0) out = work();
        if (target >= 0) ::close(target);
    }).join();
    return out;
}

int connect_in(const std::string& path, const std::string& host, uint16_t port) {
    return in_namespace(path, [&] {
        const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        const auto address = address_of(host, port);
        if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return fd;
        ::close(fd);
        return -1;
    });
}

Listeners::Listeners(const std::string& path, const std::string& address, const std::vector<uint16_t>& ports) {
    for (const uint16_t port : ports) {
        counts_[port];
        const int fd = in_namespace(path, [&] {
            const int one = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1;
            ::setsockopt(one, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
            const auto at = address_of(address, port);
            if (::bind(one, reinterpret_cast<const sockaddr*>(&at), sizeof at) != 0 || ::listen(one, 16) != 0) {
                ::close(one);
                return -1;
            }
            return one;
        });
        if (fd < 0) throw std::runtime_error("cannot listen on " + address + " port " + std::to_string(port));
        sockets_[fd] = port;
    }
    thread_ = std::thread([this] { serve(); });
}

Listeners::~Listeners() {
    stopping_ = true;
    thread_.join();
}

void Listeners::serve() {
    std::map<int, uint16_t> peers;
    std::vector<char> buffer(65536);
    while (!stopping_) {
        std::vector<pollfd> all;
        for (const auto& [fd, port] : sockets_) all.push_back({fd, POLLIN, 0});
        for (const auto& [fd, port] : peers) all.push_back({fd, POLLIN, 0});
        if (::poll(all.data(), all.size(), 50) <= 0) continue;
        for (const pollfd& one : all) {
            if (!one.revents) continue;
            if (const auto listening = sockets_.find(one.fd); listening != sockets_.end()) {
                const int peer = ::accept4(one.fd, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
                if (peer < 0) continue;
                ++counts_.at(listening->second).connections;
                peers[peer] = listening->second;
                continue;
            }
            const auto n = ::read(one.fd, buffer.data(), buffer.size());
            if (n > 0) {
                counts_.at(peers.at(one.fd)).bytes += n;
            } else if (n == 0 || errno != EAGAIN) {
                ::close(one.fd);
                peers.erase(one.fd);
            }
        }
    }
    for (const auto& [fd, port] : peers) ::close(fd);
    for (const auto& [fd, port] : sockets_) ::close(fd);
}

int64_t Listeners::connections_within(uint16_t port, std::chrono::milliseconds span) const {
    const auto before = connections(port);
    std::this_thread::sleep_for(span);
    return connections(port) - before;
}

int64_t Listeners::bytes_within(uint16_t port, std::chrono::milliseconds span) const {
    const auto before = bytes(port);
    std::this_thread::sleep_for(span);
    return bytes(port) - before;
}

}  // namespace bailiff::test
