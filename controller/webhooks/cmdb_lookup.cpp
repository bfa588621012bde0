// SPDX-License-Identifier: Apache-2.0
// The URL is an administrator's word, so that it may lead anywhere; it never leads on (no redirections, no proxies of the environment).
#include "controller/webhooks/cmdb_lookup.hpp"

#include <bailiff/clean_text.hpp>

#include <curl/curl.h>

#include <array>
#include <cassert>
#include <memory>
#include <new>

namespace bailiff {
namespace {

constexpr size_t most_of_cmdb_answer = 1 << 20, most_rows = 1000;
constexpr std::array row_fields{"address", "from", "to", "vm", "customer", "ports"};

std::string percent_encoded(const std::string& text) {
    constexpr std::string_view digits = "0123456789ABCDEF";
    std::string out;
    for (const char c : text) {
        const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '.' || c == '_' || c == '~';
        if (plain) out += c;
        else (out += '%') += {digits[uint8_t(c) >> 4], digits[uint8_t(c) & 15]};
    }
    return out;
}

size_t take_answer(char* data, size_t size, size_t count, void* opaque) {
    auto& answer = *static_cast<std::string*>(opaque);
    if (answer.size() + size * count > most_of_cmdb_answer) return 0;
    answer.append(data, size * count);
    return size * count;
}

}  // namespace

std::string cmdb_url(const std::string& pattern, const AddressQuestion& question) {
    std::string out;
    for (size_t at = 0; at < pattern.size();) {
        const size_t open = pattern.find('{', at), close = open == std::string::npos ? open : pattern.find('}', open);
        out += pattern.substr(at, open == std::string::npos || close == std::string::npos ? std::string::npos : open - at);
        if (open == std::string::npos || close == std::string::npos) break;
        const std::string word = pattern.substr(open + 1, close - open - 1);
        if (word == "address") out += percent_encoded(text_of(question.address));
        else if (word == "at") out += percent_encoded(format_rfc3339(question.at));
        else if (word == "port") out += question.port == 0 ? "" : std::to_string(question.port);
        at = close + 1;
    }
    return out;
}

AddressAnswer cmdb_answer(const std::string& body, const AddressQuestion& question, Instant now) {
    AddressAnswer out;
    out.answered = true;
    if (body.find_first_not_of(" \t\r\n") == std::string::npos) return out;
    const auto json = parse_json(body, {most_of_cmdb_answer, 16});
    if (!json) {
        out.trouble = "its answer is no JSON: " + json.error().text;
        return out;
    }
    const Json* rows = &*json;
    if (rows->is_object() && rows->contains("spans")) rows = &(*rows)["spans"];
    const auto take = [&](const Json& row) {
        Json known = Json::object();
        for (const char* field : row_fields)
            if (row.is_object() && row.contains(field) && !row[field].is_null()) known[field] = row[field];
        if (!known.contains("address")) known["address"] = text_of(question.address);
        const auto span = span_from(known, AddressSource::cmdb, now);
        if (span) out.spans.push_back(*span);
        else out.trouble = "a row of its answer cannot be read: " + span.error().text;
    };
    if (rows->is_array()) {
        for (size_t i = 0; i < rows->size() && i < most_rows; ++i) take((*rows)[i]);
    } else if (rows->is_object() && !rows->empty()) {
        take(*rows);
    }
    return out;
}

CmdbLookup::CmdbLookup(CmdbOptions options, const Clock& clock, size_t threads)
    : options_(std::move(options)), clock_(clock),
      queue_({.threads = threads, .when_stopping = "The controller stops; the CMDB is asked after its next start."},
             [this](const AddressQuestion& question, const std::atomic<bool>&) { return look_up(question); },
             [](std::string why) { return AddressAnswer{false, {}, std::move(why)}; }) {
    static const CURLcode ready = curl_global_init(CURL_GLOBAL_DEFAULT);
    if (ready != CURLE_OK) throw std::bad_alloc();
}

void CmdbLookup::ask(const AddressQuestion& question, std::function<void(AddressAnswer)> done) { queue_.put(question, std::move(done)); }

AddressAnswer CmdbLookup::look_up(const AddressQuestion& question) const {
    std::string answer;
    char trouble[CURL_ERROR_SIZE] = "";
    const std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> curl(curl_easy_init(), &curl_easy_cleanup);
    if (!curl) throw std::bad_alloc();
    std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)> headers(nullptr, &curl_slist_free_all);
    for (const std::string& line : {std::string("Accept: application/json"), options_.header}) {
        if (line.empty()) continue;
        auto* longer = curl_slist_append(headers.get(), line.c_str());
        if (!longer) throw std::bad_alloc();
        static_cast<void>(headers.release());
        headers.reset(longer);
    }
    const auto set = [&](CURLoption option, auto value) {
        [[maybe_unused]] const CURLcode code = curl_easy_setopt(curl.get(), option, value);
        assert(code == CURLE_OK);
    };
    const std::string url = cmdb_url(options_.url, question);
    set(CURLOPT_URL, url.c_str());
    set(CURLOPT_PROTOCOLS_STR, "https,http");
    set(CURLOPT_FOLLOWLOCATION, 0L);
    set(CURLOPT_PROXY, "");
    set(CURLOPT_NOSIGNAL, 1L);
    set(CURLOPT_ERRORBUFFER, static_cast<char*>(trouble));
    set(CURLOPT_TIMEOUT_MS, static_cast<long>(options_.timeout.count()));
    set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
    if (!options_.ca_file.empty()) set(CURLOPT_CAINFO, options_.ca_file.c_str());
    set(CURLOPT_USERAGENT, "bailiff/" BAILIFF_VERSION);
    set(CURLOPT_HTTPHEADER, headers.get());
    set(CURLOPT_WRITEFUNCTION, &take_answer);
    set(CURLOPT_WRITEDATA, static_cast<void*>(&answer));
    const CURLcode code = curl_easy_perform(curl.get());
    if (code != CURLE_OK) return {false, {}, clean_line(*trouble ? trouble : curl_easy_strerror(code), 300)};
    long status = 0;
    curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &status);
    if (status >= 200 && status < 300) return cmdb_answer(answer, question, clock_.now());
    const std::string said = "HTTP " + std::to_string(status) + (answer.empty() ? "" : ": " + clean_line(answer, 200));
    // It understood, and knows nobody; all else is its own trouble, or ours, and is tried again.
    const bool nobody = status == 400 || status == 404 || status == 410 || status == 422;
    return {nobody, {}, said};
}

}  // namespace bailiff
