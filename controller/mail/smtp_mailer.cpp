// SPDX-License-Identifier: Apache-2.0
// SMTP by libcurl. What a reply means depends on which command it answers, and libcurl's own codes do not say;
// therefore the dialogue is watched, and classified by reply code and stage (RFC 5321 §4.2).
#include "controller/mail/smtp_mailer.hpp"

#include <bailiff/clean_text.hpp>

#include <algorithm>
#include <cassert>
#include <cstring>
#include <cstdlib>
#include <curl/curl.h>
#include <fstream>
#include <memory>
#include <new>

namespace bailiff {
namespace {

/// How far the dialogue came: the last verb we said, and the last reply.
struct Dialogue {
    std::string verb = "connect";
    std::string reply;  ///< the lines of the reply to `verb`
    std::string_view message;
    size_t given = 0;
    bool all_given = false;  ///< libcurl has the whole text, so the final dot may be on its way
    bool over = false;       ///< QUIT was said; what follows is politeness

    /// The code of the reply to `verb`, 0 while there is none.
    int code() const {
        const size_t end = reply.find_last_not_of("\r\n");
        if (end == std::string::npos) return 0;
        const size_t start = reply.find_last_of('\n', end), at = start == std::string::npos ? 0 : start + 1;
        if (reply.size() < at + 3 || !std::all_of(reply.begin() + std::ptrdiff_t(at), reply.begin() + std::ptrdiff_t(at) + 3, [](char c) { return c >= '0' && c <= '9'; })) return 0;
        return std::atoi(reply.substr(at, 3).c_str());
    }
};

size_t give(char* buffer, size_t size, size_t count, void* opaque) {
    auto& dialogue = *static_cast<Dialogue*>(opaque);
    const size_t n = std::min(size * count, dialogue.message.size() - dialogue.given);
    std::memcpy(buffer, dialogue.message.data() + dialogue.given, n);
    dialogue.given += n;
    if (n == 0) {
        dialogue.all_given = true;
        dialogue.verb = "end of text";
        dialogue.reply.clear();
    }
    return n;
}

int watch(CURL*, curl_infotype type, char* data, size_t size, void* opaque) {
    auto& dialogue = *static_cast<Dialogue*>(opaque);
    const std::string_view line(data, size);
    if (dialogue.over) return 0;
    if (type == CURLINFO_HEADER_OUT) {
        // Only the verb is kept: what follows AUTH is a secret.
        const auto verb = line.substr(0, std::min<size_t>(line.find_first_of(" \r\n"), 10));
        const bool known = verb == "EHLO" || verb == "HELO" || verb == "STARTTLS" || verb == "AUTH" || verb == "MAIL" ||
                           verb == "RCPT" || verb == "DATA";
        // libcurl says QUIT before it tells us of a failure; the reply that caused it has to survive that.
        dialogue.over = verb == "QUIT";
        if (dialogue.over) return 0;
        if (known) dialogue.verb = verb;
        dialogue.reply.clear();
    } else if (type == CURLINFO_HEADER_IN && dialogue.reply.size() < 4096) {
        dialogue.reply += line;
    }
    return 0;
}

/// The sentence for the operator where the fault is in our own set-up and not in the mail.
std::string remedy_for(const Dialogue& dialogue, CURLcode code) {
    if (dialogue.verb == "AUTH" || code == CURLE_LOGIN_DENIED) return "; check the mail user and the password file";
    if (code == CURLE_USE_SSL_FAILED) return "; the server offers no STARTTLS: correct the server or the option that requires it";
    if (code == CURLE_PEER_FAILED_VERIFICATION) return "; check the server's certificate and the CA file";
    if (code == CURLE_COULDNT_RESOLVE_HOST || code == CURLE_COULDNT_CONNECT) return "; check the server's name and port, and that it runs";
    return {};
}

MailAnswer classify(const Dialogue& dialogue, CURLcode code, const std::string& trouble) {
    const std::string reply = clean_line(dialogue.reply, 400);
    const int reply_code = dialogue.code();
    if (code == CURLE_OK) return {MailFate::accepted, reply_code, reply};
    if (reply_code < 400 || reply_code > 599) {
        const std::string what = "At " + dialogue.verb + ": " + clean_line(trouble, 300) + remedy_for(dialogue, code) + ".";
        return {dialogue.all_given ? MailFate::unknown : MailFate::retry_later, 0, what};
    }
    // Before MAIL the server says no to us, not to this mail: wrong password, blocked host, no service today. The
    // mail waits until somebody has mended that. RFC 4954's codes mean the same wherever they come.
    const bool about_us = dialogue.verb == "connect" || dialogue.verb == "EHLO" || dialogue.verb == "HELO" ||
                          dialogue.verb == "STARTTLS" || dialogue.verb == "AUTH" || reply_code == 530 ||
                          reply_code == 534 || reply_code == 535 || reply_code == 538;
    const bool refused = reply_code >= 500 && !about_us;
    return {refused ? MailFate::refused : MailFate::retry_later, reply_code,
            "At " + dialogue.verb + ": " + (reply.empty() ? clean_line(trouble, 300) : reply) + remedy_for(dialogue, code)};
}

Result<std::string> first_line(const std::string& file) {
    std::ifstream in(file);
    std::string line;
    if (!in || !std::getline(in, line))
        return fail(Errc::unavailable, "The password file '" + file + "' cannot be read; give it one line and let the controller read it.");
    while (!line.empty() && (line.back() == '\r' || line.back() == '\n')) line.pop_back();
    return line;
}

bool fits_url(std::string_view server) {
    const size_t slashes = server.find("://");
    if (slashes == std::string_view::npos) return false;
    const auto scheme = server.substr(0, slashes), rest = server.substr(slashes + 3);
    if (scheme != "smtp" && scheme != "smtps") return false;
    // No user, no path: those have options of their own, where they are checked.
    return !rest.empty() && std::all_of(rest.begin(), rest.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || std::string_view(".-:[]").find(c) != std::string_view::npos;
    });
}

}  // namespace

