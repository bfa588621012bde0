// SPDX-License-Identifier: Apache-2.0
// libcurl, told to do exactly one request and nothing on its own account.
#include "controller/ctl/rest_client.hpp"

#include <curl/curl.h>

#include <memory>

namespace bailiff {
namespace {

struct Transfer {
    RestAnswer answer;
    const std::function<bool(std::string_view)>* piece = nullptr;
    CURL* curl = nullptr;
    bool enough = false;       ///< the taker of pieces has what it wants
    bool too_large = false;
};

constexpr size_t largest_answer = 256 << 20;

size_t take_body(char* data, size_t, size_t size, void* user) {
    auto& t = *static_cast<Transfer*>(user);
    long status = 0;
    curl_easy_getinfo(t.curl, CURLINFO_RESPONSE_CODE, &status);
    if (t.piece && status == 200) {
        t.enough = !(*t.piece)({data, size});
        return t.enough ? 0 : size;
    }
    t.too_large = t.answer.body.size() + size > largest_answer;
    if (t.too_large) return 0;
    t.answer.body.append(data, size);
    return size;
}

size_t take_header(char* data, size_t, size_t size, void* user) {
    auto& t = *static_cast<Transfer*>(user);
    const std::string_view line(data, size);
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos) return size;
    std::string key(line.substr(0, colon));
    for (char& c : key) c = c >= 'A' && c <= 'Z' ? char(c - 'A' + 'a') : c;
    std::string_view value = line.substr(colon + 1);
    while (!value.empty() && value.front() == ' ') value.remove_prefix(1);
    while (!value.empty() && (value.back() == '\n' || value.back() == '\r' || value.back() == ' ')) value.remove_suffix(1);
    t.answer.headers[key] = value;
    return size;
}

/// http:// is for this machine only: a token must not cross a network in the clear.
bool loopback(std::string_view server) {
    constexpr std::string_view plain = "http://";
    std::string_view host = server.substr(plain.size());
    for (const std::string_view name : {"127.0.0.1", "localhost", "[::1]"})
        if (host.starts_with(name) && (host.size() == name.size() || host[name.size()] == ':' || host[name.size()] == '/')) return true;
    return false;
}

std::string remedy_for(CURLcode code, const RestOptions& options) {
    switch (int(code)) {
        case CURLE_PEER_FAILED_VERIFICATION:
        case CURLE_SSL_CACERT_BADFILE:
            return options.ca_file.empty() ? "name the controller's CA with --ca FILE" : "check that " + options.ca_file + " is the controller's CA";
        case CURLE_COULDNT_CONNECT:
        case CURLE_COULDNT_RESOLVE_HOST: return "is the controller running, and is --server right?";
        case CURLE_OPERATION_TIMEDOUT: return "try again, or give it more time with --timeout";
        default: return "try again";
    }
}

Result<RestAnswer> perform(const RestOptions& options, const std::string& method, const std::string& path, const std::string* body,
                           const RestHeaders& headers, const std::function<bool(std::string_view)>* piece) {
    static const CURLcode ready = curl_global_init(CURL_GLOBAL_DEFAULT);
    if (ready != CURLE_OK) return fail(Errc::unavailable, "libcurl does not start on this machine.");
    const std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> curl(curl_easy_init(), curl_easy_cleanup);
    if (!curl) return fail(Errc::unavailable, "libcurl gives no handle; the machine may be out of memory.");
    CURL* c = curl.get();
    Transfer transfer;
    transfer.piece = piece;
    transfer.curl = c;
    curl_slist* list = nullptr;
    const auto add = [&](const std::string& line) { list = curl_slist_append(list, line.c_str()); };
    if (!options.token.empty()) add("Authorization: Bearer " + options.token);
    add(piece ? "Accept: text/event-stream" : "Accept: application/json");
    add("Expect:");
    bool typed = false;
    for (const auto& [key, value] : headers) {
        add(key + ": " + value);
        typed = typed || key == "Content-Type";
    }
    if (body && !typed) add("Content-Type: application/json");
    const std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)> keep(list, curl_slist_free_all);
    char why[CURL_ERROR_SIZE] = {};
    curl_easy_setopt(c, CURLOPT_URL, (options.server + path).c_str());
    curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, method.c_str());
    curl_easy_setopt(c, CURLOPT_HTTPHEADER, list);
    curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(c, CURLOPT_PROXY, "");
    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c, CURLOPT_ERRORBUFFER, why);
    curl_easy_setopt(c, CURLOPT_USERAGENT, "bailiffctl/" BAILIFF_VERSION);
    curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, long(options.timeout.count()));
    if (!piece) curl_easy_setopt(c, CURLOPT_TIMEOUT, long(options.timeout.count()));
    // A stream says something every 15 s; silence for a minute means that the connection is dead.
    if (piece) {
        curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, 1L);
        curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, 60L);
    }
    if (!options.ca_file.empty()) curl_easy_setopt(c, CURLOPT_CAINFO, options.ca_file.c_str());
    if (body) {
        curl_easy_setopt(c, CURLOPT_POSTFIELDS, body->c_str());
        curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE, long(body->size()));
    } else if (method == "POST" || method == "PUT") {
        curl_easy_setopt(c, CURLOPT_POSTFIELDS, "");
        curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE, 0L);
    }
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, &transfer);
    curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(c, CURLOPT_HEADERDATA, &transfer);
    const CURLcode code = curl_easy_perform(c);
    long status = 0, sent = 0;
    curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(c, CURLINFO_REQUEST_SIZE, &sent);
    transfer.answer.status = int(status);
    if (code == CURLE_OK || (code == CURLE_WRITE_ERROR && transfer.enough)) return std::move(transfer.answer);
    if (transfer.too_large) return fail(Errc::invalid, "The answer is larger than this program takes; ask for less with --limit.");
    const std::string text = options.server + " does not answer (" + (*why ? why : curl_easy_strerror(code)) + "); " + remedy_for(code, options) + ".";
    // Once bytes of the request have left, it may have been carried out.
    return fail(sent > 0 && method != "GET" ? Errc::unknown_outcome : Errc::unavailable, text);
}

}  // namespace

