// SPDX-License-Identifier: Apache-2.0
// A tiny ISO 9660 written by hand, for shapes that no tool makes on demand, and what a walk over it hands over.
#pragma once

#include "agent/scan/box/memory_file.hpp"
#include "agent/scan/image/byte_order.hpp"
#include "agent/scan/iso/walk.hpp"
#include "tests/unit/scan/memory_image.hpp"

#include <map>
#include <string>
#include <unistd.h>
#include <vector>

namespace bailiff::test {

/// Primary descriptor, one of Joliet, one of El Torito, and the last one stand in the sectors 16 to 19; the roots in 20 and 21.
class IsoImage : public MemoryImage {
  public:
    static constexpr uint64_t sector = 2048;
    static constexpr uint32_t root = 20, joliet_root = 21, catalog = 22;
    static constexpr uint8_t folder = 2, associated = 4, continued = 0x80;

    struct Entry {
        std::string name;
        uint32_t block = 0;
        uint64_t size = 0;
        uint8_t flags = 0;
        std::string system_use = "";
        uint8_t unit = 0;  ///< of interleaving
    };

    explicit IsoImage(size_t sectors = 64) : MemoryImage(sectors * sector) {
        descriptor(16, 1, root);
        descriptor(17, 2, joliet_root);
        put(17 * sector + 88, "%/E");
        mark(18, 0);
        put(18 * sector + 7, "EL TORITO SPECIFICATION");
        little(18 * sector + 71, catalog, 4);
        mark(19, 255);
        put(catalog * sector, std::string_view("\1\0", 2));
        put(catalog * sector + 30, "\x55\xaa");
        boot(1, 0, 4, 30);
        content(30, std::string(sector, 'B'));
        directory(root, {{"BOOT.BIN;1", 30, sector}}, susp("SP", "\xbe\xef" + std::string(1, '\0')));
        directory(joliet_root, {});
    }

    static std::string number(uint64_t value) {
        std::string out;
        for (int i = 0; i < 4; ++i) out += static_cast<char>(value >> (8 * i));
        for (int i = 3; i >= 0; --i) out += static_cast<char>(value >> (8 * i));
        return out;
    }
    static std::string record(const Entry& entry) {
        std::string out(2, '\0');
        out += number(entry.block) + number(entry.size) + std::string(7, '\0') + static_cast<char>(entry.flags) + static_cast<char>(entry.unit) + '\0';
        out += std::string("\1\0\0\1", 4) + static_cast<char>(entry.name.size()) + entry.name;
        if (entry.name.size() % 2 == 0) out += '\0';
        out += entry.system_use;
        if (out.size() % 2) out += '\0';
        out[0] = static_cast<char>(out.size());
        return out;
    }
    /// Fills the sectors from `block` on with these records; none crosses the end of one.
    void directory(uint32_t block, const std::vector<Entry>& entries, const std::string& own = "", uint64_t size = sector) {
        uint64_t at = block * sector;
        std::fill_n(raw().begin() + static_cast<std::ptrdiff_t>(at), size, uint8_t{0});
        const auto add = [&](const std::string& bytes) {
            if (at % sector + bytes.size() > sector) at += sector - at % sector;
            put(at, bytes);
            at += bytes.size();
        };
        add(record({std::string(1, '\0'), block, size, folder, own}));
        add(record({std::string(1, '\1'), block, size, folder}));
        for (const Entry& entry : entries) add(record(entry));
    }
    void content(uint32_t block, const std::string& bytes) { put(block * sector, bytes); }
    void boot(size_t index, uint8_t media, uint16_t sectors, uint32_t block) {
        const uint64_t at = catalog * sector + index * 32;
        little(at, 0x88, 1);
        little(at + 1, media, 1);
        little(at + 6, sectors, 2);
        little(at + 8, block, 4);
    }
    void descriptor(uint32_t at, uint8_t type, uint32_t root_block) {
        mark(at, type);
        put(at * sector + 80, number(size() / sector));
        little(at * sector + 128, sector, 2);
        put(at * sector + 156, record({std::string(1, '\0'), root_block, sector, folder}));
    }
    void mark(uint32_t at, uint8_t type) {
        little(at * sector, type, 1);
        put(at * sector + 1, "CD001\1");
    }

