// SPDX-License-Identifier: Apache-2.0
// How the commands of bailiff-agent speak to whoever typed them.
#pragma once

#include <cstdio>
#include <string>

namespace bailiff::agent {

inline void print(const std::string& line) { std::printf("%s\n", line.c_str()); }

/// One sentence on standard error; returns the exit status of a command that did not do what it was asked.
inline int complain(const std::string& text) {
    std::fprintf(stderr, "bailiff-agent: %s\n", text.c_str());
    return 1;
}

}  // namespace bailiff::agent
