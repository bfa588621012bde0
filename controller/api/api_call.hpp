// SPDX-License-Identifier: Apache-2.0
// One request as its handler sees it, on the desk's thread: who asks, what for, and readers that collect all mistakes.
#pragma once

#include "controller/api/api.hpp"
#include "controller/api/problem.hpp"

#include <bailiff/json.hpp>

#include <functional>
#include <string>
#include <vector>

namespace bailiff {

/// Lives for one turn. A handler answers by its return value, or takes the connection over for a stream.
struct ApiCall {
    Api& api;
    const ApiParts& parts;
    Desk& desk;
    const HttpRequest& request;
    const std::vector<std::string>& values;   ///< of the pattern's names
    Account account;
    const Json& body;
    std::vector<std::function<void()>> after_commit;
    std::function<void(const Respond&)> take_over;   ///< after the commit, instead of the returned answer
    const DeliveryInput* delivery = nullptr;         ///< the body, where it is a mail or a XARF document, as it was read

    std::string actor() const { return "staff:" + account.name; }
    Storage& storage() const { return desk.storage(); }
    bool may(Role role) const { return account.role >= role; }
};

/// The query, read like a JsonReader reads an object: unknown names are mistakes.
class QueryReader {
  public:
    explicit QueryReader(const HttpRequest& request) : request_(request) {}
    std::string text(const char* name);
    /// A name as ids have it, or empty.
    std::string id(const char* name);
    int64_t integer(const char* name, int64_t low, int64_t high, int64_t otherwise);
    bool boolean(const char* name);
    template <Named E>
    std::optional<E> word(const char* name) {
        const std::string found = text(name);
        if (found.empty()) return std::nullopt;
        const auto parsed = parse_name<E>(found);
        if (!parsed) return mistake(name, parsed.error().text), std::nullopt;
        return *parsed;
    }
    /// "limit": 1 to 200, 50 when absent.
    size_t limit() { return size_t(integer("limit", 1, 200, 50)); }
    std::string cursor() { return id("cursor"); }
    void mistake(const char* name, std::string why) { mistakes_.push_back({std::string("?") + name, std::move(why)}); }
    /// Call last.
    const std::vector<Mistake>& finish();

  private:
    const HttpRequest& request_;
    std::vector<Mistake> mistakes_;
    std::vector<std::string> known_;
};

HttpResponse json_answer(int status, const Json& body);
/// {"items":[…],"next":"…"}: `items` may hold one more than `limit`, which is dropped and means that there is more.
HttpResponse page_answer(std::vector<Json> items, size_t limit, const char* id_field);

/// The ETag of a revision: "\"7\"".
std::string etag_of(int64_t revision);
/// Whether If-Match (absent, "*", or a list of ETags) lets an act on this revision through.
bool if_match(const HttpRequest& request, int64_t revision);

}  // namespace bailiff
