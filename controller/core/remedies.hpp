// SPDX-License-Identifier: Apache-2.0
// What a customer can do about this finding and no other: advice that a provider keeps as data.
#pragma once

#include "controller/core/history.hpp"

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace bailiff::core {

/// Applies when one of its signatures or CVEs is named, or, if it names none of either, when one of its types is reported. With
/// both, the type must fit too.
struct Remedy {
    std::string id;
    std::vector<std::string> types;        ///< patterns: "connection/ddos", "messaging/*"
    std::vector<std::string> signatures;   ///< of scan engines, `*` stands for anything: "Php.Webshell.*"
    std::vector<std::string> cves;         ///< "CVE-2021-44228"
    std::map<std::string, std::vector<std::string>> steps;   ///< by language; "en" is there
    friend bool operator==(const Remedy&, const Remedy&) = default;
};

/// Whether `*` standing for anything makes `pattern` the text; letters' case does not matter. At most as many steps
/// as the product of their lengths.
bool fits_pattern(std::string_view pattern, std::string_view text);

/// The steps of all that apply, in the order of their ids, each text once; in English where the language is not there.
std::vector<std::string> remedies_for(const std::vector<ReportSummary>& reports, const std::vector<ScanHit>& hits,
                                      const std::vector<Remedy>& all, const std::string& language);

}  // namespace bailiff::core
