// SPDX-License-Identifier: Apache-2.0
// Everything a peer can send: frames, envelopes, orders, jobs, and the texts in them. Whatever reads must write back.

#include <bailiff/dsse.hpp>
#include <bailiff/message.hpp>
#include <bailiff/order.hpp>

#include <cstdlib>

using namespace bailiff;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    static const SignatureKey key = SignatureKey::from_seed("bailiff-fuzz-order-key-32-bytes!");
    static const TrustedKeys trusted{{key.key_id(), key}};
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    if (const auto frame = decode(text)) {
        const auto again = decode(encode(*frame));
        if (!again || !(*again == *frame)) std::abort();
    }
    (void)open_envelope(text, trusted);
    if (const auto order = parse_order(text)) {
        const auto again = parse_order(dump_json(to_json(*order)));
        if (!again || !(*again == *order)) std::abort();
    }
    (void)parse_job(text);
    if (const auto at = parse_rfc3339(text); at && format_rfc3339(*parse_rfc3339(format_rfc3339(*at))) != format_rfc3339(*at)) std::abort();
    if (const auto span = parse_duration(text); span && *parse_duration(format_duration(*span)) != *span) std::abort();
    return 0;
}
