// SPDX-License-Identifier: Apache-2.0
// The header gate's checks, in the order of the header.
#include "agent/scan/image/qcow2_header.hpp"

#include "agent/scan/image/byte_order.hpp"
#include "agent/scan/path_text.hpp"

#include <algorithm>

namespace bailiff::agent {
namespace {

constexpr uint32_t magic = 0x514649fb;  // "QFI\xfb"
constexpr uint64_t bit_dirty = 1, bit_corrupt = 2, bit_data_file = 4, bit_compression = 8, bit_extended_l2 = 16;
constexpr uint32_t extension_end = 0, extension_backing_format = 0xe2792aca, extension_data_file = 0x44415441,
                   extension_encryption = 0x0537be77;
constexpr uint32_t most_snapshots = 64, most_l1_entries = 4U << 20, largest_backing_name = 1023;

tl::unexpected<Error> refuse(const std::string& what) {
    return fail(Errc::forbidden, "the qcow2 image is refused: " + what);
}

/// Whether `size` bytes at `offset` lie inside the file, on a cluster boundary.
bool inside(uint64_t offset, uint64_t size, uint64_t file_size, uint64_t cluster) {
    return offset >= cluster && offset % cluster == 0 && offset <= file_size && size <= file_size - offset;
}

std::string text_of(Bytes bytes) { return {bytes.begin(), bytes.end()}; }

/// Walks the header extensions; the only one whose content is used is the backing file's format.
Result<std::string> read_extensions(Bytes head, uint64_t begin, uint64_t end) {
    std::string format;
    bool seen = false;
    for (uint64_t at = begin;;) {
        if (at + 8 > end) return at + 8 > head.size() ? Result<std::string>(refuse("its header extensions do not end")) : format;
        const auto type = big_endian<uint32_t>(head, at), length = big_endian<uint32_t>(head, at + 4);
        at += 8;
        if (type == extension_end) return format;
        if (length > end - at) return refuse("a header extension is longer than the header");
        if (type == extension_data_file)
            return refuse("it keeps its data in another file; convert it to a plain qcow2 image first");
        if (type == extension_encryption) return refuse("it is encrypted");
        if (type == extension_backing_format) {
            if (seen) return refuse("it names the format of its backing file twice");
            seen = true;
            format = text_of(head.subspan(at, std::min<uint64_t>(length, 32)));
        }
        at += (uint64_t{length} + 7) / 8 * 8;
    }
}

Result<void> check_backing(const Qcow2Header& header, const Qcow2Expectation& expected) {
    if (header.backing_path.empty()) {
        if (expected.backing_path)
            return refuse("it has no backing file, though '" + escape_path(*expected.backing_path) + "' was named with --backing");
        return {};
    }
    const std::string shown = escape_path(header.backing_path);
    if (!expected.backing_path)
        return refuse("it has the backing file '" + shown + "'; when that is right, name it with --backing and --backing-format");
    const std::string& path = *expected.backing_path;
    if (path.empty() || path[0] != '/' || path.find("/../") != path.npos || path.find("://") != path.npos)
        return fail(Errc::invalid, "--backing must be an absolute path without '..'");
    if (header.backing_path != path)
        return refuse("its backing file is '" + shown + "', not '" + escape_path(path) + "' as named with --backing");
    if (header.backing_format.empty())
        return refuse("it does not say which format its backing file has; set it with 'qemu-img rebase -u -F'");
    if (!expected.backing_format || header.backing_format != *expected.backing_format)
        return refuse("it says that its backing file has the format '" + escape_path(header.backing_format) +
                      "', which is not what --backing-format says");
    if (header.backing_format != "raw" && header.backing_format != "qcow2")
        return refuse("a backing file must have the format raw or qcow2");
    return {};
}

}  // namespace

bool has_qcow2_magic(Bytes head) { return head.size() >= 4 && big_endian<uint32_t>(head, 0) == magic; }

Result<Qcow2Header> check_qcow2_header(Bytes head, uint64_t file_size, const Qcow2Expectation& expected) {
    head = head.first(std::min(head.size(), qcow2_head_size));
    if (!has_qcow2_magic(head)) return refuse("it has no qcow2 header; if it is a raw disk, say --format raw");
    if (head.size() < 72) return refuse("its header is cut off");
    Qcow2Header header;
    header.version = big_endian<uint32_t>(head, 4);
    if (header.version != 2 && header.version != 3) return refuse("its version is neither 2 nor 3");
    const bool v3 = header.version == 3;
    if (v3 && head.size() < 104) return refuse("its header is cut off");

    const uint64_t features = v3 ? big_endian<uint64_t>(head, 72) : 0;
    if (features & bit_corrupt) return refuse("QEMU marked it as corrupt; repair a copy with 'qemu-img check -r all'");
    if (features & bit_data_file) return refuse("it keeps its data in another file; convert it to a plain qcow2 image first");
    if (features & ~(bit_dirty | bit_compression | bit_extended_l2)) return refuse("it needs a feature that is not known here");
    header.dirty = features & bit_dirty;
    const bool extended = features & bit_extended_l2;

    header.cluster_bits = big_endian<uint32_t>(head, 20);
    if (header.cluster_bits < (extended ? 14U : 9U) || header.cluster_bits > 21) return refuse("its cluster size is out of range");
    const uint64_t cluster = uint64_t{1} << header.cluster_bits;
    const uint32_t header_length = v3 ? big_endian<uint32_t>(head, 100) : 72;
    if (v3 && (header_length < 104 || header_length > cluster || header_length % 8 != 0))
        return refuse("its header length is out of range");
    if (header_length > head.size() || file_size < cluster) return refuse("its header is cut off");
    if (v3 && big_endian<uint32_t>(head, 96) > 6) return refuse("its reference counts are wider than 64 bits");
    const uint8_t compression = header_length > 104 && head.size() > 104 ? head[104] : 0;
    if (compression > 1 || (compression != 0) != ((features & bit_compression) != 0))
        return refuse("its compression type is not known here");
    if (big_endian<uint32_t>(head, 32) != 0) return refuse("it is encrypted");

    header.virtual_size = big_endian<uint64_t>(head, 24);
    if (header.virtual_size > expected.largest_virtual_size)
        return refuse("it claims " + std::to_string(header.virtual_size) + " bytes, which is more than is ever scanned");
    if (expected.virtual_size && header.virtual_size != *expected.virtual_size)
        return refuse("it claims " + std::to_string(header.virtual_size) + " bytes, but the inventory says " +
                      std::to_string(*expected.virtual_size));

    const uint64_t l1_entries = big_endian<uint32_t>(head, 36);
    const uint64_t per_entry = cluster * (cluster / (extended ? 16 : 8));  // at most 2^39
    if (l1_entries > most_l1_entries || l1_entries < (header.virtual_size + per_entry - 1) / per_entry)
        return refuse("its first-level table does not fit its size");
    if (l1_entries && !inside(big_endian<uint64_t>(head, 40), l1_entries * 8, file_size, cluster))
        return refuse("its first-level table lies outside the file");
    const uint64_t refcount_size = uint64_t{big_endian<uint32_t>(head, 56)} * cluster;
    if (refcount_size == 0 || refcount_size > (8U << 20) + cluster ||
        !inside(big_endian<uint64_t>(head, 48), refcount_size, file_size, cluster))
        return refuse("its reference count table lies outside the file");
    const uint32_t snapshots = big_endian<uint32_t>(head, 60);
    if (snapshots > most_snapshots) return refuse("it has more than 64 internal snapshots");
    if (snapshots && !inside(big_endian<uint64_t>(head, 64), uint64_t{snapshots} * 40, file_size, cluster))
        return refuse("its snapshot table lies outside the file");

    const uint64_t name_at = big_endian<uint64_t>(head, 8);
    const uint32_t name_size = big_endian<uint32_t>(head, 16);
    const uint64_t first_cluster = std::min<uint64_t>(cluster, head.size());
    if (name_at) {
        if (name_size == 0 || name_size > largest_backing_name || name_at < header_length || name_at > first_cluster ||
            name_size > first_cluster - name_at)
            return refuse("the name of its backing file does not lie in the header");
        header.backing_path = text_of(head.subspan(name_at, name_size));
        if (header.backing_path.find('\0') != std::string::npos) return refuse("the name of its backing file has a zero byte");
    } else if (name_size != 0) {
        return refuse("it gives a length for the name of a backing file that it has not");
    }
    auto format = read_extensions(head, header_length, name_at ? name_at : first_cluster);
    if (!format) return fail(format.error());
    header.backing_format = name_at ? *format : "";
    if (const auto backing = check_backing(header, expected); !backing) return fail(backing.error());
    return header;
}

}  // namespace bailiff::agent
