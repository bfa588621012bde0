// SPDX-License-Identifier: Apache-2.0
// What arrives at an abuse address and reports no abuse: it is recognised, kept, and said to be what it is.
#pragma once

#include "controller/intake/mail_parts.hpp"
#include "controller/intake/report_parser.hpp"

#include <string_view>

namespace bailiff {

/// A DMARC aggregate report (RFC 7489, RFC 9990) or a TLS report (RFC 8460), by its text: then the report says so.
bool read_statistics(std::string_view text, ParsedReport& report);

/// A bounce (RFC 3464), a receipt (RFC 8098) or an automatic answer (RFC 3834), by the mail's parts and headers. Only to be
/// asked where nothing else was found: abuse bots mark their mails as automatic too.
bool is_no_report(const MailContent& mail, ParsedReport& report);

}  // namespace bailiff
