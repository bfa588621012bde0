// SPDX-License-Identifier: Apache-2.0
// A mail as the flat list of its parts, decoded, within limits. The only place that knows GMime.
#pragma once

#include "controller/intake/report_parser.hpp"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bailiff {

/// One leaf of the MIME tree. `text` is UTF-8 for what can be text (whatever its charset was, or was said to be), else the
/// bytes as they are. A mail attached as a mere file is taken apart as if it were attached as a mail.
struct MailPart {
    std::string content_type;  ///< lower case, "text/plain"
    std::string name;          ///< the file name, if any
    std::string text;
    bool enclosed = false;  ///< inside an attached mail, or the attached mail's headers
};

struct MailContent {
    std::string subject, from_name, from_address, date;
    std::string content_type;  ///< of the whole, lower case
    std::string report_type;   ///< its parameter "report-type": feedback-report, delivery-status
    /// The mail's own header fields, names in lower case, values on one line; at most 200.
    std::vector<std::pair<std::string, std::string>> headers;
    /// The first value of a field, or an empty text.
    std::string_view header(std::string_view name) const;
    std::vector<MailPart> parts;
    std::vector<std::string> warnings;
};

/// Whether the text begins like a mail: several well-known header fields before the first blank line.
bool looks_like_mail(std::string_view bytes);

/// Reads whatever there is; a broken mail has fewer parts and more warnings.
MailContent read_mail(std::string_view bytes, const ReportLimits& limits);

}  // namespace bailiff
