// SPDX-License-Identifier: Apache-2.0
// Who says so: one reporter alone never brings a case to a harmful step by silence, unless its policy says that one suffices.
#pragma once

#include "controller/core/case.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace bailiff::core {

/// The party behind a reporter's name, so that it counts once however often and under whatever name it writes: of a mail
/// address or a host's name the registered domain ("Abuse <a@mail.cert.example>" is "cert.example"), else the name in lower
/// case. A public mail service is one party: that is too few rather than too many.
std::string source_of(std::string_view reporter);

/// How the party of a mail begins that merely names its domain.
constexpr std::string_view unproven_party = "unproven:";

struct Sources {
    /// Sorted, each once. Of a mail its proven domain counts, whatever reporter its text names. Mails that nobody proved are one source
    /// together, and none beside others: whoever writes one can write ten in ten names.
    std::vector<std::string> independent;
    bool ascertained = false;               ///< by our own scan, or by a member of staff who says to have seen it: needs no second one
};
/// Of the reports that the policy is about. What came by a merge counts for nothing: it must not make the ladder harsher.
Sources sources_of(const Case& c, const Policy& policy);

/// Why silence must not lead to the policy's sanction; empty when the sources suffice.
std::string why_too_few_sources(const Case& c, const Policy& policy);

/// For lists: `low` has too few sources to be acted on, `high` was seen by us, or by three, or acts at once.
enum class Severity { low, normal, high };
Severity severity_of(const Case& c, const Policy& policy);

}  // namespace bailiff::core

namespace bailiff {
template <>
struct Names<core::Severity> {
    static constexpr std::string_view what = "severity";
    static constexpr std::array table{std::pair{core::Severity::low, std::string_view("low")},
                                      std::pair{core::Severity::normal, std::string_view("normal")},
                                      std::pair{core::Severity::high, std::string_view("high")}};
};
}  // namespace bailiff
