// SPDX-License-Identifier: Apache-2.0
// The page on which customers answer, in memory.
#include "controller/storage/memory_storage.hpp"

namespace bailiff {

void MemoryStorage::put_token(const CaseToken& token) {
    if (tokens_by_hash_.contains({token.use, token.sha256})) return;
    const TokenKey key{token.case_id, token.notice, token.use, next("case_token")};
    log_.assign(tokens_, key, token);
    log_.assign(tokens_by_hash_, {token.use, token.sha256}, key);
    const auto first = tokens_.lower_bound({token.case_id, token.notice, token.use, 0});
    // Each that is put finds at most so many before it, so that one is too many at the most.
    if (std::distance(first, tokens_.upper_bound(key)) > tokens_per_notice) {
        log_.forget(tokens_by_hash_, std::pair(token.use, std::string(first->second.sha256)));
        log_.forget(tokens_, TokenKey(first->first));
    }
}

std::optional<CaseId> MemoryStorage::case_of_token(TokenUse use, const std::string& token_sha256) {
    const auto found = tokens_by_hash_.find({use, token_sha256});
    if (found == tokens_by_hash_.end()) return std::nullopt;
    return std::get<CaseId>(found->second);
}

void MemoryStorage::put_attachment(const Attachment& attachment) {
    log_.assign(statement_files_, {attachment.case_id, attachment.number}, attachment);
}

std::vector<Attachment> MemoryStorage::attachments_of(const CaseId& id) {
    std::vector<Attachment> out;
    for (auto it = statement_files_.lower_bound({id, 0}); it != statement_files_.end() && it->first.first == id; ++it) {
        out.push_back(it->second);
        out.back().bytes.clear();
    }
    return out;
}

std::optional<Attachment> MemoryStorage::find_attachment(const CaseId& id, int64_t number) {
    const auto found = statement_files_.find({id, number});
    if (found == statement_files_.end()) return std::nullopt;
    return found->second;
}

}  // namespace bailiff
