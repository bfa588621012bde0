// SPDX-License-Identifier: Apache-2.0
// The header gate: what a qcow2 image must look like before any QEMU program is allowed to open it.
#pragma once

#include <bailiff/result.hpp>

#include <cstdint>
#include <optional>
#include <span>
#include <string>

namespace bailiff::agent {

/// The part of an image that the gate reads, in bytes; whatever the header points to beyond it is refused.
inline constexpr size_t qcow2_head_size = 1U << 20;

/// What the inventory says about the image. A guest can rewrite a header; it cannot rewrite the inventory.
struct Qcow2Expectation {
    std::optional<std::string> backing_path;    ///< must equal the header's text, byte by byte
    std::optional<std::string> backing_format;  ///< "raw" or "qcow2"; must equal the header extension
    std::optional<uint64_t> virtual_size;       ///< bytes
    std::optional<std::string> bitmap;        ///< a dirty bitmap to look for; what is wrong with it is told, not refused
    uint64_t largest_virtual_size = uint64_t{64} << 40;
};

struct Qcow2Header {
    uint32_t version = 0;
    uint64_t virtual_size = 0;  ///< bytes
    uint32_t cluster_bits = 0;
    bool dirty = false;          ///< reference counts may be stale; harmless for reading
    std::string backing_path;    ///< "" when the image stands alone
    std::string backing_format;  ///< "" when the image stands alone
    std::string bitmap_problem;  ///< why the dirty bitmap cannot be gone by; told by the gate alone
};

/// Judges the first bytes (at most `qcow2_head_size`) of an image of `file_size` bytes. Refuses whatever could make
/// QEMU open another file, decrypt, or spend without bound; the text says what was found and what to do.
/// Field list: QEMU's docs/interop/qcow2 specification.
Result<Qcow2Header> check_qcow2_header(std::span<const uint8_t> head, uint64_t file_size, const Qcow2Expectation& expected);

/// Whether the bytes begin with the qcow2 magic. Used to warn, never to choose a format.
bool has_qcow2_magic(std::span<const uint8_t> head);

}  // namespace bailiff::agent
