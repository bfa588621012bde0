// SPDX-License-Identifier: Apache-2.0
// The page on which customers answer, in memory.
#include "controller/storage/memory_storage.hpp"

namespace bailiff {

void MemoryStorage::put_page_token(const PageToken& token) {
    if (page_by_hash_.contains(token.sha256)) return;
    const int64_t number = next("page_token");
    log_.assign(page_tokens_, number, token);
    log_.assign(page_by_hash_, token.sha256, number);
    std::vector<int64_t> of_notice;
    for (const auto& [at, kept] : page_tokens_)
        if (kept.case_id == token.case_id && kept.notice == token.notice) of_notice.push_back(at);
    while (int64_t(of_notice.size()) > tokens_per_notice) {
        log_.forget(page_by_hash_, std::string(page_tokens_.at(of_notice.front()).sha256));
        log_.forget(page_tokens_, of_notice.front());
        of_notice.erase(of_notice.begin());
    }
}

std::optional<CaseId> MemoryStorage::case_of_page(const std::string& token_sha256) {
    const auto found = page_by_hash_.find(token_sha256);
    if (found == page_by_hash_.end()) return std::nullopt;
    return page_tokens_.at(found->second).case_id;
}

void MemoryStorage::put_reply_token(const ReplyToken& token) {
    if (reply_by_hash_.contains(token.sha256)) return;
    const int64_t number = next("reply_token");
    log_.assign(reply_tokens_, number, token);
    log_.assign(reply_by_hash_, token.sha256, number);
    std::vector<int64_t> of_notice;
    for (const auto& [at, kept] : reply_tokens_)
        if (kept.case_id == token.case_id && kept.notice == token.notice) of_notice.push_back(at);
    while (int64_t(of_notice.size()) > tokens_per_notice) {
        log_.forget(reply_by_hash_, std::string(reply_tokens_.at(of_notice.front()).sha256));
        log_.forget(reply_tokens_, of_notice.front());
        of_notice.erase(of_notice.begin());
    }
}

std::optional<CaseId> MemoryStorage::case_of_reply(const std::string& token_sha256) {
    const auto found = reply_by_hash_.find(token_sha256);
    if (found == reply_by_hash_.end()) return std::nullopt;
    return reply_tokens_.at(found->second).case_id;
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
