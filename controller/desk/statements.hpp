// SPDX-License-Identifier: Apache-2.0
// What customers hand in on the page of their case: the tokens in the page's addresses, and files that come with a statement.
#pragma once

#include <bailiff/id.hpp>
#include <bailiff/time.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bailiff {

/// A page's address is the page's URL, this, and the token.
inline constexpr std::string_view page_path = "/s/";

/// The token of one address: 256 random bits, of which only the SHA-256 is kept. Each notice that names the page has one
/// of its own, since what is not kept cannot be named again.
struct PageToken {
    std::string sha256;
    CaseId case_id;
    std::string notice;            ///< key of the notice that names the address: "ticket", "further_report/2"
    Instant made_at{};
    friend bool operator==(const PageToken&, const PageToken&) = default;
};

/// The token in the address to which a customer's mails are to be answered: desk+TOKEN@provider. It names the case and proves
/// nothing about who writes. Only its SHA-256 is kept, so each notice has one of its own.
struct ReplyToken {
    std::string sha256;
    CaseId case_id;
    std::string notice;            ///< key of the notice that carries the address
    Instant made_at{};
    friend bool operator==(const ReplyToken&, const ReplyToken&) = default;
};
/// Hexadecimal digits of such a token; 128 bits.
inline constexpr size_t reply_token_digits = 32;

/// A file that came with a statement, or that staff put to the case. Nothing of it is believed, and nobody but staff gets it back.
struct Attachment {
    CaseId case_id;
    int64_t number = 0;            ///< from 1 within the case
    std::string name;              ///< cleaned: one line, no folder
    std::string sha256;
    int64_t size = 0;              ///< bytes
    Instant at{};
    std::string bytes;
    std::string by{};              ///< the actor who put it there; empty: the customer, with a statement
    friend bool operator==(const Attachment&, const Attachment&) = default;
};

class Statements {
  public:
    virtual ~Statements() = default;
    /// Of one notice the newest `tokens_per_notice` stay: a mail that is tried again gets a new address each time, and an
    /// earlier attempt may have arrived all the same.
    virtual void put_page_token(const PageToken& token) = 0;
    virtual std::optional<CaseId> case_of_page(const std::string& token_sha256) = 0;
    /// Of one notice the newest `tokens_per_notice` stay, as of the page.
    virtual void put_reply_token(const ReplyToken& token) = 0;
    virtual std::optional<CaseId> case_of_reply(const std::string& token_sha256) = 0;
    virtual void put_attachment(const Attachment& attachment) = 0;
    virtual std::vector<Attachment> attachments_of(const CaseId& id) = 0;   ///< by number, without their bytes
    virtual std::optional<Attachment> find_attachment(const CaseId& id, int64_t number) = 0;
    static constexpr int64_t tokens_per_notice = 4;
};

}  // namespace bailiff
