// SPDX-License-Identifier: Apache-2.0
// What one way of scanning said about each plant.
#pragma once

#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <string_view>

namespace bailiff::test {

enum class Seen {
    found,    ///< a hit, under its exact name
    named,    ///< said to be not scanned, under its exact name
    altered,  ///< a hit, but under another name: nobody could remove the file by it
    missed,   ///< passed in silence
};

/// By the plant's name, P1 to P6.
using Seens = std::map<std::string, Seen>;

/// bailiff-scan's output. `all` gets one line for each hit and each thing not scanned, to compare two runs by.
/// Throws when there is no verdict in it.
Seens seen_by_bailiff(std::string_view output, std::set<std::string>& all);

/// clamdscan's lines about files below `root`, where the system's volume is. With AlertExceedsMax, a file above a limit is a
/// line too: that is `named`.
Seens seen_by_clamdscan(std::string_view output, const std::filesystem::path& root);

/// "P1 P2 found, P5 named, P3 MISSED"; P6 only when it was due, or was found although it could not be.
std::string summary(const Seens& seens, bool updated);

/// Every plant that was due is found; the one above the engine's limit may be named instead.
bool complete(const Seens& seens, bool updated);

}  // namespace bailiff::test
