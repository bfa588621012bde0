// SPDX-License-Identifier: Apache-2.0
// See link_socket.hpp.
#include "agent/link_socket.hpp"

#include <cerrno>
#include <cstring>
#include <grp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <utility>

namespace bailiff::agent {
namespace {

/// What may wait for a slow link; answers are kept in the journal anyway, so that dropping the link loses nothing.
constexpr size_t most_outgoing = size_t{16} << 20;

[[noreturn]] void outage(const std::string& doing, const std::string& path) {
    throw Outage("cannot " + doing + " the socket " + path + ": " + std::strerror(errno) + "; see --socket");
}

}  // namespace

LinkSocket::LinkSocket(std::string path, const std::string& group) : path_(std::move(path)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path_.size() >= sizeof address.sun_path) throw Outage("the socket's path " + path_ + " is longer than 107 bytes; see --socket");
    path_.copy(address.sun_path, path_.size());
    listener_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (listener_ < 0) outage("make", path_);
    // The state folder's lock says that no other agent lives, so what lies here is a dead one's.
    ::unlink(path_.c_str());
    const auto mask = ::umask(0117);
    const int bound = ::bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof address);
    ::umask(mask);
    if (bound != 0) outage("bind", path_);
    if (!group.empty()) {
        const auto* found = ::getgrnam(group.c_str());
        if (!found) throw Outage("there is no group '" + group + "'; see --socket-group");
        if (::chown(path_.c_str(), uid_t(-1), found->gr_gid) != 0) outage("give to group " + group, path_);
    }
    if (::listen(listener_, 4) != 0) outage("listen on", path_);
}

LinkSocket::~LinkSocket() {
    if (peer_ >= 0) ::close(peer_);
    if (listener_ >= 0) ::close(listener_);
    ::unlink(path_.c_str());
}

void LinkSocket::send(const Frame& frame) {
    if (peer_ < 0) return;
    const std::string text = encode(frame);
    if (text.size() > largest_frame) {
        if (on_trouble) on_trouble("a frame of " + std::to_string(text.size()) + " bytes was not sent");
        return;
    }
    outgoing_ += frame_bytes(text);
    write_out();
    if (outgoing_.size() > most_outgoing) drop("the link does not read");
}

void LinkSocket::add_to(std::vector<pollfd>& descriptors) const {
    descriptors.push_back({listener_, POLLIN, 0});
    if (peer_ >= 0) descriptors.push_back({peer_, short(POLLIN | (outgoing_.empty() ? 0 : POLLOUT)), 0});
}

void LinkSocket::serve(const std::vector<pollfd>& descriptors) {
    // The old peer's last words come before a new peer takes its place.
    for (const auto& d : descriptors)
        if (d.fd == peer_ && peer_ >= 0 && d.revents) {
            if (d.revents & POLLOUT) write_out();
            if (peer_ >= 0 && (d.revents & (POLLIN | POLLHUP | POLLERR))) read_frames();
        }
    for (const auto& d : descriptors)
        if (d.fd == listener_ && d.revents) accept_newest();
}

void LinkSocket::accept_newest() {
    const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) return;
    if (peer_ >= 0) drop("a newer link connected");
    peer_ = fd;
    reader_ = {};
    outgoing_.clear();
    if (on_connected) on_connected();
}

void LinkSocket::read_frames() {
    char buffer[64 * 1024];
    const ssize_t n = ::recv(peer_, buffer, sizeof buffer, 0);
    if (n == 0) return drop("the link closed");
    if (n < 0) {
        if (errno != EAGAIN && errno != EINTR) drop(std::string("the link broke: ") + std::strerror(errno));
        return;
    }
    reader_.feed({buffer, size_t(n)});
    const int peer = peer_;
    while (peer_ == peer) {
        auto text = reader_.next();
        if (!text) return drop(text.error().text);
        if (!*text) return;
        const auto frame = decode(**text);
        // A frame that is not understood may be a newer controller's; the rest of the stream is good.
        if (!frame) {
            if (on_trouble) on_trouble(frame.error().text);
        } else if (on_frame) {
            on_frame(*frame);
        }
    }
}

void LinkSocket::write_out() {
    while (!outgoing_.empty()) {
        const ssize_t n = ::send(peer_, outgoing_.data(), outgoing_.size(), MSG_NOSIGNAL);
        if (n < 0) {
            // A broken peer is noticed, and reported once, by the next read.
            if (errno != EINTR) return;
            continue;
        }
        outgoing_.erase(0, size_t(n));
    }
}

void LinkSocket::drop(const std::string& why) {
    if (peer_ < 0) return;
    ::close(peer_);
    peer_ = -1;
    outgoing_.clear();
    if (on_trouble) on_trouble(why);
    if (on_disconnected) on_disconnected();
}

}  // namespace bailiff::agent
