// SPDX-License-Identifier: Apache-2.0
// The contents that the trees of an ISO 9660 name: each handed over once, in the order of the disk.
#pragma once

#include "agent/scan/box/memory_file.hpp"
#include "agent/scan/filesystem_walk.hpp"
#include "agent/scan/iso/boot_catalog.hpp"
#include "agent/scan/iso/rock_ridge.hpp"

#include <bailiff/result.hpp>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace bailiff::agent {

/// A run of bytes of the volume.
struct IsoSection {
    uint64_t at = 0, size = 0;
};

struct IsoContent {
    std::vector<IsoSection> sections;
    std::optional<IsoPacked> packed = std::nullopt;
    std::optional<uint64_t> recorded = std::nullopt;  ///< when, as its record says
    uint64_t stored_size() const;
};

class IsoContents {
  public:
    IsoContents(Image& image, const Volume& volume, const WalkLimits& limits, WalkSink& sink);

    /// Takes a content under the first of its names. False when contents overlap so often that the walk must end.
    bool add(const std::string& path, IsoContent content);

    /// Boot images must be known BEFORE the first `add`, since files of the trees tell how large they are. `base` is what their
    /// blocks count from, `end` is where the filesystem ends; both bytes of the volume.
    void expect_boot_image(const IsoBootImage& image, uint64_t base, uint64_t end);
    /// AFTER the last `add`: those that no file of a tree is.
    void add_boot_images();

    /// Hands over what is still waiting.
    void flush();

  private:
    struct Waiting {
        std::string path;
        IsoContent content;
        uint64_t size;
    };
    struct Boot {
        IsoBootImage image;
        uint64_t at = 0, file_size = 0, next = 0;  // the largest file that begins there; where the next file, or the end, is
    };
    bool read(const IsoContent& content, uint64_t offset, std::span<uint8_t> out);
    Result<void> fill(const IsoContent& content, MemoryFile& memory);
    bool describe(const IsoContent& content, ContentPlace& place) const;
    bool inside(const IsoContent& content) const;
    bool is_new(const IsoContent& content);
    bool pay(uint64_t bytes);

    Image& image_;
    const Volume& volume_;
    const WalkLimits& limits_;
    WalkSink& sink_;
    std::unique_ptr<uint8_t[]> buffer_;
    std::vector<Waiting> waiting_;
    size_t sections_waiting_ = 0;
    std::set<std::vector<uint64_t>> known_;
    std::map<uint64_t, Boot> boots_;
    uint64_t paid_ = 0;
    bool ended_ = false;
};

}  // namespace bailiff::agent
