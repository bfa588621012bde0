// SPDX-License-Identifier: Apache-2.0
// MIME by GMime. Nesting is bounded before GMime sees the mail, since its parser recurses.
#include "controller/intake/mail_parts.hpp"

#include "controller/intake/fields.hpp"
#include "controller/intake/text_encoding.hpp"
#include "controller/intake/unpack.hpp"

#include <bailiff/clean_text.hpp>

#include <algorithm>
#include <array>
#include <gmime/gmime.h>
#include <memory>

namespace bailiff {
namespace {

struct Unref {
    void operator()(void* object) const { g_object_unref(object); }
};
struct Free {
    void operator()(void* memory) const { g_free(memory); }
};
template <class T>
using Object = std::unique_ptr<T, Unref>;
using Text = std::unique_ptr<char, Free>;

std::string safe(const char* text) { return text ? clean_line(text) : std::string(); }

/// The content without its transfer encoding.
std::string decoded(GMimePart* part) {
    GMimeDataWrapper* content = g_mime_part_get_content(part);
    if (!content) return {};
    const Object<GMimeStream> stream(g_mime_stream_mem_new());
    g_mime_data_wrapper_write_to_stream(content, stream.get());
    const GByteArray* bytes = g_mime_stream_mem_get_byte_array(GMIME_STREAM_MEM(stream.get()));
    return bytes && bytes->len ? std::string(reinterpret_cast<const char*>(bytes->data), bytes->len) : std::string();
}

/// The headers of an attached mail: they name the addresses that it came through.
std::string headers_of(GMimeMessage* message) {
    const Text text(g_mime_object_get_headers(GMIME_OBJECT(message), nullptr));
    return text ? std::string(text.get()).substr(0, 64 * 1024) : std::string();
}

class Walk {
  public:
    Walk(MailContent& mail, const ReportLimits& limits) : mail_(mail), limits_(limits) {}

    void visit(GMimeObject* object, size_t depth, bool enclosed) {
        if (!object || full_) return;
        if (depth > limits_.depth) return say("The mail nests deeper than " + std::to_string(limits_.depth) + " parts; what is deeper was not read.");
        if (mail_.parts.size() >= limits_.parts) {
            full_ = true;
            return say("The mail has more than " + std::to_string(limits_.parts) + " parts; the rest was not read.");
        }
        if (GMIME_IS_MULTIPART(object)) {
            const int count = g_mime_multipart_get_count(GMIME_MULTIPART(object));
            for (int i = 0; i < count; ++i) visit(g_mime_multipart_get_part(GMIME_MULTIPART(object), i), depth + 1, enclosed);
        } else if (GMIME_IS_MESSAGE_PART(object)) {
            GMimeMessage* message = g_mime_message_part_get_message(GMIME_MESSAGE_PART(object));
            if (!message) return;
            enclose(message, depth);
        } else if (GMIME_IS_PART(object)) {
            leaf(GMIME_PART(object), depth, enclosed);
        }
    }

  private:
    void enclose(GMimeMessage* message, size_t depth) {
        mail_.parts.push_back({"message/rfc822", {}, headers_of(message), true});
        visit(g_mime_message_get_mime_part(message), depth + 1, true);
    }

    void leaf(GMimePart* part, size_t depth, bool enclosed) {
        GMimeContentType* type = g_mime_object_get_content_type(GMIME_OBJECT(part));
        MailPart out;
        const Text mime(type ? g_mime_content_type_get_mime_type(type) : nullptr);
        out.content_type = mime ? lower_case(safe(mime.get())) : "text/plain";
        out.name = safe(g_mime_part_get_filename(part));
        out.text = decoded(part);
        out.enclosed = enclosed || out.content_type == "text/rfc822-headers";
        const bool text = out.content_type.starts_with("text/");
        const bool picture = out.content_type.starts_with("image/") || out.content_type.starts_with("audio/") || out.content_type.starts_with("video/");
        // "application/octet-stream" says nothing: reports come as that, and so do mails.
        if (!picture && !looks_packed(out.text)) {
            const char* charset = type ? g_mime_content_type_get_parameter(type, "charset") : nullptr;
            out.text = as_utf8(std::move(out.text), charset ? charset : "");
            const bool named_mail = lower_case(out.name).ends_with(".eml") || out.content_type == "message/rfc822" || out.content_type == "application/octet-stream";
            if (!text && named_mail && looks_like_mail(out.text)) return nested(out.text, depth);
        }
        mail_.parts.push_back(std::move(out));
    }

