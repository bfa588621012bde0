// SPDX-License-Identifier: Apache-2.0
// The one door through which JSON text comes in: limited in size and depth, no duplicate keys, and read field by
// field with range checks. Mistakes are collected with their JSON pointer, so that a person sees all of them at once.
#pragma once

#include <bailiff/id.hpp>
#include <bailiff/names.hpp>
#include <bailiff/nearest.hpp>
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

namespace detail {

/// Builds a tree while refusing duplicate keys and excessive depth (nlohmann alone keeps the last duplicate).
class StrictSax : public nlohmann::json_sax<Json> {
  public:
    StrictSax(Json& root, size_t depth) : builder_(root, false), depth_(depth) {}
    std::optional<JsonFault> fault;

    bool null() override { return builder_.null(); }
    bool boolean(bool v) override { return builder_.boolean(v); }
    bool number_integer(number_integer_t v) override { return builder_.number_integer(v); }
    bool number_unsigned(number_unsigned_t v) override { return builder_.number_unsigned(v); }
    bool number_float(number_float_t v, const string_t& s) override { return builder_.number_float(v, s); }
    bool string(string_t& v) override { return builder_.string(v); }
    bool binary(binary_t&) override { return refuse(JsonFault::Kind::syntax, "binary data"); }
    bool start_object(size_t n) override {
        keys_.emplace_back();
        return deeper() && builder_.start_object(n);
    }
    bool key(string_t& k) override {
        if (!keys_.back().insert(k).second)
            return refuse(JsonFault::Kind::duplicate_key, "the key '" + k.substr(0, 60) + "' stands twice in one object");
        return builder_.key(k);
    }
    bool end_object() override {
        keys_.pop_back();
        --level_;
        return builder_.end_object();
    }
    bool start_array(size_t n) override { return deeper() && builder_.start_array(n); }
    bool end_array() override {
        --level_;
        return builder_.end_array();
    }
    bool parse_error(size_t position, const std::string&, const nlohmann::detail::exception&) override {
        return refuse(JsonFault::Kind::syntax, "not valid JSON at byte " + std::to_string(position));
    }

  private:
    bool deeper() {
        return ++level_ <= depth_ || refuse(JsonFault::Kind::too_deep, "nested deeper than " + std::to_string(depth_));
    }
    bool refuse(JsonFault::Kind kind, std::string why) {
        if (!fault) fault = JsonFault{kind, std::move(why)};
        return false;
    }
    nlohmann::detail::json_sax_dom_parser<Json> builder_;
    std::vector<std::set<std::string>> keys_;
    size_t depth_, level_ = 0;
};

}  // namespace detail

/// Text -> tree. Refuses what is too large or too deep, duplicate keys, bad UTF-8, and anything after the value.
inline tl::expected<Json, JsonFault> read_json(std::string_view text, JsonLimits limits = {}) {
    if (text.size() > limits.bytes)
        return tl::unexpected(JsonFault{JsonFault::Kind::too_large, "the JSON text has " + std::to_string(text.size()) +
                                                                        " bytes; at most " + std::to_string(limits.bytes) + " are read"});
    Json root;
    detail::StrictSax sax(root, limits.depth);
    if (!Json::sax_parse(text, &sax))
        return tl::unexpected(sax.fault.value_or(JsonFault{JsonFault::Kind::syntax, "not valid JSON"}));
    return root;
}

/// The same as a Result, for everybody else.
inline Result<Json> parse_json(std::string_view text, JsonLimits limits = {}) {
    auto json = read_json(text, limits);
    if (!json) return fail(Errc::invalid, std::move(json.error().text));
    return std::move(*json);
}

/// One thing wrong with a document: where (a JSON pointer, "" is the whole), and what, with the remedy.
struct Mistake {
    std::string pointer;
    std::string text;
    friend bool operator==(const Mistake&, const Mistake&) = default;
};

