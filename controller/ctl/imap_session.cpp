// SPDX-License-Identifier: Apache-2.0
// A mail's bytes come as a literal: a length, then that many bytes. They are counted and never looked into.
#include "controller/ctl/imap_session.hpp"

#include "controller/desk/delivery.hpp"

#include <bailiff/clean_text.hpp>
#include <bailiff/system_clock.hpp>

#include <curl/curl.h>

#include <algorithm>
#include <charconv>
#include <poll.h>

namespace bailiff {

struct ImapSession::Wire {
    std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> curl{curl_easy_init(), curl_easy_cleanup};
    curl_socket_t socket = CURL_SOCKET_BAD;
    std::chrono::milliseconds patience{60'000};
    SystemClock clock;
    std::string buffer;
    size_t at = 0;

    /// Until libcurl may go on; false when nothing moved for too long.
    bool wait(short events, std::chrono::milliseconds until) const {
        const auto left = until - clock.monotonic();
        pollfd one{socket, events, 0};
        return left.count() > 0 && poll(&one, 1, int(left.count())) > 0;
    }
    Result<void> send(std::string_view text) {
        auto until = clock.monotonic() + patience;
        while (!text.empty()) {
            size_t sent = 0;
            const CURLcode code = curl_easy_send(curl.get(), text.data(), text.size(), &sent);
            if (code == CURLE_OK) text.remove_prefix(sent), until = clock.monotonic() + patience;
            else if (code != CURLE_AGAIN || !wait(POLLOUT, until)) return fail(Errc::unavailable, "the IMAP server does not take our commands");
        }
        return {};
    }
    /// At least `count` bytes in the buffer beyond `at`.
    Result<void> need(size_t count) {
        auto until = clock.monotonic() + patience;
        char piece[64 * 1024];
        while (buffer.size() - at < count) {
            size_t got = 0;
            const CURLcode code = curl_easy_recv(curl.get(), piece, sizeof piece, &got);
            if (code == CURLE_OK && got > 0) buffer.append(piece, got), until = clock.monotonic() + patience;
            else if (code != CURLE_AGAIN || !wait(POLLIN, until))
                return fail(Errc::unavailable, "the IMAP server does not answer, or has closed the connection");
        }
        return {};
    }
    Result<std::string> line() {
        for (size_t seen = 0;;) {
            const size_t end = buffer.find("\r\n", at + (seen > 0 ? seen - 1 : 0));
            if (end != std::string::npos) {
                std::string out = buffer.substr(at, end - at);
                at = end + 2;
                if (at > 1 << 20) buffer.erase(0, at), at = 0;
                return out;
            }
            seen = buffer.size() - at;
            if (seen > 1 << 20) return fail(Errc::unavailable, "the IMAP server's line has no end");
            if (const auto more = need(seen + 1); !more) return fail(more.error());
        }
    }
};

namespace {

struct ImapPlace {
    std::string server, folder;
    bool plain = false;            ///< no TLS is asked for: this machine
};

Result<ImapPlace> place_of(const std::string& url) {
    const bool tls = url.starts_with("imaps://");
    if (!tls && !url.starts_with("imap://")) return fail(Errc::invalid, "'" + url + "' is no IMAP folder; write imaps://HOST/INBOX");
    const size_t host = tls ? 8 : 7, slash = url.find('/', host);
    if (slash == host || url.find_first_of("@?#;\r\n \"\\") != std::string::npos)
        return fail(Errc::invalid, "'" + url + "' is no IMAP folder; write only imaps://HOST:PORT/FOLDER");
    ImapPlace out{url.substr(0, slash), slash == std::string::npos ? "" : url.substr(slash + 1)};
    if (out.folder.empty()) out.folder = "INBOX";
    const std::string name = out.server.substr(host, out.server.find(':', host) - host);
    out.plain = !tls && (name == "127.0.0.1" || name == "localhost" || out.server.substr(host).starts_with("[::1]"));
    return out;
}

std::string imap_quoted(std::string_view text) {
    std::string out = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') out += '\\';
        out += c;
    }
    return out + "\"";
}

/// The number after a word, as in "RFC822.SIZE 1234"; -1 without one.
int64_t number_after(std::string_view text, std::string_view word) {
    const size_t at = text.find(word);
    int64_t n = -1;
    if (at != std::string_view::npos) std::from_chars(text.data() + at + word.size(), text.data() + text.size(), n);
    return n;
}

}  // namespace

Result<ImapSession> ImapSession::open(const ImapOptions& options) {
    static const CURLcode ready = curl_global_init(CURL_GLOBAL_DEFAULT);
    if (ready != CURLE_OK) return fail(Errc::unavailable, "libcurl does not start on this machine");
    const auto place = place_of(options.url);
    if (!place) return fail(place.error());
    auto wire = std::make_shared<Wire>();
    CURL* c = wire->curl.get();
    if (!c) return fail(Errc::unavailable, "libcurl gives no handle; the machine may be out of memory");
    char why[CURL_ERROR_SIZE] = {};
    curl_easy_setopt(c, CURLOPT_URL, (place->server + "/").c_str());
    curl_easy_setopt(c, CURLOPT_CONNECT_ONLY, 1L);
    curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "imap,imaps");
    // Beyond this machine no password goes out in the clear, whatever the server offers.
    curl_easy_setopt(c, CURLOPT_USE_SSL, long(place->plain ? CURLUSESSL_NONE : CURLUSESSL_ALL));
    curl_easy_setopt(c, CURLOPT_USERNAME, options.user.c_str());
    curl_easy_setopt(c, CURLOPT_PASSWORD, options.password.c_str());
    curl_easy_setopt(c, CURLOPT_PROXY, "");
    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c, CURLOPT_ERRORBUFFER, why);
    curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, long(options.timeout.count()));
    curl_easy_setopt(c, CURLOPT_TIMEOUT, long(options.timeout.count()));
    if (!options.ca_file.empty()) curl_easy_setopt(c, CURLOPT_CAINFO, options.ca_file.c_str());
    const CURLcode code = curl_easy_perform(c);
    curl_easy_setopt(c, CURLOPT_ERRORBUFFER, nullptr);
    if (code == CURLE_LOGIN_DENIED) return fail(Errc::forbidden, place->server + " does not let '" + options.user + "' in; check --user and --password-file");
    if (code != CURLE_OK) return fail(Errc::unavailable, place->server + " cannot be used (" + clean_line(*why ? why : curl_easy_strerror(code), 300) + ")");
    if (curl_easy_getinfo(c, CURLINFO_ACTIVESOCKET, &wire->socket) != CURLE_OK || wire->socket == CURL_SOCKET_BAD)
        return fail(Errc::unavailable, place->server + " has closed the connection");
    wire->patience = options.timeout;
    ImapSession session(std::move(wire));
    if (const auto selected = session.command("SELECT " + imap_quoted(place->folder)); !selected) return fail(selected.error());
    return session;
}

