// SPDX-License-Identifier: Apache-2.0
// Reading queries and preconditions, writing answers.
#include "controller/api/api_call.hpp"

#include <bailiff/nearest.hpp>

#include <charconv>

namespace bailiff {

std::string QueryReader::text(const char* name) {
    known_.emplace_back(name);
    std::string out;
    bool seen = false;
    for (const auto& [key, value] : request_.query) {
        if (key != name) continue;
        if (seen) mistake(name, "stands twice; give it once");
        seen = true;
        out = value;
    }
    if (seen && out.empty()) mistake(name, "is empty; leave it out or give a value");
    if (out.size() > 256) mistake(name, "is longer than 256 bytes"), out.clear();
    return out;
}

std::string QueryReader::id(const char* name) {
    std::string out = text(name);
    if (!out.empty() && !is_name(out)) mistake(name, "must be 1 to 64 letters, digits, dots, hyphens or underscores"), out.clear();
    return out;
}

int64_t QueryReader::integer(const char* name, int64_t low, int64_t high, int64_t otherwise) {
    const std::string found = text(name);
    if (found.empty()) return otherwise;
    int64_t n = 0;
    const auto [end, error] = std::from_chars(found.data(), found.data() + found.size(), n);
    if (error == std::errc{} && end == found.data() + found.size() && n >= low && n <= high) return n;
    mistake(name, "must be a whole number from " + std::to_string(low) + " to " + std::to_string(high));
    return otherwise;
}

bool QueryReader::boolean(const char* name) {
    const std::string found = text(name);
    if (found.empty() || found == "false") return false;
    if (found != "true") mistake(name, "must be true or false");
    return true;
}

const std::vector<Mistake>& QueryReader::finish() {
    for (const auto& [key, unused] : request_.query) {
        if (std::find(known_.begin(), known_.end(), key) != known_.end()) continue;
        std::string names;
        for (const auto& k : known_) names += (names.empty() ? "" : ", ") + k;
        mistakes_.push_back({"?" + key.substr(0, 60), "is not known here; known are " + (names.empty() ? "none" : names) +
                                                          did_you_mean(key, known_)});
    }
    return mistakes_;
}

HttpResponse json_answer(int status, const Json& body) { return http_json(status, dump_json(body)); }

HttpResponse page_answer(std::vector<Json> items, size_t limit, const char* id_field) {
    Json body{{"items", Json::array()}};
    const bool more = items.size() > limit;
    if (more) items.resize(limit);
    if (more && !items.empty()) body["next"] = items.back().at(id_field);
    for (auto& item : items) body["items"].push_back(std::move(item));
    return json_answer(200, body);
}

std::string etag_of(int64_t revision) { return "\"" + std::to_string(revision) + "\""; }

bool if_match(const HttpRequest& request, int64_t revision) {
    std::string_view rest = request.header("if-match");
    if (rest.empty()) return true;
    const std::string wanted = etag_of(revision);
    while (!rest.empty()) {
        const size_t end = size_t(std::find(rest.begin(), rest.end(), ',') - rest.begin());
        std::string_view one = rest.substr(0, end);
        rest.remove_prefix(std::min(rest.size(), end + 1));
        while (!one.empty() && one.front() == ' ') one.remove_prefix(1);
        while (!one.empty() && one.back() == ' ') one.remove_suffix(1);
        if (one == "*" || one == wanted) return true;
    }
    return false;
}

}  // namespace bailiff
