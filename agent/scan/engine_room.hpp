// SPDX-License-Identifier: Apache-2.0
// Spreads contents over the engines' lanes, and knows what each engine has said of a content before.
#pragma once

#include "agent/scan/engines/lane.hpp"
#include "agent/scan/fingerprint.hpp"
#include "agent/scan/reader_message.hpp"
#include "agent/scan/scan.hpp"

#include <poll.h>

#include <deque>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace bailiff::agent {

/// One content on its way through the engines.
struct FileInScan {
    std::string path;      ///< escaped
    size_t volume = 0;     ///< index of its volume in the verdict
    std::string volume_name;
    uint64_t size = 0;
    Descriptor content;
    Fingerprint told_by{};
    std::vector<ReaderMessage> suspicions{};
    std::optional<ContentDigest> digest{};
    size_t engines_left = 0;
    int broken_off = 0;    ///< how often an engine went away with it
    bool silent = true;    ///< nothing of it is to be told: only such a content may be passed over next time
};
using FileRef = std::list<FileInScan>::iterator;

/// What an engine says, said to whoever keeps the verdict; on the scan's thread.
class EngineListener {
  public:
    virtual ~EngineListener() = default;
    /// An engine's last word on a file.
    virtual void answered(FileInScan& file, const std::string& engine, const EngineAnswer& answer) = 0;
    /// No engine has anything more to say on it.
    virtual void matched(FileRef file) = 0;
    /// An engine answers nothing any more: the scan cannot go on.
    virtual void engine_lost(const std::string& why) = 0;
};

/// Belongs to the scan's thread; so do its engines, which outlive it.
class EngineRoom {
  public:
    EngineRoom(const std::vector<std::unique_ptr<Engine>>& engines, const ScanSettings& settings, EngineListener& listener);

    /// For the verdict: every engine once.
    std::vector<ScanEngine> facts() const;
    /// Whether anything said of a content is remembered by its digest.
    bool remembers() const;
    /// Whether every engine, as it is now, found nothing in this content before.
    bool known_to_all(const ContentDigest& digest);

    struct Admission {
        bool matching = false;  ///< `matched` will come
        bool known = false;     ///< some engine found nothing in it before
    };
    /// Queues the file with every engine that must see it.
    Admission admit(FileRef file);

    /// Gives waiting files to lanes that have none.
    void feed();
    /// What is to be polled; `until` becomes earlier when a file's time ends before it.
    void poll_for(std::vector<pollfd>& polled, ScanTime& until);
    /// After the poll, with the same list: takes in answers, and ends what takes too long.
    void look(const std::vector<pollfd>& polled);
    /// Writes what is remembered; at the end, and now and then.
    void write_down();

  private:
    struct LaneState {
        std::unique_ptr<Lane> lane;
        std::optional<FileRef> file;
        ScanTime deadline;
    };
    struct EngineState {
        Engine* engine;
        ScanEngine facts;
        std::deque<FileRef> waiting{};
        std::vector<LaneState> lanes{};
        int time_outs_in_a_row = 0;
        int64_t set = 0;               ///< its number in the cache; 0 = what it says is not remembered
        int64_t older_set = 0;         ///< contents of this one need to be matched with what is new only; 0 = none
        EngineState* newer = nullptr;  ///< has what is new; null when nothing is
        EngineState* whole = nullptr;  ///< set for that one: the engine that it spares work, and that has the last word
    };
    EngineState& add(Engine& engine);
    void remember(const EngineState& engine, const ContentDigest& digest);
    void settle(EngineState& engine, FileRef file, const EngineAnswer& answer);
    void look_at(EngineState& engine, LaneState& lane);
    void retire(EngineState& newer);
    void lose(const std::string& why);

    const ScanSettings& settings_;
    EngineListener& listener_;
    std::list<EngineState> engines_;
    std::vector<std::pair<EngineState*, LaneState*>> polled_;
    size_t polled_from_ = 0;
    bool lost_ = false;
};

}  // namespace bailiff::agent
