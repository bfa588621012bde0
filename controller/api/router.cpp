// SPDX-License-Identifier: Apache-2.0
// Matching a path against the table, segment by segment.
#include "controller/api/router.hpp"

#include <algorithm>

namespace bailiff {
namespace {

std::string_view next_segment(std::string_view& rest) {
    if (!rest.empty() && rest.front() == '/') rest.remove_prefix(1);
    const size_t end = size_t(std::find(rest.begin(), rest.end(), '/') - rest.begin());
    const std::string_view segment = rest.substr(0, end);
    rest.remove_prefix(end);
    return segment;
}

bool fits(std::string_view pattern, std::string_view path, std::vector<std::string>& values) {
    values.clear();
    while (!pattern.empty()) {
        if (path.empty() || path.front() != '/') return false;
        const std::string_view want = next_segment(pattern), have = next_segment(path);
        if (!want.empty() && want.front() == '{') {
            if (have.empty() || have.size() > 128) return false;
            values.emplace_back(have);
        } else if (want != have) {
            return false;
        }
    }
    return path.empty();
}

}  // namespace

RouteMatch match_route(std::span<const Route> routes, std::string_view method, std::string_view path) {
    RouteMatch out;
    const std::string_view wanted = method == "HEAD" ? std::string_view("GET") : method;
    std::vector<std::string> values;
    // A pattern without names stands before one with names at the same place (policies/check, policies/{id}): the
    // path decides by the first that fits, and only methods of equally spelled patterns are alternatives.
    std::string_view chosen;
    std::vector<std::string_view> allowed;
    for (const Route& route : routes) {
        if (!chosen.empty() && route.pattern != chosen) continue;
        if (!fits(route.pattern, path, values)) continue;
        chosen = route.pattern;
        allowed.push_back(route.method);
        if (route.method == "GET") allowed.push_back("HEAD");
        if (route.method == wanted) {
            out.route = &route;
            out.values = values;
        }
    }
    if (allowed.empty()) return out;
    allowed.push_back("OPTIONS");
    for (const auto& word : allowed) out.allow += (out.allow.empty() ? "" : ", ") + std::string(word);
    return out;
}

}  // namespace bailiff
