// SPDX-License-Identifier: Apache-2.0
// One mail that goes out, and its text on the wire (RFC 5322 and MIME).
#pragma once

#include "controller/desk/mail_address.hpp"

#include <bailiff/result.hpp>
#include <bailiff/time.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace bailiff {

/// A mailbox: what people see, and where it goes.
struct MailAddress {
    std::string address;  ///< local@domain, ASCII (an internationalised domain in its xn-- form)
    std::string display;  ///< UTF-8, may be empty
    friend bool operator==(const MailAddress&, const MailAddress&) = default;
};

/// A mail as the desk wants it. A plain value: the same Mail gives the same bytes, so that a repeated attempt is
/// recognisable as the same message everywhere.
struct Mail {
    std::string message_id;  ///< "notice-81.c17@desk.example", chosen by the caller and kept over all attempts
    Instant date{};          ///< when the notice fell due, not when an attempt was made
    MailAddress from;
    MailAddress to;
    std::string reply_to;  ///< an address, or empty
    std::string subject;   ///< UTF-8
    std::string text;      ///< UTF-8, lines end with \n
    std::string html;      ///< empty: plain text only
    std::string in_reply_to;              ///< a message id, or empty
    std::vector<std::string> references;  ///< message ids, oldest first
};

/// Whether `id` can stand between < and > in a Message-ID.
bool is_message_id(std::string_view id);

/// The message with CRLF line ends. No field can add a header or a body line of its own: addresses and ids that
/// are none are refused (Errc::invalid), everything else is encoded. Text is sent as quoted-printable or base64,
/// whichever is shorter, so no line exceeds 76 bytes and no relay has a reason to change it.
Result<std::string> build_message(const Mail& mail);

/// RFC 2047: `text` itself where it is short plain ASCII, encoded words with their folding otherwise. `used` is
/// how many columns the header's name has taken already. Exposed for its tests.
std::string encode_header_text(std::string_view text, size_t used);
/// RFC 2045 §6.7, of a UTF-8 text with \n line ends; the result has CRLF. Exposed for its tests.
std::string encode_quoted_printable(std::string_view text);
/// RFC 2045 §6.8, lines of 76 columns with CRLF. Exposed for its tests.
std::string encode_base64_lines(std::string_view bytes);
/// RFC 5322 §3.3: "Mon, 02 Mar 2026 03:30:00 +0000".
std::string format_mail_date(Instant t);

}  // namespace bailiff
