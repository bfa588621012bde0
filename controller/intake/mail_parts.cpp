// SPDX-License-Identifier: Apache-2.0
// MIME by GMime. Nesting is bounded before GMime sees the mail, since its parser recurses.
#include "controller/intake/mail_parts.hpp"

#include "controller/intake/fields.hpp"

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

/// To UTF-8 by the part's charset; where that fails the bytes stay, and are cleaned where they are shown.
std::string in_utf8(std::string bytes, const char* charset) {
    if (!charset) return bytes;
    const std::string name = lower_case(charset);
    if (name == "utf-8" || name == "us-ascii" || name == "ascii" || name.size() > 40) return bytes;
    gsize written = 0;
    const Text converted(g_convert_with_fallback(bytes.data(), static_cast<gssize>(bytes.size()), "UTF-8", name.c_str(), "?", nullptr, &written, nullptr));
    return converted ? std::string(converted.get(), written) : bytes;
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
            mail_.parts.push_back({"message/rfc822", {}, headers_of(message), true});
            visit(g_mime_message_get_mime_part(message), depth + 1, true);
        } else if (GMIME_IS_PART(object)) {
            leaf(GMIME_PART(object), enclosed);
        }
    }

  private:
    void leaf(GMimePart* part, bool enclosed) {
        GMimeContentType* type = g_mime_object_get_content_type(GMIME_OBJECT(part));
        MailPart out;
        const Text mime(type ? g_mime_content_type_get_mime_type(type) : nullptr);
        out.content_type = mime ? lower_case(safe(mime.get())) : "text/plain";
        out.name = safe(g_mime_part_get_filename(part));
        out.text = decoded(part);
        out.enclosed = enclosed || out.content_type == "text/rfc822-headers";
        if (out.content_type.starts_with("text/") && type) out.text = in_utf8(std::move(out.text), g_mime_content_type_get_parameter(type, "charset"));
        mail_.parts.push_back(std::move(out));
    }
    void say(std::string text) {
        if (std::find(mail_.warnings.begin(), mail_.warnings.end(), text) == mail_.warnings.end()) mail_.warnings.push_back(std::move(text));
    }
    MailContent& mail_;
    const ReportLimits& limits_;
    bool full_ = false;
};

void start_gmime() {
    // Once, before threads use it; a function's static is exactly that.
    static const bool started = [] {
        g_mime_init();
        return true;
    }();
    (void)started;
}

}  // namespace

bool looks_like_mail(std::string_view bytes) {
    constexpr std::array known{"from", "to", "subject", "date", "received", "message-id", "mime-version", "content-type", "return-path", "delivered-to"};
    const size_t end = std::min({bytes.find("\n\n"), bytes.find("\n\r\n"), bytes.size(), size_t{64 * 1024}});
    std::string_view head = bytes.substr(0, end);
    if (head.starts_with("From ")) head = head.substr(std::min(head.find('\n') + 1, head.size()));
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
    if (bytes.starts_with("From ")) bytes = bytes.substr(std::min(bytes.find('\n') + 1, bytes.size()));
    const Object<GMimeStream> stream(g_mime_stream_mem_new_with_buffer(bytes.data(), bytes.size()));
    const Object<GMimeParser> parser(g_mime_parser_new_with_stream(stream.get()));
    const std::unique_ptr<GMimeMessage, Unref> message(g_mime_parser_construct_message(parser.get(), nullptr));
    if (!message) {
        mail.warnings.push_back("The mail cannot be taken apart.");
        return mail;
    }
    mail.subject = safe(g_mime_message_get_subject(message.get()));
    mail.date = safe(g_mime_object_get_header(GMIME_OBJECT(message.get()), "Date"));
    mail.says_xarf = g_mime_object_get_header(GMIME_OBJECT(message.get()), "X-XARF") || g_mime_object_get_header(GMIME_OBJECT(message.get()), "X-ARF");
    InternetAddressList* from = g_mime_message_get_from(message.get());
    if (from && internet_address_list_length(from) > 0) {
        InternetAddress* first = internet_address_list_get_address(from, 0);
        mail.from_name = safe(internet_address_get_name(first));
        if (INTERNET_ADDRESS_IS_MAILBOX(first)) mail.from_address = safe(internet_address_mailbox_get_addr(INTERNET_ADDRESS_MAILBOX(first)));
    }
    Walk(mail, limits).visit(g_mime_message_get_mime_part(message.get()), 0, false);
    return mail;
}

}  // namespace bailiff
