// SPDX-License-Identifier: Apache-2.0
// XFS: whether the log was closed by an unmount, told by its last record. Nothing is replayed.
#pragma once

#include "agent/scan/xfs/superblock.hpp"

namespace bailiff::agent {

enum class XfsLogState {
    clean,      ///< the last record says that the filesystem was unmounted
    dirty,      ///< it says anything else: changes wait in the log
    elsewhere,  ///< the log lies on a device that is not here
    unknown,    ///< no last record was found
};

/// Reads a few dozen sectors, whatever the size of the log.
XfsLogState xfs_log_state(Image& image, const Volume& volume, const XfsGeometry& geometry);

}  // namespace bailiff::agent