Result<ImapSession::Response> ImapSession::read_response() {
    Response out;
    for (;;) {
        auto line = wire_->line();
        if (!line) return fail(line.error());
        out.text += *line;
        // "{123}" at the end of a line: so many bytes follow, and then the line goes on.
        const size_t brace = line->ends_with('}') ? line->rfind('{') : std::string::npos;
        if (brace == std::string::npos) return out;
        size_t size = 0;
        const char* end = line->data() + line->size() - 1;
        const auto [last, error] = std::from_chars(line->data() + brace + 1, end, size);
        if (error != std::errc() || last != end) return out;
        if (size > largest_delivery + 1024 || out.literals.size() >= 16) return fail(Errc::unavailable, "the IMAP server sends more than it was asked for");
        if (const auto whole = wire_->need(size); !whole) return fail(whole.error());
        out.literals.push_back(wire_->buffer.substr(wire_->at, size));
        wire_->buffer.erase(0, wire_->at + size);
        wire_->at = 0;
    }
}

Result<std::vector<ImapSession::Response>> ImapSession::command(const std::string& text) {
    const std::string tag = "bailiff" + std::to_string(++tag_);
    if (const auto sent = wire_->send(tag + " " + text + "\r\n"); !sent) return fail(sent.error());
    std::vector<Response> out;
    for (;;) {
        auto response = read_response();
        if (!response) return fail(response.error());
        if (response->text.starts_with(tag + " ")) {
            if (response->text.starts_with(tag + " OK")) return out;
            return fail(Errc::unavailable, "the IMAP server refuses " + text.substr(0, text.find(' ', 4)) + ": " +
                                               clean_line(response->text.substr(tag.size() + 1), 300));
        }
        if (response->text.starts_with("* BYE")) return fail(Errc::unavailable, "the IMAP server says good-bye: " + clean_line(response->text.substr(5), 300));
        if (out.size() > 100'000) return fail(Errc::unavailable, "the IMAP server's answer has no end");
        out.push_back(std::move(*response));
    }
}

Result<std::vector<uint32_t>> ImapSession::unseen() {
    const auto answers = command("UID SEARCH UNSEEN UNDELETED");
    if (!answers) return fail(answers.error());
    std::vector<uint32_t> out;
    for (const auto& answer : *answers) {
        constexpr std::string_view head = "* SEARCH";
        if (!answer.text.starts_with(head)) continue;
        const char* at = answer.text.data() + head.size();
        for (const char* end = answer.text.data() + answer.text.size(); at < end;) {
            uint32_t uid = 0;
            const auto [next, error] = std::from_chars(at, end, uid);
            if (error == std::errc()) out.push_back(uid), at = next;
            else ++at;
        }
    }
    std::sort(out.begin(), out.end());
    return out;
}

Result<IntakeMail> ImapSession::fetch(uint32_t uid) {
    const auto answers = command("UID FETCH " + std::to_string(uid) + " (RFC822.SIZE BODY.PEEK[]<0." + std::to_string(largest_delivery) + ">)");
    if (!answers) return fail(answers.error());
    for (const auto& answer : *answers) {
        if (answer.text.find(" FETCH ") == std::string::npos || answer.literals.empty() || number_after(answer.text, "UID ") != int64_t(uid)) continue;
        IntakeMail mail;
        mail.bytes = answer.literals.front();
        mail.whole_bytes = std::max(number_after(answer.text, "RFC822.SIZE "), int64_t(mail.bytes.size()));
        // A server may reckon another size than it sends; only what was cut off says that something is missing.
        if (mail.bytes.size() < largest_delivery) mail.whole_bytes = int64_t(mail.bytes.size());
        return mail;
    }
    return fail(Errc::not_found, "the mail " + std::to_string(uid) + " is not there any more");
}

Result<void> ImapSession::mark_seen(uint32_t uid) {
    const auto done = command("UID STORE " + std::to_string(uid) + " +FLAGS.SILENT (\\Seen)");
    if (!done) return fail(done.error());
    return {};
}

Result<void> ImapSession::move(uint32_t uid, const std::string& folder) {
    const auto done = command("UID MOVE " + std::to_string(uid) + " " + imap_quoted(folder));
    if (!done) return fail(done.error());
    return {};
}

}  // namespace bailiff
