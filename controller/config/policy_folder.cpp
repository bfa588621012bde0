// SPDX-License-Identifier: Apache-2.0
// A folder of policy, calendar and remedy files -> PolicySet.
#include "controller/config/calendar_file.hpp"
#include "controller/config/policy_file.hpp"
#include "controller/config/remedy_file.hpp"

#include <bailiff/nearest.hpp>

#include <algorithm>
#include <set>

namespace bailiff {

namespace {

/// The JSON files of a folder, sorted, so that messages come in the same order everywhere.
std::vector<std::filesystem::path> json_files(const std::filesystem::path& folder) {
    std::vector<std::filesystem::path> files;
    std::error_code error;
    for (std::filesystem::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
        const auto name = it->path().filename().string();
        if (it->path().extension() == ".json" && !name.starts_with('.')) files.push_back(it->path());
    }
    std::sort(files.begin(), files.end());
    return files;
}

/// What a policy inhibits must be there, and must not inhibit it in turn: which of two cases stands would be chance.
std::vector<Mistake> inhibition_mistakes(const core::Policy& policy, const core::PolicySet& set) {
    std::vector<Mistake> out;
    std::set<std::string> ids;
    for (const auto& [id, other] : set.in_force) ids.insert(id.text());
    for (size_t i = 0; i < policy.inhibits.size(); ++i) {
        const std::string at = "/inhibits/" + std::to_string(i);
        const auto other = set.in_force.find(policy.inhibits[i]);
        const std::string& named = policy.inhibits[i].text();
        if (other == set.in_force.end()) out.push_back({at, "there is no policy '" + named + "' in this folder" + did_you_mean(named, ids)});
        else if (std::count(other->second.inhibits.begin(), other->second.inhibits.end(), policy.id))
            out.push_back({at, "'" + named + "' inhibits this policy in turn; remove one of the two"});
    }
    return out;
}

}  // namespace

std::filesystem::path calendar_beside(const std::filesystem::path& policy_file, const std::string& calendar) {
    return policy_file.parent_path() / "calendars" / (calendar + ".json");
}

core::PolicySet load_policies(const std::filesystem::path& folder, std::vector<FileMistakes>& mistakes) {
    core::PolicySet set;
    std::set<std::string> present;  // also the calendars that are there but broken: their own mistakes say enough
    for (const auto& path : json_files(folder / "calendars")) {
        const std::string id = path.stem().string();
        present.insert(id);
        std::vector<Mistake> found;
        if (auto calendar = read_calendar(path, found)) set.calendars.emplace(id, std::move(*calendar));
        if (!found.empty()) mistakes.push_back({path.string(), std::move(found)});
    }
    for (const auto& path : json_files(folder / "remedies")) {
        std::vector<Mistake> found;
        if (auto remedy = read_remedy(path, found)) set.remedies.push_back(std::move(*remedy));
        if (!found.empty()) mistakes.push_back({path.string(), std::move(found)});
    }
    const auto files = json_files(folder);
    if (files.empty())
        mistakes.push_back({folder.string(), {{"", "has no policy in it; name the folder that holds the policies' *.json"}}});
    for (const auto& path : files) {
        std::vector<Mistake> found;
        auto policy = read_policy(path, found);
        if (policy && !present.contains(policy->calendar))
            found.push_back({"/calendar", "there is no file calendars/" + policy->calendar + ".json" +
                                              did_you_mean(policy->calendar, present)});
        else if (policy && set.calendars.contains(policy->calendar))
            set.in_force.emplace(policy->id, std::move(*policy));
        if (!found.empty()) mistakes.push_back({path.string(), std::move(found)});
    }
    // Once all are read. A policy that was left out for its own mistakes is not missed here as well.
    const bool whole = mistakes.empty();
    for (const auto& path : files) {
        const auto found = set.in_force.find(PolicyId(path.stem().string()));
        if (found == set.in_force.end() || !whole) continue;
        if (auto wrong = inhibition_mistakes(found->second, set); !wrong.empty()) mistakes.push_back({path.string(), std::move(wrong)});
    }
    return set;
}

Result<void> add_kept_policy(core::PolicySet& set, const PolicyId& id, int64_t revision, std::string_view text) {
    const std::string number = std::to_string(revision);
    std::vector<Mistake> unused;
    auto policy = parse_policy(text, unused);
    if (!policy) return fail(Errc::invalid, "policy " + id.text() + " revision " + number + " in the database cannot be read: " + policy.error().text);
    const auto now = set.in_force.find(id);
    if (now != set.in_force.end() && now->second.revision == revision && now->second != *policy)
        return fail(Errc::invalid, "policy " + id.text() + " changed, but its revision is still " + number +
                                       "; raise \"revision\" in its file, since open cases pin revision " + number);
    set.older.emplace(std::pair(id, revision), std::move(*policy));
    return {};
}

}  // namespace bailiff
