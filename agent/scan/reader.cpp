// SPDX-License-Identifier: Apache-2.0
// The reader's and the gate's processes, from both sides.
#include "agent/scan/reader.hpp"

#include "agent/scan/packet_socket.hpp"
#include "agent/scan/path_text.hpp"
#include "agent/scan/reader_message.hpp"
#include "agent/scan/sandbox.hpp"
#include "agent/scan/yara_worker.hpp"

#include <bailiff/json.hpp>

#include <cstdlib>

namespace bailiff::agent {
namespace {

/// Ships what the walk finds, never more than the credit that the scan gives back as it finishes files.
class ChannelSink : public WalkSink {
  public:
    void file(const std::string& path, uint64_t size, int memory_file) override {
        const Descriptor content(memory_file);
        collect(Wait::no);
        while (files_ahead_ > 0 && (files_ahead_ >= most_files_ahead || bytes_ahead_ + size > most_bytes_ahead)) collect(Wait::yes);
        ReaderMessage message;
        message.kind = ReaderMessageKind::file;
        message.path = path;
        message.size = size;
        send(message, content.fd());
        ++files_ahead_;
        bytes_ahead_ += size;
    }
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
};

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
        case VolumeKind::boot_code: {
            const auto walked = walk_volume(image, volume, limits, sink);
            end.state = walked ? VolumeState::read : VolumeState::unreadable;
            if (!walked) end.text = walked.error().text;
            break;
        }
        case VolumeKind::swap:
        case VolumeKind::empty:
            end.state = VolumeState::no_filesystem;
            end.text = volume.kind == VolumeKind::swap ? "swap space" : "nothing but zeros";
            break;
        case VolumeKind::unreadable:
            end.state = VolumeState::unreadable;
            end.text = volume.reason;
            if (volume.unsupported) end.reason = SkipReason::unsupported;
            if (volume.filesystem == "luks" || volume.filesystem == "bitlocker") end.reason = SkipReason::encrypted;
            break;
    }
    sink.send(end);
}

/// arguments: raw|nbd, the export's name, then the limits.
int run_reader(const std::vector<std::string>& arguments) {
    ChannelSink sink;
    ReaderMessage failed;
    WalkLimits limits;
    if (arguments.size() != 4) return 2;
    limits.file_size = std::strtoull(arguments[2].c_str(), nullptr, 10);
    limits.entries = std::strtoull(arguments[3].c_str(), nullptr, 10);
    SandboxProfile profile;
    profile.largest_file = limits.file_size;
    if (const auto boxed = enter_sandbox(profile); !boxed) {
        failed.text = boxed.error().text;
        sink.send(failed);
        return 1;
    }
    auto image = arguments[0] == "nbd" ? open_nbd_image(role_image, arguments[1]) : open_raw_image(role_image);
    if (!image) {
        failed.text = image.error().text;
        sink.send(failed);
        return 1;
    }
    for (const Volume& volume : find_volumes(**image)) read_volume(**image, volume, limits, sink);
    ReaderMessage done;
    done.kind = ReaderMessageKind::finished;
    sink.send(done);
    return 0;
}

/// arguments: the expectation as JSON. Answers with one packet of JSON.
int run_gate(const std::vector<std::string>& arguments) {
    SandboxProfile profile;
    profile.cpu_seconds = 10;
    profile.address_space = 1U << 30;
    const auto json = parse_json(arguments.empty() ? "" : arguments[0]);
    if (!json) return 2;
    std::vector<Mistake> mistakes;
    JsonReader in(*json, mistakes);
    Qcow2Expectation expected;
    if (in.has("backing_path")) expected.backing_path = in.text("backing_path");
    if (in.has("backing_format")) expected.backing_format = in.text("backing_format");
    if (in.has("virtual_size")) expected.virtual_size = static_cast<uint64_t>(in.integer("virtual_size", 0, INT64_MAX));
    auto boxed = enter_sandbox(profile);
    auto image = boxed ? open_raw_image(role_image) : Result<std::unique_ptr<Image>>(fail(boxed.error()));
    Result<Qcow2Header> header = fail(Errc::unavailable, "the image cannot be read");
    if (image) header = check_qcow2_header((*image)->bytes(0, qcow2_head_size), (*image)->size(), expected);
    else header = fail(image.error());
    const std::string answer = header ? dump_json(Json{{"virtual_size", header->virtual_size}, {"dirty", header->dirty}})
                                      : dump_json(Json{{"refused", header.error().text}});
    send_packet(role_channel, Bytes(reinterpret_cast<const uint8_t*>(answer.data()), answer.size()));
    return header ? 0 : 1;
}

}  // namespace

std::string last_words(Process& process) {
    return escape_path(process.wait(std::chrono::milliseconds(200)).describe().substr(0, 500));
}

std::optional<int> run_role(int argc, char** argv) {
    if (argc < 2) return std::nullopt;
    const std::string first = argv[1];
    if (first.rfind(role_prefix, 0) != 0) return std::nullopt;
    const std::string role = first.substr(std::string(role_prefix).size());
    const std::vector<std::string> arguments(argv + 2, argv + argc);
    if (role == "reader") return run_reader(arguments);
    if (role == "gate") return run_gate(arguments);
    if (role == "yara") return run_yara_worker(arguments);
    return 2;
}

Result<RoleProcess> start_role(const std::string& role, std::vector<std::string> arguments, int image) {
    auto pair = packet_pair();
    if (!pair) return fail(pair.error());
    std::vector<std::string> argv{"/proc/self/exe", role_prefix + role};
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    ProcessOptions options;
    options.descriptors = {{pair->second.fd(), role_channel}};
    if (image >= 0) options.descriptors.push_back({image, role_image});
    options.die_with_parent = true;
    options.grace = std::chrono::milliseconds(100);
    auto child = Process::start(argv, options);
    if (!child) return fail(child.error());
    return RoleProcess{std::move(*child), std::move(pair->first)};
}

Result<RoleProcess> start_reader(int image, const std::optional<std::string>& export_name, const WalkLimits& limits) {
    return start_role("reader",
                      {export_name ? "nbd" : "raw", export_name.value_or(""), std::to_string(limits.file_size),
                       std::to_string(limits.entries)},
                      image);
}

Result<Qcow2Header> gate_qcow2(int image, const Qcow2Expectation& expected) {
    Json json = Json::object();
    if (expected.backing_path) json["backing_path"] = *expected.backing_path;
    if (expected.backing_format) json["backing_format"] = *expected.backing_format;
    if (expected.virtual_size) json["virtual_size"] = *expected.virtual_size;
    auto role = start_role("gate", {dump_json(json)}, image);
    if (!role) return fail(role.error());
    const auto packet = receive_packet(role->channel.fd(), Wait::yes);
    const auto broken = [&] {
        return fail(Errc::unavailable, "the check of the image's header failed; it was not opened. " + last_words(role->process));
    };
    if (!packet || !*packet) return broken();
    const auto& bytes = (*packet)->bytes;
    const auto answer = parse_json(std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
    if (!answer) return broken();
    std::vector<Mistake> mistakes;
    JsonReader in(*answer, mistakes);
    if (in.has("refused")) return fail(Errc::forbidden, in.text("refused"));
    Qcow2Header header;
    header.virtual_size = static_cast<uint64_t>(in.integer("virtual_size", 0, INT64_MAX));
    header.dirty = in.boolean("dirty");
    if (!mistakes.empty()) return broken();
    return header;
}

}  // namespace bailiff::agent
