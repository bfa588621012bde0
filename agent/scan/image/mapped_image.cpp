// SPDX-License-Identifier: Apache-2.0
// Segments are found by bisection; stripes are worked out at each access, never listed.
#include "agent/scan/image/mapped_image.hpp"

#include <algorithm>

namespace bailiff::agent {

std::shared_ptr<MappedImage> MappedImage::create(std::vector<MappedSegment> segments) {
    const std::shared_ptr<MappedImage> out(new MappedImage);
    for (const MappedSegment& segment : segments) {
        const uint64_t legs = segment.legs.size();
        if (segment.length == 0 || legs == 0 || segment.length > ~out->size_) return nullptr;
        // A last round that is not full would need a rule of its own, which neither LVM nor we have.
        if (legs > 1 && (segment.stripe_size == 0 || segment.length % legs != 0 || segment.length / legs % segment.stripe_size != 0)) return nullptr;
        for (const MappedLeg& leg : segment.legs)
            if (!leg.image || segment.length / legs > ~leg.start) return nullptr;
        out->starts_.push_back(out->size_);
        out->size_ += segment.length;
    }
    out->segments_ = std::move(segments);
    return out;
}

MappedImage::Place MappedImage::place(uint64_t offset) const {
    const auto after = std::upper_bound(starts_.begin(), starts_.end(), offset);
    const auto index = static_cast<size_t>(after - starts_.begin()) - 1;
    const MappedSegment& segment = segments_[index];
    const uint64_t within = offset - starts_[index];
    if (segment.legs.size() == 1) return {segment.legs[0].image.get(), segment.legs[0].start + within, segment.length - within};
    const uint64_t stripe = within / segment.stripe_size, in_stripe = within % segment.stripe_size;
    const MappedLeg& leg = segment.legs[stripe % segment.legs.size()];
    return {leg.image.get(), leg.start + stripe / segment.legs.size() * segment.stripe_size + in_stripe, segment.stripe_size - in_stripe};
}

bool MappedImage::read(uint64_t offset, std::span<uint8_t> out) {
    if (offset > size_ || out.size() > size_ - offset) return false;
    while (!out.empty()) {
        const Place at = place(offset);
        const auto part = out.first(std::min<uint64_t>(out.size(), at.length));
        if (!at.image->read(at.offset, part)) return false;
        out = out.subspan(part.size());
        offset += part.size();
    }
    return true;
}

bool MappedImage::places(uint64_t offset, uint64_t length, const TakePlace& take) const {
    if (offset > size_ || length > size_ - offset) return false;
    while (length > 0) {
        const Place at = place(offset);
        const uint64_t part = std::min(length, at.length);
        if (!at.image->places(at.offset, part, take)) return false;
        offset += part;
        length -= part;
    }
    return true;
}

bool MappedImage::write(uint64_t offset, Bytes bytes) {
    if (offset > size_ || bytes.size() > size_ - offset) return false;
    while (!bytes.empty()) {
        const Place at = place(offset);
        const auto part = bytes.first(std::min<uint64_t>(bytes.size(), at.length));
        if (!at.image->write(at.offset, part)) return false;
        bytes = bytes.subspan(part.size());
        offset += part.size();
    }
    return true;
}

bool MappedImage::flush() {
    return std::all_of(segments_.begin(), segments_.end(), [](const MappedSegment& segment) {
        return std::all_of(segment.legs.begin(), segment.legs.end(), [](const MappedLeg& leg) { return leg.image->flush(); });
    });
}

}  // namespace bailiff::agent
