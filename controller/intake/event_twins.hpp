// SPDX-License-Identifier: Apache-2.0
// Two parts of a mail often describe one event: a table and its older twin, JSON and its text. It counts once.
#pragma once

#include "controller/intake/fields.hpp"
#include "controller/intake/report_parser.hpp"

#include <string>
#include <vector>

namespace bailiff {

/// Adds the events of one more part. Those that an earlier part describes already are merged into it, with a warning.
/// `stated` are the times of the text for people: where one of them reads like an event's time and has a zone, and the
/// event's has none, its zone is the event's too. `format` is the part's: reporters number the same event anew in each format.
void add_events(std::vector<ReportedEvent> events, const std::string& format, const std::vector<ReadTime>& stated, const ReportLimits& limits,
                ParsedReport& report);

}  // namespace bailiff
