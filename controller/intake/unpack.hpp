// SPDX-License-Identifier: Apache-2.0
// ZIP and gzip as reporters send tables in them, opened in memory under limits: an archive is a stranger's promise about
// how large it is, so nothing it says is believed.
#pragma once

#include "controller/intake/report_parser.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace bailiff {

struct UnpackedFile {
    std::string name;  ///< without folders
    std::string bytes;
};

/// Whether the bytes begin as ZIP or gzip.
bool looks_packed(std::string_view bytes);

/// The files inside, archives inside archives opened too (two deep). What cannot be opened (encrypted, broken, too large,
/// too many) is a warning; the rest is still there. `name` is the archive's own, for a gzip that does not say one.
std::vector<UnpackedFile> unpack(std::string_view bytes, std::string_view name, const ReportLimits& limits, std::vector<std::string>& warnings);

}  // namespace bailiff
