// SPDX-License-Identifier: Apache-2.0
// Each piece between two `*` is looked for from where the one before it ended, and the first place counts: a line is never
// gone back in, so the cost is its length times the pattern's.
#include "controller/intake/rule_pattern.hpp"

#include "controller/intake/fields.hpp"

#include <algorithm>
#include <utility>

namespace bailiff {
namespace {

constexpr std::array<std::pair<std::string_view, RuleField>, 12> field_names{{{"source.ip", RuleField::source_ip},
                                                                              {"source.port", RuleField::source_port},
                                                                              {"source.url", RuleField::source_url},
                                                                              {"source.host", RuleField::source_host},
                                                                              {"destination.ip", RuleField::destination_ip},
                                                                              {"destination.port", RuleField::destination_port},
                                                                              {"observed_at", RuleField::observed_at},
                                                                              {"report_id", RuleField::report_id},
                                                                              {"type", RuleField::type},
                                                                              {"service", RuleField::service},
                                                                              {"summary", RuleField::summary},
                                                                              {"zone", RuleField::zone}}};

bool blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }
bool alphanumeric(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

/// Where the literal ends if it stands at `at`; its blanks stand for any number of blanks.
std::optional<size_t> literal_end(std::string_view lower, size_t at, std::string_view literal) {
    for (const char c : literal) {
        if (c == ' ') {
            while (at < lower.size() && blank(lower[at])) ++at;
        } else {
            if (at >= lower.size() || lower[at] != c) return std::nullopt;
            ++at;
        }
    }
    return at;
}

std::string_view run_of(std::string_view rest, bool (*belongs)(char)) {
    size_t end = 0;
    while (end < rest.size() && belongs(rest[end])) ++end;
    return rest.substr(0, end);
}

std::string_view without_end(std::string_view text, std::string_view marks) {
    while (!text.empty() && marks.find(text.back()) != std::string_view::npos) text.remove_suffix(1);
    return text;
}

std::string_view address_at(std::string_view rest) {
    auto run = run_of(rest, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || c == '.' || c == ':'; });
    const bool in_word = run.size() < rest.size() && (alphanumeric(rest[run.size()]) || rest[run.size()] == '@');
    // "192.0.2.1/32" is one address, "192.0.2.0/24" is none.
    if (run.size() < rest.size() && rest[run.size()] == '/') {
        const auto bits = run_of(rest.substr(run.size() + 1), [](char c) { return c >= '0' && c <= '9'; });
        if (!bits.empty() && bits != (run.find(':') == std::string_view::npos ? "32" : "128")) return {};
    }
    run = without_end(run, ".:");
    if (in_word) return {};
    if (read_address(run)) return run;
    // "192.0.2.1:443": the port is for the pattern's next piece.
    run = run.substr(0, run.find(':'));
    return read_address(run) ? run : std::string_view();
}

/// The time that can be read from the front, with its zone; one whose zone is not known only where there is no better. What
/// follows is left to the pattern's next piece, so of equal readings the shortest.
std::string_view time_at(std::string_view rest) {
    rest = rest.substr(0, 60);
    std::optional<ReadTime> best;
    const auto candidate_of = [&](size_t length) {
        const bool between_words = length == rest.size() || !alphanumeric(rest[length]) || !alphanumeric(rest[length - 1]);
        return between_words ? without_end(rest.substr(0, length), " ,.;:(*") : std::string_view();
    };
    for (size_t length = rest.size(); length >= 10 && (!best || !best->zone_minutes); --length) {
        const auto time = read_time(candidate_of(length));
        if (!time) continue;
        const bool known = time->warning.find("is not known") == std::string::npos;
        if (!best || known) best = time;
        if (known) break;
    }
    const auto digit = [&](size_t at) { return at < rest.size() && rest[at] >= '0' && rest[at] <= '9'; };
    for (size_t length = 10; best && length <= rest.size(); ++length) {
        // A fraction of a second is part of the time, though it does not change it.
        if (length < rest.size() && ((rest[length] == '.' && digit(length + 1)) || (rest[length - 1] == '.' && digit(length)))) continue;
        const auto candidate = candidate_of(length);
        const auto time = read_time(candidate);
        if (time && time->at == best->at && time->zone_minutes == best->zone_minutes) return candidate;
    }
    if (const auto unclear = ambiguous_time(rest); !unclear.empty()) return unclear;
    // A system log names no year; the mail's own date says which it was.
    return yearless_time(rest);
}

std::string_view url_at(std::string_view rest) {
    if (!looks_like_url(rest)) return {};
    return without_end(rest.substr(0, rest.find_first_of(" \t\r\n<>\"'`")), ".,;:)]}*");
}

/// What a field takes at the front of `rest`; empty: it is not there. Not for texts, which end where the next literal begins.
std::string_view value_at(RuleField field, std::string_view rest) {
    switch (field) {
        case RuleField::source_ip:
        case RuleField::destination_ip: return address_at(rest);
        case RuleField::source_port:
        case RuleField::destination_port: {
            const auto run = run_of(rest, [](char c) { return c >= '0' && c <= '9'; });
            return read_port(run) ? run : std::string_view();
        }
        case RuleField::source_url: return url_at(rest);
        case RuleField::source_host: {
            const auto run = without_end(run_of(rest, [](char c) { return alphanumeric(c) || c == '.' || c == '-' || c == '_'; }), ".");
            return looks_like_host(run) ? run : std::string_view();
        }
        case RuleField::observed_at: return time_at(rest);
        case RuleField::report_id:
            return without_end(run_of(rest, [](char c) { return !blank(c) && c != ']' && c != ')' && c != '>'; }), ",.;:)]>\"'");
        case RuleField::zone: return run_of(rest, [](char c) { return alphanumeric(c) || c == '+' || c == '-' || c == ':'; });
        case RuleField::type:
        case RuleField::service:
        case RuleField::summary: return without_end(run_of(rest, [](char c) { return !blank(c); }), ",.;:)]>\"'*");
    }
    return {};
}

bool is_text(RuleField field) { return field == RuleField::type || field == RuleField::service || field == RuleField::summary; }

}  // namespace

