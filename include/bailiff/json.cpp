// SPDX-License-Identifier: Apache-2.0
// See json.hpp. Compiled once: what the reader instantiates would cost every unit seconds.
#include <bailiff/json.hpp>

#include <bailiff/nearest.hpp>

namespace bailiff {

namespace {

/// The keys of one object. Ours are written in ascending order, and then none can stand twice: no search, no tree. What
/// strangers write in any order costs a set, so that nobody makes it slow.
class KeysSeen {
  public:
    /// False when it was there already.
    bool add(const std::string& key) {
        if (any_.empty()) {
            if (ascending_.empty() || ascending_.back() < key) return ascending_.push_back(key), true;
            any_.insert(std::make_move_iterator(ascending_.begin()), std::make_move_iterator(ascending_.end()));
        }
        return any_.insert(key).second;
    }

  private:
    std::vector<std::string> ascending_;
    std::set<std::string> any_;
};

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
        if (!keys_.back().add(k))
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
    std::vector<KeysSeen> keys_;
    size_t depth_, level_ = 0;
};

}  // namespace

tl::expected<Json, JsonFault> read_json(std::string_view text, JsonLimits limits) {
    if (text.size() > limits.bytes)
        return tl::unexpected(JsonFault{JsonFault::Kind::too_large, "the JSON text has " + std::to_string(text.size()) +
                                                                        " bytes; at most " + std::to_string(limits.bytes) + " are read"});
    Json root;
    StrictSax sax(root, limits.depth);
    if (!Json::sax_parse(text, &sax))
        return tl::unexpected(sax.fault.value_or(JsonFault{JsonFault::Kind::syntax, "not valid JSON"}));
    return root;
}

Result<Json> parse_json(std::string_view text, JsonLimits limits) {
    auto json = read_json(text, limits);
    if (!json) return fail(Errc::invalid, std::move(json.error().text));
    return std::move(*json);
}

std::string describe(const std::vector<Mistake>& mistakes, size_t most) {
    std::string out;
    for (size_t i = 0; i < mistakes.size() && i < most; ++i)
        out += (i ? "; " : "") + (mistakes[i].pointer.empty() ? std::string("/") : mistakes[i].pointer) + ": " + mistakes[i].text;
    if (mistakes.size() > most) out += "; and " + std::to_string(mistakes.size() - most) + " more";
    return out;
}

template <class T, class Parse>
T JsonReader::parsed(const char* field, bool required, T otherwise, Parse parse) {
    const Json* v = value(field, required);
    if (!v) return otherwise;
    if (!v->is_string()) return mistake(field, "must be a text"), otherwise;
    const auto result = parse(v->get<std::string>());
    if (!result) return mistake(field, result.error().text), otherwise;
    return *result;
}

const Json* JsonReader::value(const char* field, bool required) {
    seen_.insert(field);
    if (has(field)) return &object_[field];
    if (required && object_.is_object()) mistake(field, "is missing");
    return nullptr;
}

std::string JsonReader::text(const char* field, size_t most, bool required) {
    const Json* v = value(field, required);
    if (!v) return {};
    if (!v->is_string()) return mistake(field, "must be a text"), std::string();
    auto s = v->get<std::string>();
    if (s.size() > most) return mistake(field, "is longer than " + std::to_string(most) + " bytes"), std::string();
    if (required && s.empty()) mistake(field, "must not be empty");
    return s;
}

int64_t JsonReader::integer(const char* field, int64_t low, int64_t high, bool required, int64_t otherwise) {
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

bool JsonReader::boolean(const char* field, bool required, bool otherwise) {
    const Json* v = value(field, required);
    if (!v) return otherwise;
    if (!v->is_boolean()) return mistake(field, "must be true or false"), otherwise;
    return v->get<bool>();
}

Instant JsonReader::instant(const char* field, bool required, Instant otherwise) {
    return parsed<Instant>(field, required, otherwise, [](std::string_view s) { return parse_rfc3339(s); });
}

Seconds JsonReader::duration(const char* field, bool required, Seconds otherwise) {
    return parsed<Seconds>(field, required, otherwise, [](std::string_view s) { return parse_duration(s); });
}

std::vector<std::string> JsonReader::texts(const char* field, bool required, size_t most) {
    std::vector<std::string> out;
    each(field, required, most, [&](const Json& item, const std::string& at) {
        if (item.is_string()) out.push_back(item.get<std::string>());
        else mistakes_.push_back({at, "must be a text"});
    });
    return out;
}

void JsonReader::each(const char* field, bool required, size_t most, const std::function<void(const Json&, const std::string&)>& read) {
    const Json* v = value(field, required);
    if (!v) return;
    if (!v->is_array()) return mistake(field, "must be an array");
    if (v->size() > most) return mistake(field, "has more than " + std::to_string(most) + " elements");
    for (size_t i = 0; i < v->size(); ++i) read((*v)[i], at(field) + "/" + std::to_string(i));
}

std::optional<JsonReader> JsonReader::object(const char* field, bool required) {
    const Json* v = value(field, required);
    if (!v) return std::nullopt;
    return std::optional<JsonReader>(std::in_place, *v, mistakes_, at(field));
}

void JsonReader::finish() {
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

std::string dump_json(const Json& json, int indent) {
    return json.dump(indent, ' ', false, Json::error_handler_t::replace);
}

}  // namespace bailiff
