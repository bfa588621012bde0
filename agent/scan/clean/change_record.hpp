// SPDX-License-Identifier: Apache-2.0
// The record of what a run changes in an overlay: written before each change, beside the contents that were taken out.
#pragma once

#include "agent/scan/box/descriptor.hpp"
#include "agent/scan/clean/clean.hpp"
#include "agent/scan/clean/file_facts.hpp"

#include <bailiff/result.hpp>
#include <bailiff/time.hpp>

#include <string>

namespace bailiff::agent {

// One file for each run, `changes-NNNN.jsonl`, numbered from 1; JSON lines:
//   {"record":"bailiff-changes/1","at":…,"image":…,"format":…,"backing":[…]}   first
//   {"step":"begin","n":1,"path":…,"volume":…,"sha256":…,"size":…,"found":[{"engine","signature"}],"kept":…,"will":"remove"|"replace"|"blank",
//    "replaced_by":SHA-256,"known_good":file, inode, mode, …}
//   {"step":"end","n":1,"action":…}                                            how change `n` ended
//   {"step":"note", the line of a path that was not changed}
//   {"step":"finish","changed":…,"absent":…,"failed":…}                        last, when the changes have reached the image
// A `begin` is on the disk BEFORE its change is made. Without `finish` the overlay may hold half of it: throw it away.
// Paths are spelled as the scan spells them.

/// Not to be written by two runs at once.
class ChangeRecord {
  public:
    /// A new file in `folder`, 0400. Errors: unavailable.
    static Result<ChangeRecord> create(const std::string& folder, const SourceSpec& overlay, Instant now);

    struct Change {
        const CleanRecord& record;   ///< path, volume, sha256, size, kept, replaced_by, known_good
        const FileFacts& facts;
        Json found;                  ///< what the scan called it
        std::string will;            ///< the word for what is about to be done
    };
    /// Durable when it returns. Errors: unavailable; then the change must not be made.
    Result<void> begin(const Change& change);
    Result<void> end(const CleanRecord& record);
    Result<void> note(const CleanRecord& record);
    /// Durable when it returns.
    Result<void> finish(const CleanSummary& summary);
    const std::string& path() const { return path_; }

  private:
    ChangeRecord(Descriptor file, std::string path) : file_(std::move(file)), path_(std::move(path)) {}
    Result<void> write(const Json& line, bool durable);
    Descriptor file_;
    std::string path_;
    uint64_t count_ = 0;
};

}  // namespace bailiff::agent
