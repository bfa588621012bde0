// SPDX-License-Identifier: Apache-2.0
// The adapter between libtsk's callbacks and our Image.
#include "agent/scan/tsk_image.hpp"

#include <algorithm>

namespace bailiff::agent {

/// libtsk's idea of an image, followed by ours: it reaches the callbacks through the first member.
struct TskFilesystem::Adapter {
    TSK_IMG_INFO info;
    Image* image;
};

ssize_t TskFilesystem::read(TSK_IMG_INFO* info, TSK_OFF_T offset, char* buffer, size_t length) {
    Image& image = *reinterpret_cast<Adapter*>(info)->image;
    if (offset < 0 || static_cast<uint64_t>(offset) >= image.size()) return -1;
    const auto at = static_cast<uint64_t>(offset);
    const size_t part = std::min<uint64_t>(length, image.size() - at);
    return image.read(at, {reinterpret_cast<uint8_t*>(buffer), part}) ? static_cast<ssize_t>(part) : -1;
}

void TskFilesystem::AdapterCloser::operator()(Adapter* adapter) const {
    tsk_img_close(&adapter->info);
    delete adapter;
}

Result<TskFilesystem> TskFilesystem::open(Image& image, const Volume& volume) {
    TSK_FS_TYPE_ENUM type = TSK_FS_TYPE_UNSUPP;
    switch (volume.kind) {
        case VolumeKind::ext: type = TSK_FS_TYPE_EXT_DETECT; break;
        case VolumeKind::ntfs: type = TSK_FS_TYPE_NTFS_DETECT; break;
        case VolumeKind::fat: type = TSK_FS_TYPE_FAT_DETECT; break;
        case VolumeKind::exfat: type = TSK_FS_TYPE_EXFAT; break;
        case VolumeKind::xfs:
        case VolumeKind::btrfs:
        case VolumeKind::iso9660: return fail(Errc::invalid, "contents on " + volume.filesystem + " are not taken out by this version");
        case VolumeKind::boot_code:
        case VolumeKind::swap:
        case VolumeKind::empty:
        case VolumeKind::container:
        case VolumeKind::unreadable: return fail(Errc::invalid, "there is no filesystem to walk in this volume");
    }
    auto adapter = std::make_unique<Adapter>();
    adapter->image = &image;
    if (!tsk_img_open_external(adapter.get(), static_cast<TSK_OFF_T>(image.size()), 512, read, [](TSK_IMG_INFO*) {},
                               [](TSK_IMG_INFO*, FILE*) {}))
        return fail(Errc::unavailable, "libtsk does not take the image: " + tsk_last_error());
    TskFilesystem out;
    out.adapter_.reset(adapter.release());
    out.fs_.reset(tsk_fs_open_img(&out.adapter_->info, static_cast<TSK_OFF_T>(volume.start), type));
    if (!out.fs_) return fail(Errc::unavailable, "the filesystem is damaged or not of this kind: " + tsk_last_error());
    return out;
}

std::string tsk_last_error() {
    const char* text = tsk_error_get();
    std::string out = text ? text : "no reason given";
    tsk_error_reset();
    return out.substr(0, 300);
}

}  // namespace bailiff::agent
