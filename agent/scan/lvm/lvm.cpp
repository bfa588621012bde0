// SPDX-License-Identifier: Apache-2.0
// Finding the newest description of each group, and laying its logical volumes out on the physical ones.
#include "agent/scan/lvm/lvm.hpp"

#include "agent/scan/image/mapped_image.hpp"
#include "agent/scan/lvm/lvm_label.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <tuple>

namespace bailiff::agent {
namespace {

struct Member {
    Volume* volume;
    std::shared_ptr<Image> image;
    LvmLabel label;
};

/// A group as the newest of its copies describes it.
struct Found {
    LvmGroup group;
    std::string prefix;       // the first member that described it
    bool disagree = false;    // two copies of one age say different things
};

void spoil(Volume& volume, const std::string& reason, bool unsupported) {
    volume.kind = VolumeKind::unreadable;
    volume.reason = reason;
    volume.unsupported = unsupported;
}

/// Lays out the logical volumes of one group.
class Layout {
  public:
    Layout(const Found& found, const std::map<std::string, Member*>& members) : group_(found.group), prefix_(found.prefix), reached_(found.group.logical.size()) {
        for (const auto& physical : group_.physical) {
            const auto member = members.find(physical.id);
            physical_[physical.name] = {&physical, member == members.end() ? nullptr : member->second};
        }
        for (size_t i = 0; i < group_.logical.size(); ++i) index_[group_.logical[i].name] = i;
        for (const auto& volume : group_.logical) problems_.push_back(volume.problem);
        find_shared_extents();
        for (const auto& volume : group_.logical)
            for (const auto& segment : volume.segments)
                for (const auto& side : segment.mirrors) ++sides_[side];
    }

    /// First what LVM shows, then whatever of the rest is no part of that: so no volume is passed over.
    std::vector<Volume> run() {
        for (const bool visible : {true, false})
            for (size_t i = 0; i < group_.logical.size(); ++i)
                if (group_.logical[i].visible == visible && (visible || !reached_[i])) list(i);
        return std::move(out_);
    }

  private:
    struct Physical {
        const LvmPhysicalVolume* said;
        Member* member;  // none when it is not on this disk
    };
    struct Mapping {
        std::vector<MappedSegment> segments;
        std::string problem, no_writing;
        bool absent = false;  // the problem is a physical volume that is not here
    };

    /// An extent belongs to one volume. Where two claim it, one of them would show the other's bytes.
    void find_shared_extents() {
        std::vector<std::tuple<std::string_view, uint64_t, uint64_t, size_t>> claims;  // physical volume, first, end, owner
        for (size_t i = 0; i < group_.logical.size(); ++i)
            for (const auto& segment : group_.logical[i].segments)
                for (const auto& area : segment.areas)
                    if (physical_.contains(area.device)) claims.emplace_back(area.device, area.extent, area.extent + segment.count / segment.areas.size(), i);
        std::sort(claims.begin(), claims.end());
        size_t last = 0;  // the claim that reaches farthest so far
        for (size_t i = 1; i < claims.size(); ++i) {
            const auto& [device, first, end, owner] = claims[i];
            const auto& [last_device, last_first, last_end, last_owner] = claims[last];
            if (device == last_device && first < last_end)
                for (const size_t both : {owner, last_owner})
                    if (problems_[both].empty()) problems_[both] = "it shares extents with another logical volume";
            if (device != last_device || end > last_end) last = i;
        }
    }

    Mapping map(size_t index) const {
        Mapping out;
        const auto refuse = [&](const std::string& why, bool absent = false) {
            if (out.problem.empty()) out.problem = why, out.absent = absent;
        };
        if (!problems_[index].empty()) refuse(problems_[index]);
        for (const auto& segment : group_.logical[index].segments) {
            if (!out.problem.empty()) break;
            MappedSegment mapped{segment.count * group_.extent_size, segment.stripe_size, {}};
            for (const auto& area : segment.areas) {
                const auto found = physical_.find(area.device);
                if (found == physical_.end()) {
                    refuse(index_.contains(area.device) ? "it stands on another logical volume ('" + area.device + "'), as while data is moved"
                                                        : "it stands on a physical volume that its group does not have");
                    break;
                }
                const auto& [said, member] = found->second;
                if (!member) {
                    refuse("it needs the physical volume " + said->name + ", which is not on this disk", true);
                    break;
                }
                if (said->missing) {
                    refuse("it needs the physical volume " + said->name + ", which LVM has marked as missing", true);
                    break;
                }
                // In extents, since a product of two numbers from the disk may not fit.
                const uint64_t room = said->start < member->volume->size ? (member->volume->size - said->start) / group_.extent_size : 0;
                const uint64_t count = segment.count / segment.areas.size(), end = std::min(room, said->extents);
                if (area.extent > end || count > end - area.extent) {
                    refuse("it reaches past the end of the physical volume " + said->name);
                    break;
                }
                mapped.legs.push_back({member->image, member->volume->start + said->start + area.extent * group_.extent_size});
                if (!member->volume->no_writing.empty()) out.no_writing = member->volume->no_writing;
            }
            out.segments.push_back(std::move(mapped));
        }
        return out;
    }

