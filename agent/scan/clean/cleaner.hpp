// SPDX-License-Identifier: Apache-2.0
// Taking a file's content out of a filesystem inside an image, from a sandboxed process of its own.
#pragma once

#include "agent/scan/box/memory_file.hpp"
#include "agent/scan/clean/file_facts.hpp"
#include "agent/scan/image/image.hpp"
#include "agent/scan/image/volume.hpp"

#include <bailiff/result.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace bailiff::agent {

/// What is to stand where a file was.
struct Replacement {
    int content = -1;    ///< a sealed memory file; stays the caller's
    uint64_t size = 0;   ///< bytes
    int64_t mtime = 0;   ///< seconds since 1970
    int64_t now = 0;     ///< likewise: a role has no clock
};

/// One filesystem that is open for writing.
class CleanableVolume {
  public:
    virtual ~CleanableVolume() = default;
    /// The content of the file (or "file:stream") at `path`, raw bytes. Errors: not_found when it is not there any more.
    virtual Result<MemoryFile> take(const std::string& path) = 0;
    /// Of what `take` returned last.
    virtual FileFacts facts() const = 0;
    /// Does away with what `take` returned last; answers the word for it: "removed" or "blanked". An `unknown_outcome` means
    /// that it stopped half way: the filesystem may be unsound now, and the overlay must be thrown away.
    virtual Result<std::string> remove() = 0;
    /// Gives what `take` returned last another content, with the mode and the owner that it has; answers "replaced". With
    /// `unavailable` (no space) nothing was changed; `unknown_outcome` as above.
    virtual Result<std::string> replace(const Replacement&) { return fail(Errc::invalid, "files of this filesystem are not replaced"); }
    /// What `remove` would do, or `replace` with a content of this size, or why it would not; writes nothing.
    virtual Result<std::string> plan(std::optional<uint64_t> replacement_size) = 0;
    /// Writes back what is still in memory.
    virtual Result<void> close() = 0;
};

using OpenVolume = Result<std::unique_ptr<CleanableVolume>> (*)(Image& image, const Volume& volume);

/// ext2/3/4 by libext2fs: the name and the inode go. Errc::conflict for another filesystem, and for a journal that was not
/// replayed, since then no metadata may change.
Result<std::unique_ptr<CleanableVolume>> open_for_removal(Image& image, const Volume& volume);

/// Any filesystem that libtsk reads: the content is overwritten with zeros in its place, and no metadata changes.
Result<std::unique_ptr<CleanableVolume>> open_for_blanking(Image& image, const Volume& volume);

/// The role's argument that makes it try only: then it refuses to change anything, whoever asks.
inline constexpr const char* dry_run_argument = "dry-run";

/// Answers `take`, `plan` and `remove` requests about the NBD socket at descriptor 4 until its channel closes.
int serve_cleaning(OpenVolume open, const std::vector<std::string>& arguments);

/// The two roles. They live in two programs, since libext2fs and libtsk both export a function ext2fs_open.
int run_remover(const std::vector<std::string>& arguments);  ///< bailiff-clean, with libext2fs
int run_blanker(const std::vector<std::string>& arguments);  ///< bailiff-scan, with libtsk

}  // namespace bailiff::agent
