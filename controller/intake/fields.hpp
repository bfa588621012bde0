// SPDX-License-Identifier: Apache-2.0
// The small readings that every format needs: addresses, times, kinds of abuse, lists of keys and values.
#pragma once

#include "controller/intake/report_parser.hpp"

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bailiff {

/// ASCII only; other bytes stay.
std::string lower_case(std::string_view text);
/// Without blanks, tabs and line ends at either end.
std::string_view trimmed(std::string_view text);

/// An IPv4 or IPv6 address in its normal form (IPv4-mapped ones as IPv4), from a text that may add brackets or a
/// comment: "[2001:DB8::1]", "192.0.2.1 (mail.example)". Nothing where it is none.
std::optional<std::string> read_address(std::string_view text);
/// "192.0.2.0/24", "2001:db8::/32": a network in its normal form.
std::optional<std::string> read_network(std::string_view text);
/// An address with or without a port: "192.0.2.1:443", "[2001:db8::1]:443".
std::optional<std::pair<std::string, std::optional<uint16_t>>> read_endpoint(std::string_view text);
/// The only address in a short text that says more: "web1.example [192.0.2.1]", "<192.0.2.1>", "ip4:192.0.2.1". Two: nothing.
std::optional<std::pair<std::string, std::optional<uint16_t>>> find_endpoint(std::string_view text);
/// Takes back what reporters do to keep things from being clicked: "192[.]0[.]2[.]1", "hxxp://", "example[dot]com".
std::string refanged(std::string_view text);
/// A port of 0 to 65535.
/// Whether an address (in normal form) can be that of a machine somewhere else: not of private networks, loopback, or a group.
bool on_the_internet(std::string_view ip);
std::optional<uint16_t> read_port(std::string_view text);
/// The host of "scheme://[user@]host[:port]/…", lower case, or nothing.
std::optional<std::string> host_of_url(std::string_view url);
bool looks_like_url(std::string_view text);
bool looks_like_host(std::string_view text);

/// Sorts one identifier (defanged or not) into ip (with port), network, url or host; false where it is none of them.
bool place_identifier(std::string_view identifier, ReportedPlace& place);
/// Where only a URL is known, its host says where: an address becomes the ip, a name the host.
void complete_from_url(ReportedPlace& place);

/// A time in any of the forms reporters use: RFC 3339, "2025-01-11 09:21:23" (taken as UTC, with a warning), RFC 5322
/// with numeric or named zone, "2 Mar 2026", "02.03.2026", "March 2, 2026" or "02/Mar/2026:" before a clock, asctime, seconds
/// or smaller parts since 1970, Windows' FILETIME. `warning` is set where something had to be assumed.
struct ReadTime {
    Instant at;
    std::string warning;
    std::optional<int> zone_minutes = {};  ///< east of Greenwich; empty where UTC was assumed
};
std::optional<ReadTime> read_time(std::string_view text);
/// "03/04/2026 05:10" at the front of a text: the third of April or the fourth of March; empty where there is none.
std::string_view ambiguous_time(std::string_view text);
/// "Mar  2 04:12:09" at the front of a text, as system logs write it; empty where there is none.
std::string_view yearless_time(std::string_view text);
/// The same with its year: the last such day that is not after `written`. `zone` as "+0100" or "CET", or empty.
std::optional<ReadTime> read_yearless_time(std::string_view text, Instant written, std::string_view zone);
/// Reads into the event, adding the warning or "cannot be read" to `warnings`.
void read_observed_at(std::string_view text, ReportedEvent& event, std::vector<std::string>& warnings);

/// XARF v4's seven categories.
bool is_category(std::string_view word);
/// Whether XARF v4.2 lists this type in this category.
bool is_type(std::string_view category, std::string_view type);
/// The v4 category and type for a word of any dialect ("LoginAttack", "ddos", "brute-force"), or nothing.
std::optional<std::pair<std::string, std::string>> kind_of_word(std::string_view word);

/// "Key: value" lines with continuation lines, as in mail headers and X-ARF; keys in lower case, in order.
using Fields = std::vector<std::pair<std::string, std::string>>;
Fields read_fields(std::string_view text);
/// The first value of a key, or an empty text.
std::string_view field(const Fields& fields, std::string_view key);

}  // namespace bailiff
