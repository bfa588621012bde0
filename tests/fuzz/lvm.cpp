// SPDX-License-Identifier: Apache-2.0
// LVM's metadata behind sound checksums, as a hostile guest would write it: the label's lists, the area's header, the text.

#include "agent/scan/image/volume.hpp"
#include "agent/scan/lvm/lvm_label.hpp"
#include "agent/scan/scan_result.hpp"
#include "tests/unit/scan/lvm_disk.hpp"

#include <algorithm>
#include <cstdlib>
#include <set>

using namespace bailiff;

namespace {

constexpr size_t disk_size = 384 << 10;  // the metadata, and four extents for volumes to lie on

/// The text alone finds its way through the parser soonest; the bytes before it are laid over label and header.
test::MemoryImage disk_of(const uint8_t* data, size_t size, bool patched) {
    static const test::MemoryImage blank = [] {
        test::MemoryImage out(disk_size);
        test::lvm_label(out, 0, 'a');
        return out;
    }();
    auto disk = blank;
    const size_t patch = patched ? std::min<size_t>(size, 96) : 0;
    const std::string text(reinterpret_cast<const char*>(data) + patch, std::min<size_t>(size - patch, test::lvm_area_size - 512));
    if (text.empty()) return disk;
    test::lvm_text(disk, 0, text);
    for (size_t i = 0; i < patch; ++i) disk.raw()[i < 64 ? 512 + 20 + i : test::lvm_area + 24 + (i - 64)] ^= data[i];
    test::lvm_seal_label(disk, 512);
    test::lvm_seal_area(disk, test::lvm_area);
    return disk;
}

void require(bool condition) {
    if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size < 2) return 0;
    auto disk = disk_of(data + 1, size - 1, data[0] & 1);
    const auto volumes = agent::find_volumes(disk);
    require(!volumes.empty());
    std::set<std::string> names;
    bool doubted = false;
    for (const auto& volume : volumes) {
        require(volume.name.size() <= agent::longest_volume_name);
        require(names.insert(volume.name).second);
        if (volume.kind == agent::VolumeKind::unreadable) require(!volume.reason.empty()), doubted = true;
    }
    // Nothing that the text shows may be missing from the list, unless the whole is doubted.
    const auto label = agent::read_lvm_label(disk, 0, disk.size());
    if (!label || doubted) return 0;
    for (const auto& group : label->groups)
        for (const auto& logical : group.logical) require(!logical.visible || std::any_of(names.begin(), names.end(), [&](const std::string& name) {
                                                      return name.starts_with("disk/" + group.name + "/" + logical.name);
                                                  }));
    return 0;
}
