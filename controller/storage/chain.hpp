// SPDX-License-Identifier: Apache-2.0
// The audit chain: how its links are made, and the proof that nobody edited, deleted, reordered or cut them. Pure.
#pragma once

#include <bailiff/dsse.hpp>
#include <bailiff/json.hpp>
#include <bailiff/result.hpp>
#include "controller/core/erasure.hpp"
#include "controller/desk/ports.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace bailiff {

/// The text of an item: its JSON with "case" added.
std::string chained_text(const CaseId& case_id, const core::HistoryItem& item);
/// SHA-256(previous hash, newline, text) in hex; the first link's previous hash is empty.
std::string chained_hash(const std::string& previous, std::string_view text);
/// What stands in the place of an erased item of which only the link is left: the digest of what was left of it.
std::string link_text(const CaseId& case_id, int64_t revision, const std::string& left_sha256);
/// The digest in such a text; nothing for the text of an item.
std::optional<std::string> digest_in_link(const Json& text);
/// What the controller signs as a checkpoint.
std::string checkpoint_payload(int64_t position, const std::string& hash, Instant at);

/// What a log must agree with besides itself.
struct AuditAnchors {
    std::vector<Checkpoint> checkpoints;
    /// Revision of every case's row. Empty optional: not known, then a tail cut off after the last checkpoint stays unseen.
    std::optional<std::map<CaseId, int64_t>> cases;
    /// Keys of the controller. Empty: checkpoints are compared but their signatures are not verified.
    TrustedKeys keys;
};

/// The first thing found wrong. `position` is that of the first item that cannot be trusted.
struct ChainFault {
    int64_t position = 0;
    std::string text;  ///< a whole sentence
    friend bool operator==(const ChainFault&, const ChainFault&) = default;
};

/// Verifies a log of any length, item by item: add() them in the order in which they are kept, then finish().
class ChainVerifier {
  public:
    explicit ChainVerifier(AuditAnchors anchors);
    ChainVerifier(const ChainVerifier&) = delete;
    ChainVerifier& operator=(const ChainVerifier&) = delete;
    /// The first fault ends the verification: do not add more.
    std::optional<ChainFault> add(const ChainedItem& item);
    std::optional<ChainFault> finish();

    int64_t items() const { return position_; }
    size_t cases() const { return revisions_.size(); }
    const std::string& head() const { return head_; }

  private:
    std::optional<ChainFault> check_checkpoint(const Checkpoint& checkpoint) const;
    std::optional<ChainFault> check_seal(const ChainedItem& item, const Json& body);

    AuditAnchors anchors_;
    std::multimap<int64_t, const Checkpoint*> by_position_;
    std::map<CaseId, int64_t> revisions_;  ///< last one seen
    std::set<CaseId> links_only_;          ///< cases whose course went: they have no row any more
    /// Erased items whose `CaseErased` is still to come, by case and the revision of that.
    std::map<std::pair<CaseId, int64_t>, std::vector<core::ErasedLink>> unsealed_;
    int64_t position_ = 0;
    std::string head_;
};

/// The same for a log in memory.
std::optional<ChainFault> verify_chain(const std::vector<ChainedItem>& items, const AuditAnchors& anchors);

/// One line of an export each, without the newline. An export is all items by position, then the checkpoints, then
/// one line with every case's revision.
std::string export_line(const ChainedItem& item);
std::string export_line(const Checkpoint& checkpoint);
std::string export_line(const std::map<CaseId, int64_t>& cases);

}  // namespace bailiff
