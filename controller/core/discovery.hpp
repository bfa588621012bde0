// SPDX-License-Identifier: Apache-2.0
// What the provider's own scans find, made a report: how much it weighs, what it says, and whether it is known already.
#pragma once

#include <bailiff/message.hpp>
#include "controller/core/history.hpp"
#include "controller/core/policy.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace bailiff::core {

/// The type under which a discovery is filed.
inline constexpr std::string_view discovery_report_type = "content/malware";

/// Each signature counts once, however many files bear it: a rule that is wrong about one file is wrong about a thousand.
int64_t weight_of(const DiscoveryRule& rule, const std::vector<ScanHit>& hits);

/// The same for the same contents in the same VM, whatever their order and number of copies.
std::string fingerprint_of(const VmId& vm, const std::vector<ScanHit>& hits);

/// The evidence for people, a line for each finding; at most 20 of them. Names are the guest's, and cleaned.
std::string evidence_of(const Discovery& discovery);

/// Who reports: "our own scan on host h1".
std::string own_scan_on(const HostId& host);
bool is_own_scan(std::string_view reporter);
/// A report's summary where the evidence itself stands elsewhere: of our own scan without the list.
std::string in_one_line(const ReportSummary& report);

}  // namespace bailiff::core
