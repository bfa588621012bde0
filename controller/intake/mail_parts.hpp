// SPDX-License-Identifier: Apache-2.0
// A mail as the flat list of its parts, decoded, within limits. The only place that knows GMime.
#pragma once

#include "controller/intake/report_parser.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace bailiff {

/// One leaf of the MIME tree. `text` is UTF-8 for text types (their charset undone), else the bytes as they are.
struct MailPart {
    std::string content_type;  ///< lower case, "text/plain"
    std::string name;          ///< the file name, if any
    std::string text;
    bool enclosed = false;  ///< inside an attached mail, or the attached mail's headers
};

struct MailContent {
    std::string subject, from_name, from_address, date;
    bool says_xarf = false;  ///< an X-ARF or X-XARF header
    std::vector<MailPart> parts;
    std::vector<std::string> warnings;
};

/// Whether the text begins like a mail: several well-known header fields before the first blank line.
bool looks_like_mail(std::string_view bytes);

/// Reads whatever there is; a broken mail has fewer parts and more warnings.
MailContent read_mail(std::string_view bytes, const ReportLimits& limits);

}  // namespace bailiff
