// SPDX-License-Identifier: Apache-2.0
// One POST, and what its answer means for whoever still holds the mail.
#include "controller/ctl/intake_door.hpp"

#include "controller/ctl/online_session.hpp"
#include "controller/desk/delivery.hpp"

#include <bailiff/clean_text.hpp>
#include <bailiff/json.hpp>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <sysexits.h>
#include <unistd.h>

namespace bailiff {
namespace {

/// "M-17 filed: 2 reports, 1 of them in triage".
std::string in_words(const Json& answer) {
    std::string out = shown(answer, "id") + " " + shown(answer, "state");
    if (answer.value("folded", false)) return out + ": it was here already";
    const auto reports = answer.value("reports", Json::array());
    const auto waiting = std::count_if(reports.begin(), reports.end(), [](const Json& r) { return !shown(r, "triage").empty(); });
    out += ": " + std::to_string(reports.size()) + (reports.size() == 1 ? " report" : " reports");
    if (waiting > 0) out += ", " + std::to_string(waiting) + " in triage";
    return clean_line(out);
}

/// An address of the envelope as a query's value; what is longer than mail allows is cut.
std::string query_part(const char* name, const std::string& address) {
    const std::string text = clean_line(address, 254);
    return text.empty() ? "" : std::string("&") + name + "=" + url_escaped(text);
}

}  // namespace

Result<IntakeMail> read_intake_mail(int descriptor) {
    IntakeMail out;
    std::string piece(256 * 1024, '\0');
    for (;;) {
        const ssize_t got = read(descriptor, piece.data(), piece.size());
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return fail(Errc::unavailable, std::string("the mail cannot be read to its end: ") + std::strerror(errno));
        if (got == 0) return out;
        out.whole_bytes += got;
        out.bytes.append(piece, 0, std::min(size_t(got), largest_delivery - out.bytes.size()));
    }
}

HandedIn IntakeDoor::hand_in(const IntakeMail& mail, const std::string& sender, const std::string& recipient) {
    std::string path = query_part("sender", sender) + query_part("recipient", recipient);
    if (size_t(mail.whole_bytes) > mail.bytes.size()) path += "&whole_bytes=" + std::to_string(mail.whole_bytes);
    if (!path.empty()) path[0] = '?';
    const auto answer = client_.ask("POST", "/api/v1/reports" + path, mail.bytes, {{"Content-Type", "message/rfc822"}});
    if (!answer) return {HandedIn::Fate::later, answer.error().text};
    const auto body = parse_json(answer->body, {16u << 20, 64});
    if (answer->status == 200 || answer->status == 201) {
        // Something else than a controller may say 200 too.
        if (!body || shown(*body, "id").empty()) return {HandedIn::Fate::later, "the answer is not a controller's; is " + client_.options().server + " one?"};
        return {HandedIn::Fate::kept, json_ ? dump_json(*body) : in_words(*body)};
    }
    std::string why = body ? clean_line(shown(*body, "detail"), 1000) : std::string();
    if (why.empty()) why = "the controller answered " + std::to_string(answer->status) + " without saying why";
    const bool this_one = answer->status == 413 || answer->status == 422;
    return {this_one ? HandedIn::Fate::refused : HandedIn::Fate::later, why};
}

ExitCode sysexit_of(const HandedIn& handed) { return ExitCode(handed.fate == HandedIn::Fate::kept ? EX_OK : EX_TEMPFAIL); }

ExitCode sysexit_of(const Error& no_client) { return ExitCode(no_client.code == Errc::invalid ? EX_CONFIG : EX_TEMPFAIL); }

}  // namespace bailiff
