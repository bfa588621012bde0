// SPDX-License-Identifier: Apache-2.0
// Depth first through each tree, with every loop that a hostile image could make cut short.
#include "agent/scan/iso/walk.hpp"

#include "agent/scan/iso/contents.hpp"
#include "agent/scan/iso/descriptors.hpp"
#include "agent/scan/iso/record.hpp"
#include "agent/scan/iso/rock_ridge.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <unordered_map>

namespace bailiff::agent {
namespace {

/// A directory of a million files is half as large.
constexpr uint64_t largest_directory = 64U << 20;
constexpr uint64_t largest_path_table = 16U << 20;
/// Relocated directories that wait for the place where they belong to be found.
constexpr size_t most_relocated = 65'536;

/// A file that goes on in the next record.
struct UnfinishedFile {
    std::vector<uint8_t> raw_name;
    std::string path;
    IsoContent content;
    bool interleaved = false;
};

class IsoWalk {
  public:
    IsoWalk(Image& image, const Volume& volume, const WalkLimits& limits, WalkSink& sink)
        : image_(image), volume_(volume), limits_(limits), sink_(sink), contents_(image, volume, limits, sink) {}

    Result<void> run() {
        if (const auto read = start(0); !read) return read;
        for (const uint64_t base : volume_.also_at)
            if (const auto read = start(base); !read) sink_.skipped("", SkipReason::unreadable, "a second filesystem over the same bytes: " + read.error().text, 0);
        // The first name of a content stays: POSIX names are whole, then come long ones, and then those of eight letters.
        std::stable_sort(trees_.begin(), trees_.end(), [](const Tree& a, const Tree& b) { return a.rank() < b.rank(); });
        size_t read = 0;
        for (const Tree& tree : trees_) {
            tree_ = &tree;
            if (ended_) break;
            if (const auto walked = walk_tree(); walked) ++read;
            else if (trees_.size() == 1) return walked;
            else sink_.skipped("", SkipReason::unreadable, walked.error().text, 0);
        }
        if (read == 0 && !ended_) return fail(Errc::unavailable, "no root directory of ISO9660 can be read");
        if (!ended_) contents_.add_boot_images();
        contents_.flush();
        return {};
    }

  private:
    struct Tree : IsoTree {
        bool rock_ridge = false;
        size_t skip = 0;
        int rank() const { return rock_ridge ? 0 : joliet ? 1 : 2; }
    };
    struct Child {
        std::string name;
        uint64_t at, size;
    };
    /// A directory that is being worked on: its path is the beginning of `path_`.
    struct Level {
        size_t path_size;
        std::vector<Child> directories;
    };
    struct Relocated {
        std::string path;
        uint64_t at, size;
    };

    Result<void> start(uint64_t base) {
        const auto found = read_iso_descriptors(image_, volume_, base);
        if (!found) return fail(Errc::unavailable, found.error().text);
        if (found->problem)
            sink_.skipped("", found->problem->code == Errc::unavailable ? SkipReason::unsupported : SkipReason::unreadable, found->problem->text, 0);
        if (!found->complete) sink_.skipped("", SkipReason::too_many, "the image has more volume descriptors than are followed", 0);
        for (const IsoTree& plain : found->trees) {
            Tree tree;
            static_cast<IsoTree&>(tree) = plain;
            const auto head = image_.bytes(volume_.start + base + plain.root * iso_sector, iso_sector);
            if (const auto itself = parse_iso_record(head); itself && !plain.joliet) {
                const auto skip = rock_ridge_skip(itself->system_use);
                tree.rock_ridge = skip.has_value();
                tree.skip = skip.value_or(0);
            }
            trees_.push_back(std::move(tree));
        }
        for (const uint32_t block : found->boot_catalogs) boot_catalog(base, block, base + found->blocks * iso_sector);
        return {};
    }

    void boot_catalog(uint64_t base, uint32_t block, uint64_t end) {
        const auto bytes = image_.bytes(volume_.start + base + block * iso_sector, iso_sector);
        const auto images = parse_iso_boot_catalog(bytes);
        if (!images) return sink_.skipped("/(boot catalog)", SkipReason::unreadable, "the boot catalog cannot be read: boot images may be missing", 0);
        for (const IsoBootImage& boot : *images) contents_.expect_boot_image(boot, base, std::min(end, volume_.size));
    }

    Result<void> walk_tree() {
        const uint64_t at = place(tree_->root);
        const auto head = at < volume_.size ? image_.bytes(volume_.start + at, iso_sector) : std::vector<uint8_t>();
        const auto itself = parse_iso_record(head);
        if (!itself || !itself->itself()) return fail(Errc::unavailable, "the root directory of the " + tree_->name + " tree is damaged or lies past the end of the image");
        walk_from("", at, tree_->root_size);
        // Whoever is relocated and was found where it belongs is known by now; so nothing hides behind that mark.
        const auto relocated = std::move(relocated_);
        relocated_.clear();
        for (const Relocated& one : relocated) walk_from(one.path, one.at, one.size);
        path_table();
        return {};
    }