    void list(size_t index) {
        const LvmLogicalVolume& said = group_.logical[index];
        reached_[index] = true;
        Volume volume;
        volume.name = prefix_ + "/" + group_.name + "/" + said.name;
        const auto* mirror = !said.segments.empty() && said.segments[0].type == "raid1" ? &said.segments[0] : nullptr;
        const auto mapping = mirror && problems_[index].empty() ? map_mirror(*mirror, volume) : map(index);
        if (mapping.problem.empty()) volume.mapped = MappedImage::create(mapping.segments);
        if (volume.mapped) {
            volume.size = volume.mapped->size();
            volume.no_writing = mapping.no_writing;
            if (mirror || sides_.contains(said.name))
                volume.no_writing = "the logical volume is one side of a mirror; a change would have to reach every side: clean it from within the VM";
        } else {
            volume.size = size_of(said);
            const std::string why = mapping.problem.empty() ? "its stripes do not fill its extents" : mapping.problem;
            spoil(volume, "the logical volume cannot be read: " + why, mapping.absent || !said.problem.empty());
            reach_parts(index);
        }
        out_.push_back(std::move(volume));
    }

    /// Any side of a mirror that is here whole shows it. The other sides are listed by themselves, because nobody here can
    /// tell which of them is in step; only those that are not on this disk are left to a note.
    Mapping map_mirror(const LvmSegment& mirror, Volume& volume) {
        Mapping chosen;
        chosen.problem = "no side of the mirror is described";
        bool have = false;
        size_t absent = 0;
        for (const auto& name : mirror.mirrors) {
            const auto side = index_.find(name);
            if (side == index_.end()) continue;
            Mapping mapping;
            // Named once, each side is laid out once, however the text multiplies the names.
            if (sides_[name] == 1) mapping = map(side->second);
            else mapping.problem = "a side of the mirror belongs to it twice";
            uint64_t extents = 0;
            for (const auto& segment : group_.logical[side->second].segments) extents += segment.count;
            if (group_.logical[side->second].segments.empty() || !group_.logical[side->second].segments[0].mirrors.empty()) mapping.problem = "a side of the mirror is a mirror itself";
            if (mapping.problem.empty() && extents != mirror.count) mapping.problem = "the mirror's sides are not of its size";
            if (mapping.absent) ++absent, reached_[side->second] = true;
            if (!have && mapping.problem.empty()) have = true, reached_[side->second] = true, chosen = std::move(mapping);
            else if (!have) chosen = std::move(mapping);
        }
        if (!have) return chosen;
        for (const auto& name : mirror.mirror_metadata)
            if (const auto meta = index_.find(name); meta != index_.end()) reached_[meta->second] = true;
        volume.notes.push_back("one side of a mirror of " + std::to_string(mirror.mirrors.size()) + " was read by itself; if it was out of step, the guest sees another");
        if (absent) volume.notes.push_back(std::to_string(absent) + " of the mirror's sides are not on this disk");
        return chosen;
    }

    /// What an unreadable volume is made of need not be listed besides: it is not read either.
    void reach_parts(size_t index) {
        std::vector<size_t> pending{index};
        while (!pending.empty()) {
            const size_t at = pending.back();
            pending.pop_back();
            for (const auto& name : group_.logical[at].references) {
                const auto part = index_.find(name);
                if (part == index_.end() || reached_[part->second] || group_.logical[part->second].visible) continue;
                reached_[part->second] = true;
                pending.push_back(part->second);
            }
        }
    }

