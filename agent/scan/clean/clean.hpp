// SPDX-License-Identifier: Apache-2.0
// Cleaning an overlay: each hit's content is kept outside first, then taken away inside.
#pragma once

#include "agent/scan/clean/sealed_file.hpp"
#include "agent/scan/image/source.hpp"
#include "agent/scan/scan_result.hpp"

#include <bailiff/json.hpp>
#include <bailiff/names.hpp>
#include <bailiff/result.hpp>
#include <bailiff/time.hpp>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bailiff::agent {

/// What became of one path.
enum class CleanAction {
    removed,       ///< name and content are gone
    replaced,      ///< a known-good content stands in its place
    blanked,       ///< the content is zeros, in its place
    absent,        ///< nothing there, or blanked or replaced before
    failed,        ///< left alone; `reason` says why
    listed,        ///< suspicious, and left alone: a person decides; `reason` says why
    would_remove,  ///< the same, of a dry run
    would_replace,
    would_blank,
};

struct CleanRecord {
    std::string path, volume;  ///< as in the scan's finding
    std::string sha256;        ///< of the content that was there; "" when there was none
    uint64_t size = 0;         ///< bytes
    CleanAction action = CleanAction::failed;
    std::string reason;  ///< for `failed` and `listed`: a sentence
    std::string rule;    ///< of what is only suspicious: the rule that saw it
    std::string note;    ///< why a known-good file was not used; a sentence
    std::string replaced_by, known_good;  ///< for `replaced`: the SHA-256 of what stands there now, and the file, escaped, that it is a copy of
    std::string kept;    ///< the sealed file with the content, outside the image
};

/// Of a dry run `changed` counts what would be.
struct CleanSummary {
    uint64_t changed = 0, absent = 0, failed = 0, listed = 0;
    bool dry_run = false;
};

struct CleanRequest {
    SourceSpec overlay;
    Verdict found;
    bool remove_suspicious = false;   ///< as if they were hits; otherwise they are listed
    bool dry_run = false;     ///< look only: the image is opened for reading, and nothing is kept
    std::string keep_folder;  ///< unused by a dry run
    Instant now{};            ///< for the record of changes, and the inodes that are changed
    std::vector<std::string> known_good;  ///< trees of files that may take a hit's place at the same path within its volume
    std::optional<SealingKey> keep_key;  ///< for whom contents are sealed; a dry run needs none
};

/// Hears of the work as it goes on, on the thread that does it.
class CleanListener {
  public:
    virtual ~CleanListener() = default;
    virtual void record(const CleanRecord& record) = 0;
    /// Often: how many of `paths` are done, and how many bytes of the next one are kept.
    virtual void progress(uint64_t done, uint64_t paths, uint64_t bytes) = 0;
};

Json clean_record(const CleanRecord& record);
Json clean_summary(const CleanSummary& summary);

/// Handles each distinct (volume, path) of the verdict's hits once, then what is suspicious and no hit. A content that is not the one that was found is left alone.
/// An error means that the image could not be opened, or that changes may not have reached it: then throw the overlay away.
Result<CleanSummary> clean(const CleanRequest& request, CleanListener& listener);

}  // namespace bailiff::agent

namespace bailiff {

template <>
struct Names<agent::CleanAction> {
    using E = agent::CleanAction;
    static constexpr std::string_view what = "what became of a path";
    static constexpr std::array table{std::pair{E::removed, std::string_view("removed")},
                                      std::pair{E::replaced, std::string_view("replaced")},
                                      std::pair{E::blanked, std::string_view("blanked")},
                                      std::pair{E::absent, std::string_view("absent")},
                                      std::pair{E::failed, std::string_view("failed")},
                                      std::pair{E::listed, std::string_view("listed")},
                                      std::pair{E::would_remove, std::string_view("would_remove")},
                                      std::pair{E::would_replace, std::string_view("would_replace")},
                                      std::pair{E::would_blank, std::string_view("would_blank")}};
};

}  // namespace bailiff
