// SPDX-License-Identifier: Apache-2.0
// The trusted half of cleaning: it decides, keeps the contents, records the changes, and never parses the image.
#include "agent/scan/clean/clean.hpp"

#include "agent/scan/box/memory_file.hpp"
#include "agent/scan/clean/change_record.hpp"
#include "agent/scan/clean/cleaning_role.hpp"
#include "agent/scan/clean/keep.hpp"
#include "agent/scan/clean/known_good.hpp"
#include "agent/scan/path_text.hpp"

#include <unistd.h>

#include <algorithm>
#include <functional>
#include <iterator>
#include <map>
#include <set>
#include <utility>
#include <vector>

namespace bailiff::agent {
namespace {

bool only_zeros(int content, uint64_t size) {
    std::vector<char> buffer(1U << 18);
    for (uint64_t at = 0; at < size;) {
        const ssize_t got = ::pread(content, buffer.data(), buffer.size(), static_cast<off_t>(at));
        if (got <= 0 || std::any_of(buffer.begin(), buffer.begin() + got, [](char c) { return c != 0; })) return false;
        at += static_cast<uint64_t>(got);
    }
    return true;
}

/// One path, and everything that was found there.
struct Target {
    CleanRecord record;   ///< path and volume
    std::string sha256;
    uint64_t size = 0;
    Json found = Json::array();
    bool begun = false;   ///< its change was begun in the record
    std::string other;    ///< why it can only be blanked
    bool hit = false;     ///< or else only suspicious
    std::string why;      ///< it is suspicious
};

/// Each (volume, path) once, in the order of the verdict: hits first, so that what is both is a hit.
std::vector<Target> targets_of(const Verdict& found) {
    std::vector<Target> out;
    std::map<std::pair<std::string, std::string>, size_t> seen;
    const auto target_at = [&](const auto& item) -> Target& {
        const auto [place, fresh] = seen.emplace(std::pair(item.volume, item.path), out.size());
        if (fresh) {
            Target target;
            target.record.path = item.path;
            target.record.volume = item.volume;
            target.sha256 = item.sha256;
            target.size = item.size;
            out.push_back(std::move(target));
        }
        return out[place->second];
    };
    for (const Finding& hit : found.hits) {
        Target& target = target_at(hit);
        target.hit = true;
        target.found.push_back({{"engine", hit.engine}, {"signature", hit.signature}});
    }
    for (const SuspiciousFile& suspicion : found.suspicious) {
        Target& target = target_at(suspicion);
        target.found.push_back({{"rule", name(suspicion.rule)}, {"reason", suspicion.reason}});
        if (target.hit || !target.record.rule.empty()) continue;
        target.record.rule = name(suspicion.rule);
        target.why = suspicion.reason;
    }
    return out;
}

/// A role, in which program it lives, and what it does to a file.
struct RoleKind {
    const char *name, *sibling, *will;
    CleanAction does, would;
};
constexpr RoleKind remover{"remover", "", "remove", CleanAction::removed, CleanAction::would_remove};
constexpr RoleKind blanker{"blanker", "bailiff-scan", "blank", CleanAction::blanked, CleanAction::would_blank};

class Cleaning {
  public:
    Cleaning(const CleanRequest& request, CleanListener& listener) : request_(request), listener_(listener) {
        summary_.dry_run = request.dry_run;
        for (const Finding& hit : request.found.hits) found_.insert(hit.sha256);
    }

