// SPDX-License-Identifier: Apache-2.0
// The walk over one XFS filesystem, versions 4 and 5, by our own reader: libtsk has none. Runs in the reader only.
#pragma once

#include "agent/scan/filesystem_walk.hpp"

namespace bailiff::agent {

/// As `walk_volume`, for VolumeKind::xfs. Not looked at: extended attributes, deleted files, the log, and contents on a
/// realtime device; the last two are reported where they exist.
Result<void> walk_xfs(Image& image, const Volume& volume, const WalkLimits& limits, WalkSink& sink);

}  // namespace bailiff::agent
