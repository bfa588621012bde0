// SPDX-License-Identifier: Apache-2.0
// Where the image's bytes come from: a raw file, a qcow2 file behind the gate and qemu-nbd, or an NBD socket.
#pragma once

#include "agent/process/process.hpp"
#include "agent/scan/box/descriptor.hpp"

#include <bailiff/result.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace bailiff::agent {

struct BackingFile {
    std::string path;    ///< absolute, exactly as in the overlay's header
    std::string format;  ///< "raw" or "qcow2"
};

struct SourceSpec {
    std::string image;                   ///< a path, or nbd+unix:///EXPORT?socket=PATH
    std::string format;                  ///< "raw", "qcow2", or "" when not said
    std::vector<BackingFile> backing;    ///< nearest first
    std::optional<uint64_t> virtual_size;  ///< bytes, from the inventory
    std::string dirty_bitmap{};            ///< to be served beside the disk; "" for none
    bool share = false;                  ///< leave the image to whoever wants to write to it meanwhile; see open_source
};

/// An opened image: a descriptor for the reader, and whatever must live as long.
struct Source {
    Descriptor image;                        ///< a raw file, or a connected NBD socket
    std::optional<std::string> export_name;  ///< set for NBD
    std::optional<Process> server;      ///< qemu-nbd, in its own sandbox
    std::vector<std::string> notes;          ///< for people
    std::string identity;      ///< which image this is: another text for another file, for a file made anew, and for another chain
    std::string dirty_bitmap;  ///< the server has been asked to have it; "" for none
    std::string bitmap_problem;  ///< why the one that was asked for is not served
};

/// Opens for reading only. The format is never probed: without `format` a file with a qcow2 header is refused.
/// Without `share` qemu-nbd keeps a qcow2 image from being written: a VM on it does not start meanwhile. With it nobody is
/// kept from anything, and what is read is worth something only if nobody wrote; `conflict` when somebody does already.
Result<Source> open_source(const SourceSpec& spec);

enum class Access { read_only, writable };

/// Opens an overlay (qcow2) or a raw file for cleaning, always through qemu-nbd, which keeps it locked meanwhile.
/// `read_only`: for trying what a cleaning would do; the same locks, and nothing can be written.
Result<Source> open_for_cleaning(const SourceSpec& spec, Access access);

struct NbdAddress {
    std::string export_name, socket_path;
};

/// nbd+unix:///EXPORT?socket=PATH, with %XX escapes in both.
Result<NbdAddress> parse_nbd_uri(const std::string& uri);

}  // namespace bailiff::agent