    Result<CleanSummary> run() {
        std::vector<Target> left = targets_of(request_.found), listed;
        paths_ = left.size();
        if (!request_.remove_suspicious) {
            const auto first = std::stable_partition(left.begin(), left.end(), [](const Target& target) { return target.hit; });
            std::move(first, left.end(), std::back_inserter(listed));
            left.erase(first, left.end());
        }
        if (!request_.dry_run && paths_ > 0) {
            auto changes = ChangeRecord::create(request_.keep_folder, request_.overlay, request_.now);
            if (!changes) return fail(changes.error());
            changes_ = std::move(*changes);
        }
        // First what can be removed, then what can only be blanked: one writer at a time.
        for (const RoleKind* kind : {&remover, &blanker}) {
            if (left.empty()) break;
            auto role = CleaningRole::start(request_.overlay, request_.dry_run, kind->name, kind->sibling);
            if (!role) return fail(role.error());
            std::vector<Target> others;
            for (Target& target : left) {
                listener_.progress(done(), paths_, 0);
                const auto ours = handle(*role, *kind, target);
                if (!ours) return fail(ours.error());
                if (!*ours && kind == &remover) {
                    others.push_back(std::move(target));
                    continue;
                }
                if (!*ours) failed(target, "the volume cannot be written here");
                if (const auto told = tell(target); !told) return fail(told.error());
            }
            if (const auto finished = role->finish(); !finished) return fail(finished.error());
            left = std::move(others);
        }
        for (Target& target : listed) {
            target.record.action = CleanAction::listed;
            target.record.sha256 = target.sha256;
            target.record.size = target.size;
            target.record.reason = target.why;
            if (const auto told = tell(target); !told) return fail(told.error());
        }
        if (changes_)
            if (const auto finished = changes_->finish(summary_); !finished) return fail(finished.error());
        return summary_;
    }

  private:
    uint64_t done() const { return summary_.changed + summary_.absent + summary_.failed + summary_.listed; }

    static bool failed(Target& target, std::string reason) {
        target.record.action = CleanAction::failed;
        target.record.reason = std::move(reason);
        return true;
    }

    /// One path: false when this role is not the one for its volume, an error when the role is gone.
    Result<bool> handle(CleaningRole& role, const RoleKind& kind, Target& target) {
        CleanRecord& record = target.record;
        auto taken = role.ask({{"take", record.path}, {"volume", record.volume}});
        if (!taken) return fail(taken.error());
        if (taken->has("other")) {
            target.other = taken->text("other");
            return false;
        }
        if (taken->has("absent")) {
            // Where a scan looked at free blocks, it names pieces of them so.
            if (record.path.starts_with("/(")) return failed(target, "it lies where no file is; overwrite the free space from within the VM");
            record.action = CleanAction::absent;
            return true;
        }
        if (taken->has("failed")) return failed(target, taken->text("failed"));
        const auto size = sealed_size(taken->content.fd());
        const auto digest = size ? digest_of(taken->content.fd(), *size) : Result<ContentDigest>(fail(size.error()));
        if (!digest) return failed(target, digest.error().text);
        record.size = *size;
        record.sha256 = hex_of(*digest);
        if (record.sha256 != target.sha256) {
            // Blanked by an earlier run, or replaced.
            const bool blanked = *size == target.size && only_zeros(taken->content.fd(), *size);
            if (!blanked && !is_known_good(record)) return failed(target, "the content is not the one that was found; scan again");
            record.action = CleanAction::absent;
            return true;
        }
        const auto good = replacement_of(target, kind);
        if (request_.dry_run)
            return good ? act(role, {{"plan", true}, {"size", good->size}}, target, CleanAction::would_replace) : act(role, {{"plan", true}}, target, kind.would);
        const auto kept = keep_content(taken->content.fd(), *size, *digest, *request_.keep_key, request_.keep_folder,
                                       [&](uint64_t bytes) { listener_.progress(done(), paths_, bytes); });
        if (!kept) return failed(target, kept.error().text);
        record.kept = *kept;
        // What is not recorded is not changed.
        if (const auto begun = changes_->begin({record, facts_of(taken->json["taken"]), target.found, good ? "replace" : kind.will}); !begun) return failed(target, begun.error().text);
        target.begun = true;
        if (!good) return act(role, {{"remove", true}}, target, kind.does);
        const int64_t now = request_.now.time_since_epoch().count();
        return act(role, {{"replace", true}, {"mtime", std::max<int64_t>(good->mtime, 0)}, {"now", std::max<int64_t>(now, 0)}}, target, CleanAction::replaced,
                   good->content.fd());
    }

