// SPDX-License-Identifier: Apache-2.0
// kind, reason, state, start, size, fingerprint, then four texts, each after its two-byte length, then the rule; all little endian.
#include "agent/scan/reader_message.hpp"

#include <algorithm>
#include <tuple>

namespace bailiff::agent {
namespace {

constexpr size_t volume_cap = longest_volume_name, filesystem_cap = 64, path_cap = 8192, text_cap = 2048, fixed = 3 + 16 + std::tuple_size_v<Fingerprint>;

void put(std::vector<uint8_t>& out, uint64_t value, size_t bytes) {
    for (size_t i = 0; i < bytes; ++i) out.push_back(static_cast<uint8_t>(value >> (8 * i)));
}
void put(std::vector<uint8_t>& out, const std::string& text, size_t cap) {
    const size_t length = std::min(text.size(), cap);
    put(out, length, 2);
    out.insert(out.end(), text.begin(), text.begin() + static_cast<std::ptrdiff_t>(length));
}

/// Takes one text off the front; false when it does not fit.
bool take(Bytes& rest, std::string& text, size_t cap) {
    const size_t length = little_endian<uint16_t>(rest, 0);
    if (rest.size() < 2 || length > cap || length > rest.size() - 2) return false;
    text.assign(rest.begin() + 2, rest.begin() + 2 + static_cast<std::ptrdiff_t>(length));
    rest = rest.subspan(2 + length);
    return true;
}

template <Named E>
bool known(uint8_t value, E& out) {
    for (const auto& [entry, word] : Names<E>::table)
        if (static_cast<uint8_t>(entry) == value) return out = entry, true;
    return false;
}

}  // namespace

std::vector<uint8_t> encode(const ReaderMessage& message) {
    std::vector<uint8_t> out;
    out.reserve(fixed + 8 + message.path.size() + message.text.size() + message.volume.size());
    put(out, static_cast<uint64_t>(message.kind), 1);
    put(out, static_cast<uint64_t>(message.reason), 1);
    put(out, static_cast<uint64_t>(message.state), 1);
    put(out, message.start, 8);
    put(out, message.size, 8);
    out.insert(out.end(), message.fingerprint.begin(), message.fingerprint.end());
    put(out, message.volume, volume_cap);
    put(out, message.filesystem, filesystem_cap);
    put(out, message.path, path_cap);
    put(out, message.text, text_cap);
    put(out, static_cast<uint64_t>(message.rule), 1);
    return out;
}

Result<ReaderMessage> decode_reader_message(Bytes packet) {
    const auto refuse = [] { return fail(Errc::invalid, "the reader sent a packet that is not of the protocol"); };
    if (packet.size() < fixed || packet.size() > largest_reader_message) return refuse();
    ReaderMessage out;
    if (packet[0] < 1 || packet[0] > static_cast<uint8_t>(ReaderMessageKind::suspicious)) return refuse();
    out.kind = static_cast<ReaderMessageKind>(packet[0]);
    if (!known(packet[1], out.reason) || !known(packet[2], out.state)) return refuse();
    out.start = little_endian<uint64_t>(packet, 3);
    out.size = little_endian<uint64_t>(packet, 11);
    std::copy_n(packet.begin() + 19, out.fingerprint.size(), out.fingerprint.begin());
    constexpr uint64_t most = uint64_t{1} << 62;
    if (out.start > most || out.size > most) return refuse();
    Bytes rest = packet.subspan(fixed);
    if (!take(rest, out.volume, volume_cap) || !take(rest, out.filesystem, filesystem_cap) || !take(rest, out.path, path_cap) ||
        !take(rest, out.text, text_cap) || rest.size() != 1 || !known(rest[0], out.rule))
        return refuse();
    // These two name things in our own alphabet and, for logical volumes, in LVM's; only paths and texts may hold anything else.
    const auto spelled = [](const std::string& name, std::string_view marks) {
        return std::all_of(name.begin(), name.end(), [&](char c) {
            return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || (!marks.empty() && c >= 'A' && c <= 'Z') || marks.find(c) != marks.npos;
        });
    };
    if (!spelled(out.volume, "/.-+") || !spelled(out.filesystem, "")) return refuse();
    return out;
}

}  // namespace bailiff::agent
