// SPDX-License-Identifier: Apache-2.0
// Reads a notice's text line by line and writes each line once, inside what its beginning says it is.
#include "controller/mail/notice_html.hpp"

#include <algorithm>
#include <array>
#include <vector>

namespace bailiff {
namespace {

std::string escaped(std::string_view text) {
    std::string out;
    for (const char c : text) {
        switch (c) {
            case '&': out += "&amp;"; break;
            case '<': out += "&lt;"; break;
            case '>': out += "&gt;"; break;
            case '"': out += "&quot;"; break;
            case '\'': out += "&#39;"; break;
            default: out += c;
        }
    }
    return out;
}

std::vector<std::string_view> lines_of(std::string_view text) {
    std::vector<std::string_view> out;
    for (size_t at = 0; at < text.size();) {
        const size_t end = std::min(text.find('\n', at), text.size());
        out.push_back(text.substr(at, end - at));
        at = end + 1;
    }
    return out;
}

bool right_to_left(std::string_view language) {
    constexpr std::array<std::string_view, 5> those{"ar", "fa", "he", "ur", "yi"};
    return std::find(those.begin(), those.end(), language.substr(0, language.find('-'))) != those.end();
}

// Mail programs drop what they do not know; without any of it the text still reads well.
constexpr std::string_view style =
    ":root{color-scheme:light dark}body{font-family:system-ui,sans-serif;line-height:1.45;max-width:44rem;margin:1rem auto;padding:0 1rem}"
    "h2{font-size:1rem;margin:1.6rem 0 .4rem}pre{white-space:pre-wrap;overflow-wrap:anywhere;border-left:3px solid #888;margin:.5rem 0;padding:0 0 0 .75rem}"
    "dt{font-weight:bold}dd{margin:0 0 .4rem 1.2rem}li{overflow-wrap:anywhere}a.page{display:inline-block;padding:.55rem 1rem;border:2px solid;border-radius:.4rem;overflow-wrap:anywhere}";

/// What lines that follow each other make together.
enum class Part { none, words, facts, list, quotation };

class Writer {
  public:
    explicit Writer(const HtmlHints& hints) : hints_(hints) {}

    void line(std::string_view text, std::string_view next) {
        if (text.empty()) return close();
        if (hints_.headings.contains(text)) {
            close();
            out += "<h2>" + escaped(text) + "</h2>\n";
        } else if (hints_.pages.contains(text)) {
            close();
            out += "<p>" + link(text) + "</p>\n";
        } else if (text.starts_with("  | ") || text == "  |") {
            if (!open(Part::quotation, "<pre>")) out += "\n";
            out += escaped(text.substr(std::min<size_t>(4, text.size())));
        } else if (text.starts_with("  - ")) {
            open(Part::list, "<ul>\n");
            out += "<li>" + escaped(text.substr(4));
            item_ = true;
        } else if (item_ && text.starts_with("    ")) {
            const auto words = text.substr(text.find_first_not_of(' '));
            out += hints_.pages.contains(words) ? "<br>" + link(words) : " " + escaped(words);
        } else if (text.starts_with("      ")) {
            // It explains the line above, which is a <dt>.
            open(Part::facts, "<dl>\n");
            out += "<dd>" + escaped(text.substr(6)) + "</dd>\n";
        } else if (text.starts_with("  ")) {
            open(Part::facts, "<dl>\n");
            out += next.starts_with("      ") ? "<dt>" + escaped(text.substr(2)) + "</dt>\n" : "<dd style=\"margin-left:0\">" + escaped(text.substr(2)) + "</dd>\n";
        } else {
            if (!open(Part::words, "<p>")) out += "\n";
            out += escaped(text);
        }
    }
    void close() {
        end_item();
        switch (part_) {
            case Part::none: break;
            case Part::words: out += "</p>\n"; break;
            case Part::facts: out += "</dl>\n"; break;
            case Part::list: out += "</ul>\n"; break;
            case Part::quotation: out += "</pre>\n"; break;
        }
        part_ = Part::none;
    }
    std::string out;

  private:
    static std::string link(std::string_view url) { return "<a class=\"page\" href=\"" + escaped(url) + "\">" + escaped(url) + "</a>"; }
    void end_item() {
        if (item_) out += "</li>\n";
        item_ = false;
    }
    /// Whether the part begins here.
    bool open(Part part, std::string_view tag) {
        end_item();
        if (part_ == part) return false;
        close();
        part_ = part;
        out += tag;
        return true;
    }
    const HtmlHints& hints_;
    Part part_ = Part::none;
    bool item_ = false;
};

}  // namespace

std::string html_of(std::string_view text, const HtmlHints& hints) {
    Writer writer(hints);
    const auto lines = lines_of(text);
    for (size_t i = 0; i < lines.size(); ++i) writer.line(lines[i], i + 1 < lines.size() ? lines[i + 1] : std::string_view());
    writer.close();
    return "<!DOCTYPE html>\n<html lang=\"" + escaped(hints.language) + "\" dir=\"" + (right_to_left(hints.language) ? "rtl" : "ltr") +
           "\">\n<head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\"><meta name=\"color-scheme\" content=\"light dark\">\n<title>" +
           escaped(hints.title) + "</title>\n<style>" + std::string(style) + "</style></head>\n<body>\n" + writer.out + "</body>\n</html>\n";
}

}  // namespace bailiff
