// SPDX-License-Identifier: Apache-2.0
// sendmsg and recvmsg with SCM_RIGHTS.
#include "agent/scan/box/packet_socket.hpp"

#include <sys/socket.h>

#include <cerrno>
#include <cstring>

namespace bailiff::agent {

Result<std::pair<Descriptor, Descriptor>> packet_pair() {
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
        return fail(Errc::unavailable, std::string("no socket pair: ") + std::strerror(errno));
    return std::pair{Descriptor(ends[0]), Descriptor(ends[1])};
}

bool send_packet(int socket, Bytes bytes, int descriptor) {
    iovec part{const_cast<uint8_t*>(bytes.data()), bytes.size()};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    if (descriptor >= 0) {
        message.msg_control = control;
        message.msg_controllen = sizeof control;
        cmsghdr* header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int));
        std::memcpy(CMSG_DATA(header), &descriptor, sizeof descriptor);
    }
    for (;;) {
        const ssize_t n = ::sendmsg(socket, &message, MSG_NOSIGNAL);
        if (n >= 0) return static_cast<size_t>(n) == bytes.size();
        if (errno != EINTR) return false;
    }
}

Result<std::optional<Packet>> receive_packet(int socket, Wait wait, size_t largest) {
    Packet out;
    out.bytes.resize(largest);
    iovec part{out.bytes.data(), out.bytes.size()};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    ssize_t n = 0;
    // The kernel reports ECONNRESET once, ahead of what still waits here, when the sender left with mail of ours unread. What it
    // sent before that counts all the same: a reader that was done is not a reader that died.
    do n = ::recvmsg(socket, &message, MSG_CMSG_CLOEXEC | (wait == Wait::no ? MSG_DONTWAIT : 0));
    while (n < 0 && (errno == EINTR || errno == ECONNRESET));
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return std::optional<Packet>();
    for (cmsghdr* header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS || header->cmsg_len < CMSG_LEN(sizeof(int))) continue;
        int fd = -1;
        std::memcpy(&fd, CMSG_DATA(header), sizeof fd);
        out.descriptor.reset(fd);
    }
    if (n <= 0) return fail(Errc::unavailable, "the other side is gone");
    if (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) return fail(Errc::invalid, "the other side sent more than fits one packet");
    out.bytes.resize(static_cast<size_t>(n));
    return std::optional<Packet>(std::move(out));
}

}  // namespace bailiff::agent
