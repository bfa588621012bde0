// SPDX-License-Identifier: Apache-2.0
// Calendar files (policies/calendars/*.json) -> core::Calendar. Shape: policies/schema/calendar.schema.json.
#pragma once

#include "controller/config/document.hpp"
#include "controller/core/calendar.hpp"

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace bailiff {

/// What the JSON itself says, before the holiday files it names are read.
struct CalendarFile {
    core::CalendarData data;
    std::vector<std::string> holiday_files;  ///< relative to the calendar file
};

/// Every mistake is appended to `mistakes`; the error then sums them up.
Result<CalendarFile> parse_calendar(std::string_view text, std::vector<Mistake>& mistakes);

/// The file and its holiday files, built. The calendar's id is the file's name without ".json".
Result<core::Calendar> read_calendar(const std::filesystem::path& path, std::vector<Mistake>& mistakes);

}  // namespace bailiff
