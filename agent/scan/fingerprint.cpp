// SPDX-License-Identifier: Apache-2.0
// Everything into one buffer, and one digest of it.
#include "agent/scan/fingerprint.hpp"

#include "agent/scan/btrfs/checksum.hpp"

#include <algorithm>

namespace bailiff::agent {
namespace {

/// Pieces of one content. A hostile disk could make the gathering dearer than the reading.
constexpr size_t most_pieces = 65'536;
/// What a filesystem may set aside behind a file's end and still be followed.
constexpr uint64_t slack = 64U << 20;

void append_number(std::vector<uint8_t>& to, uint64_t value) {
    for (int shift = 0; shift < 64; shift += 8) to.push_back(static_cast<uint8_t>(value >> shift));
}

/// Its length first, so that no two lists of texts look alike.
void append_text(std::vector<uint8_t>& to, std::string_view text) {
    append_number(to, text.size());
    to.insert(to.end(), text.begin(), text.end());
}

}  // namespace

void KnownContents::begin(const Volume& volume) {
    volume_.clear();
    append_text(volume_, volume.name);
    append_text(volume_, volume.filesystem);
    append_number(volume_, volume.start);
    append_number(volume_, volume.size);
}

bool KnownContents::contains(const Fingerprint& fingerprint) const { return std::binary_search(sorted_.begin(), sorted_.end(), fingerprint); }

ContentPlace::ContentPlace(const KnownContents& known, std::string_view path, uint64_t size)
    : known_(known), all_(known.volume()), room_(size > ~uint64_t{0} - slack ? size : size + slack) {
    append_text(all_, path);
    append_number(all_, size);
}

void ContentPlace::number(uint64_t value) { append_number(all_, value); }

void ContentPlace::bytes(std::span<const uint8_t> value) { append_text(all_, {reinterpret_cast<const char*>(value.data()), value.size()}); }

void ContentPlace::run(const Image& image, uint64_t offset, uint64_t length) {
    if (unfit_ || length > room_ || pieces_ >= most_pieces) {
        unfit_ = true;
        return;
    }
    room_ -= length;
    const bool all = image.places(offset, length, [&](uint64_t at, uint64_t part) {
        append_number(all_, at);
        append_number(all_, part);
        touched_ = touched_ || known_.written().touches(at, part);
        return ++pieces_ < most_pieces;
    });
    if (!all) unfit_ = true;
}

Fingerprint ContentPlace::fingerprint() const {
    Fingerprint out{};
    if (unfit_) return out;
    const auto whole = sha256(all_);
    std::copy_n(whole.begin(), out.size(), out.begin());
    return out;
}

}  // namespace bailiff::agent
