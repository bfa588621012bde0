// SPDX-License-Identifier: Apache-2.0
// When are two events one? What one of them does not say cannot tell them apart.
#include "controller/intake/event_twins.hpp"

#include "controller/intake/formats.hpp"

#include <algorithm>
#include <type_traits>

namespace bailiff {
namespace {

template <class T>
bool agree(const T& a, const T& b) {
    return a == T{} || b == T{} || a == b;
}

bool same_event(const ReportedEvent& a, const ReportedEvent& b, bool numbers_count) {
    const bool placed = !(a.source.ip + a.source.host + a.source.url).empty();
    const bool same_place = agree(a.source.ip, b.source.ip) && agree(a.source.host, b.source.host) && agree(a.source.url, b.source.url) &&
                            (a.source.ip == b.source.ip || a.source.url == b.source.url) && agree(a.source.port, b.source.port);
    return placed && same_place && agree(a.type, b.type) && agree(a.observed_at, b.observed_at) && (!numbers_count || agree(a.report_id, b.report_id));
}

/// Keeps what is there and adds what only the twin says.
void merge_twin(ReportedEvent& into, ReportedEvent&& twin) {
    const auto fill = [](auto& mine, auto& theirs) {
        if (mine == std::decay_t<decltype(mine)>{}) mine = std::move(theirs);
    };
    fill(into.category, twin.category);
    fill(into.type, twin.type);
    fill(into.source.ip, twin.source.ip);
    fill(into.source.host, twin.source.host);
    fill(into.source.url, twin.source.url);
    fill(into.source.port, twin.source.port);
    fill(into.destination.ip, twin.destination.ip);
    fill(into.destination.port, twin.destination.port);
    if (!into.observed_at) into.observed_at_raw = std::move(twin.observed_at_raw);
    fill(into.observed_at, twin.observed_at);
    fill(into.report_id, twin.report_id);
    fill(into.evidence, twin.evidence);
}

void borrow_zone(ReportedEvent& event, const std::vector<ReadTime>& stated, ParsedReport& report) {
    if (!event.observed_at || !event.zone_assumed) return;
    for (const auto& time : stated) {
        // What the text's clock shows, as if it were UTC.
        if (!time.zone_minutes || time.at + std::chrono::minutes(*time.zone_minutes) != *event.observed_at) continue;
        event.observed_at = time.at;
        event.zone_assumed = false;
        warn(report, "The time '" + event.observed_at_raw + "' has no zone; the text names the same time with one, which is taken.");
        return;
    }
}

}  // namespace

void add_events(std::vector<ReportedEvent> events, const std::string& format, const std::vector<ReadTime>& stated, const ReportLimits& limits,
                ParsedReport& report) {
    const size_t earlier = report.events.size();
    for (auto& event : events) {
        if (report.events.size() >= limits.events)
            return need_a_person(report, "The mail lists more than " + std::to_string(limits.events) + " events; the rest was not read.");
        borrow_zone(event, stated, report);
        // Each is compared with each; long tables describe events of their own.
        const auto end = report.events.begin() + static_cast<std::ptrdiff_t>(earlier > 500 || events.size() > 500 ? 0 : earlier);
        const auto twin = std::find_if(report.events.begin(), end, [&](const auto& e) { return same_event(e, event, format == report.format); });
        if (twin == end) {
            report.events.push_back(std::move(event));
        } else {
            merge_twin(*twin, std::move(event));
            warn(report, "Two parts describe the same event; it is counted once.");
        }
    }
}

}  // namespace bailiff
