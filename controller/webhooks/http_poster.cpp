// SPDX-License-Identifier: Apache-2.0
#include "controller/webhooks/http_poster.hpp"

#include "controller/webhooks/signature.hpp"

#include <bailiff/clean_text.hpp>

#include <curl/curl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cassert>
#include <memory>
#include <new>

namespace bailiff {
namespace {

constexpr size_t most_of_an_answer = 64 << 10;

struct Attempt {
    const AddressGuard& guard;
    bool plain = false;      ///< http://: named networks only
    bool refused = false;    ///< we did not connect
    std::string answer;
};

/// Called with the address that the connection is about to be made to, after the name was resolved.
curl_socket_t open_socket(void* opaque, curlsocktype, curl_sockaddr* address) {
    auto& attempt = *static_cast<Attempt*>(opaque);
    const bool good = attempt.plain ? attempt.guard.is_named(address->addr) : attempt.guard.permits(address->addr);
    if (!good) {
        attempt.refused = true;
        return CURL_SOCKET_BAD;
    }
    return ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

size_t take(char* data, size_t size, size_t count, void* opaque) {
    auto& attempt = *static_cast<Attempt*>(opaque);
    // More is no answer of a webhook's: the transfer ends.
    if (attempt.answer.size() + size * count > most_of_an_answer) return 0;
    attempt.answer.append(data, size * count);
    return size * count;
}

}  // namespace

HttpPoster::HttpPoster(HttpPosterOptions options) : options_(std::move(options)), guard_(options_.networks) {
    static const CURLcode ready = curl_global_init(CURL_GLOBAL_DEFAULT);
    if (ready != CURLE_OK) throw std::bad_alloc();
}

WebhookAnswer HttpPoster::post(const WebhookMessage& message) const {
    Attempt attempt{guard_, message.url.starts_with("http://"), false, ""};
    char trouble[CURL_ERROR_SIZE] = "";
    const std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> curl(curl_easy_init(), &curl_easy_cleanup);
    if (!curl) throw std::bad_alloc();
    std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)> headers(nullptr, &curl_slist_free_all);
    for (const std::string& line : {std::string("Content-Type: application/json"), "webhook-id: " + message.id,
                                    "webhook-timestamp: " + std::to_string(message.at.time_since_epoch().count()),
                                    "webhook-signature: " + webhook_signature(message.secret, message.id, message.at, message.body), std::string("Expect:")}) {
        auto* longer = curl_slist_append(headers.get(), line.c_str());
        if (!longer) throw std::bad_alloc();
        static_cast<void>(headers.release());
        headers.reset(longer);
    }
    const auto set = [&](CURLoption option, auto value) {
        [[maybe_unused]] const CURLcode code = curl_easy_setopt(curl.get(), option, value);
        assert(code == CURLE_OK);
    };
    set(CURLOPT_URL, message.url.c_str());
    set(CURLOPT_PROTOCOLS_STR, "https,http");
    set(CURLOPT_FOLLOWLOCATION, 0L);
    set(CURLOPT_PROXY, "");  // no environment variable sends our messages elsewhere
    set(CURLOPT_NOSIGNAL, 1L);
    set(CURLOPT_ERRORBUFFER, static_cast<char*>(trouble));
    set(CURLOPT_TIMEOUT_MS, static_cast<long>(options_.timeout.count()));
    set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
    if (!options_.ca_file.empty()) set(CURLOPT_CAINFO, options_.ca_file.c_str());
    set(CURLOPT_USERAGENT, "bailiff/" BAILIFF_VERSION);
    set(CURLOPT_HTTPHEADER, headers.get());
    set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(message.body.size()));
    set(CURLOPT_POSTFIELDS, message.body.data());
    set(CURLOPT_OPENSOCKETFUNCTION, &open_socket);
    set(CURLOPT_OPENSOCKETDATA, static_cast<void*>(&attempt));
    set(CURLOPT_WRITEFUNCTION, &take);
    set(CURLOPT_WRITEDATA, static_cast<void*>(&attempt));

    const CURLcode code = curl_easy_perform(curl.get());
    if (attempt.refused && code != CURLE_OK)
        return {false, attempt.plain ? "not connected: plain http:// goes only to networks that --webhook-network names"
                                     : "not connected: the name resolves to an address of no public network; name its network with --webhook-network"};
    if (code != CURLE_OK && code != CURLE_WRITE_ERROR) return {false, clean_line(*trouble ? trouble : curl_easy_strerror(code), 300)};
    long status = 0;
    curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &status);
    const std::string said = clean_line(attempt.answer, 200);
    return {status >= 200 && status < 300, "HTTP " + std::to_string(status) + (said.empty() ? "" : ": " + said)};
}

}  // namespace bailiff
