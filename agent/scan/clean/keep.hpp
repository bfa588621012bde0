// SPDX-License-Identifier: Apache-2.0
// The folder in which the contents lie that were taken out of a disk.
#pragma once

#include "agent/scan/clean/sealed_file.hpp"

#include <bailiff/result.hpp>

#include <cstdint>
#include <functional>
#include <string>

namespace bailiff::agent {

/// Seals the content into `folder`/`<sha256>.sealed`, synced, readable by its owner only, and answers that path. A whole file
/// of this content that is there already is left as it is, whoever it is sealed for. Errors: unavailable, with nothing left behind.
Result<std::string> keep_content(int content, uint64_t size, const ContentDigest& sha256, const SealingKey& key, const std::string& folder,
                                 const std::function<void(uint64_t)>& progress = {});

/// Opens the sealed file at `path` into the descriptor `out`, which may not be a terminal: contents may steer it. Nothing is
/// written unless the whole file is good. Errors: as `unseal_content`, not_found.
Result<SealedHeader> unseal_file(const std::string& path, const UnsealingKey& key, int out);

}  // namespace bailiff::agent
