// SPDX-License-Identifier: Apache-2.0
// Doubt means reading: whatever does not fit makes the list of what is passed over empty.
#include "agent/scan/rescan.hpp"

#include <algorithm>

namespace bailiff::agent {

/// Whether what the state says still holds of whatever the bitmap does not show; notes why not.
bool Rescan::is_usable(const Disk& disk) {
    const auto refuse = [&](const std::string& why) {
        notes_.push_back("everything is read: " + why);
        return false;
    };
    if (!disk.problem.empty()) return refuse(disk.problem);
    auto loaded = load_scan_state(options_.state);
    if (!loaded) return loaded.error().code == Errc::not_found ? false : refuse(loaded.error().text);
    state_ = std::move(*loaded);
    if (state_.program != BAILIFF_VERSION) return refuse("the state was written by another version of this program (" + state_.program + ")");
    if (state_.source != source_) return refuse("the state is of another image (" + state_.source + "), or that image was replaced");
    if (state_.disk_bytes != disk.bytes) return refuse("the disk had another size when its state was written");
    if (options_.trust_metadata) return true;
    if (!disk.bitmap) return false;
    if (state_.mark.empty()) return refuse("the state is of a scan that knew no dirty bitmap; from now on it does");
    if (state_.mark != since()) return refuse("the state is of the moment '" + state_.mark + "', and the bitmap counts from '" + since() + "'");
    // It only ever grows, unless somebody clears it or makes it anew under the old name.
    if (since() == options_.dirty_bitmap && disk.dirty_bytes < state_.dirty_bytes)
        return refuse("the dirty bitmap '" + options_.dirty_bitmap + "' shows less than it did: it was cleared or made anew since the last scan");
    return true;
}

Result<MemoryFile> Rescan::offer(const Disk& disk, const std::function<bool(const ContentDigest&)>& counts) {
    disk_ = disk;
    usable_ = is_usable(disk);
    // Contents that were passed over by metadata alone prove nothing to a later scan by bitmap.
    if (options_.trust_metadata) mark_.clear();
    else if (!options_.mark.empty()) mark_ = options_.mark;
    else if (disk.bitmap && since() == options_.dirty_bitmap) mark_ = options_.dirty_bitmap;
    if (usable_) offered_ = std::move(state_.entries);
    state_.entries = {};
    std::erase_if(offered_, [&](const ScanState::Entry& entry) { return !counts(entry.digest); });
    auto out = MemoryFile::create();
    if (!out) return out;
    std::vector<char> bytes;
    bytes.reserve(offered_.size() * sizeof(Fingerprint));
    for (const auto& entry : offered_) bytes.insert(bytes.end(), entry.told_by.begin(), entry.told_by.end());
    if (const auto written = out->append(bytes); !written) return fail(written.error());
    if (const auto sealed = out->seal(); !sealed) return fail(sealed.error());
    return out;
}

const ContentDigest* Rescan::offered(const Fingerprint& told_by) const {
    const auto found = std::lower_bound(offered_.begin(), offered_.end(), told_by, [](const ScanState::Entry& entry, const Fingerprint& f) { return entry.told_by < f; });
    return found != offered_.end() && found->told_by == told_by ? &found->digest : nullptr;
}

void Rescan::keep(const Fingerprint& told_by, const ContentDigest& digest) {
    if (told_by != no_fingerprint && kept_.size() < most_fingerprints) kept_.push_back({told_by, digest});
}

Result<void> Rescan::write(bool complete) {
    if (!complete && usable_) {
        // The same command again goes on from the old moment.
        if (mark_ != state_.mark) return {};
        kept_.insert(kept_.end(), offered_.begin(), offered_.end());
    }
    return save_scan_state(options_.state, {source_, mark_, disk_.bytes, disk_.dirty_bytes, std::move(kept_), BAILIFF_VERSION});
}

}  // namespace bailiff::agent