    /// Whether the record's content is the one that a known-good tree has for its path, and that nothing was found in.
    bool is_known_good(const CleanRecord& record) const {
        const auto path = unescape_path(record.path);
        if (request_.known_good.empty() || !path || found_.contains(record.sha256)) return false;
        const auto found = find_known_good(request_.known_good, *path);
        return found && *found && hex_of((*found)->sha256) == record.sha256;
    }

    /// The known-good file that takes the target's place; nothing, with a note when there would have been one.
    std::optional<KnownGood> replacement_of(Target& target, const RoleKind& kind) {
        CleanRecord& record = target.record;
        const auto path = unescape_path(record.path);
        if (request_.known_good.empty() || !path) return std::nullopt;
        auto found = find_known_good(request_.known_good, *path);
        if (!found) {
            record.note = "not replaced: " + escape_path(found.error().text);
            return std::nullopt;
        }
        if (!*found) return std::nullopt;
        const std::string file = escape_path((*found)->file), sha256 = hex_of((*found)->sha256);
        if (found_.contains(sha256)) record.note = "not replaced: the known-good file '" + file + "' is itself among what was found; mend that tree";
        else if (&kind == &blanker) record.note = "not replaced by '" + file + "': " + target.other;
        if (!record.note.empty()) return std::nullopt;
        record.replaced_by = sha256;
        record.known_good = file;
        return std::move(**found);
    }

    Result<bool> act(CleaningRole& role, const Json& question, Target& target, CleanAction due, int beside = -1) {
        const auto answer = role.ask(question, beside);
        if (!answer) return fail(answer.error());
        if (!answer->has("action")) {
            target.record.replaced_by.clear();
            target.record.known_good.clear();
            return failed(target, answer->text("failed"));
        }
        target.record.action = due;
        return true;
    }

    Result<void> tell(const Target& target) {
        const CleanRecord& record = target.record;
        ++(record.action == CleanAction::failed   ? summary_.failed
           : record.action == CleanAction::absent ? summary_.absent
           : record.action == CleanAction::listed ? summary_.listed
                                                  : summary_.changed);
        if (changes_)
            if (const auto written = target.begun ? changes_->end(record) : changes_->note(record); !written) return fail(written.error());
        listener_.record(record);
        return {};
    }

    const CleanRequest& request_;
    CleanListener& listener_;
    CleanSummary summary_;
    uint64_t paths_ = 0;
    std::set<std::string> found_;   ///< SHA-256 of everything that was found
    std::optional<ChangeRecord> changes_;
};

}  // namespace

Json clean_record(const CleanRecord& record) {
    Json out{{"path", record.path}, {"volume", record.volume}, {"size", record.size}, {"action", name(record.action)}};
    if (!record.sha256.empty()) out["sha256"] = record.sha256;
    if (!record.reason.empty()) out["reason"] = record.reason;
    if (!record.rule.empty()) out["rule"] = record.rule;
    if (!record.note.empty()) out["note"] = record.note;
    if (!record.replaced_by.empty()) out.update({{"replaced_by", record.replaced_by}, {"known_good", record.known_good}});
    if (!record.kept.empty()) out["kept"] = record.kept;
    return out;
}

Json clean_summary(const CleanSummary& summary) {
    Json out{{"changed", summary.changed}, {"absent", summary.absent}, {"failed", summary.failed}};
    if (summary.listed) out["listed"] = summary.listed;
    if (summary.dry_run) out["dry_run"] = true;
    return out;
}

Result<CleanSummary> clean(const CleanRequest& request, CleanListener& listener) {
    if (!request.dry_run && !request.keep_key) return fail(Errc::invalid, "no key is named for the contents that are taken out");
    return Cleaning(request, listener).run();
}

}  // namespace bailiff::agent
