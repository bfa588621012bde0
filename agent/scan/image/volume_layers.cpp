// SPDX-License-Identifier: Apache-2.0
// Volumes inside of volumes: LVM and md stand on partitions, and partitions, LVM and md may stand on them again.
#include "agent/scan/image/volume.hpp"
#include "agent/scan/lvm/lvm.hpp"
#include "agent/scan/lvm/md_raid.hpp"

#include <algorithm>
#include <iterator>

namespace bailiff::agent {
namespace {

/// How far into each other they are followed, and how many there may be: a hostile disk can describe the same bytes again and
/// again. What lies beyond ends as unreadable, never as nothing.
constexpr size_t most_levels = 4;
constexpr size_t most_volumes = 1500;

class Layers {
  public:
    explicit Layers(Image& image) : disk_(std::shared_ptr<void>(), &image) {}  // not owned: the caller keeps it

    std::vector<Volume> run() {
        Volume whole;
        whole.name = "disk";
        whole.size = disk_->size();
        auto level = split(*disk_, whole);
        look_behind_the_table(level, whole);
        std::vector<Volume> out;
        for (size_t depth = 1; !level.empty(); ++depth) {
            std::vector<Volume> closed;
            auto next = open(level, closed, depth > most_levels);
            for (auto* group : {&level, &closed}) std::move(group->begin(), group->end(), std::back_inserter(out));
            if (out.size() > most_volumes) {
                out.resize(most_volumes);
                whole.reason = "the disk describes more volumes than are followed";
                out.push_back(whole);
                return out;
            }
            level = std::move(next);
        }
        return out;
    }

  private:
    /// A disk that is a member as a whole shows its array's partition table when the superblock stands at its end. Unless the
    /// array is a mirror, the partitions are then not what they seem.
    void look_behind_the_table(std::vector<Volume>& level, const Volume& whole) {
        if (std::any_of(level.begin(), level.end(), [&](const Volume& volume) { return volume.name == whole.name; })) return;
        Volume probe = whole;
        look_for_md_at_end(*disk_, probe);
        // Metadata 0.90 does not say whose it is: it may be the last partition's, which was asked already.
        if (!probe.reason.empty() && probe.reason.find("0.90") == std::string::npos) level.push_back(std::move(probe));
    }

    /// Volumes that carry a mark besides that of a filesystem are doubted, not followed: `recognise` lists them twice.
    static bool is_second_mark(const std::vector<Volume>& level, size_t index) { return index > 0 && level[index - 1].name == level[index].name; }

    static bool is(const char* what, const std::vector<Volume>& level, size_t index) {
        const Volume& volume = level[index];
        return volume.kind == VolumeKind::unreadable && volume.unsupported && volume.filesystem == what && !is_second_mark(level, index);
    }

    /// Opens what `level` holds: md first, whose insides join the same level, then LVM, whose groups may span both. Answers the
    /// next level; logical volumes that cannot be read go to `closed`, since nothing more can be asked of them.
    std::vector<Volume> open(std::vector<Volume>& level, std::vector<Volume>& closed, bool too_deep) {
        size_t arrays = 0;
        std::vector<size_t> physical;
        for (size_t i = 0; i < level.size() && level.size() <= most_volumes; ++i) {
            const bool array = is("mdraid", level, i);
            if (!array) look_for_md_at_end(*disk_, level[i]);
            if (is("lvm", level, i)) physical.push_back(i);
            if (array && !too_deep && ++arrays <= most_arrays) {
                for (const Volume& inside : read_md_member(disk_, level[i])) add_recognised(level, inside);
            } else if (array || (too_deep && is("lvm", level, i))) {
                level[i].reason = "volumes stand inside each other deeper than is followed";
            }
        }
        std::vector<Volume> next;
        if (physical.empty() || too_deep) return next;
        std::vector<Volume*> members;
        for (const size_t index : physical) members.push_back(&level[index]);
        for (Volume& volume : read_logical_volumes(disk_, members)) {
            if (next.size() + closed.size() > most_volumes) break;  // `run` says so
            if (volume.mapped) add_recognised(next, volume);
            else closed.push_back(std::move(volume));
        }
        return next;
    }

    /// A filesystem comes before a partition table here, since it is what one expects in a logical volume.
    void add_recognised(std::vector<Volume>& to, const Volume& volume) {
        auto found = recognise(*volume.mapped, volume);
        const bool unknown = found.size() == 1 && found[0].kind == VolumeKind::unreadable && found[0].filesystem.empty();
        if (unknown || found[0].kind == VolumeKind::iso9660) found = split(*volume.mapped, volume);
        std::move(found.begin(), found.end(), std::back_inserter(to));
    }

    static constexpr size_t most_arrays = 64;
    std::shared_ptr<Image> disk_;
};

}  // namespace

std::vector<Volume> find_volumes(Image& image) { return Layers(image).run(); }

}  // namespace bailiff::agent
