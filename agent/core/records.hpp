// SPDX-License-Identifier: Apache-2.0
// The agent's values as JSON, as they stand in its own journal. The journal is ours and root-owned: what does not
// read here is a broken state folder, hence an exception (nlohmann's), not a Result.
#pragma once

#include "agent/core/world.hpp"

#include <bailiff/json.hpp>

namespace bailiff::agent {

Json to_json(const ScanOutcome& outcome);
Json to_json(const BackupBegun& begun);
BackupBegun backup_begun_of(const Json& json);
Json to_json(const EvidenceSet& set);
Json to_json(const LockRecord& record);
Json to_json(const Limit& limit);
Json to_json(const std::vector<ScanHit>& hits);

ScanOutcome scan_outcome_of(const Json& json);
EvidenceSet evidence_set_of(const Json& json);
LockRecord lock_record_of(const Json& json);
Limit limit_of(const Json& json);
std::vector<ScanHit> hits_of(const Json& json);

}  // namespace bailiff::agent