Result<SmtpMailer> SmtpMailer::make(SmtpOptions options) {
    // libcurl wants this once, before threads; a function's static is exactly that.
    static const CURLcode ready = curl_global_init(CURL_GLOBAL_DEFAULT);
    if (ready != CURLE_OK) return fail(Errc::unavailable, "libcurl does not start: " + std::string(curl_easy_strerror(ready)));
    if (!fits_url(options.server))
        return fail(Errc::invalid, "The mail server '" + clean_line(options.server, 80) + "' is none; write smtp://host:port or smtps://host:port.");
    if (!is_mail_address(options.from.address))
        return fail(Errc::invalid, "The sender '" + clean_line(options.from.address, 80) + "' is no mail address; write desk@example.net.");
    const bool encrypted = options.server.starts_with("smtps://") || options.starttls == StartTls::required;
    if (!options.user.empty() && !encrypted)
        return fail(Errc::invalid, "A mail password would be sent in the clear; use smtps:// or require STARTTLS.");
    if (!options.user.empty() && options.password_file.empty())
        return fail(Errc::invalid, "The mail user '" + clean_line(options.user, 80) + "' has no password file; name one.");
    if (options.hello.empty()) options.hello = options.from.address.substr(options.from.address.rfind('@') + 1);
    if (!is_mail_address("x@" + options.hello))
        return fail(Errc::invalid, "The name for EHLO '" + clean_line(options.hello, 80) + "' is no host name.");
    return SmtpMailer(std::move(options));
}

MailAnswer SmtpMailer::send(const Mail& asked) const {
    Mail mail = asked;
    if (mail.from.address.empty()) mail.from = options_.from;
    const auto message = build_message(mail);
    if (!message) return {MailFate::refused, 0, message.error().text};

    Dialogue dialogue;  // before the handle, whose end still says QUIT
    dialogue.message = *message;
    char trouble[CURL_ERROR_SIZE] = "";
    const std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> curl(curl_easy_init(), &curl_easy_cleanup);
    const std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)> to(
        curl_slist_append(nullptr, ("<" + mail.to.address + ">").c_str()), &curl_slist_free_all);
    if (!curl || !to) throw std::bad_alloc();
    const std::string url = options_.server + "/" + options_.hello, sender = "<" + options_.from.address + ">";
    const auto set = [&](CURLoption option, auto value) {
        [[maybe_unused]] const CURLcode code = curl_easy_setopt(curl.get(), option, value);
        assert(code == CURLE_OK);
    };
    set(CURLOPT_URL, url.c_str());
    set(CURLOPT_PROTOCOLS_STR, "smtp,smtps");
    set(CURLOPT_PROXY, "");  // no environment variable sends our mail elsewhere
    set(CURLOPT_NOSIGNAL, 1L);
    set(CURLOPT_ERRORBUFFER, static_cast<char*>(trouble));
    set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(options_.connect_timeout.count()));
    set(CURLOPT_TIMEOUT_MS, static_cast<long>(options_.total_timeout.count()));
    // Without it libcurl waits two minutes for the answer to QUIT, whatever the total is.
    set(CURLOPT_SERVER_RESPONSE_TIMEOUT, static_cast<long>(std::max<int64_t>(1, (options_.total_timeout.count() + 999) / 1000)));
    const long use_tls = options_.starttls == StartTls::required     ? CURLUSESSL_ALL
                         : options_.starttls == StartTls::if_offered ? CURLUSESSL_TRY
                                                                     : CURLUSESSL_NONE;
    set(CURLOPT_USE_SSL, use_tls);
    set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
    if (!options_.ca_file.empty()) set(CURLOPT_CAINFO, options_.ca_file.c_str());
    if (!options_.user.empty()) {
        const auto password = first_line(options_.password_file);
        if (!password) return {MailFate::retry_later, 0, password.error().text};
        set(CURLOPT_USERNAME, options_.user.c_str());
        set(CURLOPT_PASSWORD, password->c_str());
    }
    set(CURLOPT_MAIL_FROM, sender.c_str());
    set(CURLOPT_MAIL_RCPT, to.get());
    set(CURLOPT_UPLOAD, 1L);
    set(CURLOPT_READFUNCTION, &give);
    set(CURLOPT_READDATA, static_cast<void*>(&dialogue));
    set(CURLOPT_VERBOSE, 1L);
    set(CURLOPT_DEBUGFUNCTION, &watch);
    set(CURLOPT_DEBUGDATA, static_cast<void*>(&dialogue));

    const CURLcode code = curl_easy_perform(curl.get());
    return classify(dialogue, code, *trouble ? trouble : curl_easy_strerror(code));
}

}  // namespace bailiff
