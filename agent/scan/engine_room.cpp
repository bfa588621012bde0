// SPDX-License-Identifier: Apache-2.0
// Queues, lanes, deadlines. An engine that goes away with a file gets it again a few times; then that is said of the file.
#include "agent/scan/engine_room.hpp"

#include <algorithm>

namespace bailiff::agent {
namespace {

constexpr int most_time_outs = 8, most_attempts = 4;
/// What is remembered is written in batches of so many contents.
constexpr size_t remembered_at_once = 4096;

}  // namespace

EngineRoom::EngineRoom(const std::vector<std::unique_ptr<Engine>>& engines, const ScanSettings& settings, EngineListener& listener)
    : settings_(settings), listener_(listener) {
    for (const auto& engine : engines) {
        EngineState& state = add(*engine);
        if (settings.cache && !engine->signature_set().empty()) state.set = settings.cache->number_of(engine->signature_set());
        if (!settings.new_signatures || state.set == 0 || state.facts.name != "clamav") continue;
        state.older_set = settings.new_signatures->older;
        if (!settings.new_signatures->engine) continue;
        state.newer = &add(*settings.new_signatures->engine);
        state.newer->whole = &state;
    }
}

EngineRoom::EngineState& EngineRoom::add(Engine& engine) {
    EngineState& state = engines_.emplace_back(EngineState{&engine, engine.facts()});
    for (unsigned i = 0; i < settings_.lanes; ++i) state.lanes.push_back({engine.new_lane(), std::nullopt, {}});
    return state;
}

std::vector<ScanEngine> EngineRoom::facts() const {
    std::vector<ScanEngine> out;
    for (const auto& engine : engines_)
        if (!engine.whole) out.push_back(engine.facts);
    return out;
}

bool EngineRoom::remembers() const {
    return std::any_of(engines_.begin(), engines_.end(), [](const EngineState& engine) { return engine.set != 0; });
}

bool EngineRoom::known_to_all(const ContentDigest& digest) {
    return settings_.cache && std::all_of(engines_.begin(), engines_.end(), [&](const EngineState& engine) {
        if (engine.whole || settings_.cache->knows(engine.set, digest)) return true;
        // What only new signatures have not seen is read, for them.
        if (engine.newer || !settings_.cache->knows(engine.older_set, digest)) return false;
        remember(engine, digest);
        return true;
    });
}

EngineRoom::Admission EngineRoom::admit(FileRef file) {
    Admission out;
    for (auto& engine : engines_) {
        if (engine.whole) continue;
        if (file->size > engine.engine->largest_file()) {
            listener_.answered(*file, engine.facts.name,
                               {{}, SkipReason::size, "larger than the " + std::to_string(engine.engine->largest_file()) + " bytes that " + engine.facts.name + " is given"});
            continue;
        }
        const bool asked = file->digest && settings_.cache;
        if (asked && settings_.cache->knows(engine.set, *file->digest)) {
            out.known = true;
            continue;
        }
        const bool known_before = asked && settings_.cache->knows(engine.older_set, *file->digest);
        if (known_before && !engine.newer) {
            out.known = true;
            remember(engine, *file->digest);
            continue;
        }
        out.matching = true;
        ++file->engines_left;
        (known_before ? *engine.newer : engine).waiting.push_back(file);
    }
    return out;
}

void EngineRoom::feed() {
    for (auto& engine : engines_)
        for (auto& lane : engine.lanes) {
            if (lost_ || lane.file || engine.waiting.empty()) continue;
            const FileRef file = engine.waiting.front();
            const bool begun = lane.lane->begin(file->content.fd(), file->size);
            if (!begun && engine.whole) return retire(engine);
            if (!begun) return lose(engine.facts.name + " does not answer any more; what is not listed was not scanned");
            engine.waiting.pop_front();
            lane.file = file;
            lane.deadline = settings_.now() + settings_.per_file;
        }
}

/// Its files go to the engine with all signatures, which it only spared work.
void EngineRoom::retire(EngineState& newer) {
    EngineState& whole = *newer.whole;
    whole.older_set = 0;
    for (auto& lane : newer.lanes) {
        if (lane.file) newer.waiting.push_back(*lane.file);
        lane.file.reset();
        lane.lane->abandon();
    }
    whole.waiting.insert(whole.waiting.end(), newer.waiting.begin(), newer.waiting.end());
    newer.waiting.clear();
}

void EngineRoom::lose(const std::string& why) {
    lost_ = true;
    listener_.engine_lost(why);
}

void EngineRoom::settle(EngineState& engine, FileRef file, const EngineAnswer& answer) {
    const bool nothing = answer.signatures.empty() && !answer.not_scanned;
    if (engine.whole) {
        // Whatever the new signatures find or cannot scan, the whole set finds or names: it has the last word.
        if (nothing) settle(*engine.whole, file, answer);
        else engine.whole->waiting.push_back(file);
        return;
    }
    if (nothing && file->digest) remember(engine, *file->digest);
    if (!nothing) listener_.answered(*file, engine.facts.name, answer);
    if (--file->engines_left == 0) listener_.matched(file);
}

void EngineRoom::remember(const EngineState& engine, const ContentDigest& digest) {
    if (engine.set == 0) return;
    settings_.cache->add(engine.set, digest);
    if (settings_.cache->unwritten() >= remembered_at_once) write_down();
}

/// Signatures that are replaced while the scan runs end the remembering: nobody knows which ones gave the last answers.
void EngineRoom::write_down() {
    if (!settings_.cache) return;
    for (auto& engine : engines_)
        if (engine.set != 0 && !engine.engine->set_holds()) {
            engine.set = 0;
            settings_.cache->forget_unwritten();
        }
    settings_.cache->flush();
}

void EngineRoom::look_at(EngineState& engine, LaneState& lane) {
    LaneStep step = lane.lane->look();
    const FileRef file = *lane.file;
    if (step.lost) {
        lane.file.reset();
        if (++file->broken_off < most_attempts) engine.waiting.push_front(file);
        else settle(engine, file, {{}, SkipReason::error, engine.facts.name + " broke off again and again on this file"});
    } else if (step.answer) {
        lane.file.reset();
        engine.time_outs_in_a_row = 0;
        settle(engine, file, *step.answer);
    }
}

void EngineRoom::poll_for(std::vector<pollfd>& polled, ScanTime& until) {
    polled_.clear();
    polled_from_ = polled.size();
    for (auto& engine : engines_)
        for (auto& lane : engine.lanes)
            if (lane.file) {
                polled.push_back({lane.lane->fd(), POLLIN, 0});
                polled_.emplace_back(&engine, &lane);
                until = std::min(until, lane.deadline);
            }
}

void EngineRoom::look(const std::vector<pollfd>& polled) {
    const ScanTime now = settings_.now();
    for (size_t i = 0; i < polled_.size() && !lost_; ++i) {
        auto [engine, lane] = polled_[i];
        if (!lane->file) continue;   // its engine was retired meanwhile
        if (polled[polled_from_ + i].revents) {
            look_at(*engine, *lane);
        } else if (lane->deadline <= now) {
            const FileRef file = *lane->file;
            lane->file.reset();
            lane->lane->abandon();
            settle(*engine, file, {{}, SkipReason::timeout, engine->facts.name + " took too long"});
            // A slow file is that file's matter; an engine that answers nothing at all would take days to give up on each.
            if (++engine->time_outs_in_a_row < most_time_outs) continue;
            if (engine->whole) retire(*engine);
            else lose(engine->facts.name + " answers nothing any more; what is not listed was not scanned");
        }
    }
}

}  // namespace bailiff::agent
