// SPDX-License-Identifier: Apache-2.0
// The trusted half of cleaning: it decides, keeps the contents, and never parses the image.
#include "agent/scan/clean/clean.hpp"

#include "agent/scan/box/memory_file.hpp"
#include "agent/scan/box/packet_socket.hpp"
#include "agent/scan/box/role.hpp"
#include "agent/scan/clean/cleaner.hpp"
#include "agent/scan/clean/keep.hpp"

#include <bailiff/json.hpp>

#include <unistd.h>

#include <algorithm>
#include <functional>
#include <optional>
#include <set>
#include <vector>

namespace bailiff::agent {
namespace {

/// A packet from the cleaner, and what lay beside it.
struct Reply {
    Json json;
    Descriptor content;
    std::string text(const char* field) const {
        const auto it = json.find(field);
        return it != json.end() && it->is_string() ? it->get<std::string>() : std::string();
    }
};

class Cleaner {
  public:
    Cleaner(RoleProcess role, Process server) : role_(std::move(role)), server_(std::move(server)) {}

    /// Starts a role on the overlay, and waits until it has opened it.
    static Result<Cleaner> start(const CleanRequest& request, const std::string& role, const std::string& sibling) {
        auto source = open_for_cleaning(request.overlay, request.dry_run ? Access::read_only : Access::writable);
        if (!source) return fail(source.error());
        std::vector<std::string> arguments;
        if (request.dry_run) arguments.push_back(dry_run_argument);
        auto started = start_role(role, arguments, source->image.fd(), sibling);
        if (!started) return fail(started.error());
        source->image.reset();
        Cleaner out(std::move(*started), std::move(*source->server));
        const auto ready = out.reply();
        if (ready && ready->json.contains("ready")) return out;
        return fail(Errc::unavailable, "the image cannot be opened (is the VM running?): " + (ready ? ready->text("failed") : ready.error().text) +
                                           "; qemu-nbd: " + last_words(out.server_));
    }

    /// Has everything written; only then the changes are true.
    Result<void> finish() {
        const auto finished = ask({{"finish", true}});
        if (!finished) return fail(finished.error());
        const auto ended = server_.wait(server_patience);
        if (finished->json.contains("finished") && ended.ok()) return {};
        return fail(Errc::unknown_outcome, "the changes were not all written (" + finished->text("failed") + ended.describe() +
                                               "); throw the overlay away and begin anew");
    }

    Result<Reply> ask(const Json& question) {
        const std::string text = dump_json(question);
        if (!send_packet(role_.channel.fd(), Bytes(reinterpret_cast<const uint8_t*>(text.data()), text.size()))) return gone();
        return reply();
    }
    Result<Reply> reply() {
        auto packet = receive_packet(role_.channel.fd(), Wait::yes);
        if (!packet || !*packet) return gone();
        const auto& bytes = (*packet)->bytes;
        auto json = parse_json(std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()), {64 * 1024, 4});
        if (!json || !json->is_object()) return gone();
        return Reply{std::move(*json), std::move((*packet)->descriptor)};
    }

    /// The role stopped half way through a change.
    tl::unexpected<Error> broken(const std::string& why) {
        return fail(Errc::unknown_outcome, "a change was begun and not finished (" + why + "); throw the overlay away and begin anew");
    }