    static std::string susp(const std::string& name, const std::string& data) { return name + static_cast<char>(data.size() + 4) + '\1' + data; }
    static std::string name(const std::string& text, uint8_t flags = 0) { return susp("NM", static_cast<char>(flags) + text); }
    static std::string mode(uint32_t bits) { return susp("PX", number(bits) + number(1) + number(0) + number(0)); }
    static std::string area(uint32_t block, uint32_t offset, uint32_t length) { return susp("CE", number(block) + number(offset) + number(length)); }
    static std::string child(uint32_t block) { return susp("CL", number(block)); }
    static std::string relocated() { return susp("RE", ""); }
    static std::string wide(const std::u16string& text) {
        std::string out;
        for (const char16_t c : text) {
            out += static_cast<char>(c >> 8);
            out += static_cast<char>(c);
        }
        return out;
    }
};

class IsoFiles : public agent::WalkSink {
  public:
    std::multimap<std::string, std::string> contents;
    std::vector<std::pair<std::string, agent::SkipReason>> skips;
    std::string said;   ///< every reason in words
    std::string error;  ///< what the walk as a whole failed of

    explicit IsoFiles(agent::Image& image, const agent::WalkLimits& limits = {}, const std::vector<uint64_t>& also_at = {}) {
        agent::Volume volume;
        volume.size = image.size();
        volume.also_at = also_at;
        const auto walked = agent::walk_iso(image, volume, limits, *this);
        if (!walked) error = walked.error().text;
    }
    void file(const std::string& path, uint64_t size, int memory_file) override {
        const agent::Descriptor descriptor(memory_file);
        const auto sealed = agent::sealed_size(descriptor.fd());
        std::string bytes(sealed.value_or(0), '\0');
        if (::pread(descriptor.fd(), bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(size) || bytes.size() != size) bytes = "(another size than was said)";
        contents.emplace(path, std::move(bytes));
    }
    void skipped(const std::string& path, agent::SkipReason reason, const std::string& detail, uint64_t /*size*/) override {
        skips.emplace_back(path, reason);
        said += detail + "\n";
    }
};

/// One of each thing that a walk meets; `IsoTest.ReadsOneOfEachThing` says what comes of it.
inline IsoImage iso_sampler() {
    IsoImage disk;
    using Image = IsoImage;
    const std::string skip = Image::susp("SP", "\xbe\xef" + std::string(1, '\0'));
    disk.content(31, "plain");
    disk.content(32, "both trees");
    disk.content(33, "joliet alone");
    disk.content(34, std::string(Image::sector, '1'));
    disk.content(36, "2 and the end");
    disk.content(37, "deep");
    disk.content(38, "hidden boot code");
    disk.content(40, Image::name("-name-that-", 1) + Image::name("goes on elsewhere"));
    disk.directory(Image::root,
                   {{"BOOT.BIN;1", 30, Image::sector},
                    {"BOTH.TXT;1", 32, 10, 0, Image::mode(0100644) + Image::name("both.txt")},
                    {"EMPTY.;1", 0, 0},
                    {"LINK.;1", 0, 0, 0, Image::mode(0120777) + Image::name("link") + Image::susp("SL", std::string("\0\0\3etc", 6))},
                    {"LONG.;1", 31, 5, 0, Image::name("a-long", 1) + Image::area(40, 0, 38)},
                    {"MANY.;1", 34, Image::sector, Image::continued, Image::name("parts")},
                    {"MANY.;1", 36, 13, 0, Image::name("parts")},
                    {"MOVED.;1", 0, 0, 0, Image::name("moved") + Image::child(24)},
                    {"RR_MOVED", 23, Image::sector, Image::folder, Image::name("rr_moved")}},
                   skip);
    disk.directory(23, {{"MOVED", 24, Image::sector, Image::folder, Image::name("moved") + Image::relocated()}});
    disk.directory(24, {{"DEEP.;1", 37, 4, 0, Image::name("deep")}});
    disk.directory(Image::joliet_root, {{Image::wide(u"both.txt;1"), 32, 10}, {Image::wide(u"ein\u00e9\u20ac\U0001f600"), 33, 12}});
    disk.boot(2, 0, 8, 38);
    return disk;
}

}  // namespace bailiff::test