    /// Windows finds directories by this table, so one that only it names is not hidden.
    void path_table() {
        const uint64_t at = place(tree_->path_table);
        if (at >= volume_.size) return;
        const auto table = image_.bytes(volume_.start + at, std::min<uint64_t>({tree_->path_table_size, largest_path_table, volume_.size - at}));
        for (size_t i = 0; i + 8 < table.size() && table[i] != 0 && charge(1);) {
            const size_t length = table[i];
            if (i + 8 + length > table.size()) return;
            const uint32_t block = little_endian<uint32_t>(table, i + 2);
            const uint64_t directory = place(block) + table[i + 1] * iso_sector;
            const auto name = iso_name(Bytes(table).subspan(i + 8, length), tree_->joliet);
            if (!visited_.contains(directory + tree_->joliet) && directory < volume_.size) {
                const auto head = image_.bytes(volume_.start + directory, iso_sector);
                if (const auto itself = parse_iso_record(head); itself && itself->itself() && itself->directory && place(itself->block) == directory)
                    walk_from("/(path table)/" + name.value_or(numbered(block)), directory, itself->size);
            }
            i += 8 + length + length % 2;
        }
    }

    void walk_from(const std::string& path, uint64_t at, uint64_t size) {
        if (ended_ || !first_visit(at, size)) return;
        path_ = path;
        levels_.assign(1, {path.size(), {}});
        directory(at, size);
        // Only names are kept for what is still to come, never whole paths.
        while (!ended_ && !levels_.empty()) {
            Level& level = levels_.back();
            path_.resize(level.path_size);
            if (level.directories.empty()) {
                levels_.pop_back();
                continue;
            }
            const Child child = std::move(level.directories.back());
            level.directories.pop_back();
            path_ += "/" + child.name;
            levels_.push_back({path_.size(), {}});
            directory(child.at, child.size);
        }
    }

    uint64_t place(uint32_t block) const { return tree_->base + block * iso_sector; }
    static std::string numbered(uint32_t block) { return "(at block " + std::to_string(block) + ")"; }

    /// False when the directory was walked, and not in a shorter piece only. The two kinds of names read one apart.
    bool first_visit(uint64_t at, uint64_t size) {
        auto& known = visited_.try_emplace(at + tree_->joliet, 0).first->second;
        if (size <= known) return false;
        known = size;
        return true;
    }

    void directory(uint64_t at, uint64_t size) {
        if (size > largest_directory) report("/", SkipReason::too_many, "the directory is larger than is followed");
        const uint64_t there = at < volume_.size ? volume_.size - at : 0;
        if (size > there) report("/", SkipReason::unreadable, "the directory reaches past the end of the volume, which is cut off or damaged");
        std::vector<uint8_t> bytes(std::min({size, largest_directory, there}));
        if (bytes.empty()) return;
        if (!image_.read(volume_.start + at, bytes)) return report("/", SkipReason::unreadable, "the directory cannot be read");
        const auto first = parse_iso_record(bytes);
        if (!first || !first->itself()) report("/", SkipReason::unreadable, "the directory is damaged: it does not begin with itself");
        for (size_t i = 0; i < bytes.size() && !ended_;) {
            if (i % iso_sector == 0 && !charge(1)) break;
            const size_t next_sector = (i / iso_sector + 1) * iso_sector;
            if (bytes[i] == 0) {
                i = next_sector;
                continue;
            }
            const auto found = parse_iso_record(Bytes(bytes).subspan(i));
            if (!found) {
                finish_file(true);
                report("/", SkipReason::unreadable, "a record of the directory is damaged");
                i = next_sector;
                continue;
            }
            // Linux follows such a record, others do not; no tool makes one.
            if (i + found->length > next_sector) report("/", SkipReason::unreadable, "a record of the directory crosses the end of a sector");
            i += found->length;
            if (charge(1)) record(*found);
        }
        finish_file(true);
    }

