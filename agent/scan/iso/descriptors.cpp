// SPDX-License-Identifier: Apache-2.0
// Descriptors stand one in a sector, from the sixteenth on, until one says that it is the last.
#include "agent/scan/iso/descriptors.hpp"

#include "agent/scan/iso/record.hpp"

#include <algorithm>
#include <string_view>

namespace bailiff::agent {
namespace {

constexpr uint64_t first_descriptor = 16 * iso_sector;
/// As far as Linux looks for them.
constexpr size_t most_descriptors = 100;
constexpr size_t most_trees = 16, most_catalogs = 16;
constexpr uint8_t boot_record = 0, primary = 1, supplementary = 2, last_one = 255;
constexpr size_t root_record_at = 156, root_record_size = 34;

bool holds(Bytes bytes, size_t at, std::string_view text) {
    return bytes.size() >= at + text.size() &&
           std::equal(text.begin(), text.end(), bytes.begin() + static_cast<std::ptrdiff_t>(at), [](char a, uint8_t b) { return static_cast<uint8_t>(a) == b; });
}

/// The escape sequences of UCS-2, levels 1 to 3, make a supplementary descriptor one of Joliet.
bool is_joliet(Bytes descriptor) {
    return holds(descriptor, 88, "%/@") || holds(descriptor, 88, "%/C") || holds(descriptor, 88, "%/E");
}

Result<void> add_tree(IsoDescriptors& out, Bytes descriptor, uint64_t base) {
    const auto block_size = little_endian<uint16_t>(descriptor, 128);
    if (block_size != iso_sector)
        return fail(Errc::unavailable, "ISO9660 with blocks of " + std::to_string(block_size) + " bytes is not read by this version, only with 2048");
    const auto root = parse_iso_record(descriptor.subspan(root_record_at, root_record_size));
    if (!root || !root->directory) return fail(Errc::invalid, "a volume descriptor of ISO9660 is damaged: its root directory");
    IsoTree tree{base, root->block, root->size, little_endian<uint32_t>(descriptor, 140), little_endian<uint32_t>(descriptor, 132), false, "primary"};
    if (descriptor[0] == supplementary) {
        tree.joliet = is_joliet(descriptor);
        tree.name = tree.joliet ? "joliet" : "supplementary";
    } else if (out.blocks == 0) {
        out.blocks = little_endian<uint32_t>(descriptor, 80);
    }
    const bool known = std::any_of(out.trees.begin(), out.trees.end(), [&](const IsoTree& other) {
        return other.root == tree.root && other.root_size >= tree.root_size && other.joliet == tree.joliet && other.path_table == tree.path_table;
    });
    if (known) return {};
    if (out.trees.size() >= most_trees) out.complete = false;
    else out.trees.push_back(std::move(tree));
    return {};
}

/// Apple's partition map names HFS filesystems whose files may be others. `block` is the size that it counts in.
void look_for_hfs(Image& image, const Volume& volume, std::vector<std::string>& out) {
    constexpr uint32_t most_entries = 64;
    const auto look = [&](uint64_t at) {
        if (at >= volume.size || volume.size - at < 1026) return;
        const auto mark = image.bytes(volume.start + at + 1024, 2);
        const char* name = holds(mark, 0, "BD") ? "hfs" : holds(mark, 0, "H+") || holds(mark, 0, "HX") ? "hfsplus" : nullptr;
        // At the very start the volume layer looks for HFS+ itself.
        if (name && (at > 0 || holds(mark, 0, "BD")) && std::find(out.begin(), out.end(), name) == out.end()) out.emplace_back(name);
    };
    look(0);
    for (const uint64_t block : {uint64_t{512}, iso_sector}) {
        uint32_t entries = 1;
        for (uint32_t i = 1; i <= entries; ++i) {
            if (i * block >= volume.size) break;
            const auto entry = image.bytes(volume.start + i * block, 512);
            if (!holds(entry, 0, "PM")) break;
            if (i == 1) entries = std::min(big_endian<uint32_t>(entry, 4), most_entries);
            if (holds(entry, 48, "Apple_HFS")) look(big_endian<uint32_t>(entry, 8) * block);
        }
    }
}

}  // namespace

Result<IsoDescriptors> read_iso_descriptors(Image& image, const Volume& volume, uint64_t base) {
    IsoDescriptors out;
    if (base >= volume.size || volume.size - base < first_descriptor + iso_sector) return fail(Errc::invalid, "the image ends before the volume descriptors of ISO9660");
    const uint64_t at = base + first_descriptor;
    const auto sectors = image.bytes(volume.start + at, std::min<uint64_t>(most_descriptors * iso_sector, volume.size - at));
    bool ended = false;
    for (size_t i = 0; i + iso_sector <= sectors.size(); i += iso_sector) {
        const Bytes descriptor = Bytes(sectors).subspan(i, iso_sector);
        if (holds(descriptor, 1, "NSR02") || holds(descriptor, 1, "NSR03")) out.udf = true;
        if (ended || !holds(descriptor, 1, "CD001")) continue;
        if (descriptor[0] == last_one) ended = true;
        if (descriptor[0] == boot_record && holds(descriptor, 7, "EL TORITO SPECIFICATION")) {
            if (out.boot_catalogs.size() >= most_catalogs) out.complete = false;
            else out.boot_catalogs.push_back(little_endian<uint32_t>(descriptor, 71));
        }
        if (descriptor[0] == primary || descriptor[0] == supplementary)
            if (const auto added = add_tree(out, descriptor, base); !added) out.problem = added.error();
    }
    if (out.trees.empty() && out.problem) return fail(*out.problem);
    if (out.trees.empty()) return fail(Errc::invalid, "ISO9660 has no volume descriptor that leads to a directory");
    return out;
}

bool iso_leads_somewhere(Image& image, const Volume& volume) {
    const auto descriptors = read_iso_descriptors(image, volume, 0);
    if (!descriptors) return descriptors.error().code == Errc::unavailable;
    return std::any_of(descriptors->trees.begin(), descriptors->trees.end(), [&](const IsoTree& tree) {
        const auto bytes = image.bytes(volume.start + tree.base + tree.root * iso_sector, iso_sector);
        const auto itself = parse_iso_record(bytes);
        return itself && itself->itself() && itself->block == tree.root;
    });
}

void recognise_iso(Image& image, Volume& volume) {
    volume.filesystem = "iso9660";
    const auto descriptors = read_iso_descriptors(image, volume, 0);
    if (!descriptors) {
        volume.kind = VolumeKind::unreadable;
        volume.unsupported = descriptors.error().code == Errc::unavailable;
        volume.reason = descriptors.error().text;
        return;
    }
    volume.kind = VolumeKind::iso9660;
    volume.reason.clear();
    if (descriptors->blocks > volume.size / iso_sector)
        volume.notes.push_back("the image is shorter than its ISO9660 filesystem says: " + std::to_string(descriptors->blocks * iso_sector) + " bytes");
}

std::vector<std::string> iso_neighbours(Image& image, const Volume& volume) {
    std::vector<std::string> out;
    if (const auto descriptors = read_iso_descriptors(image, volume, 0); descriptors && descriptors->udf) out.emplace_back("udf");
    look_for_hfs(image, volume, out);
    return out;
}

}  // namespace bailiff::agent
