// SPDX-License-Identifier: Apache-2.0
// Printing. Every text that comes from an image has been escaped before it gets here.
#include "agent/scan/report.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace bailiff::agent {
namespace {

constexpr std::chrono::seconds quiet_time{2};
constexpr std::chrono::milliseconds between{200}, between_lines{1000};
constexpr const char *red = "1;31", *yellow = "33", *green = "1;32";

std::string bytes_text(uint64_t bytes) {
    static constexpr const char* units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    auto value = static_cast<double>(bytes);
    size_t unit = 0;
    for (; value >= 1024 && unit < 4; ++unit) value /= 1024;
    char out[32];
    std::snprintf(out, sizeof out, unit ? "%.1f %s" : "%.0f %s", value, units[unit]);
    return out;
}

std::string time_text(double seconds) {
    const auto whole = static_cast<unsigned long long>(seconds);
    if (whole < 120) return std::to_string(whole) + " s";
    return whole < 7200 ? std::to_string(whole / 60) + " min" : std::to_string(whole / 3600) + " h " + std::to_string(whole / 60 % 60) + " min";
}

/// Whether standard output shows colours, and its reader has not asked for none (no-color.org).
bool shows_colours() {
    const char *no_color = std::getenv("NO_COLOR"), *term = std::getenv("TERM");
    return ::isatty(STDOUT_FILENO) == 1 && !(no_color && *no_color) && term && std::string_view(term) != "dumb";
}

const char* colour_of(ScanVerdict verdict) {
    switch (verdict) {
        case ScanVerdict::clean: return green;
        case ScanVerdict::infected: return red;
        case ScanVerdict::incomplete: return yellow;
    }
    return yellow;
}

}  // namespace

Report::Report(bool json, bool tells_progress, std::function<ScanTime()> now)
    : json_(json), tells_progress_(json && tells_progress), terminal_(::isatty(STDERR_FILENO) == 1), colours_(!json && shows_colours()), now_(std::move(now)), started_(now_()), next_(started_ + quiet_time), next_line_(started_ + between_lines) {}

std::string Report::painted(const std::string& text, const char* colour) const {
    return colours_ ? "\x1b[" + std::string(colour) + "m" + text + "\x1b[0m" : text;
}

void Report::clear_progress() {
    if (shown_) std::fputs("\r\x1b[K", stderr);
    shown_ = false;
}

void Report::hit(const Finding& hit) {
    clear_progress();
    if (json_) std::printf("%s\n", hit_json(hit).c_str());
    else
        std::printf("%s    %s %s: %s (%s, sha256 %s)\n", painted("FOUND", red).c_str(), hit.volume.c_str(), hit.path.c_str(), hit.signature.c_str(), hit.engine.c_str(), hit.sha256.c_str());
    std::fflush(stdout);
}

void Report::skipped(const SkippedItem& item) {
    clear_progress();
    if (json_) std::printf("%s\n", skipped_json(item).c_str());
    else
        std::printf("%s  %s %s: %s%s%s\n", painted("SKIPPED", yellow).c_str(), item.volume.empty() ? "image" : item.volume.c_str(), item.path.c_str(),
                    std::string(name(item.reason)).c_str(), item.detail.empty() ? "" : ", ", item.detail.c_str());
}

void Report::suspicious(const SuspiciousFile& file) {
    clear_progress();
    if (json_) std::printf("%s\n", suspicious_json(file).c_str());
    else
        std::printf("%s %s %s: %s (%s, sha256 %s)\n", painted("SUSPICIOUS", yellow).c_str(), file.volume.c_str(), file.path.c_str(), file.reason.c_str(),
                    std::string(name(file.rule)).c_str(), file.sha256.c_str());
}

void Report::volume(const ScannedVolume& volume) {
    clear_progress();
    if (json_) return;
    std::printf("volume   %s %s, %s: %s%s%s\n", volume.name.c_str(), volume.filesystem.empty() ? "unknown" : volume.filesystem.c_str(),
                bytes_text(volume.size).c_str(), std::string(name(volume.state)).c_str(), volume.reason.empty() ? "" : ", ",
                volume.reason.c_str());
    for (const auto& note : volume.notes) std::printf("note     %s: %s\n", volume.name.c_str(), note.c_str());
}

void Report::note(const std::string& text) {
    clear_progress();
    std::fprintf(stderr, "bailiff-scan: note: %s\n", text.c_str());
}

void Report::progress(const ScanProgress& p) {
    const ScanTime now = now_();
    if (tells_progress_ && now >= next_line_) {
        next_line_ = now + between_lines;
        std::printf("%s\n", progress_json(p).c_str());
        std::fflush(stdout);
    }
    if (!terminal_ || now < next_) return;
    next_ = now + between;
    shown_ = true;
    const double seconds = std::chrono::duration<double>(now - started_).count();
    std::string left;
    if (const auto percent = p.percent()) {
        left = ", " + std::to_string(*percent) + " %";
        // A rate taken from the first few files would be a guess.
        if (*percent >= 2) left += ", " + time_text(seconds * static_cast<double>(p.total_bytes - std::min(p.bytes, p.total_bytes)) / static_cast<double>(p.bytes)) + " left";
    }
    std::fprintf(stderr, "\r\x1b[K%s  %llu files (%.0f/s), %s (%s/s), %llu found%s", time_text(seconds).c_str(), static_cast<unsigned long long>(p.files),
                 static_cast<double>(p.files) / seconds, bytes_text(p.bytes).c_str(), bytes_text(static_cast<uint64_t>(static_cast<double>(p.bytes) / seconds)).c_str(),
                 static_cast<unsigned long long>(p.hits), left.c_str());
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
        std::string known = verdict.known ? " (" + std::to_string(verdict.known) + " known" : "";
        if (verdict.unchanged) known += ", of which " + std::to_string(verdict.unchanged) + " unchanged and not read";
        if (verdict.known) known += ")";
        if (verdict.known_good) known += " (" + std::to_string(verdict.known_good) + " known good)";
        const std::string odd = verdict.suspicious_total ? "; " + std::to_string(verdict.suspicious_total) + " suspicious, for a person to look at" : "";
        std::printf("%s: %llu files%s, %s in %.1f s; %llu found, %llu not scanned%s\n", painted(std::string(name(verdict.verdict)), colour_of(verdict.verdict)).c_str(),
                    static_cast<unsigned long long>(verdict.files), known.c_str(), bytes_text(verdict.bytes).c_str(),
                    static_cast<double>(verdict.duration_ms) / 1000, static_cast<unsigned long long>(verdict.hits_total),
                    static_cast<unsigned long long>(verdict.skipped_total), odd.c_str());
    }
    std::fflush(stdout);
}

}  // namespace bailiff::agent