    /// A mail in base64, or as a file.
    void nested(const std::string& bytes, size_t depth) {
        const Object<GMimeStream> stream(g_mime_stream_mem_new_with_buffer(bytes.data(), bytes.size()));
        const Object<GMimeParser> parser(g_mime_parser_new_with_stream(stream.get()));
        const std::unique_ptr<GMimeMessage, Unref> message(g_mime_parser_construct_message(parser.get(), nullptr));
        if (message) enclose(message.get(), depth + 1);
    }

    void say(std::string text) {
        if (std::find(mail_.warnings.begin(), mail_.warnings.end(), text) == mail_.warnings.end()) mail_.warnings.push_back(std::move(text));
    }
    MailContent& mail_;
    const ReportLimits& limits_;
    bool full_ = false;
};

/// What the parts of a mail are separated by in truth: the first "--…" that comes twice.
std::string boundary_in(std::string_view body) {
    size_t candidates = 0;
    for (size_t at = 0; at < body.size() && candidates < 20;) {
        const size_t end = std::min(body.find('\n', at), body.size());
        const std::string_view line = trimmed(body.substr(at, end - at));
        at = end + 1;
        if (!line.starts_with("--") || line.size() < 6 || line.size() > 80 || line.find_first_of(" \t\"") != std::string_view::npos) continue;
        ++candidates;
        if (body.substr(std::min(at, body.size())).find("\n" + std::string(line)) != std::string_view::npos) return std::string(line.substr(2));
    }
    return {};
}

/// A mail whose header names no boundary, or another than its parts have, has no parts for MIME: the body is read by the
/// boundary that it shows, or as one text.
void mend(std::string_view bytes, const ReportLimits& limits, MailContent& mail) {
    const size_t gap = std::min(bytes.find("\n\n"), bytes.find("\r\n\r\n"));
    if (gap == std::string_view::npos || trimmed(bytes.substr(gap)).empty()) return;
    const std::string_view body = bytes.substr(gap);
    const std::string boundary = boundary_in(body);
    if (!boundary.empty()) {
        const std::string whole = "Content-Type: multipart/mixed; boundary=\"" + boundary + "\"" + std::string(body);
        const Object<GMimeStream> stream(g_mime_stream_mem_new_with_buffer(whole.data(), whole.size()));
        const Object<GMimeParser> parser(g_mime_parser_new_with_stream(stream.get()));
        const std::unique_ptr<GMimeMessage, Unref> message(g_mime_parser_construct_message(parser.get(), nullptr));
        if (message) Walk(mail, limits).visit(g_mime_message_get_mime_part(message.get()), 0, false);
        if (!mail.parts.empty()) mail.warnings.push_back("The mail's header names another boundary than its parts have; it was read by theirs.");
    }
    if (mail.parts.empty()) mail.parts.push_back({"text/plain", {}, as_utf8(std::string(trimmed(body))), false});
}

void read_headers(GMimeObject* top, MailContent& mail) {
    GMimeHeaderList* list = g_mime_object_get_header_list(top);
    const int count = list ? std::min(g_mime_header_list_get_count(list), 200) : 0;
    for (int i = 0; i < count; ++i) {
        GMimeHeader* header = g_mime_header_list_get_header_at(list, i);
        mail.headers.emplace_back(lower_case(safe(g_mime_header_get_name(header))), safe(g_mime_header_get_value(header)));
    }
}

void read_from(GMimeMessage* message, MailContent& mail) {
    InternetAddressList* from = g_mime_message_get_from(message);
    if (from && internet_address_list_length(from) > 0) {
        InternetAddress* first = internet_address_list_get_address(from, 0);
        mail.from_name = safe(internet_address_get_name(first));
        if (INTERNET_ADDRESS_IS_MAILBOX(first)) mail.from_address = safe(internet_address_mailbox_get_addr(INTERNET_ADDRESS_MAILBOX(first)));
    }
    if (mail.from_address.find('@') != std::string::npos) return;
    // A From that is no valid list still has somebody between its brackets; else whoever it came back to.
    for (const char* name : {"from", "reply-to", "sender", "return-path"}) {
        const std::string_view value = mail.header(name);
        const size_t at = value.find('@');
        if (at == std::string_view::npos) continue;
        const size_t begin = value.find_last_of(" <\"(,:", at);
        const size_t first = begin == std::string_view::npos ? 0 : begin + 1;
        mail.from_address = std::string(value.substr(first, std::min(value.find_first_of(" >\"),", at), value.size()) - first));
        return;
    }
}

void start_gmime() {
    // Once, before threads use it; a function's static is exactly that.
    static const bool started = [] {
        g_mime_init();
        return true;
    }();
    (void)started;
}

}  // namespace

std::string_view MailContent::header(std::string_view name) const {
    for (const auto& [key, value] : headers)
        if (key == name) return value;
    return {};
}

bool looks_like_mail(std::string_view bytes) {
    constexpr std::array known{"from", "to", "subject", "date", "received", "message-id", "mime-version", "content-type", "return-path", "delivered-to",
                               "reply-to", "x-original-to", "envelope-to", "x-mailer", "authentication-results", "dkim-signature"};
    const size_t end = std::min({bytes.find("\n\n"), bytes.find("\n\r\n"), bytes.size(), size_t{64 * 1024}});
    std::string_view head = bytes.substr(0, end);
    if (head.starts_with("From ") || head.starts_with(">From ")) head = head.substr(std::min(head.find('\n') + 1, head.size()));
    const size_t colon = head.find(':');
    // The first line has to be a header field itself: prose may quote headers further down.
    if (colon == std::string_view::npos || head.substr(0, colon).find_first_of(" \t\r\n{[\"") != std::string_view::npos) return false;
    const Fields fields = read_fields(head);
    const auto count = std::count_if(known.begin(), known.end(), [&](const char* name) {
        return std::any_of(fields.begin(), fields.end(), [&](const auto& f) { return f.first == name; });
    });
    return count >= 2;
}

MailContent read_mail(std::string_view bytes, const ReportLimits& limits) {
    start_gmime();
    MailContent mail;
    if (bytes.starts_with("From ") || bytes.starts_with(">From ")) bytes = bytes.substr(std::min(bytes.find('\n') + 1, bytes.size()));
    const Object<GMimeStream> stream(g_mime_stream_mem_new_with_buffer(bytes.data(), bytes.size()));
    const Object<GMimeParser> parser(g_mime_parser_new_with_stream(stream.get()));
    const std::unique_ptr<GMimeMessage, Unref> message(g_mime_parser_construct_message(parser.get(), nullptr));
    if (!message) {
        mail.warnings.push_back("The mail cannot be taken apart.");
        return mail;
    }
    GMimeObject* top = GMIME_OBJECT(message.get());
    mail.subject = safe(g_mime_message_get_subject(message.get()));
    mail.date = safe(g_mime_object_get_header(top, "Date"));
    read_headers(top, mail);
    read_from(message.get(), mail);
    if (GMimeObject* body = g_mime_message_get_mime_part(message.get()))
        if (GMimeContentType* type = g_mime_object_get_content_type(body)) {
            const Text mime(g_mime_content_type_get_mime_type(type));
            mail.content_type = mime ? lower_case(safe(mime.get())) : "";
            mail.report_type = lower_case(safe(g_mime_content_type_get_parameter(type, "report-type")));
        }
    Walk(mail, limits).visit(g_mime_message_get_mime_part(message.get()), 0, false);
    const bool nothing = std::all_of(mail.parts.begin(), mail.parts.end(), [](const MailPart& part) { return trimmed(part.text).empty(); });
    if (nothing && mail.warnings.empty()) {
        mail.parts.clear();
        mend(bytes, limits, mail);
    }
    return mail;
}

}  // namespace bailiff
