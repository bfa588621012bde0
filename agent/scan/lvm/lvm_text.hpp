// SPDX-License-Identifier: Apache-2.0
// LVM's text format: sections of keys and values, as a hostile guest may have written them.
#pragma once

#include <bailiff/result.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace bailiff::agent {

/// One value: a whole number or a text. LVM's other kind, fractions, stands in no field that matters and is kept as its text.
struct LvmValue {
    bool is_number = false;
    int64_t number = 0;
    std::string text;
};

/// `name { … }`, `name = value` or `name = [ … ]`.
struct LvmNode {
    std::string name;
    bool is_section = false;
    std::vector<LvmNode> children;  ///< of a section, in the order of the text; no two of one name
    std::vector<LvmValue> values;   ///< of a key: one, or any number from an array

    const LvmNode* find(std::string_view child) const;
    const LvmNode* section(std::string_view child) const;  ///< nothing when it is there as a key
    std::string text(std::string_view child) const;        ///< "" when it is not there or no single text
    /// `otherwise` when it is not there; -1 when it is there as anything but a single number that is not negative.
    int64_t number(std::string_view child, int64_t otherwise = -1) const;
};

inline constexpr size_t most_lvm_nodes = 200'000;  ///< sections, keys and values together
inline constexpr size_t most_lvm_depth = 16;       ///< sections inside each other

/// The whole text as one section without a name. Errors (invalid): anything that LVM would not have written, since a
/// part that we skip could be a volume. The same name twice in one section is refused too: which one LVM means is not ours
/// to guess.
Result<LvmNode> parse_lvm_text(std::string_view text);

}  // namespace bailiff::agent
