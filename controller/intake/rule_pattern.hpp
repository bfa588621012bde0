// SPDX-License-Identifier: Apache-2.0
// One line of a provider's mail, described by example: "Offending IP: {source.ip}", "{source.ip}:{source.port} -> *". No
// regular expressions: staff write these, strangers' text is matched with them, and every match takes linear time.
#pragma once

#include "controller/intake/report_parser.hpp"

#include <bailiff/result.hpp>

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bailiff {

/// What a pattern can take out of a line.
enum class RuleField { source_ip, source_port, source_url, source_host, destination_ip, destination_port, observed_at, report_id, type, service, summary,
                      zone };

/// What was taken so far; the first value of a field stays.
class RuleValues {
  public:
    const std::string& operator[](RuleField field) const { return values_[static_cast<size_t>(field)]; }
    void set(RuleField field, std::string value) {
        auto& at = values_[static_cast<size_t>(field)];
        if (at.empty()) at = std::move(value);
    }
    /// Fills what is empty here from there.
    void fill_from(const RuleValues& other) {
        for (size_t i = 0; i < values_.size(); ++i)
            if (values_[i].empty()) values_[i] = other.values_[i];
    }

  private:
    std::array<std::string, 12> values_;
};

/// A line to match: trimmed, at most 2,000 characters of it, and once more in lower case, since many patterns look at it.
struct RuleLine {
    explicit RuleLine(std::string_view line);
    std::string text, lower;
};

/// Literal text (in either case; a blank stands for any number of blanks, none included), `*` for anything, and fields in
/// braces. It may match anywhere in a line; a leading `^` binds it to the line's begin, a trailing `$` to its end.
class RulePattern {
  public:
    /// invalid: an unknown field, a brace without its other, nothing but `*`, or longer than 300 characters.
    static Result<RulePattern> parse(std::string_view text);
    /// Whether the line is such a one; if so its fields are set in `values`.
    bool match(const RuleLine& line, RuleValues& values) const;
    bool match(std::string_view line, RuleValues& values) const { return match(RuleLine(line), values); }
    bool takes(RuleField field) const;

  private:
    struct Piece {
        std::string literal;  ///< lower case; empty: a field
        RuleField field = RuleField::summary;
    };
    using Segment = std::vector<Piece>;  ///< between two `*`
    std::optional<size_t> match_segment(const Segment& segment, std::string_view line, std::string_view lower, size_t at, bool last, RuleValues& values) const;
    static bool may_begin(const Piece& first, std::string_view line, std::string_view lower, size_t at);
    std::vector<Segment> segments_;
    std::string needle_;  ///< the longest word of its literals: a line without it is not looked at further
    bool from_begin_ = false, to_end_ = false;
    bool open_begin_ = false, open_end_ = false;  ///< begins or ends with `*`
};

/// Whether the whole text fits a pattern of literal characters and `*`, in either case: for addresses.
bool fits_glob(std::string_view pattern, std::string_view text);

}  // namespace bailiff
