// SPDX-License-Identifier: Apache-2.0
// A bounded ring of events and the streams that hear them.
#include "controller/api/feed.hpp"

#include <bailiff/json.hpp>

#include <charconv>

namespace bailiff {
namespace {

std::string data_of(const CaseId& id, const std::vector<core::HistoryItem>& items) {
    Json list = Json::array();
    for (const auto& item : items)
        list.push_back({{"revision", item.revision}, {"at", format_rfc3339(item.at)}, {"actor", item.actor},
                        {"fact", core::word_of(item.fact)}, {"text", core::describe(item.fact)}});
    return dump_json({{"case", id.text()}, {"revision", items.empty() ? 0 : items.back().revision}, {"items", std::move(list)}});
}

}  // namespace

void Feed::changed(const CaseId& id, const std::vector<core::HistoryItem>& items) {
    ring_.push_back({++last_, id, data_of(id, items)});
    if (ring_.size() > kept_) ring_.pop_front();
    const Event& event = ring_.back();
    std::erase_if(listeners_, [&](const Listener& l) {
        if (!l.only.empty() && l.only != id) return l.stream->closed();
        return !l.stream->send("case", event.data, id_of(event.number));
    });
}

bool Feed::room() {
    std::erase_if(listeners_, [](const Listener& l) { return l.stream->closed(); });
    return listeners_.size() < most_listeners_;
}

void Feed::listen(std::shared_ptr<EventStream> stream, const std::string& last_id, const CaseId& only) {
    uint64_t seen = last_;
    if (!last_id.empty()) {
        const std::string prefix = life_ + "-";
        const char* end = last_id.data() + last_id.size();
        bool ours = last_id.starts_with(prefix);
        if (ours) {
            const auto [stop, error] = std::from_chars(last_id.data() + prefix.size(), end, seen);
            ours = error == std::errc{} && stop == end && seen <= last_;
        }
        const uint64_t first = ring_.empty() ? last_ + 1 : ring_.front().number;
        if (!ours || seen + 1 < first) {
            if (!stream->send("reset", R"({"why":"the events since then are no longer kept; read the cases again"})", id_of(last_)))
                return;
            seen = last_;
        }
    } else if (!stream->send("hello", "{}", id_of(last_))) {
        // The greeting gives the listener an id to resume from before anything has happened.
        return;
    }
    for (const Event& event : ring_)
        if (event.number > seen && (only.empty() || only == event.case_id) && !stream->send("case", event.data, id_of(event.number)))
            return;
    listeners_.push_back({std::move(stream), only});
}

}  // namespace bailiff
