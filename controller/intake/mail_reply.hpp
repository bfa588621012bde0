// SPDX-License-Identifier: Apache-2.0
// A customer's answer to one of our mails: which case it is about, what it says, and who really sent it.
#pragma once

#include "controller/intake/mail_parts.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bailiff {

/// How sure the mail server was of the sender, as its Authentication-Results say (RFC 8601).
enum class SenderProof {
    none,      ///< nothing that counts: no trusted field, a failure, or a signature of another domain
    aligned,   ///< a DKIM signature of the sender's own domain, or DMARC, passed
};

struct MailReply {
    std::string case_id;      ///< "C-12"
    bool by_reference = false;///< it answers a Message-ID of ours; else only its subject names the case
    std::string from;         ///< address, in lower case
    SenderProof proof = SenderProof::none;
    bool automatic = false;   ///< an absence note or a bounce, for certain: nobody has read our mail
    std::string text;         ///< without quotes and signature; at most 16 KiB
    std::vector<std::string> attachments;   ///< their names
    std::string token{};      ///< of the address it went to, if that may be one of ours; `case_id` may then be empty
    friend bool operator==(const MailReply&, const MailReply&) = default;
};

/// The token of the first address "…+TOKEN@…" of the text; "" where there is none. Only the desk knows whether it is ours.
std::string token_in_addresses(std::string_view text);

/// Nothing when the mail answers none of ours. `authserv` is the name under which our own mail server writes its findings: fields
/// of any other name are the sender's own words. Empty: no field counts.
std::optional<MailReply> read_reply(const MailContent& mail, std::string_view authserv);

/// What our own mail server found out about the domain of From.
SenderProof proof_of(const MailContent& mail, std::string_view authserv);
/// An absence note, a bounce, or a machine that says that it is one: nobody reads what is answered (RFC 3834).
bool is_automatic(const MailContent& mail);

/// Who wrote a mail, how surely, and what: of whatever mail, ours or not.
struct MailAuthor {
    std::string from;         ///< address, in lower case
    SenderProof proof = SenderProof::none;
    bool automatic = false;   ///< for certain
    std::string text;         ///< without quotes and signature; at most 16 KiB
    friend bool operator==(const MailAuthor&, const MailAuthor&) = default;
};
MailAuthor read_author(const MailContent& mail, std::string_view authserv);

/// What a person wrote, of a text that also quotes: everything from the line that begins the quotation on goes, other quoted lines
/// too, and the signature behind "-- ".
std::string without_quotes(std::string_view text);

}  // namespace bailiff
