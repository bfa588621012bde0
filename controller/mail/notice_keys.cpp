// SPDX-License-Identifier: Apache-2.0
// What templates may say, and the check that they say nothing else. A typo in a template is found when the
// controller starts, not when a customer reads "by  ()".
#include "controller/mail/notice_text.hpp"

#include <algorithm>

namespace bailiff {
namespace {

using Kind = NoticeKeys::Kind;

std::set<std::string, std::less<>> key_set(JsonReader& reader, const char* field, const NoticeKeys& keys) {
    std::set<std::string, std::less<>> out;
    for (auto& key : reader.texts(field)) {
        if (!keys.kinds.contains(key)) reader.mistake(field, "names '" + key + "', which has no sample under /values");
        out.insert(std::move(key));
    }
    return out;
}

/// The tags of one template, in order.
struct Tag {
    char sign;  ///< one of # ^ / ! & { = > or 0 for a plain variable
    std::string name;
    size_t line;
};

size_t line_of(std::string_view source, size_t at) {
    return 1 + static_cast<size_t>(std::count(source.begin(), source.begin() + static_cast<std::ptrdiff_t>(at), '\n'));
}

std::vector<Tag> tags_of(std::string_view source, const std::string& file, std::vector<Mistake>& mistakes) {
    std::vector<Tag> tags;
    for (size_t at = source.find("{{"); at != std::string_view::npos; at = source.find("{{", at)) {
        const size_t line = line_of(source, at);
        const bool triple = source.substr(at, 3) == "{{{";
        const std::string_view closing = triple ? "}}}" : "}}";
        const size_t begin = at + closing.size(), end = source.find(closing, begin);
        if (end == std::string_view::npos) {
            mistakes.push_back({file + ":" + std::to_string(line), "a tag is not closed; it ends with " + std::string(closing)});
            return tags;
        }
        std::string_view inside = source.substr(begin, end - begin);
        Tag tag{triple ? '{' : '\0', {}, line};
        const auto trim = [&] {
            while (!inside.empty() && inside.front() == ' ') inside.remove_prefix(1);
            while (!inside.empty() && inside.back() == ' ') inside.remove_suffix(1);
        };
        trim();
        if (!triple && !inside.empty() && std::string_view("#^/!&=>").find(inside.front()) != std::string_view::npos) {
            tag.sign = inside.front();
            inside.remove_prefix(1);
            trim();
        }
        tag.name = inside;
        tags.push_back(std::move(tag));
        at = end + closing.size();
    }
    return tags;
}

}  // namespace

NoticeKeys NoticeKeys::from_json(const Json& json, std::vector<Mistake>& mistakes) {
    NoticeKeys keys;
    JsonReader reader(json, mistakes);
    if (const Json* values = reader.value("values"); values && values->is_object()) {
        keys.sample = *values;
        for (const auto& [key, value] : values->items()) {
            if (value.is_string()) {
                keys.kinds[key] = Kind::text;
            } else if (value.is_boolean()) {
                keys.kinds[key] = Kind::flag;
            } else if (value.is_array() && !value.empty() && value[0].is_object()) {
                keys.kinds[key] = Kind::list;
                for (const auto& [inner, unused] : value[0].items()) keys.elements[key].insert(inner);
            } else {
                mistakes.push_back({"/values/" + key, "must be a text, true or false, or an array with one sample object"});
            }
        }
    } else {
        reader.mistake("values", "must be an object with a sample for every key");
    }
    keys.blocks = key_set(reader, "blocks", keys);
    keys.quoted = key_set(reader, "quoted", keys);
    if (const Json* notices = reader.value("notices"); notices && notices->is_object()) {
        for (const auto& [name, entry] : notices->items()) {
            JsonReader one(entry, mistakes, "/notices/" + name);
            Notice notice;
            const std::string to = one.text("to");
            notice.for_staff = to == "staff";
            notice.for_reporter = to == "reporter";
            if (to != "staff" && to != "customer" && to != "reporter") one.mistake("to", "must be customer, staff or reporter");
            notice.always = key_set(one, "always", keys);
            notice.maybe = key_set(one, "maybe", keys);
            one.finish();
            keys.notices.emplace(name, std::move(notice));
        }
    } else {
        reader.mistake("notices", "must be an object with an entry for every notice");
    }
    reader.finish();
    return keys;
}

void lint_template(std::string_view source, const NoticeKeys& keys, const NoticeKeys::Notice& notice, bool html,
                   const std::string& file, std::vector<Mistake>& mistakes) {
    struct Open {
        std::string name;
        bool inverted;
        size_t line;
    };
    std::vector<Open> open;
    for (const Tag& tag : tags_of(source, file, mistakes)) {
        const auto mistake = [&](std::string text) { mistakes.push_back({file + ":" + std::to_string(tag.line), std::move(text)}); };
        if (tag.sign == '!') continue;
        if (tag.sign == '=' || tag.sign == '>') {
            mistake("partials and changed delimiters are not used here; write the text out");
            continue;
        }
        if (tag.sign == '/') {
            if (open.empty()) mistake("{{/" + tag.name + "}} closes nothing");
            else if (open.back().name != tag.name)
                mistake("{{/" + tag.name + "}} closes the section " + open.back().name + " of line " + std::to_string(open.back().line));
            if (!open.empty()) open.pop_back();
            continue;
        }
        if (html && (tag.sign == '{' || tag.sign == '&'))
            mistake("'" + tag.name + "' would stand unescaped in HTML; write {{" + tag.name + "}}");
        const bool section = tag.sign == '#' || tag.sign == '^';
        const bool in_list = std::any_of(open.begin(), open.end(), [&](const Open& o) {
            const auto elements = keys.elements.find(o.name);
            return !o.inverted && elements != keys.elements.end() && elements->second.contains(tag.name);
        });
        if (section) open.push_back({tag.name, tag.sign == '^', tag.line});
        if (in_list) continue;
        const bool always = notice.always.contains(tag.name), maybe = notice.maybe.contains(tag.name);
        if (!always && !maybe) {
            mistake("'" + tag.name + "' is no key of this notice; its keys are in context.json");
            continue;
        }
        if (section) continue;
        if (keys.kinds.find(tag.name)->second != Kind::text) {
            mistake("'" + tag.name + "' is no text; use it as a section, {{#" + tag.name + "}}…{{/" + tag.name + "}}");
            continue;
        }
        // X_utc is there whenever X is; render sees to that.
        const std::string_view stem = std::string_view(tag.name).ends_with("_utc")
                                          ? std::string_view(tag.name).substr(0, tag.name.size() - 4)
                                          : std::string_view();
        const bool guarded = always || std::any_of(open.begin(), open.end(), [&](const Open& o) {
            return !o.inverted && (o.name == tag.name || o.name == stem);
        });
        if (!guarded) mistake("'" + tag.name + "' can be absent; put it inside {{#" + tag.name + "}}…{{/" + tag.name + "}}");
    }
    for (const Open& o : open) mistakes.push_back({file + ":" + std::to_string(o.line), "the section " + o.name + " is not closed"});
}

}  // namespace bailiff
