// SPDX-License-Identifier: Apache-2.0
// bailiff-scan's command line.
#pragma once

#include "agent/scan/engines/lane.hpp"
#include "agent/scan/image/source.hpp"
#include "agent/scan/rescan.hpp"
#include "agent/scan/scan.hpp"

#include <bailiff/result.hpp>

#include <optional>
#include <string>
#include <vector>

namespace bailiff::agent {

struct ScanOptions {
    SourceSpec source;
    ClamdOptions clamd;     ///< unused when its socket path is empty
    std::string yara;       ///< folder of rules; "" for none
    std::vector<std::string> hash_lists, hash_list_keys;  ///< files
    std::string cache;      ///< file; "" for none
    uint64_t cache_bytes = 0;
    RescanOptions rescan;
    ScanSettings settings;  ///< its clock, its cache, its hash lists and what it keeps are set by main
    bool gentle = false;    ///< low priorities, for this process and all that it starts
    bool json = false;
    bool progress = false;  ///< as JSON lines, too
};

struct ParsedOptions {
    ScanOptions options;
    std::string print;  ///< not empty: print this and end with status 0 (--help, --version)
};

/// Mistakes are listed all at once, each with its remedy.
Result<ParsedOptions> parse_options(int argc, const char* const* argv);

}  // namespace bailiff::agent
