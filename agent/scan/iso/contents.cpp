// SPDX-License-Identifier: Apache-2.0
// Once each, sorted, and with an end to how much overlapping extents can make of a small image.
#include "agent/scan/iso/contents.hpp"

#include "agent/scan/hand_over.hpp"
#include "agent/scan/iso/record.hpp"
#include "agent/scan/iso/zisofs.hpp"

#include <algorithm>

namespace bailiff::agent {
namespace {

constexpr size_t iso_buffer_size = 1U << 20;
/// Contents that may wait to be read in the order of the disk, and the sections that they may be in.
constexpr size_t most_files_waiting = 16'384, most_sections_waiting = 1'000'000;
/// As in the walk over libtsk: large contents come first, since an engine is busy with one for seconds.
constexpr uint64_t large_file = 4U << 20;
/// Contents that are remembered, about 100 bytes each; beyond them shared content is handed over again.
constexpr size_t most_known = 1'000'000;
/// No image without overlaps has more content than bytes. Trees of several names for the same are within the first of these,
/// and what is compressed counts by a part of its unpacked size.
constexpr uint64_t most_times_over = 2, fair_ratio = 16, allowance = 1U << 20;

}  // namespace

uint64_t IsoContent::stored_size() const {
    uint64_t out = 0;
    for (const IsoSection& section : sections) out += section.size;
    return out;
}

IsoContents::IsoContents(Image& image, const Volume& volume, const WalkLimits& limits, WalkSink& sink)
    : image_(image), volume_(volume), limits_(limits), sink_(sink), buffer_(std::make_unique_for_overwrite<uint8_t[]>(iso_buffer_size)) {}

bool IsoContents::inside(const IsoContent& content) const {
    return std::all_of(content.sections.begin(), content.sections.end(),
                       [&](const IsoSection& section) { return section.at <= volume_.size && section.size <= volume_.size - section.at; });
}

bool IsoContents::is_new(const IsoContent& content) {
    std::vector<uint64_t> identity;
    identity.reserve(content.sections.size() * 2 + 2);
    for (const IsoSection& section : content.sections) identity.insert(identity.end(), {section.at, section.size});
    if (content.packed) identity.insert(identity.end(), {content.packed->size, uint64_t{content.packed->header_words} << 8 | content.packed->block_bits});
    if (known_.contains(identity)) return false;
    if (known_.size() < most_known) known_.insert(std::move(identity));
    return true;
}

bool IsoContents::pay(uint64_t bytes) {
    paid_ += bytes;
    if (ended_ || paid_ <= most_times_over * volume_.size + allowance) return !ended_;
    ended_ = true;
    sink_.skipped("", SkipReason::too_many, "the files overlap: together they are more than twice as large as the volume", 0);
    return false;
}

bool IsoContents::add(const std::string& path, IsoContent content) {
    std::erase_if(content.sections, [](const IsoSection& section) { return section.size == 0; });
    const uint64_t stored = content.stored_size();
    if (ended_ || stored == 0) return !ended_;
    for (auto& [at, boot] : boots_)
        for (const IsoSection& section : content.sections) {
            if (section.at == at) boot.file_size = std::max(boot.file_size, section.size);
            else if (section.at > at) boot.next = std::min(boot.next, section.at);
        }
    if (!inside(content)) {
        sink_.skipped(path, SkipReason::unreadable, "the content reaches past the end of the volume, which is cut off or damaged", stored);
        return true;
    }
    if (content.packed && !content.packed->known) {
        sink_.skipped(path, SkipReason::compressed, "the file is compressed in a way that is not unpacked by this version", stored);
        return true;
    }
    if (!is_new(content)) return true;
    const uint64_t size = content.packed ? content.packed->size : stored;
    if (size <= limits_.file_size && !pay(content.packed ? std::max(stored, size / fair_ratio) : stored)) return false;
    sections_waiting_ += content.sections.size();
    waiting_.push_back({path, std::move(content), size});
    if (waiting_.size() >= most_files_waiting || sections_waiting_ >= most_sections_waiting) flush();
    return true;
}

void IsoContents::flush() {
    std::stable_sort(waiting_.begin(), waiting_.end(), [](const Waiting& a, const Waiting& b) {
        return std::pair(a.size < large_file, a.content.sections[0].at) < std::pair(b.size < large_file, b.content.sections[0].at);
    });
    for (const Waiting& one : waiting_)
        hand_over(one.path, one.size, limits_, sink_, [&](MemoryFile& memory) { return fill(one.content, memory); },
                  [&](ContentPlace& place) { return describe(one.content, place); });
    waiting_.clear();
    sections_waiting_ = 0;
}

/// What `fill` goes by. A boot image has no date that would tell of another one in its place.
bool IsoContents::describe(const IsoContent& content, ContentPlace& place) const {
    if (!content.recorded) return false;
    place.number(*content.recorded);
    if (content.packed)
        for (const uint64_t value : {uint64_t{content.packed->size}, uint64_t{content.packed->header_words}, uint64_t{content.packed->block_bits}}) place.number(value);
    for (const IsoSection& section : content.sections) place.run(image_, volume_.start + section.at, section.size);
    return true;
}

bool IsoContents::read(const IsoContent& content, uint64_t offset, std::span<uint8_t> out) {
    for (const IsoSection& section : content.sections) {
        if (out.empty()) break;
        if (offset >= section.size) {
            offset -= section.size;
            continue;
        }
        const auto part = out.first(std::min<uint64_t>(out.size(), section.size - offset));
        if (!image_.read(volume_.start + section.at + offset, part)) return false;
        out = out.subspan(part.size());
        offset = 0;
    }
    return out.empty();
}

Result<void> IsoContents::fill(const IsoContent& content, MemoryFile& memory) {
    if (content.packed)
        return unpack_zisofs([&](uint64_t offset, std::span<uint8_t> out) { return read(content, offset, out); }, content.stored_size(), *content.packed, memory);
    for (const IsoSection& section : content.sections)
        for (uint64_t at = 0; at < section.size;) {
            const std::span<uint8_t> part(buffer_.get(), std::min<uint64_t>(iso_buffer_size, section.size - at));
            if (!image_.read(volume_.start + section.at + at, part)) return fail(Errc::invalid, "the content cannot be read: the image ends before it or is damaged");
            if (const auto written = memory.append({reinterpret_cast<const char*>(part.data()), part.size()}); !written) return fail(written.error());
            at += part.size();
        }
    return {};
}

void IsoContents::expect_boot_image(const IsoBootImage& image, uint64_t base, uint64_t end) {
    constexpr size_t most_boots = 64;
    const uint64_t at = base + image.block * iso_sector;
    if (boots_.size() >= most_boots && !boots_.contains(at)) {
        sink_.skipped("", SkipReason::too_many, "there are more boot images than are followed", 0);
        return;
    }
    Boot boot{image, at, 0, end};
    // Unless its own table says otherwise, a hard disk's image goes on to the next file.
    if (image.hard_disk) {
        const auto table = image_.bytes(volume_.start + at, 512);
        const uint64_t first = little_endian<uint32_t>(table, 446 + 8), count = little_endian<uint32_t>(table, 446 + 12);
        boot.image.size = table.size() == 512 && table[510] == 0x55 && table[511] == 0xaa ? (first + count) * 512 : 0;
        boot.image.open_end = boot.image.size == 0;
    }
    const auto known = boots_.find(at);
    if (known == boots_.end() || (!known->second.image.open_end && boot.image.size > known->second.image.size)) boots_[at] = boot;
    else known->second.image.open_end |= boot.image.open_end;
}

void IsoContents::add_boot_images() {
    // What files say was noted while they were added; boot images that are told apart only by their number follow in disk order.
    const auto boots = std::move(boots_);
    boots_.clear();
    unsigned number = 0;
    for (const auto& [at, boot] : boots) {
        ++number;
        uint64_t size = boot.image.size;
        // Sizes in the catalog are rounded up.
        const uint64_t whole = (boot.file_size + iso_sector - 1) / iso_sector * iso_sector;
        if (whole > 0 && (boot.image.open_end || whole >= size)) continue;  // handed over as that file
        if (boot.image.open_end && boot.next > at) size = std::max(size, boot.next - at);
        if (!add("/(boot image " + std::to_string(number) + ")", {{{at, size}}})) return;
    }
}

}  // namespace bailiff::agent
