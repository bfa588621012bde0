// SPDX-License-Identifier: Apache-2.0
// See host_rules.hpp.
#include "agent/host_rules.hpp"

#include <sys/stat.h>
#include <utility>

namespace bailiff::agent {
namespace {

constexpr Milliseconds list_rests{2000};

}  // namespace

HostRulesWatch::Stamp HostRulesWatch::stamp_of(const std::string& path) {
    struct stat found {};
    if (path.empty() || ::stat(path.c_str(), &found) != 0) return {};
    return {true, int64_t(found.st_mtim.tv_sec), int64_t(found.st_mtim.tv_nsec), int64_t(found.st_size), uint64_t(found.st_ino)};
}

HostRulesWatch::HostRulesWatch(const Options& options, const Clock& clock, std::function<Result<Options>()> reread)
    : clock_(clock), reread_(std::move(reread)), list_path_(options.never_touch), admin_(options.state) {
    rules_.budget_per_hour = options.budget_per_hour;
    rules_.dry_run = options.dry_run;
    configured_draining_ = options.draining;
    list_ = stamp_of(list_path_);
    // A list that cannot be read stops the start: read_command has said so before.
    rules_.exempt = newest_ = read_never_touch(list_path_).value();
    drain_ = stamp_of(admin_.drain_path());
    look_at_drain();
    settle();
    told_ = rules_;
}

bool HostRulesWatch::look() {
    if (const auto now = stamp_of(list_path_); now != list_) {
        list_ = now;
        look_at_list();
    }
    if (const auto now = stamp_of(admin_.drain_path()); now != drain_) {
        drain_ = now;
        look_at_drain();
    }
    return settle();
}

bool HostRulesWatch::reload() {
    const auto read = reread_();
    if (!read) {
        config_trouble_ = "agent.conf was not taken over, the old settings stay: " + read.error().text;
    } else {
        config_trouble_.clear();
        rules_.budget_per_hour = read->budget_per_hour;
        rules_.dry_run = read->dry_run;
        configured_draining_ = read->draining;
        list_path_ = read->never_touch;
    }
    list_ = stamp_of(list_path_);
    look_at_list();
    drain_ = stamp_of(admin_.drain_path());
    look_at_drain();
    return settle();
}

void HostRulesWatch::look_at_list() {
    if (!list_.exists && !rules_.exempt.empty()) {
        list_trouble_ = "the never-touch file " + list_path_ + " is gone; its " + std::to_string(rules_.exempt.size()) +
                        " names stay in force. Write it again, empty if nobody is exempt.";
        return;
    }
    auto list = read_never_touch(list_path_);
    if (!list) {
        list_trouble_ = list.error().text + " The " + std::to_string(rules_.exempt.size()) + " names known before stay in force.";
        return;
    }
    list_trouble_.clear();
    newest_ = std::move(*list);
    rules_.exempt.insert(newest_.begin(), newest_.end());
    list_changed_ = clock_.monotonic();
}

void HostRulesWatch::look_at_drain() {
    const auto note = admin_.drained();
    drain_trouble_ = note ? "" : note.error().text + " It counts as draining; `bailiff-agent drain off` removes it.";
    rules_.draining = configured_draining_ || !note || note->has_value();
    rules_.drain_reason = note && *note ? (*note)->by + ": " + (*note)->reason : configured_draining_ ? "agent.conf says draining" : "";
}

bool HostRulesWatch::settle() {
    if (list_changed_ && clock_.monotonic() - *list_changed_ >= list_rests) {
        rules_.exempt = newest_;
        list_changed_.reset();
    }
    rules_.trouble = config_trouble_;
    for (const auto* text : {&list_trouble_, &drain_trouble_})
        if (!text->empty()) rules_.trouble += (rules_.trouble.empty() ? "" : " ") + *text;
    const bool changed = rules_ != told_;
    told_ = rules_;
    return changed;
}

}  // namespace bailiff::agent
