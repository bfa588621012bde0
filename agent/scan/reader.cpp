// SPDX-License-Identifier: Apache-2.0
// The reader's process, from both sides.
#include "agent/scan/reader.hpp"

#include "agent/scan/box/memory_file.hpp"
#include "agent/scan/box/packet_socket.hpp"
#include "agent/scan/box/sandbox.hpp"
#include "agent/scan/image/used_bytes.hpp"
#include "agent/scan/leftovers.hpp"
#include "agent/scan/paced_image.hpp"
#include "agent/scan/read_ahead.hpp"
#include "agent/scan/reader_message.hpp"
#include "agent/scan/suspicions/suspicions.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <utility>

namespace bailiff::agent {
namespace {

/// Ships what the walk finds, never more than the credit that the scan gives back as it finishes files.
class ChannelSink : public WalkSink {
  public:
    void file(const std::string& path, uint64_t size, int memory_file) override { told_file(path, size, memory_file, no_fingerprint); }
    void told_file(const std::string& path, uint64_t size, int memory_file, const Fingerprint& told_by) override {
        const Descriptor content(memory_file);
        collect(Wait::no);
        while (files_ahead_ > 0 && (files_ahead_ >= most_files_ahead || bytes_ahead_ + size > most_bytes_ahead)) collect(Wait::yes);
        suspect(path, size, content.fd());
        ReaderMessage message;
        message.kind = ReaderMessageKind::file;
        message.path = path;
        message.size = size;
        message.fingerprint = told_by;
        send(message, content.fd());
        ++files_ahead_;
        bytes_ahead_ += size;
    }
    KnownContents* known() override { return known_ ? &*known_ : nullptr; }
    void unchanged(const std::string& path, uint64_t size, const Fingerprint& told_by) override {
        collect(Wait::no);
        ReaderMessage message;
        message.kind = ReaderMessageKind::unchanged;
        message.path = path;
        message.size = size;
        message.fingerprint = told_by;
        send(message);
    }
    /// Tells the scan what was written to the disk, and takes in what need not be read.
    void ask_what_is_known(Image& image, const std::string& dirty_bitmap);

    void mode_of_next(uint32_t mode) override { mode_ = mode; }
    void skipped(const std::string& path, SkipReason reason, const std::string& detail, uint64_t size) override {
        ReaderMessage message;
        message.kind = ReaderMessageKind::skipped;
        message.path = path;
        message.reason = reason;
        message.text = detail;
        message.size = size;
        send(message);
    }
    void send(const ReaderMessage& message, int descriptor = -1) {
        // Without a scan to talk to there is nothing left to do, and nothing to clean up.
        if (!send_packet(role_channel, encode(message), descriptor)) ::_exit(1);
    }

