// SPDX-License-Identifier: Apache-2.0
// Reports are strangers' bytes: whatever they are, the parser returns, keeps them, and says only valid UTF-8. The shipped
// rules read along, and archives are opened under small limits, so that a try stays short.
#include "controller/intake/bounce.hpp"
#include "controller/intake/report_parser.hpp"
#include "controller/intake/rule_files.hpp"

#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    static const bailiff::IntakeRules rules = [] {
        std::vector<bailiff::RuleFileMistakes> files;
        auto loaded = bailiff::load_intake_rules(BAILIFF_SOURCE_DIR "/policies/intake", files);
        // Without rules this target would prove less than it says.
        if (loaded.all().empty()) std::abort();
        return loaded;
    }();
    bailiff::ReportLimits limits;
    limits.unpacked_bytes = 1 << 20;
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    const auto report = bailiff::parse_report(bytes, limits, &rules, "report");
    if (!report.triage && report.events.empty()) std::abort();
    if (report.events.size() > limits.events) std::abort();
    // Dumping throws on bad UTF-8, and libFuzzer takes that for the failure it is.
    (void)bailiff::to_json(report).dump();
    // A bounce names one mail of ours, in one line, or is none.
    if (bailiff::looks_like_mail(bytes))
        if (const auto bounce = bailiff::read_bounce(bailiff::read_mail(bytes, limits)))
            if (!bounce->message_id.starts_with("<C-") || bounce->message_id.size() > 200 || bounce->text.find_first_of("\r\n") != std::string::npos || bounce->status.size() > 11) std::abort();
    // A pattern is staff's, but a line that it meets is not; and staff make mistakes too.
    if (const size_t end = bytes.find('\n'); end != std::string_view::npos)
        if (const auto pattern = bailiff::RulePattern::parse(bytes.substr(0, end))) {
            bailiff::RuleValues values;
            (void)pattern->match(bytes.substr(end + 1), values);
        }
    return 0;
}
