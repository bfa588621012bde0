// SPDX-License-Identifier: Apache-2.0
// The Unix socket on which bailiff-link is awaited: the agent's only door.
#pragma once

#include "agent/ports.hpp"

#include <bailiff/framing.hpp>

#include <functional>
#include <poll.h>
#include <string>
#include <vector>

namespace bailiff::agent {

/// One connection at a time, the newest wins: a link that was restarted must not wait for the death of its old socket.
/// Used from one thread; never blocks. A peer that speaks another protocol, or does not read, is disconnected.
class LinkSocket : public Link {
  public:
    /// Makes the socket (0660, group when not empty). Throws Outage when it cannot.
    LinkSocket(std::string path, const std::string& group);
    ~LinkSocket() override;
    LinkSocket(const LinkSocket&) = delete;
    LinkSocket& operator=(const LinkSocket&) = delete;

    std::function<void()> on_connected, on_disconnected;
    std::function<void(const Frame&)> on_frame;
    std::function<void(const std::string&)> on_trouble;   ///< a sentence for the log

    void send(const Frame& frame) override;
    /// What to wait for; after poll(2) give the same descriptors to `serve`.
    void add_to(std::vector<pollfd>& descriptors) const;
    void serve(const std::vector<pollfd>& descriptors);

  private:
    void accept_newest();
    void read_frames();
    void write_out();
    void drop(const std::string& why);

    std::string path_;
    int listener_ = -1, peer_ = -1;
    FrameReader reader_;
    std::string outgoing_;
};

}  // namespace bailiff::agent
