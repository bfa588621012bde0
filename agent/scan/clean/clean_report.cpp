// SPDX-License-Identifier: Apache-2.0
// Printing. Every text that comes from an image has been escaped before it gets here.
#include "agent/scan/clean/clean_report.hpp"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace bailiff::agent {
namespace {

constexpr std::chrono::milliseconds quiet_time{2000}, between{200};
constexpr const char *red = "1;31", *yellow = "33", *green = "32";
constexpr const char* row = "%s%-13s%s  %-10s  %12s  %s\n";

const char* colour_of(CleanAction action) {
    switch (action) {
        case CleanAction::removed:
        case CleanAction::replaced:
        case CleanAction::blanked: return green;
        case CleanAction::listed:
        case CleanAction::would_remove:
        case CleanAction::would_replace:
        case CleanAction::would_blank: return yellow;
        case CleanAction::failed: return red;
        case CleanAction::absent: return "";
    }
    return "";
}

/// Whether standard output shows colours, and its reader has not asked for none (no-color.org).
bool may_paint() {
    const char *no_color = std::getenv("NO_COLOR"), *term = std::getenv("TERM");
    return ::isatty(STDOUT_FILENO) == 1 && !(no_color && *no_color) && term && std::string_view(term) != "dumb";
}

}  // namespace

CleanReport::CleanReport(bool json, const Clock& clock)
    : json_(json), terminal_(::isatty(STDERR_FILENO) == 1), colours_(!json && may_paint()), clock_(clock), started_(clock.monotonic()),
      next_(started_ + quiet_time) {}

void CleanReport::clear_progress() {
    if (shown_) std::fputs("\r\x1b[K", stderr);
    shown_ = false;
}

void CleanReport::record(const CleanRecord& record) {
    clear_progress();
    if (json_) {
        std::printf("%s\n", dump_json(clean_record(record)).c_str());
    } else {
        if (!headed_) std::printf(row, "", "WHAT", "", "VOLUME", "BYTES", "PATH");
        headed_ = true;
        const std::string colour = colour_of(record.action);
        const bool paint = colours_ && !colour.empty();
        std::printf(row, paint ? ("\x1b[" + colour + "m").c_str() : "", std::string(name(record.action)).c_str(), paint ? "\x1b[0m" : "", record.volume.c_str(),
                    record.sha256.empty() ? "-" : std::to_string(record.size).c_str(), record.path.c_str());
        if (!record.replaced_by.empty()) std::printf("%15sby %s, SHA-256 %s\n", "", record.known_good.c_str(), record.replaced_by.c_str());
        if (!record.rule.empty()) std::printf("%15ssuspicious: %s\n", "", record.rule.c_str());
        for (const auto* why : {&record.reason, &record.note})
            if (!why->empty()) std::printf("%15s%s\n", "", why->c_str());
    }
    std::fflush(stdout);
}

void CleanReport::progress(uint64_t done, uint64_t paths, uint64_t bytes) {
    if (!terminal_) return;
    const auto now = clock_.monotonic();
    if (now < next_) return;
    next_ = now + between;
    shown_ = true;
    std::fprintf(stderr, "\r\x1b[K%lld s  %llu of %llu paths", static_cast<long long>((now - started_).count() / 1000), static_cast<unsigned long long>(done),
                 static_cast<unsigned long long>(paths));
    if (bytes >> 20) std::fprintf(stderr, ", %llu MiB of the next one kept", static_cast<unsigned long long>(bytes >> 20));
}

void CleanReport::finish(const CleanSummary& summary, const CleanRequest& request) {
    clear_progress();
    if (json_) {
        std::printf("%s\n", dump_json(clean_summary(summary)).c_str());
    } else {
        std::printf("%llu %s, %llu absent, %llu failed", static_cast<unsigned long long>(summary.changed), summary.dry_run ? "would change" : "changed",
                    static_cast<unsigned long long>(summary.absent), static_cast<unsigned long long>(summary.failed));
        if (summary.listed) std::printf(", %llu suspicious listed for a person to decide", static_cast<unsigned long long>(summary.listed));
        if (summary.dry_run) std::printf("; nothing was written\n");
        else std::printf("; contents are kept in %s\n", request.keep_folder.c_str());
    }
    std::fflush(stdout);
}

}  // namespace bailiff::agent
