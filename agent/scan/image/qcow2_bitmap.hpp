// SPDX-License-Identifier: Apache-2.0
// Whether a qcow2 image's own record of what was written can be believed: QEMU serves one that records nothing without a word.
#pragma once

#include "agent/scan/image/image.hpp"

#include <string>

namespace bailiff::agent {

/// Looks the persistent dirty bitmap `name` up in an image whose header passed the gate. "" when it is there, closed properly, and
/// records every write; otherwise a sentence that says why not and what to do. Untrusted bytes: runs in the gate's process.
/// Field list: QEMU's docs/interop/qcow2 specification, "Bitmaps extension".
std::string qcow2_bitmap_problem(Image& image, const std::string& name);

}  // namespace bailiff::agent
