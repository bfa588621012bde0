// SPDX-License-Identifier: Apache-2.0
// The loop over reader and lanes. Whatever it does not positively know to be scanned is on the list of skipped things.
#include "agent/scan/scan.hpp"

#include "agent/scan/box/memory_file.hpp"
#include "agent/scan/box/packet_socket.hpp"
#include "agent/scan/path_text.hpp"
#include "agent/scan/reader_message.hpp"
#include "agent/scan/suspicions/suspicions.hpp"

#include <poll.h>

#include <algorithm>
#include <deque>
#include <list>
#include <utility>

namespace bailiff::agent {
namespace {

constexpr int most_time_outs = 8, most_attempts = 4;
constexpr uint64_t most_volumes = 2000;
constexpr std::chrono::milliseconds progress_every{500};
/// What is remembered is written in batches of so many contents.
constexpr size_t remembered_at_once = 4096;

/// One content on its way through the engines.
struct FileInScan {
    std::string path, volume;
    uint64_t size = 0;
    Descriptor content;
    size_t engines_left = 0;
    std::optional<ContentDigest> digest;
    int broken_off = 0;  ///< how often an engine went away with it
    Fingerprint told_by{};
    bool silent = true;  ///< nothing of it is to be told: only such a content may be passed over next time
};
using FileRef = std::list<FileInScan>::iterator;

struct LaneState {
    std::unique_ptr<Lane> lane;
    std::optional<FileRef> file;
    ScanTime deadline;
};

struct EngineState {
    Engine* engine;
    ScanEngine facts;
    std::deque<FileRef> waiting;
    std::vector<LaneState> lanes;
    int time_outs_in_a_row = 0;
    int64_t set = 0;  ///< its number in the cache; 0 = what it says is not remembered
    int64_t older_set = 0;           ///< contents of this one need to be matched with what is new only; 0 = none
    EngineState* newer = nullptr;    ///< has what is new; null when nothing is
    EngineState* whole = nullptr;    ///< set for that one: the engine that it spares work, and that has the last word
};

class Scan {
  public:
    Scan(RoleProcess reader, const Source& source, const std::vector<std::unique_ptr<Engine>>& engines, const ScanSettings& settings, ScanListener& listener)
        : reader_(std::move(reader)), source_(source), settings_(settings), listener_(listener), started_(settings.now()), heard_(started_) {
        for (const auto& engine : engines) {
            EngineState& state = add(*engine);
            if (settings.cache && !engine->signature_set().empty()) state.set = settings.cache->number_of(engine->signature_set());
            verdict_.engines.push_back(state.facts);
            if (!settings.new_signatures || state.set == 0 || state.facts.name != "clamav") continue;
            state.older_set = settings.new_signatures->older;
            if (!settings.new_signatures->engine) continue;
            state.newer = &add(*settings.new_signatures->engine);
            state.newer->whole = &state;
        }
        if (settings.hashes)
            for (auto& facts : settings.hashes->facts()) verdict_.engines.push_back(std::move(facts));
    }

    Result<Verdict> run() {
        while (!aborted_ && (!reader_done_ || !files_.empty())) {
            if (settings_.cancelled && settings_.cancelled()) {
                abort(SkipReason::cancelled, "the scan was ended before its time; what is not listed was not scanned");
                break;
            }
            feed();
            if (aborted_ || (reader_done_ && files_.empty())) break;
            wait();
        }
        if (!cannot_open_.empty()) return fail(Errc::unavailable, cannot_open_);
        finish();
        return verdict_;
    }

  private:
    EngineState& add(Engine& engine) {
        EngineState& state = engines_.emplace_back(EngineState{&engine, engine.facts(), {}, {}});
        for (unsigned i = 0; i < settings_.lanes; ++i) state.lanes.push_back({engine.new_lane(), std::nullopt, {}});
        return state;
    }

    void skip(SkippedItem item) {
        ++verdict_.skipped_total;
        listener_.skipped(item);
        if (verdict_.skipped.size() < most_listed) verdict_.skipped.push_back(std::move(item));
    }

    /// Ends the scan early; what was not looked at is named as a whole.
    void abort(SkipReason reason, std::string detail) {
        if (aborted_) return;
        aborted_ = true;
        skip({"", "", reason, std::move(detail), 0});
    }

