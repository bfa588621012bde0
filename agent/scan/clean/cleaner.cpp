// SPDX-License-Identifier: Apache-2.0
// The cleaner's role: packets of JSON in, packets of JSON and sealed contents out.
#include "agent/scan/clean/cleaner.hpp"

#include "agent/scan/box/packet_socket.hpp"
#include "agent/scan/box/role.hpp"
#include "agent/scan/box/sandbox.hpp"
#include "agent/scan/path_text.hpp"

#include <bailiff/json.hpp>

#include <limits>
#include <map>
#include <optional>

namespace bailiff::agent {
namespace {

void answer(const Json& json, int descriptor = -1) {
    const std::string text = dump_json(json);
    if (!send_packet(role_channel, Bytes(reinterpret_cast<const uint8_t*>(text.data()), text.size()), descriptor)) ::_exit(1);
}
void answer_error(const Error& error) {
    const char* kind = error.code == Errc::not_found         ? "absent"
                       : error.code == Errc::conflict        ? "other"
                       : error.code == Errc::unknown_outcome ? "broken"
                                                             : "failed";
    answer({{kind, escape_path(error.text.substr(0, 1000))}});
}

/// The volumes that were asked for so far, each opened once.
class OpenVolumes {
  public:
    OpenVolumes(Image& image, OpenVolume opener) : image_(image), volumes_(find_volumes(image)), opener_(opener) {}

    Result<CleanableVolume*> open(const std::string& name) {
        if (const auto known = open_.find(name); known != open_.end()) return known->second.get();
        for (const Volume& volume : volumes_) {
            if (volume.name != name || volume.kind == VolumeKind::unreadable) continue;
            if (!volume.no_writing.empty()) return fail(Errc::invalid, volume.no_writing);
            auto opened = opener_(volume.on(image_), volume);
            if (!opened) return fail(opened.error());
            return (open_[name] = std::move(*opened)).get();
        }
        return fail(Errc::invalid, "the image has no readable volume of that name");
    }
    Result<void> close() {
        Result<void> out;
        for (auto& [name, volume] : open_)
            if (const auto closed = volume->close(); !closed) out = closed;
        if (out && !image_.flush()) return fail(Errc::unavailable, "the image cannot be flushed to its disk");
        return out;
    }

  private:
    Image& image_;
    std::vector<Volume> volumes_;
    OpenVolume opener_;
    std::map<std::string, std::unique_ptr<CleanableVolume>> open_;
};

Result<std::string> act(CleanableVolume& volume, JsonReader& in, const Descriptor& beside) {
    constexpr int64_t most = std::numeric_limits<int64_t>::max();
    if (in.has("plan")) {
        std::optional<uint64_t> size;
        if (in.has("size")) size = static_cast<uint64_t>(in.integer("size", 0, most));
        return volume.plan(size);
    }
    if (in.has("remove")) return volume.remove();
    const auto size = sealed_size(beside.fd());
    if (!size) return fail(size.error());
    return volume.replace({beside.fd(), *size, in.integer("mtime", 0, most), in.integer("now", 0, most)});
}

}  // namespace

int serve_cleaning(OpenVolume open, const std::vector<std::string>& arguments) {
    const bool dry_run = !arguments.empty() && arguments[0] == dry_run_argument;
    SandboxProfile profile;
    auto boxed = enter_sandbox(profile);
    auto image = boxed ? open_nbd_image(role_image, "") : Result<std::unique_ptr<Image>>(fail(boxed.error()));
    if (!image) return answer_error(image.error()), 1;
    answer({{"ready", true}});
    OpenVolumes volumes(**image, open);
    CleanableVolume* current = nullptr;
    for (;;) {
        const auto packet = receive_packet(role_channel, Wait::yes);
        if (!packet || !*packet) return 1;
        const auto json = parse_json(std::string_view(reinterpret_cast<const char*>((*packet)->bytes.data()), (*packet)->bytes.size()));
        if (!json) return 1;
        std::vector<Mistake> mistakes;
        JsonReader in(*json, mistakes);
        if (in.has("take")) {
            const auto path = unescape_path(in.text("take", 65536));
            const auto volume = path ? volumes.open(in.text("volume")) : Result<CleanableVolume*>(fail(path.error()));
            auto content = volume ? (*volume)->take(*path) : Result<MemoryFile>(fail(volume.error()));
            current = content ? *volume : nullptr;
            if (content) answer({{"taken", to_json(current->facts())}}, content->fd());
            else answer_error(content.error());
        } else if ((in.has("plan") || ((in.has("remove") || in.has("replace")) && !dry_run)) && current) {
            const auto acted = act(*current, in, (*packet)->descriptor);
            current = nullptr;
            if (acted) answer({{"action", *acted}});
            else answer_error(acted.error());
        } else if (in.has("finish")) {
            const auto closed = dry_run ? Result<void>() : volumes.close();
            if (closed) answer({{"finished", true}});
            else answer_error(closed.error());
            return closed ? 0 : 1;
        } else {
            return 1;
        }
    }
}

}  // namespace bailiff::agent