  private:
    Result<Reply> gone() {
        return fail(Errc::unknown_outcome, "the cleaning process ended early (" + last_words(role_.process) + "); throw the overlay away and begin anew");
    }
    static constexpr std::chrono::seconds server_patience{120};
    RoleProcess role_;
    Process server_;
};

bool only_zeros(int content, uint64_t size) {
    std::vector<char> buffer(1U << 18);
    for (uint64_t at = 0; at < size;) {
        const ssize_t got = ::pread(content, buffer.data(), buffer.size(), static_cast<off_t>(at));
        if (got <= 0 || std::any_of(buffer.begin(), buffer.begin() + got, [](char c) { return c != 0; })) return false;
        at += static_cast<uint64_t>(got);
    }
    return true;
}

CleanRecord failed(CleanRecord record, std::string reason) {
    record.action = CleanAction::failed;
    record.reason = std::move(reason);
    return record;
}

/// The role's word for what it did, or would do.
std::optional<CleanAction> action_of(const std::string& word, bool dry_run) {
    if (word == "removed") return dry_run ? CleanAction::would_remove : CleanAction::removed;
    if (word == "blanked") return dry_run ? CleanAction::would_blank : CleanAction::blanked;
    return std::nullopt;
}

/// One path; an error when the cleaner is gone, nothing when this role is not the one for its volume.
Result<std::optional<CleanRecord>> clean_one(Cleaner& cleaner, const Finding& hit, const CleanRequest& request,
                                             const std::function<void(uint64_t)>& progress) {
    CleanRecord record;
    record.path = hit.path;
    record.volume = hit.volume;
    auto taken = cleaner.ask({{"take", hit.path}, {"volume", hit.volume}});
    if (!taken) return fail(taken.error());
    if (taken->json.contains("absent")) {
        record.action = CleanAction::absent;
        return record;
    }
    if (taken->json.contains("other")) return std::nullopt;
    if (taken->json.contains("failed")) return failed(record, taken->text("failed"));
    const auto size = sealed_size(taken->content.fd());
    const auto digest = size ? digest_of(taken->content.fd(), *size) : Result<ContentDigest>(fail(size.error()));
    if (!digest) return failed(record, digest.error().text);
    const std::string sha256 = hex_of(*digest);
    record.size = *size;
    record.sha256 = sha256;
    if (sha256 != hit.sha256) {
        if (*size != hit.size || !only_zeros(taken->content.fd(), *size)) return failed(record, "the content is not the one that was found; scan again");
        record.action = CleanAction::absent;  // blanked by an earlier run
        return record;
    }
    if (!request.dry_run) {
        const auto kept = keep_content(taken->content.fd(), *size, *digest, *request.keep_key, request.keep_folder, progress);
        if (!kept) return failed(record, kept.error().text);
        record.kept = *kept;
    }
    const auto done = cleaner.ask({{request.dry_run ? "plan" : "remove", true}});
    if (!done) return fail(done.error());
    if (done->json.contains("broken")) return cleaner.broken(done->text("broken"));
    const auto action = action_of(done->text("action"), request.dry_run);
    if (!action) return failed(record, done->text("failed"));
    record.action = *action;
    return record;
}

}  // namespace

std::string clean_record_json(const CleanRecord& record) {
    Json out{{"path", record.path}, {"volume", record.volume}, {"size", record.size}, {"action", name(record.action)}};
    if (!record.sha256.empty()) out["sha256"] = record.sha256;
    if (!record.reason.empty()) out["reason"] = record.reason;
    if (!record.kept.empty()) out["kept"] = record.kept;
    return dump_json(out);
}

std::string clean_summary_json(const CleanSummary& summary) {
    Json out{{"changed", summary.changed}, {"absent", summary.absent}, {"failed", summary.failed}};
    if (summary.dry_run) out["dry_run"] = true;
    return dump_json(out);
}

Result<CleanSummary> clean(const CleanRequest& request, CleanListener& listener) {
    if (!request.dry_run && !request.keep_key) return fail(Errc::invalid, "no key is named for the contents that are taken out");
    CleanSummary summary;
    summary.dry_run = request.dry_run;
    std::vector<Finding> left;
    std::set<std::pair<std::string, std::string>> seen;
    for (const Finding& hit : request.found.hits)
        if (seen.emplace(hit.volume, hit.path).second) left.push_back(hit);
    const uint64_t paths = left.size();
    const auto progress = [&](uint64_t bytes) { listener.progress(summary.changed + summary.absent + summary.failed, paths, bytes); };
    // First what can be removed, then what can only be blanked: one writer at a time.
    for (const auto& [role, sibling] : {std::pair<std::string, std::string>{"remover", ""}, {"blanker", "bailiff-scan"}}) {
        if (left.empty()) break;
        auto cleaner = Cleaner::start(request, role, sibling);
        if (!cleaner) return fail(cleaner.error());
        std::vector<Finding> others;
        for (const Finding& hit : left) {
            progress(0);
            auto record = clean_one(*cleaner, hit, request, progress);
            if (!record) return fail(record.error());
            if (!*record && sibling.empty()) {
                others.push_back(hit);
                continue;
            }
            if (!*record) {
                CleanRecord none;
                none.path = hit.path;
                none.volume = hit.volume;
                *record = failed(none, "the volume cannot be written here");
            }
            const CleanAction action = (*record)->action;
            ++(action == CleanAction::failed ? summary.failed : action == CleanAction::absent ? summary.absent : summary.changed);
            listener.record(**record);
        }
        if (const auto finished = cleaner->finish(); !finished) return fail(finished.error());
        left = std::move(others);
    }
    return summary;
}

}  // namespace bailiff::agent
