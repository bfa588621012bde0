// SPDX-License-Identifier: Apache-2.0
// What the sandboxed reader tells the scan: packets of at most 16 KiB, decoded by the side that does not trust them.
#pragma once

#include "agent/scan/fingerprint.hpp"
#include "agent/scan/image/byte_order.hpp"
#include "agent/scan/scan_result.hpp"

#include <bailiff/result.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace bailiff::agent {

enum class ReaderMessageKind : uint8_t {
    volume = 1,   ///< a volume begins: volume, filesystem, start, size, path = "" , text = ""
    note = 2,     ///< something a person should know about the volume: volume, text
    volume_end,   ///< it ends: volume, state, reason, text = why it was not read
    file,         ///< path, size, and a sealed memory file beside the packet
    skipped,      ///< path, reason, text, size
    finished,     ///< the walk is over; nothing follows
    failed,       ///< the image cannot be read at all: text
    changes,      ///< before anything else, when asked: start = the disk's bytes, size = how many of them were written, or text = why that is not known
    total,        ///< before the first volume: size = the bytes that the volumes say they use; an estimate
    unchanged,    ///< path, size, fingerprint of a file that is known and was not read
    suspicious,   ///< the file that follows is odd: path, rule, text = why, size
};

/// One packet. Which fields mean something depends on the kind; the others are empty.
struct ReaderMessage {
    ReaderMessageKind kind = ReaderMessageKind::failed;
    SkipReason reason = SkipReason::error;
    VolumeState state = VolumeState::unreadable;
    uint64_t start = 0, size = 0;
    Fingerprint fingerprint{};  ///< none: a content that must be read each time
    std::string volume, filesystem;
    std::string path;  ///< raw bytes
    std::string text;  ///< for people; may carry hostile bytes, escape before showing
    SuspicionRule rule = SuspicionRule::web_shell;
    friend bool operator==(const ReaderMessage&, const ReaderMessage&) = default;
};

inline constexpr size_t largest_reader_message = 16 * 1024;

/// Texts longer than their caps are cut; a path never is (the walk keeps it below its own limit).
std::vector<uint8_t> encode(const ReaderMessage& message);

/// Strict: every length within its cap, every enum value known, nothing after the end.
Result<ReaderMessage> decode_reader_message(Bytes packet);

}  // namespace bailiff::agent
