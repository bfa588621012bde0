// SPDX-License-Identifier: Apache-2.0
// From a content that can be appended to a descriptor that can be passed on.
#include "agent/scan/hand_over.hpp"

namespace bailiff::agent {

bool is_unchanged(const std::string& path, uint64_t size, WalkSink& sink, const DescribeContent& describe, Fingerprint& told_by) {
    told_by = no_fingerprint;
    KnownContents* known = sink.known();
    if (!known || !describe) return false;
    ContentPlace place(*known, path, size);
    if (!describe(place)) return false;
    told_by = place.fingerprint();
    if (told_by == no_fingerprint || place.touched() || !known->contains(told_by)) return false;
    sink.unchanged(path, size, told_by);
    return true;
}

void hand_over(const std::string& path, uint64_t size, const WalkLimits& limits, WalkSink& sink, const FillContent& fill,
               const DescribeContent& describe) {
    if (size == 0) return;
    if (size > limits.file_size) {
        sink.skipped(path, SkipReason::size, "the file is larger than " + std::to_string(limits.file_size) + " bytes", size);
        return;
    }
    Fingerprint told_by;
    if (is_unchanged(path, size, sink, describe, told_by)) return;
    auto memory = MemoryFile::create();
    if (!memory) {
        sink.skipped(path, SkipReason::error, memory.error().text, size);
        return;
    }
    if (const auto filled = fill(*memory); !filled) {
        const auto reason = filled.error().code == Errc::unavailable ? SkipReason::error : SkipReason::unreadable;
        sink.skipped(path, reason, filled.error().text, size);
        return;
    }
    if (const auto sealed = memory->seal(); !sealed) {
        sink.skipped(path, SkipReason::error, sealed.error().text, size);
        return;
    }
    sink.told_file(path, size, memory->release(), told_by);
}

}  // namespace bailiff::agent
