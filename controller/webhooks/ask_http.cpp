// SPDX-License-Identifier: Apache-2.0
#include "controller/webhooks/ask_http.hpp"

#include <bailiff/clean_text.hpp>

#include <curl/curl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cassert>
#include <memory>
#include <new>

namespace bailiff {
namespace {

/// What libcurl's callbacks know.
struct Attempt {
    const HttpQuestion& question;
    bool refused = false;    ///< we did not connect
    std::string answer{};
};

/// Called with the address that the connection is about to be made to, after the name was resolved.
curl_socket_t open_socket(void* opaque, curlsocktype, curl_sockaddr* address) {
    auto& attempt = *static_cast<Attempt*>(opaque);
    const AddressGuard* guard = attempt.question.guard;
    const bool plain = attempt.question.url.starts_with("http://");
    if (guard && !(plain ? guard->is_named(address->addr) : guard->permits(address->addr))) {
        attempt.refused = true;
        return CURL_SOCKET_BAD;
    }
    return ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

size_t take_answer(char* data, size_t size, size_t count, void* opaque) {
    auto& attempt = *static_cast<Attempt*>(opaque);
    if (attempt.answer.size() + size * count > attempt.question.most_of_answer) return 0;
    attempt.answer.append(data, size * count);
    return size * count;
}

using HeaderList = std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)>;

HeaderList header_list(const std::vector<std::string>& lines) {
    HeaderList list(nullptr, &curl_slist_free_all);
    for (const std::string& line : lines) {
        auto* longer = curl_slist_append(list.get(), line.c_str());
        if (!longer) throw std::bad_alloc();
        static_cast<void>(list.release());
        list.reset(longer);
    }
    return list;
}

}  // namespace

HttpAnswer ask_http(const HttpQuestion& question) {
    // libcurl wants this once, before anything else; a function's static is exactly that.
    static const CURLcode ready = curl_global_init(CURL_GLOBAL_DEFAULT);
    if (ready != CURLE_OK) throw std::bad_alloc();
    Attempt attempt{question};
    char trouble[CURL_ERROR_SIZE] = "";
    const std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> curl(curl_easy_init(), &curl_easy_cleanup);
    if (!curl) throw std::bad_alloc();
    const HeaderList headers = header_list(question.headers);
    const auto set = [&](CURLoption option, auto value) {
        [[maybe_unused]] const CURLcode code = curl_easy_setopt(curl.get(), option, value);
        assert(code == CURLE_OK);
    };
    set(CURLOPT_URL, question.url.c_str());
    set(CURLOPT_PROTOCOLS_STR, "https,http");
    set(CURLOPT_FOLLOWLOCATION, 0L);
    set(CURLOPT_PROXY, "");  // no environment variable sends our messages elsewhere
    set(CURLOPT_NOSIGNAL, 1L);
    set(CURLOPT_ERRORBUFFER, static_cast<char*>(trouble));
    set(CURLOPT_TIMEOUT_MS, static_cast<long>(question.timeout.count()));
    set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
    if (!question.ca_file.empty()) set(CURLOPT_CAINFO, question.ca_file.c_str());
    set(CURLOPT_USERAGENT, "bailiff/" BAILIFF_VERSION);
    set(CURLOPT_HTTPHEADER, headers.get());
    if (question.body) {
        set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(question.body->size()));
        set(CURLOPT_POSTFIELDS, question.body->data());
    }
    set(CURLOPT_OPENSOCKETFUNCTION, &open_socket);
    set(CURLOPT_OPENSOCKETDATA, static_cast<void*>(&attempt));
    set(CURLOPT_WRITEFUNCTION, &take_answer);
    set(CURLOPT_WRITEDATA, static_cast<void*>(&attempt));

    const CURLcode code = curl_easy_perform(curl.get());
    HttpAnswer out;
    out.end = code == CURLE_OK ? HttpAnswer::End::whole
              : attempt.refused ? HttpAnswer::End::refused
              : code == CURLE_WRITE_ERROR ? HttpAnswer::End::cut
                                          : HttpAnswer::End::failed;
    if (code != CURLE_OK) out.trouble = clean_line(*trouble ? trouble : curl_easy_strerror(code), 300);
    curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &out.status);
    out.body = std::move(attempt.answer);
    return out;
}

}  // namespace bailiff
