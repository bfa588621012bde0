// SPDX-License-Identifier: Apache-2.0
// What a worker that was taken over may say, and mails whose likeness is told outside of its box.
#include "controller/desk/delivery.hpp"

#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace bailiff;
    const std::string_view bytes{reinterpret_cast<const char*>(data), size};
    if (const auto likeness = likeness_of(bytes); !likeness.empty() && likeness.size() != 64) std::abort();
    const auto json = parse_json(bytes, {1u << 20, 8});
    if (!json) return 0;
    const auto reading = reading_from(*json);
    if (!reading) return 0;
    // What was taken once is taken again, and is the same.
    const auto again = reading_from(to_json(*reading));
    if (!again || *again != *reading) std::abort();
    return 0;
}
