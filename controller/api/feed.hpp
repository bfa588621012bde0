// SPDX-License-Identifier: Apache-2.0
// The stream of case changes: what the desk committed, told to everyone who listens, resumable for a while.
#pragma once

#include "controller/api/http_server.hpp"
#include "controller/desk/ports.hpp"

#include <deque>
#include <memory>
#include <string>
#include <vector>

namespace bailiff {

/// Desk's thread only (the streams themselves are thread-safe). Events carry ids "<life>-<number>": `life` differs
/// for each start of the controller, so that an id of an earlier life is recognised and answered with `reset`,
/// which tells the listener to read the cases again.
class Feed : public Watchers {
  public:
    explicit Feed(std::string life, size_t kept = 1000, size_t most_listeners = 200)
        : life_(std::move(life)), kept_(kept), most_listeners_(most_listeners) {}

    void changed(const CaseId& id, const std::vector<core::HistoryItem>& items) override;

    /// Whether one more listener is taken.
    bool room();
    /// Sends what was missed since `last_id` (empty: nothing), then everything to come. Empty case = all.
    void listen(std::shared_ptr<EventStream> stream, const std::string& last_id, const CaseId& only);
    size_t listeners() const { return listeners_.size(); }

  private:
    struct Event {
        uint64_t number = 0;
        CaseId case_id;
        std::string data;
    };
    struct Listener {
        std::shared_ptr<EventStream> stream;
        CaseId only;
    };
    std::string id_of(uint64_t number) const { return life_ + "-" + std::to_string(number); }
    std::string life_;
    size_t kept_, most_listeners_;
    uint64_t last_ = 0;
    std::deque<Event> ring_;
    std::vector<Listener> listeners_;
};

}  // namespace bailiff