Result<RulePattern> RulePattern::parse(std::string_view text) {
    const std::string shown = "'" + std::string(text.substr(0, 80)) + "'";
    if (text.size() > 300) return fail(Errc::invalid, shown + "… is longer than 300 characters");
    RulePattern out;
    if (text.starts_with('^')) out.from_begin_ = true, text.remove_prefix(1);
    if (text.ends_with('$')) out.to_end_ = true, text.remove_suffix(1);
    out.open_begin_ = text.starts_with('*');
    out.open_end_ = text.ends_with('*') && !out.to_end_;
    Segment segment;
    std::string literal;
    const auto end_literal = [&] {
        if (!literal.empty()) segment.push_back({std::exchange(literal, {}), RuleField::summary});
    };
    for (size_t at = 0; at < text.size();) {
        const char c = text[at];
        if (c == '*') {
            end_literal();
            if (!segment.empty()) out.segments_.push_back(std::exchange(segment, {}));
            ++at;
        } else if (c == '{') {
            const size_t close = text.find('}', at);
            if (close == std::string_view::npos) return fail(Errc::invalid, "the brace in " + shown + " is not closed");
            const std::string name = lower_case(text.substr(at + 1, close - at - 1));
            const auto field = std::find_if(field_names.begin(), field_names.end(), [&](const auto& f) { return f.first == name; });
            if (field == field_names.end())
                return fail(Errc::invalid, "'{" + name + "}' is no field; write {source.ip}, {source.port}, {source.url}, {source.host}, {destination.ip}, "
                                           "{destination.port}, {observed_at}, {zone}, {report_id}, {type}, {service} or {summary}");
            end_literal();
            if (!segment.empty() && segment.back().literal.empty()) return fail(Errc::invalid, "two fields in " + shown + " need something between them");
            segment.push_back({{}, field->second});
            at = close + 1;
        } else {
            if (!(c == ' ' && literal.ends_with(' '))) literal += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
            ++at;
        }
    }
    end_literal();
    if (!segment.empty()) out.segments_.push_back(std::move(segment));
    if (out.segments_.empty()) return fail(Errc::invalid, shown + " matches everything; write what the line says");
    for (const Segment& some : out.segments_)
        for (const Piece& piece : some)
            for (size_t at = 0; at < piece.literal.size();) {
                const size_t end = std::min(piece.literal.find(' ', at), piece.literal.size());
                if (end - at > out.needle_.size()) out.needle_ = piece.literal.substr(at, end - at);
                at = end + 1;
            }
    return out;
}