    // --- the reader's side ---

    void read_packet() {
        auto packet = receive_packet(reader_.channel.fd(), Wait::no, largest_reader_message);
        if (packet && !*packet) return;
        if (!packet) return reader_lost("the sandboxed reader ended unexpectedly");
        heard_ = settings_.now();
        auto message = decode_reader_message((*packet)->bytes);
        if (!message) return reader_lost(message.error().text);
        take(std::move(*message), std::move((*packet)->descriptor));
    }

    void reader_lost(const std::string& why) {
        reader_.process.stop();
        reader_done_ = true;
        if (in_volume_) {
            verdict_.volumes.back().state = VolumeState::unreadable;
            verdict_.volumes.back().reason = why;
            listener_.volume(verdict_.volumes.back());
            in_volume_ = false;
        }
        skip({"", volume_name(), SkipReason::reader_failed, why + "; the rest of the image was not read", 0});
    }

    std::string volume_name() const { return verdict_.volumes.empty() ? "" : verdict_.volumes.back().name; }

    void take(ReaderMessage message, Descriptor content) {
        const bool of_volume = message.kind == ReaderMessageKind::file || message.kind == ReaderMessageKind::suspicious || message.kind == ReaderMessageKind::skipped ||
                               message.kind == ReaderMessageKind::unchanged ||
                               message.kind == ReaderMessageKind::note || message.kind == ReaderMessageKind::volume_end;
        if (of_volume != in_volume_ && message.kind != ReaderMessageKind::failed)
            return reader_lost("the sandboxed reader broke the protocol");
        // What is suspicious is said before its file, so that the file's own digest goes with it.
        if (!suspicions_.empty() && message.kind != ReaderMessageKind::suspicious &&
            (message.kind != ReaderMessageKind::file || message.path != suspicions_.front().path))
            return reader_lost("the sandboxed reader broke the protocol");
        switch (message.kind) {
            case ReaderMessageKind::volume: {
                if (verdict_.volumes.size() >= most_volumes) return reader_lost("the image has too many volumes");
                ScannedVolume volume;
                volume.name = message.volume;
                volume.filesystem = message.filesystem;
                volume.start = message.start;
                volume.size = message.size;
                verdict_.volumes.push_back(std::move(volume));
                in_volume_ = true;
                break;
            }
            case ReaderMessageKind::note:
                if (verdict_.volumes.back().notes.size() < 100) verdict_.volumes.back().notes.push_back(escape_path(message.text));
                break;
            case ReaderMessageKind::volume_end: {
                ScannedVolume& volume = verdict_.volumes.back();
                volume.state = message.state;
                volume.reason = escape_path(message.text);
                in_volume_ = false;
                listener_.volume(volume);
                if (volume.state == VolumeState::unreadable) skip({"", volume.name, message.reason, volume.reason, volume.size});
                break;
            }
            case ReaderMessageKind::file: take_file(std::move(message), std::move(content)); break;
            case ReaderMessageKind::skipped:
                skipped_bytes_ = std::min(skipped_bytes_ + message.size, total_bytes_);
                skip({escape_path(message.path), volume_name(), message.reason, escape_path(message.text), message.size});
                break;
            case ReaderMessageKind::changes: offer_known(message); break;
            case ReaderMessageKind::total: total_bytes_ = message.size; break;
            case ReaderMessageKind::unchanged: take_unchanged(message); break;
            case ReaderMessageKind::finished: reader_done_ = walked_ = true; break;
            case ReaderMessageKind::suspicious:
                if (suspicions_.size() == Names<SuspicionRule>::table.size()) return reader_lost("the sandboxed reader broke the protocol");
                suspicions_.push_back(std::move(message));
                break;
            case ReaderMessageKind::failed:
                if (!verdict_.volumes.empty()) return reader_lost(escape_path(message.text));
                cannot_open_ = escape_path(message.text);
                reader_done_ = aborted_ = true;
                break;
        }
    }

