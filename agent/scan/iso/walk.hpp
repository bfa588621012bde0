// SPDX-License-Identifier: Apache-2.0
// The walk over one ISO 9660 filesystem by our own reader: libtsk leaves out files that only Rock Ridge names. Runs in the reader only.
#pragma once

#include "agent/scan/filesystem_walk.hpp"

namespace bailiff::agent {

/// As `walk_volume`, for VolumeKind::iso9660. Every tree is walked, also those of `also_at`; each content is handed over once, with
/// the name that a POSIX system would show, if there is one. Boot images that no tree names are "/(boot image N)", directories that only a
/// path table names begin with "/(path table)".
Result<void> walk_iso(Image& image, const Volume& volume, const WalkLimits& limits, WalkSink& sink);

}  // namespace bailiff::agent
