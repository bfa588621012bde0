// SPDX-License-Identifier: Apache-2.0
// Erasing what a history says of people, so that its course, its figures and the audit chain stay.
//
// An erased item keeps its place, its hash, its instant and its actor; of its text only ids, words of Bailiff's own, figures and
// instants are left. What vouches for the hole is a later item of the same case, `CaseErased`: its seal is a digest over
// where each erased item stood, the hashes before and at it, and what is left of it. That item is a link of the chain like
// any other, and it is signed: whoever changed something before the hole, or what is left of it, would have to forge both.
#pragma once

#include "controller/core/case.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace bailiff::core {

/// Stands where words were.
inline constexpr std::string_view erased_word = "[erased]";

/// The item without what anybody wrote in it and whom it names. Erased items and `CaseErased` itself stay what they are.
HistoryItem erased(HistoryItem item);

/// One erased item as the seal knows it.
struct ErasedLink {
    int64_t position = 0, revision = 0;
    std::string before, hash;   ///< of the link before it in the chain ("" at the first), and its own
    std::string left_sha256;    ///< of the text that is left
};
/// SHA-256 in hex over the links, in the order of their positions.
std::string seal_of(const std::vector<ErasedLink>& links);

/// What the controller signs of an erasure: nobody else can make one, whatever he writes into the database.
inline constexpr std::string_view erasure_payload_type = "application/vnd.bailiff.erasure.v1+json";
std::string erasure_payload(const CaseId& id, int64_t upto, const std::string& seal);

}  // namespace bailiff::core
