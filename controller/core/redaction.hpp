// SPDX-License-Identifier: Apache-2.0
// Evidence as a customer may read it: what he needs to find the cause stays, what is other people's does not.
#pragma once

#include "controller/core/case.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace bailiff::core {

struct Redaction {
    std::vector<std::string> own;      ///< the customer's addresses (IP and mail), which stay whole
    std::vector<std::string> hidden;   ///< names that must not show at all: who reported
};

/// Masks, and leaves everything else byte for byte:
/// - mail addresses: what stands before the @ (`***@victim.example`), since whom a machine wrote to is that person's matter, and
///   which provider it was helps to find the mail;
/// - IP addresses: the last number of v4 (`203.0.113.x`), all but the first three groups of v6 (`2001:db8:12::x`); private,
///   local and multicast ones stay, they are nobody's;
/// - what follows password, secret, token, api key, authorization or cookie and a `:` or `=`, and `user:password@` in URLs;
/// - values of a URL's query that are named so, or look random (20 characters or more without a word);
/// - numbers of 13 to 19 digits that end with a card's check digit: all but the last four;
/// - every name of `hidden`, whatever the letters' case.
/// Hashes stay: by them a file is found. Total, and linear in the text for any number of `hidden` names.
std::string redacted(std::string_view text, const Redaction& with);

/// What the case's customer may read of its evidence.
Redaction redaction_for(const Case& c);

}  // namespace bailiff::core
