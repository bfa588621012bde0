// SPDX-License-Identifier: Apache-2.0
// Policy files (policies/*.json) <-> core::Policy. Shape: policies/schema/policy.schema.json.
#pragma once

#include "controller/config/document.hpp"
#include "controller/core/calendar.hpp"
#include "controller/core/policy.hpp"
#include "controller/core/policy_set.hpp"

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace bailiff {

/// Strict: an unknown field is a mistake, and so is a ladder that could not be climbed. Every mistake is appended to
/// `mistakes` with its JSON pointer and remedy; the error then sums them up.
Result<core::Policy> parse_policy(std::string_view text, std::vector<Mistake>& mistakes);

/// The same from a file, whose name must be the policy's id. Does not look for the calendar.
Result<core::Policy> read_policy(const std::filesystem::path& path, std::vector<Mistake>& mistakes);

/// The policy as one canonical line of JSON with every field: equal policies give equal text, so it can be stored and
/// hashed. `parse_policy` reads it back.
std::string policy_json(const core::Policy& policy);

/// Reads FOLDER/*.json and FOLDER/calendars/*.json. Only sound policies and calendars are in the set, and a policy only
/// if its calendar is. The mistakes of all files are appended; whoever must not run with
/// half a set refuses it when there are any.
core::PolicySet load_policies(const std::filesystem::path& folder, std::vector<FileMistakes>& mistakes);

/// A policy that was in force before (its canonical line, as `policy_json` wrote it once) joins the set, since open cases may pin it. `invalid`
/// when it cannot be read, or when the file of today says something else under the same revision: that would change the rules under running
/// cases unseen. They are compared by what they say: a release that adds a field has not changed anybody's file.
Result<void> add_kept_policy(core::PolicySet& set, const PolicyId& id, int64_t revision, std::string_view text);

/// Where the calendar of a policy file is expected: "calendars/<id>.json" beside it.
std::filesystem::path calendar_beside(const std::filesystem::path& policy_file, const std::string& calendar);

}  // namespace bailiff
