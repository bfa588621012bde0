// SPDX-License-Identifier: Apache-2.0
// Lists of contents that the provider knows to be bad, or to be good: looked up by digest, before any engine.
#pragma once

#include "agent/scan/box/memory_file.hpp"
#include "agent/scan/scan_result.hpp"

#include <bailiff/hash_list.hpp>
#include <bailiff/result.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bailiff::agent {

/// One list in memory: 32 bytes for each entry, and of a bad one 4 more and its name. Immutable.
class HashList {
  public:
    /// Reads and checks a whole file in one pass: signature, order, count, digest. Every error names the file and the remedy.
    static Result<HashList> load(const std::string& path, const TrustedKeys& keys);

    const HashListHead& head() const { return head_; }
    /// The entry's name, "" in a good list; nothing when the content is not in the list.
    std::optional<std::string_view> find(const ContentDigest& content) const;
    /// What it takes in memory.
    size_t bytes() const { return digests_.capacity() * sizeof(ContentDigest) + names_.capacity() * sizeof(uint32_t) + text_.capacity(); }
    /// For the verdict. Without a date: how old the provider's own list is says nothing of the age of an engine's signatures.
    ScanEngine facts() const;

  private:
    HashListHead head_;
    std::vector<ContentDigest> digests_;    // rising
    std::vector<uint32_t> names_;           // where the name of each begins in `text_`
    std::string text_;                      // names, each ended by the beginning of the next
};

/// All lists of a scan.
class HashLists {
  public:
    /// Each key file may hold several keys. Lists without a key, a key that is none, and a list that is not believed are errors.
    static Result<HashLists> load(const std::vector<std::string>& files, const std::vector<std::string>& key_files);

    bool empty() const { return lists_.empty(); }
    std::vector<ScanEngine> facts() const;
    /// Under which names bad lists know the content; the same name once.
    std::vector<std::string> bad(const ContentDigest& content) const;
    /// Whether a good list names it. Ask for `bad` first: what is in both is bad.
    bool good(const ContentDigest& content) const;

  private:
    std::vector<HashList> lists_;
};

/// What hits of these lists name as their engine.
inline constexpr std::string_view hash_engine = "hashes";

}  // namespace bailiff::agent
