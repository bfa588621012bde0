// SPDX-License-Identifier: Apache-2.0
// Which policy a report's type falls under.
#include "controller/core/matching.hpp"

namespace bailiff::core {

namespace {

/// One part of a type in the form policies use, or empty.
std::string normal_part(std::string_view text) {
    const auto space = [](char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; };
    while (!text.empty() && space(text.front())) text.remove_prefix(1);
    while (!text.empty() && space(text.back())) text.remove_suffix(1);
    if (text.size() > 64) return {};
    std::string part;
    for (const char c : text) {
        if (c >= 'A' && c <= 'Z') part += char(c - 'A' + 'a');
        else if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_') part += c;
        else if (c == '-' || c == ' ') part += '_';
        else return {};
    }
    return part;
}

/// 3 for the type itself, 2 for its category, 1 for everything, 0 when not covered.
int specificity(std::string_view pattern, std::string_view type) {
    if (!covers(pattern, type)) return 0;
    return pattern == "*" ? 1 : pattern.ends_with("/*") ? 2 : 3;
}

}  // namespace

std::string normal_type(std::string_view category, std::string_view type) {
    const std::string first = normal_part(category), second = normal_part(type);
    return first.empty() || second.empty() ? std::string() : first + "/" + second;
}

std::string normal_type(std::string_view text) {
    const size_t slash = text.find('/');
    if (slash == std::string_view::npos) return {};
    return normal_type(text.substr(0, slash), text.substr(slash + 1));
}

const Policy* policy_for(std::string_view type, const std::map<PolicyId, Policy>& policies) {
    const Policy* best = nullptr;
    int most = 0;
    // The map is ordered by id, so keeping the first of equals settles ties.
    for (const auto& [id, policy] : policies)
        for (const auto& pattern : policy.types)
            if (const int found = specificity(pattern, type); found > most) {
                most = found;
                best = &policy;
            }
    return best;
}

}  // namespace bailiff::core
