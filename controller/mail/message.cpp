// SPDX-License-Identifier: Apache-2.0
// Writes a Mail as RFC 5322 and MIME. Our own hundred lines instead of GMime, which intake uses for reading: what
// we send is a tiny part of MIME, the bytes have to be the same at every attempt (GMime draws random boundaries),
// and that no field can smuggle in a header should be plain to see in one file.
#include "controller/mail/message.hpp"

#include <bailiff/clean_text.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <optional>

namespace bailiff {
namespace {

constexpr std::string_view crlf = "\r\n";
// "=_" occurs neither in quoted-printable nor in base64 (RFC 2045 §6.7), so a fixed boundary is a safe one.
constexpr std::string_view boundary = "=_bailiff";

std::string base64(std::string_view bytes) {
    constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string out;
    for (size_t i = 0; i < bytes.size(); i += 3) {
        const size_t have = std::min<size_t>(3, bytes.size() - i);
        uint32_t group = 0;
        for (size_t k = 0; k < 3; ++k) group = (group << 8) | (k < have ? static_cast<unsigned char>(bytes[i + k]) : 0u);
        for (size_t k = 0; k < 4; ++k) out += k <= have ? alphabet[(group >> (18 - 6 * k)) & 63] : '=';
    }
    return out;
}

std::string hex_octet(char c) {
    constexpr std::string_view digits = "0123456789ABCDEF";
    const auto byte = static_cast<unsigned char>(c);
    return {'=', digits[byte >> 4], digits[byte & 15]};
}

/// Plain ASCII folded before its blanks, or nothing where a word is too long for a line of its own.
std::optional<std::string> fold_words(std::string_view text, size_t used) {
    std::string out;
    size_t column = used;
    for (size_t at = 0; at < text.size();) {
        // One piece: the blanks before a word, and the word. A fold stands before the first blank (RFC 5322 §2.2.3).
        size_t end = text.find_first_not_of(' ', at);
        if (end != std::string_view::npos) end = text.find(' ', end);
        const auto piece = text.substr(at, end == std::string_view::npos ? end : end - at);
        if (piece.size() > 70) return std::nullopt;
        if (column + piece.size() > 76) {
            if (piece.front() != ' ') return std::nullopt;
            out += crlf;
            column = 0;
        }
        out += piece;
        column += piece.size();
        at += piece.size();
    }
    return out;
}

/// `name: "display" <address>`, folded before the address where the display name makes the line long.
std::string mailbox_header(std::string_view name, const MailAddress& mailbox) {
    const std::string display = clean_line(mailbox.display, 200);
    if (display.empty()) return std::string(name) + ": " + mailbox.address + std::string(crlf);
    const bool plain = std::all_of(display.begin(), display.end(), [](char c) { return c == ' ' || is_ascii_alphanumeric(c); });
    // Anything but letters, digits and blanks is an encoded word: no quoting rules, nothing to get wrong.
    std::string shown = plain && display.size() < 60 ? display : encode_header_text(display, name.size() + 2);
    return std::string(name) + ": " + shown + "\r\n <" + mailbox.address + ">" + std::string(crlf);
}

/// A text part: its headers, a blank line, its encoded text.
std::string text_part(std::string_view subtype, std::string_view text) {
    const std::string body = clean_block(text, 4 << 20) + "\n";
    const std::string quoted = encode_quoted_printable(body), packed = encode_base64_lines(body);
    const bool use_quoted = quoted.size() <= packed.size();
    return "Content-Type: text/" + std::string(subtype) + "; charset=utf-8\r\nContent-Transfer-Encoding: " +
           (use_quoted ? "quoted-printable" : "base64") + "\r\n\r\n" + (use_quoted ? quoted : packed);
}

}  // namespace

bool is_message_id(std::string_view id) {
    const size_t at = id.find('@');
    return at != std::string_view::npos && id.size() <= 200 && is_dot_atom(id.substr(0, at)) && is_domain(id.substr(at + 1));
}

std::string encode_quoted_printable(std::string_view text) {
    std::string out, line;
    const auto add = [&](const std::string& piece) {
        if (line.size() + piece.size() > 75) {
            out += line + "=\r\n";
            line.clear();
        }
        line += piece;
    };
    for (size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (c == '\n') {
            out += line + std::string(crlf);
            line.clear();
            continue;
        }
        const bool last = i + 1 == text.size() || text[i + 1] == '\n';
        const bool literal = (c > ' ' && c <= '~' && c != '=') || (c == ' ' && !last);
        add(literal ? std::string(1, c) : hex_octet(c));
    }
    if (!line.empty()) out += line + "=\r\n";
    return out;
}

std::string encode_base64_lines(std::string_view bytes) {
    std::string out;
    for (size_t i = 0; i < bytes.size(); i += 57) out += base64(bytes.substr(i, 57)) + std::string(crlf);
    return out;
}

std::string encode_header_text(std::string_view text, size_t used) {
    const bool ascii = std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
    if (ascii && text.find("=?") == std::string_view::npos) {
        if (const auto folded = fold_words(text, used)) return *folded;
    }
    // 45 bytes become 60 columns of base64; with the frame of 12 that keeps each encoded word below 75 (RFC 2047
    // §2). The first shares its line with the header's name. A word never ends inside a character.
    size_t room = used < 31 ? (76 - used - 12) / 4 * 3 : 45;
    std::string out, word;
    const auto flush = [&] {
        if (!word.empty()) out += (out.empty() ? "=?utf-8?B?" : "\r\n =?utf-8?B?") + base64(word) + "?=";
        word.clear();
        room = 45;
    };
    for (size_t at = 0; at < text.size();) {
        const auto c = read_utf8(text, at);
        if (word.size() + c.length > std::min<size_t>(room, 45)) flush();
        word += text.substr(at, c.length);
        at += c.length;
    }
    flush();
    return out;
}

std::string format_mail_date(Instant t) {
    constexpr std::array days{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    constexpr std::array months{"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    const std::string iso = format_rfc3339(t);
    const auto day = std::chrono::floor<std::chrono::days>(t);
    const std::chrono::year_month_day date{day};
    return std::string(days[std::chrono::weekday(day).c_encoding()]) + ", " + iso.substr(8, 2) + " " +
           months[unsigned(date.month()) - 1] + " " + iso.substr(0, 4) + " " + iso.substr(11, 8) + " +0000";
}

Result<std::string> build_message(const Mail& mail) {
    const auto refuse = [](std::string_view field, std::string_view value, std::string_view remedy) {
        return fail(Errc::invalid, std::string(field) + " '" + clean_line(value, 80) + "' " + std::string(remedy));
    };
    constexpr std::string_view not_an_address = "is no mail address that can be written to; correct the contact.";
    if (!is_mail_address(mail.from.address)) return refuse("The sender", mail.from.address, not_an_address);
    if (!is_mail_address(mail.to.address)) return refuse("The recipient", mail.to.address, not_an_address);
    if (!mail.reply_to.empty() && !is_mail_address(mail.reply_to))
        return refuse("The address for replies", mail.reply_to, not_an_address);
    constexpr std::string_view not_an_id = "is no message id; it has the form left@domain without blanks.";
    if (!is_message_id(mail.message_id)) return refuse("The message id", mail.message_id, not_an_id);
    if (!mail.in_reply_to.empty() && !is_message_id(mail.in_reply_to)) return refuse("In-Reply-To", mail.in_reply_to, not_an_id);
    for (const auto& id : mail.references)
        if (!is_message_id(id)) return refuse("The reference", id, not_an_id);

    std::string out = "Date: " + format_mail_date(mail.date) + "\r\n";
    out += mailbox_header("From", mail.from);
    out += mailbox_header("To", mail.to);
    if (!mail.reply_to.empty()) out += "Reply-To: " + mail.reply_to + "\r\n";
    out += "Subject: " + encode_header_text(clean_line(mail.subject, 400), 9) + "\r\n";
    out += "Message-ID: <" + mail.message_id + ">\r\n";
    if (!mail.in_reply_to.empty()) out += "In-Reply-To: <" + mail.in_reply_to + ">\r\n";
    if (!mail.references.empty()) {
        out += "References:";
        for (const auto& id : mail.references) out += (&id == &mail.references.front() ? " <" : "\r\n <") + id + ">";
        out += "\r\n";
    }
    // RFC 3834: other people's automatic answers leave us alone, and so does our own intake.
    out += "Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n";
    if (mail.html.empty()) return out + text_part("plain", mail.text);
    const std::string open = "--" + std::string(boundary) + "\r\n";
    out += "Content-Type: multipart/alternative; boundary=\"" + std::string(boundary) + "\"\r\n\r\n";
    out += open + text_part("plain", mail.text) + "\r\n" + open + text_part("html", mail.html) + "\r\n";
    return out + "--" + std::string(boundary) + "--\r\n";
}

}  // namespace bailiff
