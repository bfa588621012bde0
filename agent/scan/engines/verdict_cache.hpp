// SPDX-License-Identifier: Apache-2.0
// What engines said of contents before, kept on the host for all of its VMs: most files of most systems are the same.
#pragma once

#include "agent/scan/box/memory_file.hpp"

#include <bailiff/result.hpp>
#include <bailiff/time.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

struct sqlite3;
struct sqlite3_stmt;

namespace bailiff::agent {

/// A SQLite file of "this signature set found nothing in this content". Nothing else is kept: what was found, or could not
/// be scanned, is matched anew each time. The key is the content itself, never a path, an inode or a time, so that no VM
/// can speak for another. Several scans may share the file. Belongs to the scan's thread.
class VerdictCache {
  public:
    /// Creates the file when there is none. Errors: `invalid` when it is another kind of file, `unavailable` when it is
    /// damaged or cannot be opened; each names the remedy. A scan without its cache is slower and not worse.
    static Result<std::unique_ptr<VerdictCache>> open(const std::string& path, uint64_t most_bytes, Instant now);
    ~VerdictCache();
    VerdictCache(const VerdictCache&) = delete;
    VerdictCache& operator=(const VerdictCache&) = delete;

    /// The number by which the file calls a signature set; 0 when it cannot be written, and then nothing is known of it.
    int64_t number_of(const std::string& signature_set);

    struct Set {
        int64_t number;
        std::string name;
    };
    /// All sets that were ever asked for, the one that came last in front.
    std::vector<Set> sets();
    /// Whether this set has so many contents.
    bool has_contents(int64_t set, uint64_t count);

    /// Whether the set found nothing in this content before. False also when the file cannot be read.
    bool knows(int64_t set, const ContentDigest& content);
    /// Remembers that the set found nothing in it; `flush` writes it.
    void add(int64_t set, const ContentDigest& content);
    /// How much `flush` would write.
    size_t unwritten() const { return batch_.size(); }

    /// Writes what was added. What another scan's writing holds up for longer than a second is given up.
    void flush();
    /// Forgets what was added and is not written.
    void forget_unwritten() { batch_.clear(); }
    /// Makes the file small enough again: what was of no use for longest goes first.
    void trim();

  private:
    struct DatabaseCloser {
        void operator()(sqlite3* database) const;
    };
    struct StatementCloser {
        void operator()(sqlite3_stmt* statement) const;
    };
    using Statement = std::unique_ptr<sqlite3_stmt, StatementCloser>;
    struct Entry {
        int64_t set;
        ContentDigest content;
    };

    VerdictCache() = default;
    Result<void> prepare(const std::string& path);
    bool run(const std::string& sql);
    int64_t number(const std::string& sql);
    uint64_t bytes();

    std::unique_ptr<sqlite3, DatabaseCloser> database_;
    Statement select_, insert_;
    std::vector<Entry> batch_;
    uint64_t most_bytes_ = 0;
    int64_t today_ = 0;
};

}  // namespace bailiff::agent
