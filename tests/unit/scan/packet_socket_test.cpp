// SPDX-License-Identifier: Apache-2.0
// Packets that were sent arrive, whatever becomes of the sender afterwards.
#include "agent/scan/box/packet_socket.hpp"

#include <gtest/gtest.h>

namespace bailiff::agent {
namespace {

TEST(PacketSocket, ASenderThatLeavesItsMailUnreadIsHeardToItsEnd) {
    auto ends = packet_pair();
    ASSERT_TRUE(ends);
    auto& [near, far] = *ends;
    const uint8_t bytes[] = {1, 2, 3};
    ASSERT_TRUE(send_packet(far.fd(), Bytes(bytes).first(1)));
    ASSERT_TRUE(send_packet(far.fd(), Bytes(bytes).first(2)));
    ASSERT_TRUE(send_packet(near.fd(), bytes));
    far.reset();  // with a packet unread, which the kernel reports to us before it hands over the two
    for (const size_t size : {1U, 2U}) {
        const auto packet = receive_packet(near.fd(), Wait::no);
        ASSERT_TRUE(packet && *packet) << size;
        EXPECT_EQ((*packet)->bytes.size(), size);
    }
    EXPECT_FALSE(receive_packet(near.fd(), Wait::no)) << "then it is gone";
}

}  // namespace
}  // namespace bailiff::agent
