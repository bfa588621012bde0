// SPDX-License-Identifier: Apache-2.0
// bailiff-clean's command line.
#pragma once

#include "agent/scan/clean/clean.hpp"

#include <bailiff/result.hpp>

#include <optional>
#include <string>

namespace bailiff::agent {

/// bailiff-clean unseal.
struct UnsealOptions {
    std::string key;    ///< file with the private key
    std::string file;   ///< the sealed one
};

struct CleanOptions {
    std::optional<UnsealOptions> unseal;  ///< then nothing is cleaned

    CleanRequest request;   ///< all but what was found
    std::string findings;   ///< file with what bailiff-scan printed; "" for standard input
    bool json = false;
    std::string print;      ///< not empty: print this and end with status 0 (--help, --version)
};

/// Mistakes are listed all at once, each with its remedy.
Result<CleanOptions> parse_clean_options(int argc, const char* const* argv);

}  // namespace bailiff::agent
