// SPDX-License-Identifier: Apache-2.0
#include "controller/intake/bounce.hpp"

#include "controller/intake/fields.hpp"

#include <bailiff/clean_text.hpp>

#include <algorithm>

namespace bailiff {
namespace {

constexpr size_t most_report = 64 << 10, most_recipients = 50, most_line = 500;

/// "<C-12.ticket.0123456789ab@example.net>", and nothing around it.
bool is_id_of_ours(std::string_view id) {
    if (!id.starts_with("<C-") || !id.ends_with('>') || id.size() > 200) return false;
    size_t digits = 3;
    while (digits < id.size() && id[digits] >= '0' && id[digits] <= '9') ++digits;
    return digits > 3 && digits < 21 && id[digits] == '.' && id.find_first_of(" \t\r\n") == std::string_view::npos && id.find('<', 1) == std::string_view::npos;
}

/// The first returned mail whose headers are there: whole (message/rfc822) or its headers alone (text/rfc822-headers).
std::string returned_id(const MailContent& mail) {
    for (const auto& part : mail.parts) {
        if (part.content_type != "message/rfc822" && part.content_type != "text/rfc822-headers") continue;
        const std::string id(trimmed(field(read_fields(std::string_view(part.text).substr(0, most_report)), "message-id")));
        if (is_id_of_ours(id)) return id;
    }
    return {};
}

/// "rfc822; asha@lotus.example" -> what stands behind the type.
std::string behind_type(std::string_view value) {
    const size_t semicolon = value.find(';');
    return clean_line(trimmed(semicolon == std::string_view::npos ? value : value.substr(semicolon + 1)), most_line);
}

/// "5.1.1", "5.7.26 (policy)": class, subject and detail. "" where it is none.
std::string status_of(std::string_view value) {
    value = trimmed(value);
    value = value.substr(0, value.find_first_of(" \t("));
    size_t dots = 0;
    for (size_t i = 0; i < value.size(); ++i) {
        const bool digit = value[i] >= '0' && value[i] <= '9';
        if (value[i] == '.' && i > 0 && value[i - 1] != '.') ++dots;
        else if (!digit) return {};
    }
    return dots == 2 && value.size() <= 11 && (value[0] == '2' || value[0] == '4' || value[0] == '5') && value[1] == '.' ? std::string(value) : std::string();
}

/// The groups of fields of a delivery status, between blank lines: the first is of the message, each other of a recipient.
std::vector<Fields> groups_of(std::string_view text) {
    std::vector<Fields> out;
    std::string group;
    const auto close = [&] {
        if (!trimmed(group).empty()) out.push_back(read_fields(group));
        group.clear();
    };
    for (size_t at = 0; at <= text.size() && out.size() <= most_recipients;) {
        const size_t end = std::min(text.find('\n', at), text.size());
        const std::string_view line = text.substr(at, end - at);
        at = end + 1;
        if (trimmed(line).empty()) close();
        else group += std::string(line) + "\n";
    }
    close();
    return out;
}

}  // namespace

std::optional<MailBounce> read_bounce(const MailContent& mail) {
    const bool says_so = mail.content_type == "multipart/report" && (mail.report_type == "delivery-status" || mail.report_type.empty());
    if (!says_so) return std::nullopt;
    const auto report = std::find_if(mail.parts.begin(), mail.parts.end(), [](const MailPart& part) {
        return !part.enclosed && (part.content_type == "message/delivery-status" || part.content_type == "message/global-delivery-status");
    });
    if (report == mail.parts.end()) return std::nullopt;
    MailBounce out;
    out.message_id = returned_id(mail);
    if (out.message_id.empty()) return std::nullopt;
    // "failed" is for good, also with a status of 4: then the server has given up trying (RFC 3464, 2.3.3).
    // A mail of ours has one recipient; where a list made several of him, one that failed for good is worth more than one that is late.
    bool found = false;
    for (const Fields& group : groups_of(std::string_view(report->text).substr(0, most_report))) {
        const std::string action = lower_case(trimmed(field(group, "action"))), status = status_of(field(group, "status"));
        const bool failed = action == "failed" && !status.starts_with('2');
        const bool late = action == "delayed";
        if ((!failed && !late) || (found && (out.final || !failed))) continue;
        std::string recipient = behind_type(field(group, "original-recipient"));
        if (recipient.empty()) recipient = behind_type(field(group, "final-recipient"));
        out = {out.message_id, recipient, status.empty() ? (failed ? "5.0.0" : "4.0.0") : status, behind_type(field(group, "diagnostic-code")), failed};
        found = true;
    }
    return found ? std::optional(out) : std::nullopt;
}

}  // namespace bailiff
