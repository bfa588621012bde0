// SPDX-License-Identifier: Apache-2.0
#include "controller/intake/mail_reply.hpp"

#include "controller/intake/fields.hpp"

#include <algorithm>
#include <array>

namespace bailiff {
namespace {

constexpr size_t most_text = 16 << 10, most_attachments = 20;

/// "C-12" at the beginning of a text, followed by none of its own characters.
std::string case_at(std::string_view text) {
    if (!text.starts_with("C-")) return {};
    size_t end = 2;
    while (end < text.size() && text[end] >= '0' && text[end] <= '9') ++end;
    return end > 2 && end <= 20 ? std::string(text.substr(0, end)) : std::string();
}

/// Our Message-IDs are <C-12.ticket.HEX@domain>.
std::string case_in_references(const MailContent& mail) {
    for (const char* field : {"in-reply-to", "references"}) {
        const std::string_view value = mail.header(field);
        for (size_t at = value.rfind('<'); at != std::string_view::npos; at = at == 0 ? std::string_view::npos : value.rfind('<', at - 1)) {
            const std::string id = case_at(value.substr(at + 1));
            if (!id.empty() && value.substr(at + 1 + id.size()).starts_with('.')) return id;
        }
    }
    return {};
}

std::string case_in_subject(std::string_view subject) {
    for (size_t at = subject.find('['); at != std::string_view::npos; at = subject.find('[', at + 1)) {
        const std::string id = case_at(subject.substr(at + 1));
        if (!id.empty() && subject.substr(at + 1 + id.size()).starts_with(']')) return id;
    }
    return {};
}

}  // namespace

/// RFC 3834, and what is written in its place. Only what is certain: an answer that is taken for an absence note stops nothing, and
/// an innocent machine goes off; a note that is taken for an answer costs a person a look.
bool is_automatic(const MailContent& mail) {
    const std::string submitted = lower_case(mail.header("auto-submitted"));
    if (!submitted.empty() && !submitted.starts_with("no")) return true;
    if (lower_case(mail.header("precedence")) == "auto_reply") return true;
    for (const char* field : {"x-autoreply", "x-autorespond"})
        if (!mail.header(field).empty()) return true;
    return mail.content_type == "multipart/report" || trimmed(mail.header("return-path")) == "<>" || lower_case(mail.from_address).starts_with("mailer-daemon@");
}

namespace {

std::string domain_of(std::string_view address) {
    const size_t at = address.rfind('@');
    return at == std::string_view::npos ? std::string() : lower_case(address.substr(at + 1));
}

/// Relaxed alignment without a list of public suffixes: the same, or one below the other. A signature of "example" for
/// "a.example" would pass; whoever signs for a whole top-level domain could do worse.
bool aligned(const std::string& one, const std::string& other) {
    const auto below = [](const std::string& a, const std::string& b) { return a.size() > b.size() && a.ends_with("." + b); };
    return !one.empty() && one.find('.') != std::string::npos && (one == other || below(one, other) || below(other, one));
}

/// One result of Authentication-Results: "dkim=pass header.d=example.org header.s=x".
std::string property(std::string_view result, std::string_view name) {
    for (size_t at = result.find(name); at != std::string_view::npos; at = result.find(name, at + 1)) {
        const bool begins = at == 0 || result[at - 1] == ' ' || result[at - 1] == '\t';
        if (!begins || !result.substr(at + name.size()).starts_with('=')) continue;
        std::string_view value = result.substr(at + name.size() + 1);
        value = value.substr(0, value.find_first_of(" \t;("));
        if (value.size() > 1 && value.front() == '"') value = value.substr(1, value.size() - 2);
        return lower_case(value);
    }
    return {};
}

}  // namespace

SenderProof proof_of(const MailContent& mail, std::string_view authserv) {
    if (authserv.empty()) return SenderProof::none;
    const std::string sender = domain_of(mail.from_address);
    for (const auto& [name, value] : mail.headers) {
        if (name != "authentication-results") continue;
        // Ours stands above everything that came with the mail; a second one of our name is forged, so only the first counts.
        const size_t semicolon = value.find(';');
        const std::string_view id = trimmed(std::string_view(value).substr(0, semicolon));
        if (lower_case(id.substr(0, id.find_first_of(" \t"))) != lower_case(authserv)) continue;
        for (size_t at = semicolon; at != std::string::npos && at < value.size();) {
            const size_t next = value.find(';', at + 1);
            const std::string_view result = trimmed(std::string_view(value).substr(at + 1, next == std::string::npos ? next : next - at - 1));
            at = next;
            if (property(result, "dmarc") == "pass" && aligned(property(result, "header.from"), sender)) return SenderProof::aligned;
            if (property(result, "dkim") != "pass") continue;
            std::string signer = property(result, "header.d");
            if (signer.empty()) signer = domain_of(property(result, "header.i"));
            if (aligned(signer, sender)) return SenderProof::aligned;
        }
        return SenderProof::none;
    }
    return SenderProof::none;
}

namespace {

bool begins_quotation(std::string_view line, std::string_view next) {
    const std::string low = lower_case(trimmed(line));
    if (low.starts_with("-----original message") || low.starts_with("________________________________") || low.starts_with("-------- forwarded message") ||
        low.starts_with("---------- forwarded message"))
        return true;
    // "On Mon, 2 Mar 2026 at 09:00, Abuse desk <abuse@…> wrote:", in some languages and over one line or two.
    constexpr std::array verbs{"wrote:", "schrieb:", "a écrit :", "escribió:", "ha scritto:", "ने लिखा:", "написал:", "写道："};
    const std::string both = low + " " + lower_case(trimmed(next));
    const bool opens = low.starts_with("on ") || low.starts_with("am ") || low.starts_with("le ") || low.starts_with("el ") || low.starts_with("il ") ||
                       low.find('@') != std::string::npos || (!low.empty() && low[0] >= '0' && low[0] <= '9');
    if (opens && std::any_of(verbs.begin(), verbs.end(), [&](const char* verb) { return low.ends_with(verb) || (both.ends_with(verb) && !trimmed(next).empty()); })) return true;
    if (low.starts_with("am ") && low.find(" schrieb ") != std::string::npos && low.ends_with(':')) return true;
    // Outlook's block: "From: …" and "Sent: …" below each other.
    return low.starts_with("from: ") && lower_case(trimmed(next)).starts_with("sent: ");
}

}  // namespace

std::string without_quotes(std::string_view text) {
    std::vector<std::string_view> lines;
    for (size_t at = 0; at <= text.size();) {
        const size_t end = std::min(text.find('\n', at), text.size());
        std::string_view line = text.substr(at, end - at);
        if (line.ends_with('\r')) line.remove_suffix(1);
        lines.push_back(line);
        at = end + 1;
    }
    std::string out;
    for (size_t i = 0; i < lines.size(); ++i) {
        if (lines[i] == "-- " || lines[i] == "--") break;
        if (begins_quotation(lines[i], i + 1 < lines.size() ? lines[i + 1] : std::string_view())) break;
        if (trimmed(lines[i]).starts_with('>')) continue;
        out += std::string(lines[i]) + "\n";
    }
    const std::string_view kept = trimmed(out);
    return std::string(kept.substr(0, most_text));
}

std::string token_in_addresses(std::string_view text) {
    constexpr size_t digits = 32;
    for (size_t at = text.find('+'); at != std::string_view::npos; at = text.find('+', at + 1)) {
        std::string token = lower_case(text.substr(at + 1, digits));
        if (token.size() == digits && text.substr(at + 1 + digits).starts_with('@') && token.find_first_not_of("0123456789abcdef") == std::string::npos) return token;
    }
    return {};
}

std::optional<MailReply> read_reply(const MailContent& mail, std::string_view authserv) {
    MailReply out;
    out.case_id = case_in_references(mail);
    out.by_reference = !out.case_id.empty();
    if (out.case_id.empty()) out.case_id = case_in_subject(mail.subject);
    for (const char* field : {"delivered-to", "x-original-to", "envelope-to", "to", "cc"})
        if (out.token.empty()) out.token = token_in_addresses(mail.header(field));
    if (out.case_id.empty() && out.token.empty()) return std::nullopt;
    MailAuthor author = read_author(mail, authserv);
    out.from = std::move(author.from);
    out.proof = author.proof;
    out.automatic = author.automatic;
    out.text = std::move(author.text);
    for (const auto& part : mail.parts)
        if (!part.enclosed && !part.name.empty() && out.attachments.size() < most_attachments) out.attachments.push_back(part.name);
    return out;
}

MailAuthor read_author(const MailContent& mail, std::string_view authserv) {
    MailAuthor out{lower_case(mail.from_address), proof_of(mail, authserv), is_automatic(mail), {}};
    for (const auto& part : mail.parts) {
        if (part.enclosed || part.content_type != "text/plain" || !part.name.empty()) continue;
        out.text = without_quotes(part.text);
        break;
    }
    return out;
}

}  // namespace bailiff
