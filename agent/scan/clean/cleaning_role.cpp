// SPDX-License-Identifier: Apache-2.0
// See cleaning_role.hpp.
#include "agent/scan/clean/cleaning_role.hpp"

#include "agent/scan/box/packet_socket.hpp"
#include "agent/scan/clean/cleaner.hpp"

#include <chrono>
#include <vector>

namespace bailiff::agent {
namespace {

constexpr std::chrono::seconds server_patience{120};
constexpr JsonLimits reply_limits{64 * 1024, 4};
constexpr const char* begin_anew = "); throw the overlay away and begin anew";

}  // namespace

std::string RoleReply::text(const char* field) const {
    const auto it = json.find(field);
    return it != json.end() && it->is_string() ? it->get<std::string>() : std::string();
}

Result<CleaningRole> CleaningRole::start(const SourceSpec& overlay, bool dry_run, const std::string& role, const std::string& sibling) {
    auto source = open_for_cleaning(overlay, dry_run ? Access::read_only : Access::writable);
    if (!source) return fail(source.error());
    std::vector<std::string> arguments;
    if (dry_run) arguments.push_back(dry_run_argument);
    auto started = start_role(role, arguments, source->image.fd(), sibling);
    if (!started) return fail(started.error());
    source->image.reset();
    CleaningRole out(std::move(*started), std::move(*source->server));
    const auto ready = out.reply();
    if (ready && ready->has("ready")) return out;
    return fail(Errc::unavailable, "the image cannot be opened (is the VM running?): " + (ready ? ready->text("failed") : ready.error().text) +
                                       "; qemu-nbd: " + last_words(out.server_));
}

Result<void> CleaningRole::finish() {
    const auto finished = ask({{"finish", true}});
    if (!finished) return fail(finished.error());
    const auto ended = server_.wait(server_patience);
    if (finished->has("finished") && ended.ok()) return {};
    return fail(Errc::unknown_outcome, "the changes were not all written (" + finished->text("failed") + ended.describe() + begin_anew);
}

Result<RoleReply> CleaningRole::ask(const Json& question, int beside) {
    const std::string text = dump_json(question);
    if (!send_packet(role_.channel.fd(), Bytes(reinterpret_cast<const uint8_t*>(text.data()), text.size()), beside)) return gone();
    auto answer = reply();
    if (answer && answer->has("broken"))
        return fail(Errc::unknown_outcome, "a change was begun and not finished (" + answer->text("broken") + begin_anew);
    return answer;
}

Result<RoleReply> CleaningRole::reply() {
    auto packet = receive_packet(role_.channel.fd(), Wait::yes);
    if (!packet || !*packet) return gone();
    const auto& bytes = (*packet)->bytes;
    auto json = parse_json(std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()), reply_limits);
    if (!json || !json->is_object()) return gone();
    return RoleReply{std::move(*json), std::move((*packet)->descriptor)};
}

tl::unexpected<Error> CleaningRole::gone() {
    return fail(Errc::unknown_outcome, "the cleaning process ended early (" + last_words(role_.process) + begin_anew);
}

}  // namespace bailiff::agent
