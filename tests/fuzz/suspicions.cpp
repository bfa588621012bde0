// SPDX-License-Identifier: Apache-2.0
// The rules of suspicion over any path and content, and the packets in which the reader tells of them. The first byte chooses a
// place that rules look at, so that the fuzzer need not guess paths.
#include "agent/scan/reader_message.hpp"
#include "agent/scan/suspicions/suspicions.hpp"

#include <cstdlib>
#include <string>
#include <string_view>

using namespace bailiff;
using namespace bailiff::agent;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (const auto message = decode_reader_message({data, size})) {
        const auto again = decode_reader_message(encode(*message));
        if (!again || !(*again == *message)) std::abort();
    }
    static constexpr std::string_view places[]{"/etc/crontab", "/etc/cron.d/x", "/var/spool/cron/crontabs/root", "/etc/anacrontab", "/etc/cron.daily/x", "/etc/rc.local",
                                               "/etc/systemd/system/x.service", "/etc/ld.so.preload", "/root/.ssh/authorized_keys", "/var/www/.ssh/authorized_keys",
                                               "/var/www/html/wp-content/uploads/x.php", "/var/www/html/images/x.php", "/var/www/html/x.png", "/opt/x.php"};
    if (size == 0) return 0;
    std::string_view content(reinterpret_cast<const char*>(data + 1), size - 1);
    std::string path(places[data[0] % std::size(places)]);
    // The highest values: the path is the fuzzer's, too.
    if (data[0] >= 240) {
        const auto zero = content.find('\0');
        path = "/" + std::string(content.substr(0, zero));
        content.remove_prefix(zero == content.npos ? content.size() : zero + 1);
    }
    const auto found = suspicions_of(path, content, data[0] % 2 ? 0104755 : 0100644);
    for (size_t i = 0; i < found.size(); ++i) {
        if (found[i].reason.empty() || found[i].reason.size() > longest_reason) std::abort();
        for (size_t j = 0; j < i; ++j)
            if (found[i].rule == found[j].rule) std::abort();
        // What is told arrives.
        ReaderMessage message;
        message.kind = ReaderMessageKind::suspicious;
        message.rule = found[i].rule;
        message.text = found[i].reason;
        const auto arrived = decode_reader_message(encode(message));
        if (!arrived || !(*arrived == message)) std::abort();
    }
    return 0;
}
