// SPDX-License-Identifier: Apache-2.0
// Server-sent events out of the pieces in which they arrive.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace bailiff {

struct SseEvent {
    std::string name, data, id;
};

/// Feed it pieces; it returns the events that they complete. Comments and unknown fields are skipped.
class SseReader {
  public:
    std::vector<SseEvent> take(std::string_view piece) {
        std::vector<SseEvent> out;
        for (const char c : piece) {
            if (c == '\r') continue;
            if (c != '\n') {
                if (line_.size() < (1 << 20)) line_ += c;
                continue;
            }
            if (line_.empty()) {
                if (!event_.data.empty() || !event_.name.empty()) out.push_back(event_);
                event_ = {};
            } else {
                field();
            }
            line_.clear();
        }
        return out;
    }

  private:
    void field() {
        const size_t colon = line_.find(':');
        const std::string key = line_.substr(0, colon);
        std::string value = colon == std::string::npos ? std::string() : line_.substr(colon + 1);
        if (value.starts_with(' ')) value.erase(0, 1);
        if (key == "event") event_.name = value;
        else if (key == "id") event_.id = value;
        else if (key == "data") event_.data += (event_.data.empty() ? "" : "\n") + value;
    }
    std::string line_;
    SseEvent event_;
};

}  // namespace bailiff
