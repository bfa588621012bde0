// SPDX-License-Identifier: Apache-2.0
// Audit logs as files: a SQLite database or an export, read for verification and never changed.
#pragma once

#include <bailiff/dsse.hpp>
#include <bailiff/result.hpp>
#include "controller/storage/chain.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bailiff {

/// What was verified, and the first thing found wrong.
struct AuditVerdict {
    int64_t items = 0;               ///< up to the fault
    size_t cases = 0;
    std::string head;                ///< hash of the last good item
    size_t checkpoints = 0;
    std::optional<ChainFault> fault;
    std::vector<std::string> notes;  ///< what could not be verified and why: whole sentences
};

/// A database file: the chain, its head, every case's row against the fold of its history, the checkpoints. Without keys
/// the controller's own is used if it stands beside the database, and a note says so.
/// Errors: not_found, invalid, unavailable when it cannot be read at all.
Result<AuditVerdict> verify_audit_database(const std::string& path, const TrustedKeys& keys);

/// An export (JSON lines). Without keys the one that it carries is used, and a note says so: that shows what was altered
/// since by somebody without the key, and not an export that was forged as a whole. Errors: invalid when a line is no part of
/// an export.
Result<AuditVerdict> verify_audit_export(std::string_view lines, const TrustedKeys& keys);

/// Either, told apart by the file's first bytes.
Result<AuditVerdict> verify_audit_file(const std::string& path, const TrustedKeys& keys);

/// Writes an export line by line, without newlines. Call it within one turn, so that nothing is written meanwhile.
/// `public_key` (PEM) is what checkpoints are signed with; empty: the export carries none.
void export_audit(Cases& cases, const std::string& public_key, const std::function<void(const std::string& line)>& write);

}  // namespace bailiff