    void record(const IsoRecord& found) {
        if (unfinished_ && !std::equal(found.name.begin(), found.name.end(), unfinished_->raw_name.begin(), unfinished_->raw_name.end())) finish_file(true);
        if (found.itself() || found.parent()) return;
        IsoRockRidge rock;
        if (!tree_->joliet)
            rock = read_rock_ridge(found.system_use, tree_->skip, [&](uint32_t block, uint32_t offset, uint32_t length) {
                const uint64_t at = place(block) + offset;
                return charge(1) && at < volume_.size ? image_.bytes(volume_.start + at, length) : std::vector<uint8_t>();
            });
        std::string name = name_of(found, rock);
        const std::string path = path_ + "/" + name;
        if (path.size() > limits_.path) return skip(path.substr(0, limits_.path), SkipReason::too_many, "the path is longer than is followed", 0);
        // Without Rock Ridge these bytes are another's, and need not look like it.
        if (rock.damaged && (tree_->rock_ridge || rock.any)) skip(path, SkipReason::unreadable, "the Rock Ridge fields of the entry are damaged", 0);
        // Where the record and Rock Ridge do not agree about what this is, it is taken for both.
        const bool folder = found.directory || (rock.mode && S_ISDIR(*rock.mode) && !rock.child);
        const bool file = !found.directory || (rock.mode && !S_ISDIR(*rock.mode));
        if (rock.child) relocated_child(std::move(name), path, *rock.child);
        if (folder) enter(std::move(name), path, place(found.block), found.size, rock.relocated);
        if (file) content(found, rock, path);
    }

    /// Rock Ridge's name if it has a possible one, else the record's own; a name that cannot be one gives way to the place.
    std::string name_of(const IsoRecord& found, const IsoRockRidge& rock) const {
        if (rock.name && is_path_part(*rock.name)) return *rock.name;
        return iso_name(found.name, tree_->joliet).value_or(numbered(found.block));
    }

    /// The directory that belongs here says itself how large it is.
    void relocated_child(std::string name, const std::string& path, uint32_t block) {
        const uint64_t at = place(block);
        const auto head = at < volume_.size ? image_.bytes(volume_.start + at, iso_sector) : std::vector<uint8_t>();
        const auto itself = parse_iso_record(head);
        if (!itself || !itself->itself()) return skip(path + "/", SkipReason::unreadable, "the directory that was moved elsewhere is not there", 0);
        enter(std::move(name), path, at, itself->size, false);
    }

    void enter(std::string name, const std::string& path, uint64_t at, uint64_t size, bool relocated) {
        if (size == 0) return;
        if (relocated && relocated_.size() < most_relocated) {
            relocated_.push_back({path, at, size});
            return;
        }
        if (levels_.size() >= limits_.depth) return skip(path + "/", SkipReason::too_many, "the directories are nested deeper than is followed", 0);
        if (first_visit(at, size)) levels_.back().directories.push_back({std::move(name), at, size});
    }

    void content(const IsoRecord& found, const IsoRockRidge& rock, const std::string& path) {
        if (!unfinished_) {
            unfinished_ = UnfinishedFile{};
            unfinished_->raw_name.assign(found.name.begin(), found.name.end());
            unfinished_->path = found.associated ? path + " (associated)" : path;
            unfinished_->content.packed = rock.packed;
            unfinished_->content.recorded = found.recorded;
        }
        unfinished_->interleaved |= found.interleaved && found.size > 0;
        unfinished_->content.sections.push_back({place(found.block), found.size});
        if (!found.continued) finish_file(false);
    }

    /// Hands over the file whose last record was seen, or whose next one is not there.
    void finish_file(bool too_early) {
        if (!unfinished_) return;
        const UnfinishedFile file = std::move(*unfinished_);
        unfinished_.reset();
        if (too_early) skip(file.path, SkipReason::unreadable, "the file's last part is missing from the directory", file.content.stored_size());
        if (file.interleaved) skip(file.path, SkipReason::unsupported, "the file is interleaved with others, which is not read by this version", file.content.stored_size());
        else if (!contents_.add(file.path, file.content)) ended_ = true;
    }

    void report(const char* behind, SkipReason reason, const std::string& what) {
        charge(1);
        skip(path_ + behind, reason, what, 0);
    }
    void skip(const std::string& path, SkipReason reason, const std::string& what, uint64_t size) { sink_.skipped(path, reason, what, size); }

    /// Everything that takes time counts towards the one cap.
    bool charge(uint64_t count) {
        seen_ += count;
        if (ended_ || seen_ <= limits_.entries) return !ended_;
        ended_ = true;
        skip("", SkipReason::too_many, "the volume has more than " + std::to_string(limits_.entries) + " entries", 0);
        return false;
    }

    Image& image_;
    const Volume& volume_;
    const WalkLimits& limits_;
    WalkSink& sink_;
    IsoContents contents_;
    std::vector<Tree> trees_;
    const Tree* tree_ = nullptr;
    std::string path_;  // of the directory that is read, without a slash at its end
    std::vector<Level> levels_;
    std::vector<Relocated> relocated_;
    std::optional<UnfinishedFile> unfinished_;
    std::unordered_map<uint64_t, uint64_t> visited_;  // where directories begin -> how much of them was read
    uint64_t seen_ = 0;
    bool ended_ = false;
};

}  // namespace

Result<void> walk_iso(Image& image, const Volume& volume, const WalkLimits& limits, WalkSink& sink) { return IsoWalk(image, volume, limits, sink).run(); }

}  // namespace bailiff::agent
