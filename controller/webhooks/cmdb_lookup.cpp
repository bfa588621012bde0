// SPDX-License-Identifier: Apache-2.0
// The URL is an administrator's word, so that it may lead anywhere: no guard stands before it.
#include "controller/webhooks/cmdb_lookup.hpp"

#include "controller/webhooks/ask_http.hpp"

#include <bailiff/clean_text.hpp>

#include <array>

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
             [](std::string why) { return AddressAnswer{false, {}, std::move(why)}; }) {}

void CmdbLookup::ask(const AddressQuestion& question, std::function<void(AddressAnswer)> done) { queue_.put(question, std::move(done)); }

AddressAnswer CmdbLookup::look_up(const AddressQuestion& question) const {
    HttpQuestion http{.url = cmdb_url(options_.url, question),
                      .headers = {"Accept: application/json"},
                      .ca_file = options_.ca_file,
                      .timeout = options_.timeout,
                      .most_of_answer = most_of_cmdb_answer};
    if (!options_.header.empty()) http.headers.push_back(options_.header);
    const HttpAnswer answer = ask_http(http);
    // The beginning of a list is no list.
    if (answer.end != HttpAnswer::End::whole) return {false, {}, answer.trouble};
    if (answer.status >= 200 && answer.status < 300) return cmdb_answer(answer.body, question, clock_.now());
    const std::string said = "HTTP " + std::to_string(answer.status) + (answer.body.empty() ? "" : ": " + clean_line(answer.body, 200));
    // It understood, and knows nobody; all else is its own trouble, or ours, and is tried again.
    const bool nobody = answer.status == 400 || answer.status == 404 || answer.status == 410 || answer.status == 422;
    return {nobody, {}, said};
}

}  // namespace bailiff
