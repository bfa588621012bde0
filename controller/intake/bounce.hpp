// SPDX-License-Identifier: Apache-2.0
// A bounce (RFC 3464) of one of our mails: which mail, to whom, and whether it is for good.
#pragma once

#include "controller/intake/mail_parts.hpp"

#include <optional>
#include <string>

namespace bailiff {

struct MailBounce {
    std::string message_id;   ///< of the returned mail, "<C-12.ticket.HEX@domain>": one of ours by its shape
    std::string recipient;    ///< as the report names him
    std::string status;       ///< "5.1.1" (RFC 3463)
    std::string text;         ///< what the server said
    bool final = true;        ///< false: delayed
    friend bool operator==(const MailBounce&, const MailBounce&) = default;
};

/// Nothing for whatever is no delivery status report, returns no mail of ours, or tells of nothing that failed or is late. The
/// returned mail counts, not the report's own references: those are how a mail is answered, and anybody's to choose.
std::optional<MailBounce> read_bounce(const MailContent& mail);

}  // namespace bailiff
