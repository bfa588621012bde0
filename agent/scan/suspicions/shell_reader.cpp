// SPDX-License-Identifier: Apache-2.0
// From a text to commands: quotes, comments, separators, substitutions.
#include "agent/scan/suspicions/shell_commands.hpp"
#include "agent/scan/suspicions/shell_text.hpp"

#include <algorithm>
#include <cctype>

namespace bailiff::agent {
namespace {

constexpr size_t most_commands = 20'000, longest_word = 4096;

class ShellReader {
  public:
    explicit ShellReader(std::string_view text) : text_(text) {}
    std::vector<ShellCommand> read() {
        list('\0', 0);
        return std::move(out_);
    }

  private:
    bool at_end() const { return at_ >= text_.size() || out_.size() >= most_commands; }
    char peek(size_t ahead = 0) const { return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0'; }
    static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

    /// Reads commands up to `closing` and says whether one of them downloads or decodes.
    bool list(char closing, int depth) {
        bool fetches = false, piped = false;
        while (!at_end()) {
            ShellCommand command;
            command.piped = piped;
            command.depth = depth;
            const char end = words(command, closing, depth);
            fetches = fetches || fetches_something(command);
            if (!command.words.empty()) out_.push_back(std::move(command));
            if (end == closing && closing) return fetches;
            piped = end == '|';
        }
        return fetches;
    }

    /// Reads one command's words; what ended it. `|` is said for a pipe only.
    char words(ShellCommand& command, char closing, int depth) {
        while (!at_end()) {
            const char c = peek();
            if (is_blank(c)) {
                ++at_;
            } else if (c == '\\' && peek(1) == '\n') {
                at_ += 2;
            } else if (c == '#') {
                while (at_ < text_.size() && peek() != '\n') ++at_;
            } else if (c == closing && closing) {
                return ++at_, c;
            } else if (c == '|' || c == ';' || c == '&' || c == '\n' || c == '(' || c == ')') {
                ++at_;
                if ((c == '|' || c == '&') && peek() == c) return ++at_, ';';
                if (c == '&' && peek() == '>') continue;  // &>file is no end
                if (c == '|' && peek() == '&') ++at_;
                return c == '|' ? '|' : ';';
            } else {
                word(command, closing, depth);
            }
        }
        return '\0';
    }

    void word(ShellCommand& command, char closing, int depth) {
        ShellWord out;
        bool quoted = false, substituted = false;
        while (!at_end()) {
            const char c = peek();
            if (is_blank(c) || c == '\n' || c == '|' || c == ';' || c == ')' || (c == closing && closing)) break;
            if (c == '&' && !(out.text.ends_with('>') || out.text.ends_with('<') || peek(1) == '>')) break;
            if (c == '(') break;
            if (c == '\\') {
                if (peek(1) != '\n') add(out, peek(1));
                at_ += 2;
            } else if (c == '\'') {
                quoted = true;
                single(out);
            } else if (c == '"') {
                quoted = true;
                doubly(out, depth, substituted);
            } else if (!substitution(out, depth, substituted)) {
                add(out, c);
                ++at_;
            }
        }
        if (out.text.empty() && !quoted && !substituted) {
            ++at_;  // a stray parenthesis or the like
            return;
        }
        // NAME=value before the program, and `then` or `!` before a command, are not the program.
        if (command.words.empty() && !out.fetched && ((!quoted && is_keyword(out.text)) || is_assignment(out.text))) return;
        command.words.push_back(std::move(out));
    }

    static void add(ShellWord& out, char c) {
        if (out.text.size() < longest_word && c) out.text += c;
    }

    void single(ShellWord& out) {
        for (++at_; at_ < text_.size() && peek() != '\''; ++at_) add(out, peek());
        ++at_;
    }

    void doubly(ShellWord& out, int depth, bool& substituted) {
        ++at_;
        while (!at_end() && peek() != '"') {
            if (peek() == '\\') {
                if (peek(1) != '\n') add(out, peek(1));
                at_ += 2;
            } else if (!substitution(out, depth, substituted)) {
                add(out, peek());
                ++at_;
            }
        }
        ++at_;
    }

    /// $(…), `…` and <(…). False when none begins here.
    bool substitution(ShellWord& out, int depth, bool& substituted) {
        if (depth >= deepest_substitution) return false;
        const bool tick = peek() == '`';
        if (!tick && ((peek() != '<' && peek() != '$') || peek(1) != '(')) return false;
        at_ += tick ? 1 : 2;
        const bool first = out.text.empty();
        const bool fetches = list(tick ? '`' : ')', depth + 1);
        substituted = true;
        if (first && fetches) out.fetched = true;
        return true;
    }

    static bool is_keyword(std::string_view word) {
        for (const char* one : {"if", "then", "elif", "else", "while", "until", "do", "!", "{", "}", "time"})
            if (word == one) return true;
        return false;
    }
    static bool is_assignment(std::string_view word) {
        const auto equals = word.find('=');
        if (equals == word.npos || equals == 0) return false;
        return std::all_of(word.begin(), word.begin() + static_cast<std::ptrdiff_t>(equals),
                           [](char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_'; });
    }

    std::string_view text_;
    size_t at_ = 0;
    std::vector<ShellCommand> out_;
};

}  // namespace

std::vector<ShellCommand> read_shell(std::string_view text) { return ShellReader(text).read(); }

}  // namespace bailiff::agent
