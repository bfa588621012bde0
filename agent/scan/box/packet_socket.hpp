// SPDX-License-Identifier: Apache-2.0
// Packets with at most one descriptor beside them, over a pair of Unix sockets.
#pragma once

#include "agent/scan/box/descriptor.hpp"
#include "agent/scan/image/byte_order.hpp"

#include <bailiff/result.hpp>

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace bailiff::agent {

/// Two connected SOCK_SEQPACKET sockets: packets arrive whole or not at all.
Result<std::pair<Descriptor, Descriptor>> packet_pair();

struct Packet {
    std::vector<uint8_t> bytes;
    Descriptor descriptor;
};

/// False when the other side is gone. `descriptor` stays the caller's.
bool send_packet(int socket, Bytes bytes, int descriptor = -1);

enum class Wait { yes, no };

/// The next packet; an error when the other side is gone or the packet was cut; nothing when there is none and `wait` says no.
Result<std::optional<Packet>> receive_packet(int socket, Wait wait, size_t largest = 64 * 1024);

}  // namespace bailiff::agent