    void take_file(ReaderMessage message, Descriptor content) {
        const auto size = sealed_size(content.fd());
        if (!size || *size != message.size || message.size == 0) return reader_lost("the sandboxed reader broke the protocol");
        files_.push_back({escape_path(message.path), volume_name(), *size, std::move(content), 0, std::nullopt, 0, message.fingerprint, true});
        const FileRef file = std::prev(files_.end());
        // The reader's word for a digest would count for nothing: it may be in the hands of what it reads.
        if (settings_.hashes || !suspicions_.empty() || std::any_of(engines_.begin(), engines_.end(), [](const EngineState& engine) { return engine.set != 0; }))
            if (const auto digest = digest_of(file->content.fd(), *size)) file->digest = *digest;
        for (const auto& suspicion : std::exchange(suspicions_, {})) suspect(suspicion, *file);
        const Listed listed = look_up(*file);
        if (listed == Listed::good) {
            count(*file);
            ++verdict_.known_good;
            return release(file);
        }
        bool anyone = false, known = listed == Listed::bad;
        for (auto& engine : engines_) {
            if (engine.whole) continue;
            if (*size > engine.engine->largest_file()) {
                file->silent = false;
                skip({file->path, file->volume, SkipReason::size,
                      "larger than the " + std::to_string(engine.engine->largest_file()) + " bytes that " + engine.facts.name + " is given", *size});
                continue;
            }
            if (file->digest && settings_.cache && settings_.cache->knows(engine.set, *file->digest)) {
                known = true;
                continue;
            }
            const bool known_before = file->digest && settings_.cache && settings_.cache->knows(engine.older_set, *file->digest);
            if (known_before && !engine.newer) {
                known = true;
                remember(engine, *file->digest);
                continue;
            }
            anyone = true;
            ++file->engines_left;
            (known_before ? *engine.newer : engine).waiting.push_back(file);
        }
        if (anyone || known) count(*file);
        if (anyone) return;
        if (known && listed == Listed::no) ++verdict_.known;
        release(file);
    }

    /// The reader waits until it knows what it need not read.
    void offer_known(const ReaderMessage& message) {
        if (!settings_.rescan || !verdict_.volumes.empty() || offered_) return reader_lost("the sandboxed reader broke the protocol");
        offered_ = true;
        const bool told = !source_.dirty_bitmap.empty() && message.text.empty();
        const auto known_to_all = [&](const ContentDigest& digest) {
            if (settings_.hashes && !settings_.hashes->bad(digest).empty()) return false;
            if (settings_.hashes && settings_.hashes->good(digest)) return true;
            return settings_.cache && std::all_of(engines_.begin(), engines_.end(), [&](const EngineState& engine) {
                if (engine.whole || settings_.cache->knows(engine.set, digest)) return true;
                // What only new signatures have not seen is read, for them.
                if (engine.newer || !settings_.cache->knows(engine.older_set, digest)) return false;
                remember(engine, digest);
                return true;
            });
        };
        const auto offer = settings_.rescan->offer({message.start, message.size, told, source_.bitmap_problem + escape_path(message.text)}, known_to_all);
        for (const auto& note : settings_.rescan->notes()) listener_.note(note);
        if (!offer) return reader_lost(offer.error().text);
        static constexpr uint8_t go[] = {1};
        send_packet(reader_.channel.fd(), go, offer->fd());
    }

    void take_unchanged(const ReaderMessage& message) {
        const ContentDigest* digest = offered_ ? settings_.rescan->offered(message.fingerprint) : nullptr;
        if (!digest || message.size == 0) return reader_lost("the sandboxed reader broke the protocol");
        settings_.rescan->keep(message.fingerprint, *digest);
        ++verdict_.files, ++verdict_.volumes.back().files, ++verdict_.unchanged;
        ++(settings_.hashes && settings_.hashes->good(*digest) ? verdict_.known_good : verdict_.known);
        verdict_.bytes += message.size, verdict_.volumes.back().bytes += message.size;
        verdict_.read = ScanScope::changed;
    }

    void count(const FileInScan& file) {
        ++verdict_.files, ++verdict_.volumes.back().files;
        verdict_.bytes += file.size, verdict_.volumes.back().bytes += file.size;
    }

    enum class Listed { no, good, bad };

