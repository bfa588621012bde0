// SPDX-License-Identifier: Apache-2.0
// Which words stay: those of Bailiff's own tables and what names things rather than people. All other texts go, so that a field that
// is added later is erased unless somebody decides that it stays.
#include "controller/core/erasure.hpp"

#include "controller/core/fields.hpp"

#include <bailiff/dsse.hpp>
#include <bailiff/json.hpp>

#include <algorithm>
#include <array>

namespace bailiff::core {
namespace {

constexpr std::array<std::string_view, 15> words_that_stay{"type",   "step",     "key",  "what", "why",     "signature",       "engine",       "sha256",
                                                           "rule",   "language", "zone", "seal", "missing", "manifest_sha256", "report_sha256"};

/// Visits fields as FieldWriter does; only texts are touched, everything else is an id, a word, a figure or an instant.
class FieldEraser {
  public:
    template <class T>
    void operator()(const char* field, T& value) {
        erase(value, std::find(words_that_stay.begin(), words_that_stay.end(), field) != words_that_stay.end());
    }

  private:
    static void erase(std::string& v, bool stays) {
        if (!stays && !v.empty()) v = erased_word;
    }
    template <class T> static void erase(std::optional<T>& v, bool stays) {
        if (v) erase(*v, stays);
    }
    template <class T> static void erase(std::vector<T>& v, bool stays) {
        for (auto& item : v) erase(item, stays);
    }
    static void erase(int64_t&, bool) {}
    static void erase(bool&, bool) {}
    static void erase(Instant&, bool) {}
    static void erase(Seconds&, bool) {}
    template <class Tag> static void erase(Id<Tag>&, bool) {}
    template <Named E> static void erase(E&, bool) {}
    template <class T> requires std::is_class_v<T>
    static void erase(T& v, bool) {
        FieldEraser inner;
        fields(inner, v);
    }
};

}  // namespace

HistoryItem erased(HistoryItem item) {
    if (std::holds_alternative<CaseErased>(item.fact)) return item;
    FieldEraser eraser;
    std::visit([&](auto& fact) { fields(eraser, fact); }, item.fact);
    return item;
}

std::string seal_of(const std::vector<ErasedLink>& links) {
    std::string lines;
    for (const auto& link : links)
        lines += std::to_string(link.position) + ' ' + std::to_string(link.revision) + ' ' + link.before + ' ' + link.hash + ' ' + link.left_sha256 + '\n';
    return sha256_hex(lines);
}

std::string erasure_payload(const CaseId& id, int64_t upto, const std::string& seal) {
    return dump_json(Json{{"case", id.text()}, {"upto", upto}, {"seal", seal}});
}

}  // namespace bailiff::core