/// "/steps/0/within: …; /name: …", at most `most` of them.
inline std::string describe(const std::vector<Mistake>& mistakes, size_t most = 20) {
    std::string out;
    for (size_t i = 0; i < mistakes.size() && i < most; ++i)
        out += (i ? "; " : "") + (mistakes[i].pointer.empty() ? std::string("/") : mistakes[i].pointer) + ": " + mistakes[i].text;
    if (mistakes.size() > most) out += "; and " + std::to_string(mistakes.size() - most) + " more";
    return out;
}

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
    const Json* value(const char* field, bool required = true) {
        seen_.insert(field);
        if (has(field)) return &object_[field];
        if (required && object_.is_object()) mistake(field, "is missing");
        return nullptr;
    }
    std::string text(const char* field, size_t most = 4096, bool required = true) {
        const Json* v = value(field, required);
        if (!v) return {};
        if (!v->is_string()) return mistake(field, "must be a text"), std::string();
        auto s = v->get<std::string>();
        if (s.size() > most) return mistake(field, "is longer than " + std::to_string(most) + " bytes"), std::string();
        if (required && s.empty()) mistake(field, "must not be empty");
        return s;
    }
    std::string optional_text(const char* field, size_t most = 4096) { return text(field, most, false); }
    /// A whole number within [low, high]; floats (even 1.0) are mistakes.
    int64_t integer(const char* field, int64_t low, int64_t high, bool required = true, int64_t otherwise = 0) {
        const Json* v = value(field, required);
        if (!v) return otherwise;
        const bool fits = v->is_number_integer() &&
                          !(v->is_number_unsigned() && v->get<uint64_t>() > uint64_t(std::numeric_limits<int64_t>::max()));
        if (!fits) return mistake(field, "must be a whole number"), otherwise;
        const auto n = v->get<int64_t>();
        if (n < low || n > high)
            return mistake(field, "must be from " + std::to_string(low) + " to " + std::to_string(high)), otherwise;
        return n;
    }
    bool boolean(const char* field, bool required = true, bool otherwise = false) {
        const Json* v = value(field, required);
        if (!v) return otherwise;
        if (!v->is_boolean()) return mistake(field, "must be true or false"), otherwise;
        return v->get<bool>();
    }
    template <Named E>
    E word(const char* field, E otherwise, bool required = true) {
        const Json* v = value(field, required);
        if (!v) return otherwise;
        if (!v->is_string()) return mistake(field, "must be a text"), otherwise;
        const auto parsed = parse_name<E>(v->get<std::string>());
        if (!parsed) return mistake(field, parsed.error().text), otherwise;
        return *parsed;
    }
    Instant instant(const char* field, bool required = true, Instant otherwise = {}) {
        return parsed<Instant>(field, required, otherwise, [](std::string_view s) { return parse_rfc3339(s); });
    }
    Seconds duration(const char* field, bool required = true, Seconds otherwise = {}) {
        return parsed<Seconds>(field, required, otherwise, [](std::string_view s) { return parse_duration(s); });
    }
    template <class Tag>
    Id<Tag> id(const char* field, Id<Tag>, bool required = true) {
        return Id<Tag>(text(field, 128, required));
    }
    std::vector<std::string> texts(const char* field, bool required = true, size_t most = 256) {
        std::vector<std::string> out;
        each(field, required, most, [&](const Json& item, const std::string& at) {
            if (item.is_string()) out.push_back(item.get<std::string>());
            else mistakes_.push_back({at, "must be a text"});
        });
        return out;
    }
    /// Calls `read(item, pointer)` for each element of an array field.
    void each(const char* field, bool required, size_t most, const std::function<void(const Json&, const std::string&)>& read) {
        const Json* v = value(field, required);
        if (!v) return;
        if (!v->is_array()) return mistake(field, "must be an array");
        if (v->size() > most) return mistake(field, "has more than " + std::to_string(most) + " elements");
        for (size_t i = 0; i < v->size(); ++i) read((*v)[i], at(field) + "/" + std::to_string(i));
    }
    /// A reader of an object field, or nothing (with a mistake when it was required).
    std::optional<JsonReader> object(const char* field, bool required = true) {
        const Json* v = value(field, required);
        if (!v) return std::nullopt;
        return std::optional<JsonReader>(std::in_place, *v, mistakes_, at(field));
    }
    void mistake(const char* field, std::string text) { mistakes_.push_back({at(field), std::move(text)}); }
    std::string at(const char* field) const { return *field ? pointer_ + "/" + field : pointer_; }
    /// Strict documents: whatever was not asked for is a mistake.
    void finish() {
        if (!object_.is_object()) return;
        for (const auto& [key, unused] : object_.items())
            if (!seen_.contains(key)) {
                std::string known;
                for (const auto& k : seen_) known += (known.empty() ? "" : ", ") + k;
                const std::string hint = did_you_mean(key, seen_);
                mistakes_.push_back({pointer_ + "/" + key.substr(0, 60),
                                     "is not known here" + (hint.empty() ? ";" : hint) + " known are " + known});
            }
    }
    const Json& json() const { return object_; }

  private:
    template <class T, class Parse>
    T parsed(const char* field, bool required, T otherwise, Parse parse) {
        const Json* v = value(field, required);
        if (!v) return otherwise;
        if (!v->is_string()) return mistake(field, "must be a text"), otherwise;
        const auto result = parse(v->get<std::string>());
        if (!result) return mistake(field, result.error().text), otherwise;
        return *result;
    }
    const Json& object_;
    std::vector<Mistake>& mistakes_;
    std::string pointer_;
    std::set<std::string> seen_;
};

/// A tree as text. Bytes that are no UTF-8 become U+FFFD rather than an exception (nlohmann throws by default).
inline std::string dump_json(const Json& json, int indent = -1) {
    return json.dump(indent, ' ', false, Json::error_handler_t::replace);
}

}  // namespace bailiff
