// SPDX-License-Identifier: Apache-2.0
// The loop over reader and lanes. Whatever it does not positively know to be scanned is on the list of skipped things.
#include "agent/scan/scan.hpp"

#include "agent/scan/box/memory_file.hpp"
#include "agent/scan/box/packet_socket.hpp"
#include "agent/scan/digest_pool.hpp"
#include "agent/scan/engine_room.hpp"
#include "agent/scan/path_text.hpp"
#include "agent/scan/reader_message.hpp"
#include "agent/scan/suspicions/suspicions.hpp"

#include <poll.h>

#include <algorithm>
#include <list>
#include <map>
#include <thread>
#include <utility>

namespace bailiff::agent {
namespace {

constexpr uint64_t most_volumes = 2000;
constexpr std::chrono::milliseconds progress_every{500};
/// Smaller contents are digested at once: to hand them to another thread would take as long.
constexpr uint64_t large_content = 256U << 10;
constexpr unsigned most_digest_threads = 4;

class Scan : EngineListener {
  public:
    Scan(RoleProcess reader, const Source& source, const std::vector<std::unique_ptr<Engine>>& engines, const ScanSettings& settings, ScanListener& listener)
        : reader_(std::move(reader)), source_(source), settings_(settings), listener_(listener), started_(settings.now()), heard_(started_),
          engines_(engines, settings, *this), digesting_(settings.hashes || engines_.remembers()),
          digests_(digesting_ ? std::clamp(std::thread::hardware_concurrency(), 1U, most_digest_threads) : 0) {
        verdict_.engines = engines_.facts();
        if (settings.hashes)
            for (auto& facts : settings.hashes->facts()) verdict_.engines.push_back(std::move(facts));
    }

    Result<Verdict> run() {
        while (!aborted_ && (!reader_done_ || !files_.empty())) {
            if (settings_.cancelled && settings_.cancelled()) {
                abort(SkipReason::cancelled, "the scan was ended before its time; what is not listed was not scanned");
                break;
            }
            engines_.feed();
            if (aborted_ || (reader_done_ && files_.empty())) break;
            wait();
        }
        if (!cannot_open_.empty()) return fail(Errc::unavailable, cannot_open_);
        finish();
        return verdict_;
    }

  private:
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
        const FileRef file = files_.insert(files_.end(), FileInScan{escape_path(message.path), verdict_.volumes.size() - 1, volume_name(), *size, std::move(content), message.fingerprint,
                                                                    std::exchange(suspicions_, {})});
        if (!digesting_ && file->suspicions.empty()) return match(file);
        // The reader's word for a digest would count for nothing: it may be in the hands of what it reads.
        if (*size < large_content || !digesting_) {
            if (const auto digest = digest_of(file->content.fd(), *size)) file->digest = *digest;
            return match(file);
        }
        in_digestion_.emplace(++tickets_, file);
        digests_.give(tickets_, file->content.fd(), *size);
    }

    void take_digests() {
        for (auto& [ticket, digest] : digests_.collect()) {
            const auto found = in_digestion_.find(ticket);
            const FileRef file = found->second;
            in_digestion_.erase(found);
            file->digest = digest;
            match(file);
        }
    }

    void match(FileRef file) {
        for (const auto& suspicion : std::exchange(file->suspicions, {})) suspect(suspicion, *file);
        const Listed listed = look_up(*file);
        if (listed == Listed::good) {
            count(*file);
            ++verdict_.known_good;
            return matched(file);
        }
        const auto admitted = engines_.admit(file);
        if (admitted.matching || admitted.known || listed == Listed::bad) count(*file);
        if (admitted.matching) return;
        if (admitted.known && listed == Listed::no) ++verdict_.known;
        matched(file);
    }

