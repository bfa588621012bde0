// SPDX-License-Identifier: Apache-2.0
// From the text's sections to the model, every number checked on the way.
#include "agent/scan/lvm/lvm_metadata.hpp"

#include "agent/scan/lvm/lvm_text.hpp"

#include <algorithm>
#include <iterator>
#include <map>

namespace bailiff::agent {
namespace {

constexpr int64_t most_extents = int64_t{1} << 32;       // LVM counts them in 32 bits
constexpr int64_t most_sectors = int64_t{1} << 53;       // what still fits when it becomes bytes
constexpr int64_t most_extent_sectors = int64_t{1} << 32;
constexpr size_t longest_name = 127, most_sides = 64, most_logical = 10'000;
constexpr uint64_t sector = 512;

/// LVM's own rule, which also keeps its names apart from the slashes and other marks of our own names.
bool is_name(std::string_view name) { return name.size() <= longest_name && name != "." && name != ".."; }

bool has_word(const LvmNode& node, std::string_view key, std::string_view word) {
    const LvmNode* list = node.find(key);
    return list && std::any_of(list->values.begin(), list->values.end(), [&](const LvmValue& value) { return value.text == word; });
}

std::string plain_id(const LvmNode& node) {
    std::string id = node.text("id");
    std::erase(id, '-');
    return id;
}

/// Pairs of a name and a number. False when the list is anything else.
bool read_areas(const LvmNode& list, std::vector<LvmArea>& out) {
    if (list.values.size() % 2 != 0) return false;
    for (size_t i = 0; i < list.values.size(); i += 2) {
        const LvmValue &device = list.values[i], &extent = list.values[i + 1];
        if (device.is_number || !extent.is_number || extent.number < 0 || extent.number > most_extents) return false;
        out.push_back({device.text, static_cast<uint64_t>(extent.number)});
    }
    return true;
}

/// What keeps a segment of bytes that simply lie on disks from being read; "" for nothing.
std::string read_striped(const LvmNode& node, LvmSegment& segment) {
    const LvmNode* stripes = node.find("stripes");
    if (!stripes || !read_areas(*stripes, segment.areas) || segment.areas.empty() ||
        node.number("stripe_count") != static_cast<int64_t>(segment.areas.size()))
        return "a segment's stripes are damaged";
    if (segment.areas.size() == 1) return "";
    const int64_t size = node.number("stripe_size");
    if (size <= 0 || size > most_extent_sectors || segment.count % segment.areas.size() != 0) return "a segment's stripes do not fill it";
    segment.stripe_size = static_cast<uint64_t>(size) * sector;
    return "";
}

/// The sides of a mirror stand in the list after their metadata: meta, image, meta, image.
std::string read_raid1(const LvmNode& node, LvmSegment& segment) {
    const LvmNode* raids = node.find("raids");
    const bool sound = raids && !raids->values.empty() && raids->values.size() <= 2 * most_sides && raids->values.size() % 2 == 0 &&
                       std::none_of(raids->values.begin(), raids->values.end(), [](const LvmValue& value) { return value.is_number; }) &&
                       node.number("device_count") == static_cast<int64_t>(raids->values.size() / 2);
    if (!sound) return "the list of the mirror's sides is damaged";
    for (const char* key : {"reshape_count", "data_offset"})
        if (node.find(key)) return "the mirror is being rebuilt in another form";
    for (size_t i = 0; i < raids->values.size(); i += 2) {
        segment.mirror_metadata.push_back(raids->values[i].text);
        segment.mirrors.push_back(raids->values[i + 1].text);
    }
    return "";
}

std::string read_segment(const LvmNode& node, uint64_t next, LvmSegment& segment) {
    const int64_t start = node.number("start_extent"), count = node.number("extent_count");
    if (start < 0 || start > most_extents || count <= 0 || count > most_extents) return "a segment's extents are damaged";
    segment.start = static_cast<uint64_t>(start);
    segment.count = static_cast<uint64_t>(count);
    segment.type = node.text("type");
    if (segment.start != next) return "its segments overlap or leave gaps";
    // A flag behind the type's name ("striped+COMPATIBLE") says that the format has grown since; then it is not ours to read.
    if (segment.type == "striped" || segment.type == "linear") return read_striped(node, segment);
    if (segment.type == "raid1") return read_raid1(node, segment);
    return "it is of the type '" + segment.type + "', which is not read by this version";
}

LvmLogicalVolume read_logical(const LvmNode& node) {
    LvmLogicalVolume out;
    out.name = node.name;
    out.visible = has_word(node, "status", "VISIBLE");
    std::vector<const LvmNode*> segments;
    for (const LvmNode& child : node.children)
        if (child.is_section) segments.push_back(&child);
    if (segments.empty() || node.number("segment_count") != static_cast<int64_t>(segments.size())) out.problem = "it has not as many segments as it says";
    // The text may list them in any order.
    std::stable_sort(segments.begin(), segments.end(), [](const LvmNode* a, const LvmNode* b) { return a->number("start_extent") < b->number("start_extent"); });
    uint64_t next = 0;
    for (const LvmNode* child : segments) {
        for (const LvmNode& key : child->children)
            for (const LvmValue& value : key.values)
                if (!value.is_number && key.name != "type") out.references.push_back(value.text);
        LvmSegment segment;
        const std::string problem = read_segment(*child, next, segment);
        next = segment.start + segment.count;
        if (out.problem.empty()) out.problem = problem;
        if (segment.type == "raid1" && segments.size() > 1 && out.problem.empty()) out.problem = "it is a mirror in several pieces";
        out.segments.push_back(std::move(segment));
    }
    return out;
}

/// A snapshot's store looks like any other volume; only a hidden volume beside it says what it is. A snapshot that is being
/// merged holds a part of its origin, too.
void mark_snapshots(const LvmNode& volumes, LvmGroup& group) {
    std::map<std::string, LvmLogicalVolume*> by_name;
    for (LvmLogicalVolume& volume : group.logical) by_name[volume.name] = &volume;
    const auto doubt = [&](const std::string& name, const char* why, const std::string& part) {
        const auto it = by_name.find(name);
        if (it == by_name.end()) return;
        if (it->second->problem.empty()) it->second->problem = why;
        it->second->references.push_back(part);  // the hidden volume is then told by this one
    };
    for (const LvmNode& node : volumes.children)
        for (const LvmNode& segment : node.children) {
            if (!segment.is_section || segment.text("type") != "snapshot") continue;
            for (const char* store : {"cow_store", "merging_store"}) doubt(segment.text(store), "it is a snapshot, which is not read by this version", node.name);
            if (segment.find("merging_store")) doubt(segment.text("origin"), "a snapshot is being merged into it", node.name);
        }
}

Result<LvmPhysicalVolume> read_physical(const LvmNode& node) {
    LvmPhysicalVolume out{node.name, plain_id(node), 0, 0, has_word(node, "flags", "MISSING")};
    const int64_t start = node.number("pe_start"), extents = node.number("pe_count");
    if (out.id.size() != 32 || start < 0 || start > most_sectors || extents < 0 || extents > most_extents)
        return fail(Errc::invalid, "the description of a physical volume is damaged");
    out.start = static_cast<uint64_t>(start) * sector;
    out.extents = static_cast<uint64_t>(extents);
    return out;
}

}  // namespace

Result<LvmGroup> parse_lvm_group(std::string_view text) {
    const auto root = parse_lvm_text(text);
    if (!root) return fail(root.error());
    const auto damaged = [](const std::string& what) { return fail(Errc::invalid, "the LVM metadata is damaged: " + what); };
    if (root->text("contents") != "Text Format Volume Group" || root->number("version") != 1) return damaged("it is not of a version that is known here");
    const LvmNode* node = nullptr;
    for (const LvmNode& child : root->children) {
        if (!child.is_section) continue;
        if (node) return damaged("it describes more than one volume group");
        node = &child;
    }
    if (!node) return damaged("it describes no volume group");
    LvmGroup group;
    group.name = node->name;
    group.id = plain_id(*node);
    group.sequence = node->number("seqno");
    const int64_t extent_size = node->number("extent_size");
    const std::string format = node->text("format");
    if (!is_name(group.name) || group.id.size() != 32 || group.sequence < 0 || extent_size <= 0 || extent_size > most_extent_sectors)
        return damaged("the volume group's own fields");
    if (!format.empty() && format != "lvm2") return damaged("its format is not lvm2");
    group.extent_size = static_cast<uint64_t>(extent_size) * sector;

    // Of the sections, these are known; in one that is not, volumes could stand. "Historical" ones are gone.
    constexpr std::string_view sections[] = {"physical_volumes", "logical_volumes", "historical_logical_volumes"};
    for (const LvmNode& child : node->children)
        if (child.is_section != (std::find(std::begin(sections), std::end(sections), child.name) != std::end(sections)))
            return damaged("the volume group has a section that is not known here");
    const LvmNode *physical = node->section("physical_volumes"), *logical = node->section("logical_volumes");
    if (!physical) return damaged("it names no physical volume");
    for (const LvmNode& child : physical->children) {
        if (!child.is_section) return damaged("a physical volume is no section");
        auto volume = read_physical(child);
        if (!volume) return fail(volume.error());
        group.physical.push_back(std::move(*volume));
    }
    if (!logical) return group;
    if (logical->children.size() > most_logical) return damaged("it names more logical volumes than are followed");
    for (const LvmNode& child : logical->children) {
        if (!child.is_section || !is_name(child.name)) return damaged("a logical volume is no section or has no proper name");
        group.logical.push_back(read_logical(child));
    }
    mark_snapshots(*logical, group);
    return group;
}

}  // namespace bailiff::agent
