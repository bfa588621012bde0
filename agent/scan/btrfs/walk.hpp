// SPDX-License-Identifier: Apache-2.0
// The walk over a btrfs filesystem: every file of every subvolume and snapshot. Runs in the reader only.
#pragma once

#include "agent/scan/filesystem_walk.hpp"

namespace bailiff::agent {

/// Walks from the top level (whatever subvolume is mounted by default); subvolumes that hang nowhere come last, as
/// "/(subvolume 257)". A file that a snapshot shares extent for extent with a tree that was walked before is not handed
/// over again. Errors are as for `walk_volume`.
Result<void> walk_btrfs(Image& image, const Volume& volume, const WalkLimits& limits, WalkSink& sink);

}  // namespace bailiff::agent
