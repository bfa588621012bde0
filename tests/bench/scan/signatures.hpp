// SPDX-License-Identifier: Apache-2.0
// A synthetic ClamAV database: real ones may not be passed on, and change every day.
#pragma once

#include <cstdint>
#include <filesystem>

namespace bailiff::test {

/// Writes 535,002 signatures, or that number divided by `divisor`, and returns how many: hashes of files (.hdb, .hsb) and of
/// PE sections (.mdb), patterns (.ndb, every third of which begins with bytes seen in a file of `samples`, so that
/// the engine has to look twice) and logical signatures (.ldb). The last two are the test string EICAR, by hash and by pattern.
uint64_t write_signatures(const std::filesystem::path& database, const std::filesystem::path& samples, unsigned divisor, uint64_t seed);

/// The database of the next day: all files of `base` (hard links) and two more, one of whose patterns finds P6.
void write_update(const std::filesystem::path& database, const std::filesystem::path& base, unsigned divisor, uint64_t seed);

}  // namespace bailiff::test
