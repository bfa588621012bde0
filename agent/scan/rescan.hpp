// SPDX-License-Identifier: Apache-2.0
// Scanning a disk again by what changed: decides, on the side that nobody's bytes reach, what the reader need not read.
#pragma once

#include "agent/scan/scan_state.hpp"

#include <bailiff/result.hpp>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace bailiff::agent {

struct RescanOptions {
    std::string state;          ///< file; "" = nothing is kept
    std::string dirty_bitmap;   ///< name; "" for none
    std::string since;          ///< the mark of the state from whose moment the bitmap counts; "" = the bitmap's own name
    std::string mark;           ///< how the moment of this scan's contents is called; "" = the bitmap's name, when it counts from its own beginning
    bool trust_metadata = false;  ///< a content counts as unchanged when its metadata are; a guest's root can set them all
};

/// One scan's use of its state. A file is passed over only when all of these hold:
///   its fingerprint is that of a content in which nothing was found, nothing was skipped and nothing is to be told;
///   every engine, with the signatures it has now, found nothing in that content (the verdict cache says so);
///   the state is of this image, of this size, and of the moment from which the bitmap counts;
///   the bitmap shows no write to any of its bytes, or metadata are trusted.
/// A reader in the hands of a disk could lie about all this as it could hide files altogether; and it could leave fingerprints
/// for a later scan. Hence a verdict says when it was not of everything, and gives no VM back then. Belongs to the scan's thread.
class Rescan {
  public:
    /// `source`: which image it is.
    Rescan(RescanOptions options, std::string source) : options_(std::move(options)), source_(std::move(source)) {}

    /// What the reader found out about the disk before it read any file.
    struct Disk {
        uint64_t bytes = 0, dirty_bytes = 0;
        bool bitmap = false;  ///< the bitmap was read
        std::string problem;  ///< why it could not be; "" when none was asked for
    };
    /// What may be passed over, as a sealed file of sorted fingerprints; empty when everything must be read. `counts` says
    /// whether a content is known to every engine as it is now. An error means that there is no memory.
    Result<MemoryFile> offer(const Disk& disk, const std::function<bool(const ContentDigest&)>& counts);
    /// Why everything is read although there is a state, for people.
    const std::vector<std::string>& notes() const { return notes_; }

    /// The content of an offered fingerprint; null when it was not offered.
    const ContentDigest* offered(const Fingerprint& told_by) const;
    /// A content of this scan with nothing at all to report.
    void keep(const Fingerprint& told_by, const ContentDigest& digest);
    /// After a scan that did not come to its end, what the state knew before is kept beside what was learnt, as far as it is of the same moment.
    Result<void> write(bool complete);

  private:
    bool is_usable(const Disk& disk);
    const std::string& since() const { return options_.since.empty() ? options_.dirty_bitmap : options_.since; }

    RescanOptions options_;
    std::string source_, mark_;
    ScanState state_;
    bool usable_ = false;
    Disk disk_;
    std::vector<ScanState::Entry> offered_, kept_;
    std::vector<std::string> notes_;
};

}  // namespace bailiff::agent
