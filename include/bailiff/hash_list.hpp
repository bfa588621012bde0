// SPDX-License-Identifier: Apache-2.0
// Signed lists of contents that are known to be bad, or known to be good: their file, as bailiffctl writes it and
// bailiff-scan reads it.
//
// The first line is a DSSE envelope; what it signs says how many entries follow and their SHA-256. Each entry is a line
// `SHA256 NAME` of a bad content or `SHA256` of a good one, in rising order, so that a list of a million entries is
// checked and read in one pass and needs no more memory than its entries.
#pragma once

#include <bailiff/dsse.hpp>
#include <bailiff/names.hpp>
#include <bailiff/result.hpp>
#include <bailiff/time.hpp>

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bailiff {

enum class HashListKind { bad, good };

template <>
struct Names<HashListKind> {
    static constexpr std::string_view what = "kind of hash list";
    static constexpr std::array table{std::pair{HashListKind::bad, std::string_view("bad")}, std::pair{HashListKind::good, std::string_view("good")}};
};

inline constexpr std::string_view hash_list_type = "application/vnd.bailiff.hash-list.v1+json";
inline constexpr int64_t most_hash_entries = 4'000'000;
inline constexpr size_t longest_hash_name = 128;       ///< bytes, of an entry and of a list
inline constexpr size_t longest_hash_list_head = 8192;  ///< bytes of the first line
inline constexpr uint64_t largest_hash_list = 512U << 20;

/// What is signed.
struct HashListHead {
    HashListKind kind = HashListKind::bad;
    std::string name;        ///< printable ASCII, for people
    int64_t version = 0;     ///< from 1; a newer list of the same name has a higher one
    Instant made_at{};
    int64_t entries = 0;
    std::string sha256;      ///< of all that follows the first line, hex
    friend bool operator==(const HashListHead&, const HashListHead&) = default;
};

using HashDigest = std::array<uint8_t, 32>;

struct HashEntry {
    HashDigest digest{};
    std::string name;  ///< "" in a list of good contents
    friend bool operator==(const HashEntry&, const HashEntry&) = default;
};

/// 64 lower-case hex digits at the start of `text`; false when they are something else.
bool read_hash_digest(std::string_view text, HashDigest& out);

/// Whether a name may stand in a list: 1 to 128 printable ASCII characters, none of them a blank at an end.
bool is_hash_name(std::string_view name);

/// The strict JSON that is signed, and back. An error lists every mistake.
std::string hash_list_payload(const HashListHead& head);
Result<HashListHead> parse_hash_list_payload(std::string_view payload);

/// The file's first line, checked against the keys. An error says why it is not believed, with the remedy.
Result<HashListHead> open_hash_list_head(std::string_view line, const TrustedKeys& keys);

/// One line after the first, without its newline. False when it is no entry of such a list.
bool read_hash_entry(std::string_view line, HashListKind kind, HashDigest& digest, std::string_view& name);

/// A text as sha256sum prints it: `SHA256  NAME` in each line; blank lines and those that begin with # are left out. Of a good
/// list names are dropped. An error names the line.
Result<std::vector<HashEntry>> read_hash_sums(std::string_view text, HashListKind kind);

/// The whole file, signed. Entries are sorted; of those with one digest the first stays. `head`'s entries and sha256 are set here.
std::string write_hash_list(const SignatureKey& key, HashListHead head, std::vector<HashEntry> entries);

/// Each public key of a PEM text that holds one or several; an error when there is none, or one is no Ed25519 key.
Result<TrustedKeys> read_public_keys(std::string_view pem);

}  // namespace bailiff