    /// The reader waits until it knows what it need not read.
    void offer_known(const ReaderMessage& message) {
        if (!settings_.rescan || !verdict_.volumes.empty() || offered_) return reader_lost("the sandboxed reader broke the protocol");
        offered_ = true;
        const bool told = !source_.dirty_bitmap.empty() && message.text.empty();
        const auto known_to_all = [&](const ContentDigest& digest) {
            if (settings_.hashes && !settings_.hashes->bad(digest).empty()) return false;
            if (settings_.hashes && settings_.hashes->good(digest)) return true;
            return engines_.known_to_all(digest);
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
        ScannedVolume& volume = verdict_.volumes[file.volume];
        ++verdict_.files, ++volume.files;
        verdict_.bytes += file.size, volume.bytes += file.size;
    }

    enum class Listed { no, good, bad };

    /// In the lists of hashes, which cost nothing to ask: so they say what they know of every content, cached or not.
    Listed look_up(FileInScan& file) {
        if (!settings_.hashes) return Listed::no;
        if (!file.digest) {
            file.silent = false;
            skip({file.path, file.volume_name, SkipReason::error, "its digest could not be taken, so the hash lists were not asked", file.size});
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
        verdict_.suspicious.push_back({file.path, file.volume_name, said.rule, escape_path(said.text.substr(0, longest_reason)), hex_of(file.digest.value_or(ContentDigest{})), file.size});
        listener_.suspicious(verdict_.suspicious.back());
    }

    // --- the engines' side ---

    /// Forgets the file and lets the reader send another.
    void matched(FileRef file) override {
        uint8_t credit[8];
        for (int i = 0; i < 8; ++i) credit[i] = static_cast<uint8_t>(file->size >> (8 * i));
        if (settings_.rescan && file->silent && file->digest) settings_.rescan->keep(file->told_by, *file->digest);
        files_.erase(file);
        if (!reader_done_) send_packet(reader_.channel.fd(), credit);
    }

    void answered(FileInScan& file, const std::string& engine, const EngineAnswer& answer) override {
        file.silent = false;
        if (!answer.signatures.empty() && !file.digest) file.digest = digest_of(file.content.fd(), file.size).value_or(ContentDigest{});
        for (size_t i = 0; i < answer.signatures.size(); ++i)
            hit(file, answer.signatures[i], engine, i < answer.offsets.size() ? answer.offsets[i] : std::nullopt);
        if (answer.not_scanned) skip({file.path, file.volume_name, *answer.not_scanned, answer.detail, file.size});
    }

    void engine_lost(const std::string& why) override { abort(SkipReason::engine_failed, why); }

    void hit(const FileInScan& file, const std::string& signature, const std::string& engine, std::optional<uint64_t> offset = std::nullopt) {
        Finding found{file.path, file.volume_name, signature, engine, hex_of(*file.digest), file.size};
        found.offset = offset;
        ++verdict_.hits_total;
        listener_.hit(found);
        if (verdict_.hits.size() < most_listed) verdict_.hits.push_back(std::move(found));
    }

    void wait() {
        std::vector<pollfd> polled;
        ScanTime until = settings_.now() + progress_every;
        engines_.poll_for(polled, until);
        const bool listening = !reader_done_ && files_.size() < 2 * most_files_ahead, digesting = !in_digestion_.empty();
        if (digesting) polled.push_back({digests_.fd(), POLLIN, 0});
        if (listening) polled.push_back({reader_.channel.fd(), POLLIN, 0});
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - settings_.now()).count();
        ::poll(polled.data(), polled.size(), static_cast<int>(std::max<int64_t>(left + 1, 0)));

        const ScanTime now = settings_.now();
        engines_.look(polled);
        if (aborted_) return;
        if (digesting) take_digests();
        if (listening && polled.back().revents) read_packet();
        else if (listening && files_.empty() && now - heard_ > settings_.reader_silence) reader_lost("the sandboxed reader did nothing for too long");
        if (!files_.empty()) heard_ = now;
        listener_.progress({verdict_.files, verdict_.bytes + skipped_bytes_, verdict_.hits_total, total_bytes_});
    }

    void finish() {
        if (settings_.cache) {
            engines_.write_down();
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
    EngineRoom engines_;
    bool digesting_;                               // each content's digest is wanted
    std::map<uint64_t, FileRef> in_digestion_;     // by ticket
    uint64_t tickets_ = 0;
    DigestPool digests_;                           // last of these: its threads read the files
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