    /// In the lists of hashes, which cost nothing to ask: so they say what they know of every content, cached or not.
    Listed look_up(FileInScan& file) {
        if (!settings_.hashes) return Listed::no;
        if (!file.digest) {
            file.silent = false;
            skip({file.path, file.volume, SkipReason::error, "its digest could not be taken, so the hash lists were not asked", file.size});
            return Listed::no;
        }
        const auto names = settings_.hashes->bad(*file.digest);
        for (const auto& name : names) hit(file, name, std::string(hash_engine));
        if (!names.empty()) file.silent = false;
        return !names.empty() ? Listed::bad : settings_.hashes->good(*file.digest) ? Listed::good : Listed::no;
    }

    /// Such a file is read by the next scan, too: only who sees its content can say it again.
    void suspect(const ReaderMessage& said, FileInScan& file) {
        file.silent = false;
        ++verdict_.suspicious_total;
        if (verdict_.suspicious.size() == most_suspicious_listed) return;
        verdict_.suspicious.push_back({file.path, file.volume, said.rule, escape_path(said.text.substr(0, longest_reason)), hex_of(file.digest.value_or(ContentDigest{})), file.size});
        listener_.suspicious(verdict_.suspicious.back());
    }

    /// Forgets a file and lets the reader send another.
    void release(FileRef file) {
        uint8_t credit[8];
        for (int i = 0; i < 8; ++i) credit[i] = static_cast<uint8_t>(file->size >> (8 * i));
        if (settings_.rescan && file->silent && file->digest) settings_.rescan->keep(file->told_by, *file->digest);
        files_.erase(file);
        if (!reader_done_) send_packet(reader_.channel.fd(), credit);
    }

    // --- the engines' side ---

    void feed() {
        for (auto& engine : engines_)
            for (auto& lane : engine.lanes) {
                if (aborted_ || lane.file || engine.waiting.empty()) continue;
                const FileRef file = engine.waiting.front();
                const bool begun = lane.lane->begin(file->content.fd(), file->size);
                if (!begun && engine.whole) return retire(engine);
                if (!begun)
                    return abort(SkipReason::engine_failed, engine.facts.name + " does not answer any more; what is not listed was not scanned");
                engine.waiting.pop_front();
                lane.file = file;
                lane.deadline = settings_.now() + settings_.per_file;
            }
    }

