// SPDX-License-Identifier: Apache-2.0
// A recursive descent over the text, bounded in depth and in the number of things it makes.
#include "agent/scan/lvm/lvm_text.hpp"

#include <algorithm>
#include <charconv>
#include <set>

namespace bailiff::agent {
namespace {

class Parser {
  public:
    explicit Parser(std::string_view text) : text_(text) {}

    Result<LvmNode> run() {
        LvmNode root;
        root.is_section = true;
        if (members(root, 0, false) && at_ < text_.size()) fail_here("a bracket closes what was never opened");
        if (!problem_.empty()) return fail(Errc::invalid, "line " + std::to_string(line_) + " of the LVM metadata: " + problem_);
        return root;
    }

  private:
    bool fail_here(const char* why) {
        if (problem_.empty()) problem_ = why;
        return false;
    }
    bool count() { return ++made_ <= most_lvm_nodes || fail_here("it has more entries than are followed"); }

    void skip_blanks() {
        for (; at_ < text_.size(); ++at_) {
            const char c = text_[at_];
            if (c == '\n') ++line_;
            if (c == '#') {
                at_ = std::min(text_.find('\n', at_), text_.size());
                --at_;  // the loop steps onto the newline, to count it
            } else if (c != ' ' && c != '\t' && c != '\n' && c != '\r') {
                return;
            }
        }
    }
    bool next_is(char c) const { return at_ < text_.size() && text_[at_] == c; }
    bool take(char c) {
        skip_blanks();
        if (!next_is(c)) return false;
        ++at_;
        return true;
    }

    static bool name_character(char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '-' || c == '+';
    }
    std::string_view name() {
        const size_t begin = at_;
        while (at_ < text_.size() && name_character(text_[at_])) ++at_;
        return text_.substr(begin, at_ - begin);
    }

    /// Everything up to the bracket that closes the section, or to the end of the text for the outermost one.
    bool members(LvmNode& parent, size_t depth, bool closed) {
        if (depth > most_lvm_depth) return fail_here("sections are nested deeper than is followed");
        std::set<std::string_view> names;  // ordered: a hash of hostile names could be made slow
        for (;;) {
            skip_blanks();
            if (at_ >= text_.size()) return !closed || fail_here("it ends inside a section");
            if (next_is('}')) {
                if (closed) ++at_;
                return true;
            }
            const std::string_view word = name();
            if (word.empty()) return fail_here("a name is missing");
            if (!names.insert(word).second) return fail_here("a name stands twice in one section");
            if (!count()) return false;
            LvmNode& node = parent.children.emplace_back();
            node.name = word;
            if (take('{')) {
                node.is_section = true;
                if (!members(node, depth + 1, true)) return false;
            } else if (take('=')) {
                if (!(take('[') ? array(node) : value(node))) return false;
            } else {
                return fail_here("a name is followed by neither a value nor a section");
            }
        }
    }

    bool array(LvmNode& node) {
        while (!take(']')) {
            if (!value(node)) return false;
            if (take(',')) continue;
            return take(']') || fail_here("a list is not closed");
        }
        return true;
    }

    bool value(LvmNode& node) {
        skip_blanks();
        if (!count()) return false;
        LvmValue& out = node.values.emplace_back();
        return next_is('"') ? quoted(out.text) : number(out);
    }

    bool quoted(std::string& out) {
        for (++at_; at_ < text_.size(); ++at_) {
            char c = text_[at_];
            if (c == '"') return ++at_, true;
            if (c == '\n') ++line_;
            if (c == '\\' && at_ + 1 < text_.size() && (text_[at_ + 1] == '"' || text_[at_ + 1] == '\\')) c = text_[++at_];
            out += c;
        }
        return fail_here("a text is not closed");
    }

    bool number(LvmValue& out) {
        const std::string_view word = name();
        const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), out.number);
        if (word.empty() || error != std::errc()) return fail_here("a value is neither a number nor a text");
        out.is_number = end == word.data() + word.size();
        if (out.is_number) return true;
        out.text = word;
        const bool fraction = std::all_of(word.begin(), word.end(), [](char c) { return (c >= '0' && c <= '9') || c == '.' || c == '-'; });
        return fraction || fail_here("a number is followed by something else");
    }

    std::string_view text_;
    size_t at_ = 0, line_ = 1, made_ = 0;
    std::string problem_;
};

}  // namespace

const LvmNode* LvmNode::find(std::string_view child) const {
    const auto it = std::find_if(children.begin(), children.end(), [&](const LvmNode& node) { return node.name == child; });
    return it == children.end() ? nullptr : &*it;
}

const LvmNode* LvmNode::section(std::string_view child) const {
    const LvmNode* node = find(child);
    return node && node->is_section ? node : nullptr;
}

std::string LvmNode::text(std::string_view child) const {
    const LvmNode* node = find(child);
    return node && node->values.size() == 1 && !node->values[0].is_number ? node->values[0].text : "";
}

int64_t LvmNode::number(std::string_view child, int64_t otherwise) const {
    const LvmNode* node = find(child);
    if (!node) return otherwise;
    return node->values.size() == 1 && node->values[0].is_number ? std::max<int64_t>(node->values[0].number, -1) : -1;
}

Result<LvmNode> parse_lvm_text(std::string_view text) {
    // The text on the disk ends in a zero byte. One further in would hide what follows it from LVM, but not from us.
    while (!text.empty() && text.back() == '\0') text.remove_suffix(1);
    return Parser(text).run();
}

}  // namespace bailiff::agent
