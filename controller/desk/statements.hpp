// SPDX-License-Identifier: Apache-2.0
// What customers hand in on the page of their case: the tokens in the addresses that name a case, and files that come with a statement.
#pragma once

#include <bailiff/id.hpp>
#include <bailiff/names.hpp>
#include <bailiff/time.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bailiff {

/// A page's address is the page's URL, this, and the token.
inline constexpr std::string_view page_path = "/s/";

/// What the address with the token in it is for; a token serves for nothing else.
enum class TokenUse {
    page,     ///< opens the page on which the customer answers: 256 random bits, since whoever has them may speak for the customer
    reply,    ///< desk+TOKEN@provider, to which a customer's mails are answered: names the case and proves nothing about who writes
};

/// The token of one address that a notice carries. Only its SHA-256 is kept, and what is not kept cannot be named again: each
/// notice has one of its own.
struct CaseToken {
    TokenUse use = TokenUse::page;
    std::string sha256;
    CaseId case_id;
    std::string notice;            ///< key of the notice that carries the address: "ticket", "further_report/2"
    Instant made_at{};
    friend bool operator==(const CaseToken&, const CaseToken&) = default;
};
/// Hexadecimal digits of a token for replies; 128 bits.
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
    /// Of one notice and use the newest `tokens_per_notice` stay: a mail that is tried again gets a new address each time, and
    /// an earlier attempt may have arrived all the same. A token that is there already stays as it is.
    virtual void put_token(const CaseToken& token) = 0;
    virtual std::optional<CaseId> case_of_token(TokenUse use, const std::string& token_sha256) = 0;
    virtual void put_attachment(const Attachment& attachment) = 0;
    virtual std::vector<Attachment> attachments_of(const CaseId& id) = 0;   ///< by number, without their bytes
    virtual std::optional<Attachment> find_attachment(const CaseId& id, int64_t number) = 0;
    static constexpr int64_t tokens_per_notice = 4;
};

template <>
struct Names<TokenUse> {
    static constexpr std::string_view what = "use of a token";
    static constexpr std::array table{std::pair{TokenUse::page, std::string_view("page")}, std::pair{TokenUse::reply, std::string_view("reply")}};
};

}  // namespace bailiff
