// SPDX-License-Identifier: Apache-2.0
// Reports are strangers' bytes: whatever they are, the parser returns, keeps them, and says only valid UTF-8.
#include "controller/intake/report_parser.hpp"

#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const auto report = bailiff::parse_report({reinterpret_cast<const char*>(data), size});
    if (!report.triage && report.events.empty()) std::abort();
    // Dumping throws on bad UTF-8, and libFuzzer takes that for the failure it is.
    (void)bailiff::to_json(report).dump();
    return 0;
}
