// SPDX-License-Identifier: Apache-2.0
// A target with a planted bug. It must fail; a canary that lives means that nothing is being fuzzed.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size >= 4 && data[0] == 'b' && data[1] == 'i' && data[2] == 'r' && data[3] == 'd') std::abort();
    return 0;
}