    /// What the text says, for the report; 0 when that cannot be.
    uint64_t size_of(const LvmLogicalVolume& volume) const {
        constexpr uint64_t most = uint64_t{1} << 60;
        uint64_t extents = 0;
        for (const auto& segment : volume.segments)
            if (segment.count > most - extents) return 0;
            else extents += segment.count;
        return extents > most / group_.extent_size ? 0 : extents * group_.extent_size;
    }

    const LvmGroup& group_;
    const std::string& prefix_;
    std::vector<bool> reached_;  // by index: listed, or a part of what is listed
    std::map<std::string, Physical, std::less<>> physical_;
    std::map<std::string, size_t, std::less<>> index_;
    std::vector<std::string> problems_;  // by index
    std::map<std::string, size_t> sides_;  // of mirrors, and how often each is named
    std::vector<Volume> out_;
};

/// A disk with more would be no disk of ours to understand, and each costs memory.
constexpr size_t most_members = 64, most_entries = 400'000;

size_t entries(const LvmGroup& group) {
    size_t out = group.physical.size() + group.logical.size();
    for (const auto& volume : group.logical) {
        out += volume.segments.size() + volume.references.size();
        for (const auto& segment : volume.segments) out += segment.areas.size();
    }
    return out;
}

/// Reads each member's label. What is not sound ends as unreadable and is left out.
std::vector<Member> read_members(const std::shared_ptr<Image>& disk, const std::vector<Volume*>& volumes) {
    std::vector<Member> out;
    std::set<std::string> ids;
    size_t taken = 0;
    for (Volume* volume : volumes) {
        if (out.size() >= most_members || taken > most_entries) {
            spoil(*volume, "the disk has more LVM metadata than is followed", false);
            continue;
        }
        const auto image = volume->mapped ? volume->mapped : disk;
        auto label = read_lvm_label(*image, volume->start, volume->size);
        if (!label) {
            spoil(*volume, label.error().text, false);
            continue;
        }
        const bool mixed = std::any_of(label->groups.begin(), label->groups.end(), [&](const LvmGroup& group) { return group.id != label->groups[0].id; });
        if (mixed) spoil(*volume, "the physical volume describes two volume groups", false);
        else if (!ids.insert(label->id).second) spoil(*volume, "another physical volume on this disk has the same identifier", false);
        else {
            for (const LvmGroup& group : label->groups) taken += entries(group);
            out.push_back({volume, image, std::move(*label)});
        }
    }
    return out;
}

}  // namespace

std::vector<Volume> read_logical_volumes(const std::shared_ptr<Image>& disk, const std::vector<Volume*>& volumes) {
    auto members = read_members(disk, volumes);
    std::map<std::string, Member*> by_id;
    std::map<std::string, size_t> place;  // group -> index in found
    std::vector<Found> found;
    for (Member& member : members) {
        by_id[member.label.id] = &member;
        for (LvmGroup& group : member.label.groups) {
            const auto [at, fresh] = place.emplace(group.id, found.size());
            if (fresh) {
                found.push_back({std::move(group), member.volume->name, false});
                continue;
            }
            Found& known = found[at->second];
            if (group.sequence > known.group.sequence) known.group = std::move(group), known.disagree = false;
            else if (group.sequence == known.group.sequence && group != known.group) known.disagree = true;
        }
    }

    std::vector<Volume> out;
    std::set<Member*> claimed, doubtful;
    for (const Found& one : found) {
        for (const auto& physical : one.group.physical) {
            const auto it = by_id.find(physical.id);
            if (it == by_id.end()) continue;
            Volume& volume = *it->second->volume;
            claimed.insert(it->second);
            if (one.disagree) doubtful.insert(it->second);
            volume.kind = VolumeKind::container;
            volume.filesystem = "lvm";
            volume.unsupported = false;
            volume.reason = "a physical volume of the volume group " + one.group.name;
        }
        if (one.disagree) continue;
        auto logical = Layout(one, by_id).run();
        out.insert(out.end(), std::make_move_iterator(logical.begin()), std::make_move_iterator(logical.end()));
    }
    for (Member& member : members) {
        if (doubtful.contains(&member)) spoil(*member.volume, "the copies of the LVM metadata disagree", false);
        else if (claimed.contains(&member))
            for (const auto& problem : member.label.problems) member.volume->notes.push_back(problem + "; another one was used");
        else if (!member.label.problems.empty()) spoil(*member.volume, member.label.problems[0], false);
        else spoil(*member.volume, "the physical volume belongs to no volume group that is described on this disk", true);
    }
    return out;
}

}  // namespace bailiff::agent
