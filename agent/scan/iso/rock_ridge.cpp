// SPDX-License-Identifier: Apache-2.0
// Entries of a signature, a length and a version; a chain of further areas that a hostile disk may tie into a ring.
#include "agent/scan/iso/rock_ridge.hpp"

#include "agent/scan/iso/record.hpp"

#include <algorithm>

namespace bailiff::agent {
namespace {

/// As many as Linux follows. An area lies within one sector.
constexpr int most_areas = 32;
/// Longer names no system takes, and they would only be memory.
constexpr size_t longest_name = 1024;
constexpr size_t entry_head = 4, xa_size = 14;

constexpr uint16_t mark(char a, char b) { return static_cast<uint16_t>(static_cast<unsigned char>(a) << 8 | static_cast<unsigned char>(b)); }

struct Continuation {
    uint32_t block, offset, length;
};

class Entries {
  public:
    explicit Entries(IsoRockRidge& out) : out_(out) {}

    /// Reads one area. What it says about a further one is left in `next`.
    void read(Bytes area, std::optional<Continuation>& next) {
        // A tail shorter than an entry's head, and zeros, are padding.
        for (size_t at = 0; at + entry_head <= area.size();) {
            const size_t length = area[at + 2];
            if (area[at] == 0 && length == 0) return;
            if (length < entry_head || length > area.size() - at) return bad();
            const Bytes entry = area.subspan(at, length);
            const uint16_t what = big_endian<uint16_t>(entry, 0);
            if (what == mark('S', 'T')) return;
            if (what == mark('C', 'E')) {
                if (length < 28) return bad();
                next = Continuation{little_endian<uint32_t>(entry, 4), little_endian<uint32_t>(entry, 12), little_endian<uint32_t>(entry, 20)};
            } else if (!take(what, entry)) {
                return bad();
            }
            at += length;
        }
    }
    void bad() { out_.damaged = true; }

  private:
    bool take(uint16_t what, Bytes entry) {
        switch (what) {
            case mark('N', 'M'): return out_.any = true, name(entry);
            case mark('P', 'X'):
                if (entry.size() < 12) return false;
                out_.mode = little_endian<uint32_t>(entry, 4);
                break;
            case mark('C', 'L'):
                if (entry.size() < 12) return false;
                out_.child = little_endian<uint32_t>(entry, 4);
                break;
            case mark('R', 'E'): out_.relocated = true; break;
            case mark('Z', 'F'):
                if (entry.size() < 16) return false;
                out_.packed = IsoPacked{big_endian<uint16_t>(entry, 4) == mark('p', 'z'), entry[6], entry[7], little_endian<uint32_t>(entry, 8)};
                break;
            case mark('R', 'R'): break;
            default: return true;  // of other standards; they name no content
        }
        out_.any = true;
        return true;
    }

    /// A name may come in several entries, each but the last one marked as continued.
    bool name(Bytes entry) {
        if (entry.size() < 5) return false;
        const uint8_t flags = entry[4];
        if (flags & 0x06) return true;  // "." and "..", which the record says, too
        if (out_.name && !name_goes_on_) return true;
        const Bytes part = entry.subspan(5);
        std::string whole = out_.name.value_or("");
        if (whole.size() + part.size() > longest_name) return false;
        whole.append(part.begin(), part.end());
        out_.name = std::move(whole);
        name_goes_on_ = flags & 0x01;
        return true;
    }

    IsoRockRidge& out_;
    bool name_goes_on_ = false;
};

}  // namespace

IsoRockRidge read_rock_ridge(Bytes system_use, size_t skip, const IsoArea& area) {
    IsoRockRidge out;
    Entries entries(out);
    // CD-ROM XA's own fourteen bytes come first, also where no SP says so.
    if (skip == 0 && system_use.size() >= xa_size && big_endian<uint16_t>(system_use, 6) == mark('X', 'A')) skip = xa_size;
    std::optional<Continuation> next;
    entries.read(system_use.subspan(std::min(skip, system_use.size())), next);
    for (int areas = 0; next; ++areas) {
        const Continuation here = *next;
        next.reset();
        const bool sensible = here.length >= entry_head && here.offset < iso_sector && here.length <= iso_sector - here.offset;
        const auto bytes = sensible && areas < most_areas ? area(here.block, here.offset, here.length) : std::vector<uint8_t>();
        if (bytes.size() != here.length || bytes.empty()) {
            entries.bad();
            break;
        }
        entries.read(bytes, next);
    }
    return out;
}

std::optional<size_t> rock_ridge_skip(Bytes system_use) {
    for (const size_t at : {size_t{0}, xa_size})
        if (system_use.size() >= at + 7 && big_endian<uint16_t>(system_use, at) == mark('S', 'P') && system_use[at + 2] >= 7 && big_endian<uint16_t>(system_use, at + 4) == 0xbeef)
            return system_use[at + 6];
    return std::nullopt;
}

}  // namespace bailiff::agent