Result<RestClient> RestClient::open(RestOptions options) {
    while (options.server.ends_with('/')) options.server.pop_back();
    if (options.server.find_first_of("@?#\r\n ") != std::string::npos)
        return fail(Errc::invalid, "'" + options.server + "' is no server; write only https://HOST:PORT");
    if (!options.server.starts_with("https://") && !options.server.starts_with("http://"))
        return fail(Errc::invalid, "'" + options.server + "' is no server; write --server https://HOST:PORT");
    if (options.server.starts_with("http://") && !loopback(options.server))
        return fail(Errc::invalid, "plain http is for this machine only, since the token would cross the network in the clear; write https://");
    return RestClient(std::move(options));
}

Result<RestAnswer> RestClient::ask(const std::string& method, const std::string& path, const std::string& body, const RestHeaders& headers) {
    return perform(options_, method, path, body.empty() ? nullptr : &body, headers, nullptr);
}

Result<RestAnswer> RestClient::stream(const std::string& path, const RestHeaders& headers, const std::function<bool(std::string_view)>& piece) {
    return perform(options_, "GET", path, nullptr, headers, &piece);
}

std::string url_escaped(std::string_view text) {
    static constexpr char digits[] = "0123456789ABCDEF";
    std::string out;
    for (const char c : text) {
        const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '.' || c == '_' || c == '~';
        if (plain) out += c;
        else {
            out += '%';
            out += digits[static_cast<unsigned char>(c) >> 4];
            out += digits[static_cast<unsigned char>(c) & 15];
        }
    }
    return out;
}

}  // namespace bailiff
