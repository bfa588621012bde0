// SPDX-License-Identifier: Apache-2.0
// The one door through which JSON text comes in: limited in size and depth, no duplicate keys, and read field by
// field with range checks. Mistakes are collected with their JSON pointer, so that a person sees all of them at once.
#pragma once

#include <bailiff/id.hpp>
#include <bailiff/names.hpp>
#include <bailiff/result.hpp>
#include <bailiff/time.hpp>

#include <cstdint>
#include <functional>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace bailiff {

using Json = nlohmann::json;

/// What a text may cost before it is looked at.
struct JsonLimits {
    size_t bytes = 1 << 20;
    size_t depth = 32;
};

/// Orders and jobs: small and flat.
inline constexpr JsonLimits order_limits{16 * 1024, 8};

/// Why a text was not taken, for those who answer each reason with its own code.
struct JsonFault {
    enum class Kind { too_large, too_deep, duplicate_key, syntax } kind;
    std::string text;
};

/// Text -> tree. Refuses what is too large or too deep, duplicate keys, bad UTF-8, and anything after the value.
tl::expected<Json, JsonFault> read_json(std::string_view text, JsonLimits limits = {});

/// The same as a Result, for everybody else.
Result<Json> parse_json(std::string_view text, JsonLimits limits = {});

/// One thing wrong with a document: where (a JSON pointer, "" is the whole), and what, with the remedy.
struct Mistake {
    std::string pointer;
    std::string text;
    friend bool operator==(const Mistake&, const Mistake&) = default;
};

/// "/steps/0/within: …; /name: …", at most `most` of them.
std::string describe(const std::vector<Mistake>& mistakes, size_t most = 20);

/// Reads the fields of one object, collecting mistakes instead of stopping at the first. Fields that nobody asked
/// for are mistakes when `finish()` is called (strict documents) and ignored otherwise (frames of newer peers).
class JsonReader {
  public:
    JsonReader(const Json& object, std::vector<Mistake>& mistakes, std::string pointer = "")
        : object_(object), mistakes_(mistakes), pointer_(std::move(pointer)) {
        if (!object_.is_object()) mistake("", "must be an object");
    }

    bool has(const char* field) const { return object_.is_object() && object_.contains(field); }

    /// The raw value, or null with a mistake when it is missing and required.
    const Json* value(const char* field, bool required = true);
    std::string text(const char* field, size_t most = 4096, bool required = true);
    std::string optional_text(const char* field, size_t most = 4096) { return text(field, most, false); }
    /// A whole number within [low, high]; floats (even 1.0) are mistakes.
    int64_t integer(const char* field, int64_t low, int64_t high, bool required = true, int64_t otherwise = 0);
    bool boolean(const char* field, bool required = true, bool otherwise = false);
    template <Named E>
    E word(const char* field, E otherwise, bool required = true) {
        const Json* v = value(field, required);
        if (!v) return otherwise;
        if (!v->is_string()) return mistake(field, "must be a text"), otherwise;
        const auto parsed = parse_name<E>(v->get<std::string>());
        if (!parsed) return mistake(field, parsed.error().text), otherwise;
        return *parsed;
    }
    Instant instant(const char* field, bool required = true, Instant otherwise = {});
    Seconds duration(const char* field, bool required = true, Seconds otherwise = {});
    template <class Tag>
    Id<Tag> id(const char* field, Id<Tag>, bool required = true) {
        return Id<Tag>(text(field, 128, required));
    }
    std::vector<std::string> texts(const char* field, bool required = true, size_t most = 256);
    /// Calls `read(item, pointer)` for each element of an array field.
    void each(const char* field, bool required, size_t most, const std::function<void(const Json&, const std::string&)>& read);
    /// A reader of an object field, or nothing (with a mistake when it was required).
    std::optional<JsonReader> object(const char* field, bool required = true);
    void mistake(const char* field, std::string text) { mistakes_.push_back({at(field), std::move(text)}); }
    std::string at(const char* field) const { return *field ? pointer_ + "/" + field : pointer_; }
    /// Strict documents: whatever was not asked for is a mistake.
    void finish();
    const Json& json() const { return object_; }

  private:
    template <class T, class Parse>
    T parsed(const char* field, bool required, T otherwise, Parse parse);   // json.cpp
    const Json& object_;
    std::vector<Mistake>& mistakes_;
    std::string pointer_;
    std::set<std::string> seen_;
};

/// A tree as text. Bytes that are no UTF-8 become U+FFFD rather than an exception (nlohmann throws by default).
std::string dump_json(const Json& json, int indent = -1);

}  // namespace bailiff
