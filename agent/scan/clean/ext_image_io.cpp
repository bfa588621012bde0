// SPDX-License-Identifier: Apache-2.0
// See ext_image_io.hpp.
#include "agent/scan/clean/ext_image_io.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <iterator>

namespace bailiff::agent {
namespace {

using Target = ExtTarget;
Target* opening = nullptr;  // ext2fs_open has no other way to pass it

uint64_t length_of(io_channel channel, int count) {
    // libext2fs means bytes when the count is negative.
    return count < 0 ? static_cast<uint64_t>(-static_cast<int64_t>(count)) : static_cast<uint64_t>(count) * static_cast<uint64_t>(channel->block_size);
}
bool fits(const Target& target, uint64_t offset, uint64_t length) { return offset <= target.size && length <= target.size - offset; }

constexpr size_t most_held = size_t{64} << 20, most_in_one_write = size_t{1} << 20;

/// Neighbours go out together.
errcode_t write_back(Target& target) {
    std::vector<uint8_t> run;
    uint64_t at = 0;
    const auto put = [&] { return run.empty() || target.image->write(target.start + at, run); };
    for (const auto& [offset, block] : target.held) {
        if (!run.empty() && (offset != at + run.size() || run.size() >= most_in_one_write)) {
            if (!put()) return EXT2_ET_SHORT_WRITE;
            run.clear();
        }
        if (run.empty()) at = offset;
        run.insert(run.end(), block.begin(), block.end());
    }
    if (!put()) return EXT2_ET_SHORT_WRITE;
    target.held.clear();
    return 0;
}

bool overlaps(const Target& target, uint64_t offset, uint64_t length) {
    const auto next = target.held.lower_bound(offset);
    if (next != target.held.end() && next->first < offset + length) return true;
    if (next == target.held.begin()) return false;
    const auto before = std::prev(next);
    return before->first + before->second.size() > offset;
}

extern struct_io_manager image_manager;

errcode_t open_channel(const char*, int, io_channel* out) {
    auto* channel = static_cast<io_channel>(std::calloc(1, sizeof(struct_io_channel)));
    if (!channel) return EXT2_ET_NO_MEMORY;
    channel->magic = EXT2_ET_MAGIC_IO_CHANNEL;
    channel->manager = &image_manager;
    channel->block_size = 1024;
    channel->refcount = 1;
    channel->private_data = opening;
    *out = channel;
    return 0;
}
errcode_t close_channel(io_channel channel) {
    if (--channel->refcount == 0) std::free(channel);
    return 0;
}
errcode_t set_block_size(io_channel channel, int size) {
    // All that is held is of one size, and so lies on its multiples.
    if (size != channel->block_size)
        if (const errcode_t code = write_back(*static_cast<Target*>(channel->private_data))) return code;
    channel->block_size = size;
    return 0;
}
errcode_t read_blocks(io_channel channel, unsigned long long block, int count, void* data) {
    Target& target = *static_cast<Target*>(channel->private_data);
    const uint64_t offset = block * static_cast<uint64_t>(channel->block_size), length = length_of(channel, count);
    if (!fits(target, offset, length)) return EXT2_ET_SHORT_READ;
    if (const auto held = target.held.find(offset); held != target.held.end() && held->second.size() >= length)
        return std::memcpy(data, held->second.data(), length), 0;
    if (overlaps(target, offset, length))
        if (const errcode_t code = write_back(target)) return code;
    return target.image->read(target.start + offset, {static_cast<uint8_t*>(data), length}) ? 0 : EXT2_ET_SHORT_READ;
}
errcode_t write_blocks(io_channel channel, unsigned long long block, int count, const void* data) {
    Target& target = *static_cast<Target*>(channel->private_data);
    const uint64_t offset = block * static_cast<uint64_t>(channel->block_size), length = length_of(channel, count);
    if (!fits(target, offset, length)) return EXT2_ET_SHORT_WRITE;
    const auto* bytes = static_cast<const uint8_t*>(data);
    if (count == 1) {
        target.held[offset].assign(bytes, bytes + length);
        return target.held.size() * length > most_held ? write_back(target) : 0;
    }
    if (count > 1) {
        target.held.erase(target.held.lower_bound(offset), target.held.lower_bound(offset + length));
    } else if (const errcode_t code = write_back(target)) {
        return code;
    }
    return target.image->write(target.start + offset, {static_cast<const uint8_t*>(data), length}) ? 0 : EXT2_ET_SHORT_WRITE;
}
errcode_t read_blocks_32(io_channel channel, unsigned long block, int count, void* data) { return read_blocks(channel, block, count, data); }
errcode_t write_blocks_32(io_channel channel, unsigned long block, int count, const void* data) {
    return write_blocks(channel, block, count, data);
}
errcode_t write_bytes(io_channel channel, unsigned long offset, int count, const void* data) {
    Target& target = *static_cast<Target*>(channel->private_data);
    const auto length = static_cast<uint64_t>(std::max(count, 0));
    if (!fits(target, offset, length)) return EXT2_ET_SHORT_WRITE;
    if (const errcode_t code = write_back(target)) return code;
    return target.image->write(target.start + offset, {static_cast<const uint8_t*>(data), length}) ? 0 : EXT2_ET_SHORT_WRITE;
}
errcode_t flush_channel(io_channel channel) { return write_back(*static_cast<Target*>(channel->private_data)); }

struct_io_manager make_manager() {
    struct_io_manager manager{};
    manager.magic = EXT2_ET_MAGIC_IO_MANAGER;
    manager.name = "bailiff image";
    manager.open = open_channel;
    manager.close = close_channel;
    manager.set_blksize = set_block_size;
    manager.read_blk = read_blocks_32;
    manager.write_blk = write_blocks_32;
    manager.flush = flush_channel;
    manager.write_byte = write_bytes;
    manager.read_blk64 = read_blocks;
    manager.write_blk64 = write_blocks;
    return manager;
}
struct_io_manager image_manager = make_manager();

}  // namespace

tl::unexpected<Error> ext_failure(const char* what, errcode_t code, Errc kind) { return fail(kind, std::string(what) + ": " + error_message(code)); }

errcode_t open_ext(ExtTarget& target, ext2_filsys* out) {
    opening = &target;
    const errcode_t code = ext2fs_open("", EXT2_FLAG_RW | EXT2_FLAG_64BITS, 0, 0, &image_manager, out);
    opening = nullptr;
    return code;
}

}  // namespace bailiff::agent
