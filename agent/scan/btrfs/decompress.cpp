// SPDX-License-Identifier: Apache-2.0
// zlib, LZO and zstd, each with an output that cannot grow.
#include "agent/scan/btrfs/decompress.hpp"

#include <lzo/lzo1x.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <memory>

namespace bailiff::agent {
namespace {

tl::unexpected<Error> damaged(const char* kind) {
    return fail(Errc::unavailable, std::string("a compressed extent (") + kind + ") is damaged");
}

// Each of the three answers how many bytes of `out` it filled.

Result<size_t> unpack_zlib(Bytes packed, std::span<uint8_t> out) {
    z_stream stream{};
    if (inflateInit(&stream) != Z_OK) return fail(Errc::unavailable, "no memory to unpack zlib");
    const std::unique_ptr<z_stream, decltype(&inflateEnd)> owner(&stream, inflateEnd);
    stream.next_in = const_cast<uint8_t*>(packed.data());
    stream.avail_in = static_cast<uInt>(packed.size());
    stream.next_out = out.data();
    stream.avail_out = static_cast<uInt>(out.size());
    const int status = inflate(&stream, Z_FINISH);
    if (status != Z_STREAM_END && stream.avail_out != 0) return damaged("zlib");
    return out.size() - stream.avail_out;
}

/// A length of all, then segments of one sector's content each: a length, and the bytes. A segment's length never crosses a
/// sector's end, so what is too little for one is padding.
Result<size_t> unpack_lzo(Bytes packed, std::span<uint8_t> out, size_t sector_size) {
    static const bool ready = lzo_init() == LZO_E_OK;
    constexpr size_t length_size = 4;
    const size_t end = little_endian<uint32_t>(packed, 0);
    if (!ready || packed.size() < length_size || end < length_size || end > packed.size()) return damaged("lzo");
    size_t filled = 0;
    for (size_t at = length_size; at < end && filled < out.size();) {
        if (const size_t left = sector_size - at % sector_size; left < length_size) at += left;
        if (at >= end) break;
        const size_t length = little_endian<uint32_t>(packed, at);
        at += length_size;
        if (at > end || length == 0 || length > end - at) return damaged("lzo");
        // A sector's worth is unpacked apart, so that the last one may be cut where the caller's buffer ends.
        uint8_t sector[65536];
        lzo_uint got = std::min<size_t>(sector_size, sizeof sector);
        if (lzo1x_decompress_safe(packed.data() + at, length, sector, &got, nullptr) != LZO_E_OK) return damaged("lzo");
        const size_t part = std::min<size_t>(got, out.size() - filled);
        std::copy_n(sector, part, out.begin() + static_cast<std::ptrdiff_t>(filled));
        filled += part;
        at += length;
    }
    return filled;
}

Result<size_t> unpack_zstd(Bytes packed, std::span<uint8_t> out) {
    constexpr int largest_window_log = 17;  // the kernel takes no larger one, and it bounds memory
    // To make one takes longer than to unpack an extent with it.
    thread_local const std::unique_ptr<ZSTD_DCtx, decltype(&ZSTD_freeDCtx)> context(ZSTD_createDCtx(), ZSTD_freeDCtx);
    if (!context || ZSTD_isError(ZSTD_DCtx_reset(context.get(), ZSTD_reset_session_and_parameters)) || ZSTD_isError(ZSTD_DCtx_setParameter(context.get(), ZSTD_d_windowLogMax, largest_window_log)))
        return fail(Errc::unavailable, "no memory to unpack zstd");
    ZSTD_inBuffer in{packed.data(), packed.size(), 0};
    ZSTD_outBuffer into{out.data(), out.size(), 0};
    for (;;) {
        const size_t before = in.pos + into.pos;
        const size_t more = ZSTD_decompressStream(context.get(), &into, &in);
        if (ZSTD_isError(more)) return damaged("zstd");
        if (more == 0 || into.pos == into.size) return into.pos;
        if (in.pos + into.pos == before) return damaged("zstd");
    }
}

}  // namespace

Result<void> btrfs_decompress(BtrfsCompression kind, Bytes packed, std::span<uint8_t> out, size_t sector_size) {
    if (out.empty()) return {};
    Result<size_t> filled = fail(Errc::invalid, "the extent is not compressed");
    switch (kind) {
        case BtrfsCompression::none: break;
        case BtrfsCompression::zlib: filled = unpack_zlib(packed, out); break;
        case BtrfsCompression::lzo: filled = unpack_lzo(packed, out, sector_size); break;
        case BtrfsCompression::zstd: filled = unpack_zstd(packed, out); break;
    }
    if (!filled) return fail(filled.error());
    std::fill(out.begin() + static_cast<std::ptrdiff_t>(*filled), out.end(), uint8_t{0});
    return {};
}

}  // namespace bailiff::agent