  private:
    /// Says what a person should look at, before the file itself.
    void suspect(const std::string& path, uint64_t size, int content) {
        std::string_view head;
        if (asks_for_content(path)) {
            const ssize_t got = ::pread(content, head_.data(), head_.size(), 0);
            head = std::string_view(head_).substr(0, got > 0 ? static_cast<size_t>(got) : 0);
        }
        for (const auto& suspicion : suspicions_of(path, head, std::exchange(mode_, 0))) {
            ReaderMessage message;
            message.kind = ReaderMessageKind::suspicious;
            message.path = path;
            message.size = size;
            message.rule = suspicion.rule;
            message.text = suspicion.reason;
            send(message);
        }
    }
    /// Takes in the sizes of files that the engines are done with.
    void collect(Wait wait) {
        for (;; wait = Wait::no) {
            const auto packet = receive_packet(role_channel, wait, 8);
            if (!packet) ::_exit(1);
            if (!*packet) return;
            --files_ahead_;
            bytes_ahead_ -= little_endian<uint64_t>((*packet)->bytes, 0);
        }
    }
    size_t files_ahead_ = 0;
    uint64_t bytes_ahead_ = 0;
    std::optional<KnownContents> known_;
    uint32_t mode_ = 0;
    std::string head_ = std::string(suspicion_head, '\0');  // of the file that is looked at
};

void ChannelSink::ask_what_is_known(Image& image, const std::string& dirty_bitmap) {
    ReaderMessage changes;
    changes.kind = ReaderMessageKind::changes;
    changes.start = image.size();
    DirtyMap written;
    if (!dirty_bitmap.empty()) {
        if (const auto told = image.written(written); told) changes.size = written.bytes();
        else changes.text = told.error().text;
    }
    send(changes);
    const auto packet = receive_packet(role_channel, Wait::yes, 8);
    if (!packet || !*packet) ::_exit(1);
    const auto size = sealed_size((*packet)->descriptor.fd());
    if (!size) ::_exit(1);
    std::vector<Fingerprint> sorted(*size / sizeof(Fingerprint));
    auto* bytes = reinterpret_cast<char*>(sorted.data());
    for (size_t at = 0, all = sorted.size() * sizeof(Fingerprint); at < all;) {
        const ssize_t n = ::pread((*packet)->descriptor.fd(), bytes + at, all - at, static_cast<off_t>(at));
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) ::_exit(1);
        at += static_cast<size_t>(n);
    }
    known_.emplace(std::move(sorted), std::move(written));
}

void read_volume(Image& image, const Volume& volume, const WalkLimits& limits, ChannelSink& sink) {
    ReaderMessage begin;
    begin.kind = ReaderMessageKind::volume;
    begin.volume = volume.name;
    begin.filesystem = volume.filesystem;
    begin.start = volume.start;
    begin.size = volume.size;
    sink.send(begin);
    for (const auto& note : volume.notes) {
        ReaderMessage message;
        message.kind = ReaderMessageKind::note;
        message.text = note;
        sink.send(message);
    }
    ReaderMessage end;
    end.kind = ReaderMessageKind::volume_end;
    end.reason = SkipReason::unreadable;
    switch (volume.kind) {
        case VolumeKind::ext:
        case VolumeKind::ntfs:
        case VolumeKind::fat:
        case VolumeKind::exfat:
        case VolumeKind::xfs:
        case VolumeKind::btrfs:
        case VolumeKind::iso9660:
        case VolumeKind::boot_code: {
            if (KnownContents* known = sink.known()) known->begin(volume);
            const auto walked = walk_volume(volume.on(image), volume, limits, sink);
            end.state = walked ? VolumeState::read : VolumeState::unreadable;
            if (!walked) end.text = walked.error().text;
            break;
        }
        case VolumeKind::swap:
        case VolumeKind::empty:
            end.state = VolumeState::no_filesystem;
            end.text = volume.kind == VolumeKind::swap ? "swap space" : "nothing but zeros";
            break;
        case VolumeKind::container:
            end.state = VolumeState::no_filesystem;
            end.text = volume.reason;
            break;
        case VolumeKind::unreadable:
            end.state = VolumeState::unreadable;
            end.text = volume.reason;
            if (volume.unsupported) end.reason = SkipReason::unsupported;
            if (volume.filesystem == "luks" || volume.filesystem == "bitlocker") end.reason = SkipReason::encrypted;
            break;
    }
    if (limits.leftovers) walk_leftovers(volume.on(image), volume, limits, sink);
    sink.send(end);
}

/// What lies between partitions, as a volume of its own: the master boot record and whatever hides beside it.
void read_gaps(Image& image, const std::vector<Volume>& volumes, const WalkLimits& limits, ChannelSink& sink) {
    const auto gaps = gaps_between(volumes, image.size());
    if (gaps.empty()) return;
    ReaderMessage message;
    message.kind = ReaderMessageKind::volume;
    message.volume = "gaps";
    message.size = image.size();
    sink.send(message);
    for (const auto& gap : gaps) hand_over_range(image, gap, 0, "gap", limits, sink);
    message = {};
    message.kind = ReaderMessageKind::volume_end;
    message.state = VolumeState::read;
    sink.send(message);
}

}  // namespace

int run_reader(const std::vector<std::string>& arguments) {
    ChannelSink sink;
    ReaderMessage failed;
    WalkLimits limits;
    if (arguments.size() != 6 && arguments.size() != 7) return 2;
    const bool by_changes = arguments.size() == 7;
    limits.file_size = std::strtoull(arguments[2].c_str(), nullptr, 10);
    limits.entries = std::strtoull(arguments[3].c_str(), nullptr, 10);
    limits.leftovers = arguments[4] == "leftovers";
    limits.read_rate = std::strtoull(arguments[5].c_str(), nullptr, 10);
    SandboxProfile profile;
    profile.largest_file = limits.file_size;
    if (const auto boxed = enter_sandbox(profile); !boxed) {
        failed.text = boxed.error().text;
        sink.send(failed);
        return 1;
    }
    auto image = arguments[0] == "nbd" ? open_nbd_image(role_image, arguments[1], by_changes ? arguments[6] : "") : open_raw_image(role_image);
    if (!image) {
        failed.text = image.error().text;
        sink.send(failed);
        return 1;
    }
    if (limits.read_rate > 0) *image = std::make_unique<PacedImage>(std::move(*image), limits.read_rate);
    ReadAheadImage ahead(std::move(*image));
    if (by_changes) sink.ask_what_is_known(ahead, arguments[6]);
    const auto volumes = find_volumes(ahead);
    ReaderMessage total;
    total.kind = ReaderMessageKind::total;
    for (const Volume& volume : volumes) total.size = std::min(total.size + used_bytes(volume.on(ahead), volume), uint64_t{1} << 62);
    if (limits.leftovers) total.size = ahead.size();
    sink.send(total);
    for (const Volume& volume : volumes) read_volume(ahead, volume, limits, sink);
    if (limits.leftovers) read_gaps(ahead, volumes, limits, sink);
    ReaderMessage done;
    done.kind = ReaderMessageKind::finished;
    sink.send(done);
    return 0;
}

Result<RoleProcess> start_reader(int image, const std::optional<std::string>& export_name, const WalkLimits& limits,
                                 const std::optional<std::string>& dirty_bitmap) {
    std::vector<std::string> arguments{export_name ? "nbd" : "raw", export_name.value_or(""), std::to_string(limits.file_size), std::to_string(limits.entries),
                                       limits.leftovers ? "leftovers" : "files", std::to_string(limits.read_rate)};
    if (dirty_bitmap) arguments.push_back(*dirty_bitmap);
    return start_role("reader", arguments, image);
}

}  // namespace bailiff::agent
