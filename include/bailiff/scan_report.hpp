// SPDX-License-Identifier: Apache-2.0
// The report of one scan, as the host signs it: whose disks were looked at for which case, when, and what bailiff-scan
// said of each. It travels in a DSSE envelope beside the answer, and verifies years later with the host's public key alone.
#pragma once

#include <bailiff/id.hpp>
#include <bailiff/json.hpp>
#include <bailiff/message.hpp>
#include <bailiff/result.hpp>
#include <bailiff/time.hpp>

#include <map>
#include <string>
#include <string_view>

namespace bailiff {

inline constexpr std::string_view scan_report_payload_type = "application/vnd.bailiff.scan-report.v1+json";

/// Bytes of the largest envelope that travels: with the hits of an answer it fits into one frame. Of a larger report the
/// short form travels.
inline constexpr size_t largest_scan_report = 256 * 1024;
/// Bytes of the largest envelope that a host keeps, or anybody reads from a file.
inline constexpr size_t largest_kept_report = size_t{192} << 20;

struct ScanReport {
    HostId host;
    VmId vm;
    CaseId case_id;
    std::string job;                  ///< 32 hex digits: the scan job; the release order when `after_commit`
    bool after_commit = false;        ///< of the disks themselves, after a release has written them
    Instant started{}, ended{};
    ScanVerdict verdict = ScanVerdict::incomplete;
    std::string skipped_sha256{};     ///< over the sorted things not scanned (disk, volume, path, reason); "" when not all of them are listed
    bool whole = true;                ///< false: the short form, whose disks have counts and no lists
    std::string whole_sha256{};       ///< short form: of the whole report's payload, which lies on the host
    std::map<std::string, Json> disks{};   ///< disk target -> the verdict object that bailiff-scan printed
};

/// Compact, keys in order: the same report is the same bytes.
std::string scan_report_payload(const ScanReport& report);
/// Errors: invalid. Fields that are not known are left alone: a newer host may say more.
Result<ScanReport> parse_scan_report(std::string_view payload);
/// The short form of `whole`: every count, no list but the engines.
ScanReport short_form(const ScanReport& whole);

}  // namespace bailiff
