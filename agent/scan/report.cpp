// SPDX-License-Identifier: Apache-2.0
// Printing. Every text that comes from an image has been escaped before it gets here.
#include "agent/scan/report.hpp"

#include <unistd.h>

#include <cstdio>

namespace bailiff::agent {
namespace {

constexpr std::chrono::seconds quiet_time{2};
constexpr std::chrono::milliseconds between{200};

std::string bytes_text(uint64_t bytes) {
    static constexpr const char* units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    auto value = static_cast<double>(bytes);
    size_t unit = 0;
    for (; value >= 1024 && unit < 4; ++unit) value /= 1024;
    char out[32];
    std::snprintf(out, sizeof out, unit ? "%.1f %s" : "%.0f %s", value, units[unit]);
    return out;
}

}  // namespace

Report::Report(bool json, std::function<ScanTime()> now)
    : json_(json), terminal_(::isatty(STDERR_FILENO) == 1), now_(std::move(now)), started_(now_()), next_(started_ + quiet_time) {}

void Report::clear_progress() {
    if (shown_) std::fputs("\r\x1b[K", stderr);
    shown_ = false;
}

void Report::hit(const Finding& hit) {
    clear_progress();
    if (json_) std::printf("%s\n", hit_json(hit).c_str());
    else std::printf("FOUND    %s %s: %s (%s, sha256 %s)\n", hit.volume.c_str(), hit.path.c_str(), hit.signature.c_str(), hit.engine.c_str(), hit.sha256.c_str());
    std::fflush(stdout);
}

void Report::skipped(const SkippedItem& item) {
    clear_progress();
    if (json_) std::printf("%s\n", skipped_json(item).c_str());
    else
        std::printf("SKIPPED  %s %s: %s%s%s\n", item.volume.empty() ? "image" : item.volume.c_str(), item.path.c_str(),
                    std::string(name(item.reason)).c_str(), item.detail.empty() ? "" : ", ", item.detail.c_str());
}

void Report::volume(const ScannedVolume& volume) {
    clear_progress();
    if (json_) return;
    std::printf("volume   %s %s, %s: %s%s%s\n", volume.name.c_str(), volume.filesystem.empty() ? "unknown" : volume.filesystem.c_str(),
                bytes_text(volume.size).c_str(), std::string(name(volume.state)).c_str(), volume.reason.empty() ? "" : ", ",
                volume.reason.c_str());
    for (const auto& note : volume.notes) std::printf("note     %s: %s\n", volume.name.c_str(), note.c_str());
}

void Report::progress(uint64_t files, uint64_t bytes, uint64_t hits) {
    if (!terminal_) return;
    const ScanTime now = now_();
    if (now < next_) return;
    next_ = now + between;
    shown_ = true;
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(now - started_).count();
    std::fprintf(stderr, "\r\x1b[K%llds  %llu files, %s, %llu found", static_cast<long long>(seconds), static_cast<unsigned long long>(files),
                 bytes_text(bytes).c_str(), static_cast<unsigned long long>(hits));
}

void Report::finish(const Verdict& verdict) {
    clear_progress();
    if (json_) {
        std::printf("%s\n", verdict_json(verdict).c_str());
    } else {
        for (const auto& engine : verdict.engines) {
            std::printf("engine   %s %s\n", engine.name.c_str(), engine.version.c_str());
            if (!engine.reports_limits)
                std::printf("note     %s keeps silent when a file exceeds its limits; set 'AlertExceedsMax yes' in clamd.conf to be told\n", engine.name.c_str());
        }
        std::printf("%s: %llu files, %s in %.1f s; %llu found, %llu not scanned\n", std::string(name(verdict.verdict)).c_str(),
                    static_cast<unsigned long long>(verdict.files), bytes_text(verdict.bytes).c_str(),
                    static_cast<double>(verdict.duration_ms) / 1000, static_cast<unsigned long long>(verdict.hits_total),
                    static_cast<unsigned long long>(verdict.skipped_total));
    }
    std::fflush(stdout);
}

}  // namespace bailiff::agent
