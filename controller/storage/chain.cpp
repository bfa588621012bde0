// SPDX-License-Identifier: Apache-2.0
// Links of the audit chain and their verification.
#include "controller/storage/chain.hpp"

#include <bailiff/json.hpp>

namespace bailiff {

std::string chained_text(const CaseId& case_id, const core::HistoryItem& item) {
    Json json = core::json_of(item);
    json["case"] = case_id.text();
    return dump_json(json);
}

std::string chained_hash(const std::string& previous, std::string_view text) {
    std::string bytes;
    bytes.reserve(previous.size() + 1 + text.size());
    bytes += previous;
    bytes += '\n';
    bytes += text;
    return sha256_hex(bytes);
}

std::string link_text(const CaseId& case_id, int64_t revision, const std::string& left_sha256) {
    return dump_json(Json{{"case", case_id.text()}, {"left_sha256", left_sha256}, {"revision", revision}});
}

std::optional<std::string> digest_in_link(const Json& text) {
    if (!text.is_object() || text.size() != 3) return std::nullopt;
    const Json digest = text.value("left_sha256", Json());
    return digest.is_string() ? std::optional(digest.get<std::string>()) : std::nullopt;
}

std::string checkpoint_payload(int64_t position, const std::string& hash, Instant at) {
    return dump_json(Json{{"position", position}, {"hash", hash}, {"at", format_rfc3339(at)}});
}

ChainVerifier::ChainVerifier(AuditAnchors anchors) : anchors_(std::move(anchors)) {
    for (const auto& checkpoint : anchors_.checkpoints) by_position_.emplace(checkpoint.position, &checkpoint);
}

std::optional<ChainFault> ChainVerifier::add(const ChainedItem& item) {
    const int64_t here = position_ + 1;
    const std::string at = std::to_string(here);
    if (item.position != here)
        return ChainFault{here, "item " + at + " is missing or out of order: item " + std::to_string(item.position) + " stands in its place"};
    const auto json = parse_json(item.text, JsonLimits{64 << 20, 64});
    // What is left of an erased item has no hash of its own; its seal comes later in the log.
    if (item.erased > 0) {
        const auto digest = json ? digest_in_link(*json) : std::nullopt;
        if (digest) links_only_.insert(item.case_id);
        unsealed_[{item.case_id, item.erased}].push_back({here, item.revision, head_, item.hash, digest ? *digest : sha256_hex(item.text)});
    } else if (item.hash != chained_hash(head_, item.text)) {
        return ChainFault{here, "item " + at + " (case " + item.case_id.text() + ", revision " + std::to_string(item.revision) +
                                    ") was changed, or the one before it removed: its hash does not follow from them"};
    }
    // The columns beside the text are not hashed, so they must repeat what the text says.
    if (!json) return ChainFault{here, "item " + at + " is no JSON: " + json.error().text};
    std::vector<Mistake> mistakes;
    JsonReader read(*json, mistakes);
    const CaseId case_id(read.text("case"));
    const int64_t revision = read.integer("revision", 1, codec::any);
    if (!mistakes.empty()) return ChainFault{here, "item " + at + " cannot be read: " + describe(mistakes, 3)};
    if (case_id != item.case_id || revision != item.revision)
        return ChainFault{here, "item " + at + " is filed under case " + item.case_id.text() + ", revision " +
                                    std::to_string(item.revision) + ", but its text says case " + case_id.text() + ", revision " +
                                    std::to_string(revision)};
    if (json->contains("fact") && json->at("fact") == "case_erased" && item.erased == 0)
        if (auto fault = check_seal(item, json->value("body", Json::object()))) return fault;
    int64_t& last = revisions_[case_id];
    if (revision != last + 1)
        return ChainFault{here, "item " + at + " is revision " + std::to_string(revision) + " of case " + case_id.text() +
                                    "; revision " + std::to_string(last + 1) + " should come next"};
    last = revision;
    if (anchors_.cases) {
        const auto row = anchors_.cases->find(case_id);
        const bool gone = row == anchors_.cases->end();
        if (gone && !links_only_.contains(case_id)) return ChainFault{here, "case " + case_id.text() + " has a history but no row"};
        if (!gone && revision > row->second)
            return ChainFault{here, "case " + case_id.text() + " stands at revision " + std::to_string(row->second) +
                                        ", but its history goes on: its row was set back"};
    }
    position_ = here;
    head_ = item.hash;
    const auto [first, end] = by_position_.equal_range(here);
    for (auto it = first; it != end; ++it)
        if (auto fault = check_checkpoint(*it->second)) return fault;
    return std::nullopt;
}

/// An erasure vouches for exactly the items that name it.
std::optional<ChainFault> ChainVerifier::check_seal(const ChainedItem& item, const Json& body) {
    const auto found = unsealed_.find({item.case_id, item.revision});
    const std::vector<core::ErasedLink> none;
    const auto& links = found == unsealed_.end() ? none : found->second;
    const Json seal = body.value("seal", Json());
    if (!seal.is_string() || seal.get<std::string>() != core::seal_of(links)) {
        const int64_t first = links.empty() ? item.position : links.front().position;
        return ChainFault{first, "what is left of case " + item.case_id.text() + " is not what was sealed when it was erased at item " +
                                     std::to_string(item.position) + ": it, or something before it, was changed"};
    }
    if (found != unsealed_.end()) unsealed_.erase(found);
    if (anchors_.keys.empty()) return std::nullopt;
    const Json envelope = body.value("envelope", Json()), upto = body.value("upto", Json());
    const auto opened = envelope.is_string() ? open_envelope(envelope.get<std::string>(), anchors_.keys) : tl::unexpected(EnvelopeFault::malformed);
    if (opened && opened->type == core::erasure_payload_type && upto.is_number_integer() &&
        opened->payload == core::erasure_payload(item.case_id, upto.get<int64_t>(), seal.get<std::string>()))
        return std::nullopt;
    return ChainFault{item.position, "the erasure of case " + item.case_id.text() + " is not signed by any of the given keys"};
}

std::optional<ChainFault> ChainVerifier::check_checkpoint(const Checkpoint& checkpoint) const {
    const std::string which = "the checkpoint at item " + std::to_string(checkpoint.position);
    if (checkpoint.hash != head_)
        return ChainFault{checkpoint.position, which + " has another hash: the log up to there was rewritten, or the checkpoint changed"};
    if (anchors_.keys.empty()) return std::nullopt;
    const auto opened = open_envelope(checkpoint.envelope, anchors_.keys);
    if (!opened) {
        const char* why = opened.error() == EnvelopeFault::unknown_key ? "is signed by none of the given keys" : "has no valid signature";
        return ChainFault{checkpoint.position, which + " " + why};
    }
    if (opened->type != checkpoint_payload_type || opened->payload != checkpoint_payload(checkpoint.position, checkpoint.hash, checkpoint.at)) {
        // Another writer may order the fields differently: what counts is what they say.
        const auto signed_ = parse_json(opened->payload);
        const auto beside = parse_json(checkpoint_payload(checkpoint.position, checkpoint.hash, checkpoint.at));
        if (opened->type != checkpoint_payload_type || !signed_ || *signed_ != *beside)
            return ChainFault{checkpoint.position, which + " differs from what was signed"};
    }
    return std::nullopt;
}

std::optional<ChainFault> ChainVerifier::finish() {
    const int64_t next = position_ + 1;
    if (!unsealed_.empty())
        return ChainFault{unsealed_.begin()->second.front().position, "item " + std::to_string(unsealed_.begin()->second.front().position) + " of case " +
                                                                          unsealed_.begin()->first.first.text() + " is marked as erased, but no erasure in the log vouches for that"};
    const auto beyond = by_position_.upper_bound(position_);
    if (beyond != by_position_.end())
        return ChainFault{next, "the log ends at item " + std::to_string(position_) + ", but item " + std::to_string(beyond->first) +
                                    " was signed: the end was cut off"};
    if (!by_position_.empty() && by_position_.begin()->first < 1)
        return ChainFault{1, "a checkpoint names item " + std::to_string(by_position_.begin()->first) + ", which cannot be"};
    if (!anchors_.cases) return std::nullopt;
    for (const auto& [id, revision] : *anchors_.cases) {
        const auto seen = revisions_.find(id);
        const int64_t last = seen == revisions_.end() ? 0 : seen->second;
        if (last < revision)
            return ChainFault{next, "case " + id.text() + " stands at revision " + std::to_string(revision) + ", but its history ends at " +
                                        std::to_string(last) + ": the end of the log was cut off, or the row changed"};
    }
    return std::nullopt;
}

std::optional<ChainFault> verify_chain(const std::vector<ChainedItem>& items, const AuditAnchors& anchors) {
    ChainVerifier verifier(anchors);
    for (const auto& item : items)
        if (auto fault = verifier.add(item)) return fault;
    return verifier.finish();
}

std::string export_line(const ChainedItem& item) {
    Json line{{"position", item.position}, {"case", item.case_id.text()}, {"revision", item.revision}, {"text", item.text}, {"hash", item.hash}};
    if (item.erased > 0) line["erased"] = item.erased;
    return dump_json(line);
}
std::string export_line(const Checkpoint& c) {
    return dump_json(Json{{"checkpoint", Json{{"position", c.position}, {"hash", c.hash}, {"at", format_rfc3339(c.at)}, {"envelope", c.envelope}}}});
}
std::string export_line(const std::map<CaseId, int64_t>& cases) {
    Json revisions = Json::object();
    for (const auto& [id, revision] : cases) revisions[id.text()] = revision;
    return dump_json(Json{{"cases", std::move(revisions)}});
}

}  // namespace bailiff
