// SPDX-License-Identifier: Apache-2.0
// Volume groups: from the physical volumes that one disk holds to the logical volumes that stand on them.
#pragma once

#include "agent/scan/image/image.hpp"
#include "agent/scan/image/volume.hpp"

#include <memory>
#include <vector>

namespace bailiff::agent {

/// `members` carry LVM's label. Each becomes a container, or unreadable with a reason. The answer holds every logical volume of
/// every group that they describe, either unreadable with a reason, or with `mapped` set and still to be recognised: linear
/// and striped ones, and mirrors (raid1) by their first side that is here whole. The images are kept alive by the answer,
/// except for `disk`'s own when it is held without ownership.
std::vector<Volume> read_logical_volumes(const std::shared_ptr<Image>& disk, const std::vector<Volume*>& members);

}  // namespace bailiff::agent
