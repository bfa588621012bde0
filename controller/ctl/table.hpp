// SPDX-License-Identifier: Apache-2.0
// Aligned columns for a terminal, by the width that characters really take there.
#pragma once

#include <ostream>
#include <string>
#include <string_view>
#include <vector>

namespace bailiff {

/// Columns that a text takes: combining marks take none, CJK takes two. What cannot be shown is not counted.
size_t shown_width(std::string_view text);

/// Rows are padded to their column's widest cell; the last column is not padded. Cells are cleaned of control
/// characters and line breaks, since they carry texts of strangers.
class Table {
  public:
    explicit Table(std::vector<std::string> head) : rows_{std::move(head)} {}
    void row(std::vector<std::string> cells);
    bool empty() const { return rows_.size() == 1; }
    void print(std::ostream& out) const;

  private:
    std::vector<std::vector<std::string>> rows_;
};

}  // namespace bailiff
