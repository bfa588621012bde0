// SPDX-License-Identifier: Apache-2.0
// Bytes of whatever charset, or of none that is true, -> UTF-8; and what mail programs wrap text in, taken off.
#pragma once

#include <string>
#include <string_view>

namespace bailiff {

/// To UTF-8 by byte order mark, else by what the bytes show, else by `label` (a MIME charset, which is often wrong).
/// Never fails: bytes that fit nothing are read as Windows-1252, the superset of what western reporters really send.
std::string as_utf8(std::string bytes, std::string_view label = {});
/// The text of an HTML page: no tags, scripts or styles; block elements end lines; entities undone. Never shown as HTML.
std::string text_of_html(std::string_view html);
/// "a=3Db" -> "a=b"; what is no quoted-printable stays as it is.
std::string undo_quoted_printable(std::string_view text);
/// What base64 holds, or nothing where the text is not wholly base64 (line ends aside) of at least 40 characters.
std::string undo_base64(std::string_view text);
/// Without "> " before lines, and without the frame of a clear-signed PGP message ("- " before dashes undone).
std::string without_quoting(std::string_view text);

}  // namespace bailiff
