// SPDX-License-Identifier: Apache-2.0
// Members of Linux md arrays. A member of a mirror (raid1) holds everything, so it is read by itself; no other array is.
#pragma once

#include "agent/scan/image/image.hpp"
#include "agent/scan/image/volume.hpp"

#include <memory>
#include <vector>

namespace bailiff::agent {

/// `member` begins with md's mark (metadata 1.1 or 1.2). It becomes a container, and the answer is what the mirror holds, with
/// `mapped` set and still to be recognised; or it becomes unreadable with a reason, and there is no answer.
std::vector<Volume> read_md_member(const std::shared_ptr<Image>& disk, Volume& member);

/// Metadata 1.0 and 0.90 stand at the END of a member, which therefore begins like any other volume. On a mirror's member that
/// is right, and a note says so. A member of another array only looks like a filesystem: it becomes unreadable.
void look_for_md_at_end(Image& disk, Volume& volume);

}  // namespace bailiff::agent
