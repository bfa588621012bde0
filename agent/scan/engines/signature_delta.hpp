// SPDX-License-Identifier: Apache-2.0
// What came to a set of signatures since an older one, so that contents which the older one found clean need to be matched with
// the new signatures only.
#pragma once

#include <bailiff/result.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace bailiff::agent {

/// A set of signatures, each as 64 bits of its text; ascending, without repetition. A text that collides with another of the
/// older set would not be taken as new: with ten million signatures that is one update in some hundred thousand for one signature
/// in ten million. The folder is the host's own; nobody chooses its texts against us.
struct SignatureSnapshot {
    std::vector<uint64_t> matching, allowing, fixed;
    friend bool operator==(const SignatureSnapshot&, const SignatureSnapshot&) = default;
};

Result<SignatureSnapshot> take_snapshot(const std::string& database_folder);

/// A file that is replaced at once or not at all; `load` gives an error for anything that `save` did not write.
Result<void> save_snapshot(const SignatureSnapshot& snapshot, const std::string& path);
Result<SignatureSnapshot> load_snapshot(const std::string& path);

struct SignatureDelta {
    uint64_t lines = 0;  ///< new signatures, which are in the folder that was asked for; 0 = nothing new finds anything
    SignatureSnapshot now;
};

/// Writes what is new in the folder since `older` into `into`, as a folder that clamd can load: new matching lines, and all that
/// allows or says how contents are taken apart. `conflict` when new lines alone would not do: something that allowed is gone,
/// something fixed changed, or more than `most` lines are new.
Result<SignatureDelta> write_delta(const std::string& database_folder, const SignatureSnapshot& older, uint64_t most, const std::string& into);

}  // namespace bailiff::agent