std::optional<size_t> RulePattern::match_segment(const Segment& segment, std::string_view line, std::string_view lower, size_t at, bool last,
                                                 RuleValues& values) const {
    for (size_t i = 0; i < segment.size(); ++i) {
        const Piece& piece = segment[i];
        if (!piece.literal.empty()) {
            const auto end = literal_end(lower, at, piece.literal);
            if (!end) return std::nullopt;
            at = *end;
            continue;
        }
        // A label's colon is followed by blanks, whether the pattern says so or not; emphasis and brackets are no value.
        while (at < line.size() && (blank(line[at]) || std::string_view("*\"'<([").find(line[at]) != std::string_view::npos)) ++at;
        std::string_view value;
        if (is_text(piece.field) && i + 1 < segment.size()) {
            size_t stop = at + 1;
            while (stop <= line.size() && !literal_end(lower, stop, segment[i + 1].literal)) ++stop;
            if (stop > line.size()) return std::nullopt;
            value = trimmed(line.substr(at, stop - at));
            at = stop;
        } else if (is_text(piece.field) && last && !open_end_) {
            value = trimmed(line.substr(at));
            at = line.size();
        } else {
            if (!is_text(piece.field) && at > 0 && alphanumeric(line[at - 1]) && (i == 0 || piece.field == RuleField::source_ip)) return std::nullopt;
            value = value_at(piece.field, line.substr(at));
            at += value.size();
        }
        if (value.empty()) return std::nullopt;
        values.set(piece.field, std::string(value));
    }
    return at;
}

/// A cheap look at the first piece, since nearly every place in a text is none.
bool RulePattern::may_begin(const Piece& first, std::string_view line, std::string_view lower, size_t at) {
    if (!first.literal.empty()) return first.literal[0] == ' ' || (at < lower.size() && lower[at] == first.literal[0]);
    if (at >= line.size() || (at > 0 && alphanumeric(line[at - 1]))) return false;
    if (first.field != RuleField::observed_at) return true;
    const size_t colon = line.substr(at, 60).find(':');
    return alphanumeric(line[at]) && colon != std::string_view::npos && colon > 0;
}

RuleLine::RuleLine(std::string_view line) : text(trimmed(line.substr(0, 2000))), lower(lower_case(text)) {}

bool RulePattern::match(const RuleLine& whole, RuleValues& values) const {
    const std::string_view line = whole.text, lower = whole.lower;
    if (lower.find(needle_) == std::string_view::npos) return false;
    size_t from = 0;
    for (size_t s = 0; s < segments_.size(); ++s) {
        const bool last = s + 1 == segments_.size(), bound = s == 0 && from_begin_ && !open_begin_;
        std::optional<size_t> end;
        for (size_t at = from; at <= line.size() && !end; ++at) {
            if (!may_begin(segments_[s].front(), line, lower, at) && !bound) continue;
            // What a try took counts only if all of it fits.
            RuleValues trial = values;
            end = match_segment(segments_[s], line, lower, at, last, trial);
            if (end && last && to_end_ && *end < line.size()) end.reset();
            if (end) values = std::move(trial);
            if (bound) break;
        }
        if (!end) return false;
        from = *end;
    }
    return true;
}

bool RulePattern::takes(RuleField field) const {
    return std::any_of(segments_.begin(), segments_.end(), [&](const Segment& s) {
        return std::any_of(s.begin(), s.end(), [&](const Piece& p) { return p.literal.empty() && p.field == field; });
    });
}

bool fits_glob(std::string_view pattern, std::string_view text) {
    const std::string p = lower_case(pattern), t = lower_case(text);
    size_t at = 0, in = 0, star = std::string::npos, retry = 0;
    while (in < t.size()) {
        if (at < p.size() && p[at] == '*') {
            star = at++;
            retry = in;
        } else if (at < p.size() && p[at] == t[in]) {
            ++at, ++in;
        } else if (star != std::string::npos) {
            at = star + 1;
            in = ++retry;
        } else {
            return false;
        }
    }
    while (at < p.size() && p[at] == '*') ++at;
    return at == p.size();
}

}  // namespace bailiff
