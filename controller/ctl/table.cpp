// SPDX-License-Identifier: Apache-2.0
// Widths come from the C library's Unicode tables in a UTF-8 locale, whatever locale the user runs.
#include "controller/ctl/table.hpp"

#include <bailiff/clean_text.hpp>

#include <algorithm>
#include <clocale>
#include <cwchar>
#include <locale.h>

namespace bailiff {
namespace {

/// The thread's locale while widths are asked for. C.UTF-8 is part of every Debian's libc.
class Utf8Locale {
  public:
    Utf8Locale() : locale_(newlocale(LC_CTYPE_MASK, "C.UTF-8", locale_t{})), before_(locale_ ? uselocale(locale_) : locale_t{}) {}
    ~Utf8Locale() {
        if (!locale_) return;
        uselocale(before_);
        freelocale(locale_);
    }
    Utf8Locale(const Utf8Locale&) = delete;
    Utf8Locale& operator=(const Utf8Locale&) = delete;

  private:
    locale_t locale_, before_;
};

}  // namespace

size_t shown_width(std::string_view text) {
    const Utf8Locale locale;
    size_t width = 0;
    for (size_t at = 0; at < text.size();) {
        const CodePoint c = read_utf8(text, at);
        at += c.length;
        const int columns = wcwidth(wchar_t(c.value));
        if (columns > 0) width += size_t(columns);
    }
    return width;
}

void Table::row(std::vector<std::string> cells) {
    for (auto& cell : cells) cell = clean_line(cell, 200);
    rows_.push_back(std::move(cells));
}

void Table::print(std::ostream& out) const {
    std::vector<size_t> widths;
    for (const auto& row : rows_) {
        widths.resize(std::max(widths.size(), row.size()));
        for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], shown_width(row[i]));
    }
    for (const auto& row : rows_) {
        std::string line;
        for (size_t i = 0; i < row.size(); ++i) {
            line += row[i];
            if (i + 1 < row.size()) line += std::string(widths[i] - shown_width(row[i]) + 2, ' ');
        }
        while (!line.empty() && line.back() == ' ') line.pop_back();
        out << line << "\n";
    }
}

}  // namespace bailiff