    /// Its files go to the engine with all signatures, which it only spared work.
    void retire(EngineState& newer) {
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

    void settle(EngineState& engine, FileRef file, const EngineAnswer& answer) {
        if (engine.whole) {
            // Whatever the new signatures find or cannot scan, the whole set finds or names: it has the last word.
            if (answer.signatures.empty() && !answer.not_scanned) settle(*engine.whole, file, answer);
            else engine.whole->waiting.push_back(file);
            return;
        }
        if (!answer.signatures.empty() && !file->digest) file->digest = digest_of(file->content.fd(), file->size).value_or(ContentDigest{});
        if (answer.signatures.empty() && !answer.not_scanned && file->digest) remember(engine, *file->digest);
        if (!answer.signatures.empty() || answer.not_scanned) file->silent = false;
        for (const auto& signature : answer.signatures) hit(*file, signature, engine.facts.name);
        if (answer.not_scanned) skip({file->path, file->volume, *answer.not_scanned, answer.detail, file->size});
        if (--file->engines_left == 0) release(file);
    }

    void hit(const FileInScan& file, const std::string& signature, const std::string& engine) {
        Finding found{file.path, file.volume, signature, engine, hex_of(*file.digest), file.size};
        ++verdict_.hits_total;
        listener_.hit(found);
        if (verdict_.hits.size() < most_listed) verdict_.hits.push_back(std::move(found));
    }

    void remember(const EngineState& engine, const ContentDigest& digest) {
        if (engine.set == 0) return;
        settings_.cache->add(engine.set, digest);
        if (settings_.cache->unwritten() >= remembered_at_once) write_down();
    }

    /// Signatures that are replaced while the scan runs end the remembering: nobody knows which ones gave the last answers.
    void write_down() {
        for (auto& engine : engines_)
            if (engine.set != 0 && !engine.engine->set_holds()) {
                engine.set = 0;
                settings_.cache->forget_unwritten();
            }
        settings_.cache->flush();
    }

    void look(EngineState& engine, LaneState& lane) {
        LaneStep step = lane.lane->look();
        const FileRef file = *lane.file;
        if (step.lost) {
            lane.file.reset();
            if (++file->broken_off < most_attempts) {
                engine.waiting.push_front(file);
                return;
            }
            settle(engine, file, {{}, SkipReason::error, engine.facts.name + " broke off again and again on this file"});
        } else if (step.answer) {
            lane.file.reset();
            engine.time_outs_in_a_row = 0;
            settle(engine, file, *step.answer);
        }
    }

    void wait() {
        std::vector<pollfd> polled;
        std::vector<std::pair<EngineState*, LaneState*>> whose;
        ScanTime until = settings_.now() + progress_every;
        for (auto& engine : engines_)
            for (auto& lane : engine.lanes)
                if (lane.file) {
                    polled.push_back({lane.lane->fd(), POLLIN, 0});
                    whose.emplace_back(&engine, &lane);
                    until = std::min(until, lane.deadline);
                }
        const bool listening = !reader_done_ && files_.size() < 2 * most_files_ahead;
        if (listening) polled.push_back({reader_.channel.fd(), POLLIN, 0});
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - settings_.now()).count();
        ::poll(polled.data(), polled.size(), static_cast<int>(std::max<int64_t>(left + 1, 0)));

        const ScanTime now = settings_.now();
        for (size_t i = 0; i < whose.size(); ++i) {
            auto [engine, lane] = whose[i];
            if (!lane->file) continue;   // its engine was retired meanwhile
            if (polled[i].revents) {
                look(*engine, *lane);
            } else if (lane->deadline <= now) {
                const FileRef file = *lane->file;
                lane->file.reset();
                lane->lane->abandon();
                settle(*engine, file, {{}, SkipReason::timeout, engine->facts.name + " took too long"});
                // A slow file is that file's matter; an engine that answers nothing at all would take days to give up on each.
                if (++engine->time_outs_in_a_row < most_time_outs) continue;
                if (engine->whole) retire(*engine);
                else
                    return abort(SkipReason::engine_failed, engine->facts.name + " answers nothing any more; what is not listed was not scanned");
            }
        }
        if (listening && polled.back().revents) read_packet();
        else if (listening && files_.empty() && now - heard_ > settings_.reader_silence) reader_lost("the sandboxed reader did nothing for too long");
        if (!files_.empty()) heard_ = now;
        listener_.progress({verdict_.files, verdict_.bytes + skipped_bytes_, verdict_.hits_total, total_bytes_});
    }

    void finish() {
        if (settings_.cache) {
            write_down();
            settings_.cache->trim();
        }
        if (settings_.rescan && offered_)
            if (const auto written = settings_.rescan->write(walked_ && !aborted_); !written) listener_.note(written.error().text);
        if (in_volume_) {
            verdict_.volumes.back().state = VolumeState::unreadable;
            verdict_.volumes.back().reason = "the scan was broken off";
            listener_.volume(verdict_.volumes.back());
        }
        verdict_.verdict = verdict_.hits_total       ? ScanVerdict::infected
                           : verdict_.skipped_total ? ScanVerdict::incomplete
                                                    : ScanVerdict::clean;
        const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(settings_.now() - started_);
        verdict_.duration_ms = static_cast<uint64_t>(took.count());
    }

    RoleProcess reader_;
    const Source& source_;
    const ScanSettings& settings_;
    ScanListener& listener_;
    ScanTime started_, heard_;
    Verdict verdict_;
    std::list<FileInScan> files_;
    std::list<EngineState> engines_;
    std::string cannot_open_;
    std::vector<ReaderMessage> suspicions_;  // of the file that comes next
    uint64_t total_bytes_ = 0, skipped_bytes_ = 0;
    bool in_volume_ = false, reader_done_ = false, walked_ = false, offered_ = false, aborted_ = false;
};

}  // namespace

Result<Verdict> scan(Source source, const std::vector<std::unique_ptr<Engine>>& engines, const ScanSettings& settings,
                     ScanListener& listener) {
    auto reader = start_reader(source.image.fd(), source.export_name, settings.limits,
                               settings.rescan ? std::optional(source.dirty_bitmap) : std::nullopt);
    if (!reader) return fail(reader.error());
    // The reader holds it now; with our copy closed, qemu-nbd ends when the reader does.
    source.image.reset();
    return Scan(std::move(*reader), source, engines, settings, listener).run();
}

}  // namespace bailiff::agent
