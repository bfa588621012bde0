// SPDX-License-Identifier: Apache-2.0
// What a table is about when its lines do not say: its file's name, and the services that its tags name.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace bailiff {

/// XARF v4's category and type.
using KindPair = std::pair<std::string, std::string>;

/// From a file's name or a mail's subject: "2025-01-11-scan_rdp-provider-asn.csv" is about open services.
std::optional<KindPair> kind_of_hint(std::string_view hint);
/// From the tag of a line: "openresolver", "rdp", "ssl-poodle".
std::optional<KindPair> kind_of_tag(std::string_view tag);

}  // namespace bailiff
