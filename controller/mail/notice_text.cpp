// SPDX-License-Identifier: Apache-2.0
// Loads the notices' templates and fills them. Values come from strangers: they are cleaned here, at the last
// point before they become a mail, whoever has looked at them before.
#include "controller/mail/notice_text.hpp"

#include "controller/mail/notice_html.hpp"

#include <bailiff/clean_text.hpp>

#include <algorithm>
#include <array>
#include <cassert>
#include <fstream>
#include <iterator>
#include <kainjow/mustache.hpp>
#include <optional>

namespace bailiff {
namespace {

namespace fs = std::filesystem;
using Kind = NoticeKeys::Kind;
using Data = kainjow::mustache::data;

constexpr std::string_view subject_mark = "Subject: ";

std::optional<std::string> read_file(const fs::path& path) {
    std::ifstream in(path, std::ios::binary);
    if (!in) return std::nullopt;
    return std::string(std::istreambuf_iterator<char>(in), {});
}

/// Each line of a stranger's text is marked, so that it cannot pass for ours ("You need not answer this mail.").
std::string quote(const std::string& text) {
    std::string out = "  | ";
    for (const char c : text) {
        out += c;
        if (c == '\n') out += "  | ";
    }
    return out;
}

Data text_value(const std::string& key, const std::string& value, const NoticeKeys& keys, bool mark) {
    const bool block = keys.blocks.contains(key);
    std::string clean = block ? clean_block(value) : clean_line(value, 4096);
    while (!clean.empty() && (clean.back() == '\n' || clean.back() == ' ')) clean.pop_back();
    // A text counts as true in a section, even an empty one; absent is what is meant.
    if (clean.empty()) return Data(Data::type::bool_false);
    return Data(mark && keys.quoted.contains(key) ? quote(clean) : clean);
}

// Stands for a line end while the engine works; values never contain it, since they are cleaned of controls.
constexpr char line_mark = '\x01';

/// Takes out lines that hold nothing but a section's tag, as mustache demands, and marks the other line ends. The
/// engine's own rule leaves a blank line behind each section that it skips.
std::string prepare(std::string_view source) {
    std::string out;
    for (size_t at = 0; at < source.size();) {
        const size_t end = std::min(source.find('\n', at), source.size());
        std::string_view line = source.substr(at, end - at), bare = line;
        while (!bare.empty() && bare.front() == ' ') bare.remove_prefix(1);
        while (!bare.empty() && bare.back() == ' ') bare.remove_suffix(1);
        const bool alone = bare.size() > 5 && bare.starts_with("{{") && bare.find("}}") == bare.size() - 2 &&
                           std::string_view("#^/!").find(bare[2]) != std::string_view::npos;
        out += alone ? bare : line;
        if (!alone && end < source.size()) out += line_mark;
        at = end + 1;
    }
    return out;
}

/// Lines of a template that stand alone between blank ones, without a value, an indent and a full stop: "HOW TO ANSWER".
std::set<std::string, std::less<>> headings_of(std::string_view source) {
    constexpr std::array<std::string_view, 6> ends{".", ",", ":", "?", "!", "।"};
    std::set<std::string, std::less<>> out;
    std::vector<std::string_view> lines;
    for (size_t at = 0; at < source.size();) {
        const size_t end = std::min(source.find('\n', at), source.size());
        lines.push_back(source.substr(at, end - at));
        at = end + 1;
    }
    for (size_t i = 1; i + 1 < lines.size(); ++i) {
        const auto line = lines[i];
        const bool alone = !line.empty() && lines[i - 1].empty() && lines[i + 1].empty() && line.front() != ' ' && line.find("{{") == std::string_view::npos;
        if (alone && std::none_of(ends.begin(), ends.end(), [&](std::string_view end) { return line.ends_with(end); })) out.emplace(line);
    }
    return out;
}

/// The addresses of the customer's pages: of this case, and of those that are told of beside it.
std::set<std::string, std::less<>> pages_of(const Json& context) {
    std::set<std::string, std::less<>> out;
    const auto take = [&](const Json& object) {
        const auto page = object.find("page_url");
        if (page != object.end() && page->is_string()) out.insert(page->get<std::string>());
    };
    take(context);
    if (const auto others = context.find("other_cases"); others != context.end() && others->is_array())
        for (const auto& one : *others) take(one);
    return out;
}

std::string fill(const std::string& prepared, const Data& data, bool html) {
    kainjow::mustache::mustache engine(prepared);
    if (!html) engine.set_custom_escape([](const std::string& s) { return s; });
    std::string out = engine.render(data);
    std::replace(out.begin(), out.end(), line_mark, '\n');
    return out;
}

}  // namespace

Result<NoticeTexts> NoticeTexts::load(const fs::path& dir, std::vector<Mistake>& mistakes) {
    NoticeTexts texts;
    const size_t before = mistakes.size();
    const auto context = read_file(dir / "context.json");
    if (!context) return fail(Errc::not_found, "'" + (dir / "context.json").string() + "' cannot be read; name the folder of the notices.");
    const auto json = parse_json(*context);
    if (!json) return fail(Errc::invalid, (dir / "context.json").string() + ": " + json.error().text);
    texts.keys_ = NoticeKeys::from_json(*json, mistakes);

    std::error_code error;
    std::vector<fs::path> folders;
    for (const auto& entry : fs::directory_iterator(dir, error))
        if (entry.is_directory()) folders.push_back(entry.path());
    std::sort(folders.begin(), folders.end());
    const auto take = [&](const std::string& language, const std::string& name, const NoticeKeys::Notice& notice, const std::string& own) {
        const std::string stem = language + "/" + own + name, file = stem + ".txt.mustache";
        const auto text = read_file(dir / file);
        if (!text) {
            const bool needed = own.empty() ? language == "en" || !notice.for_staff : fs::exists(dir / (stem + ".html.mustache"));
            if (needed) mistakes.push_back({file, own.empty() ? "is missing; every language needs it" : "is missing; every notice has a text"});
            return;
        }
        lint_template(*text, texts.keys_, notice, false, file, mistakes);
        const size_t end = text->find('\n');
        if (!text->starts_with(subject_mark) || end == std::string::npos || text->substr(end, 2) != "\n\n") {
            mistakes.push_back({file + ":1", "starts with 'Subject: …' and a blank line"});
            return;
        }
        Source source{text->substr(subject_mark.size(), end - subject_mark.size()), prepare(std::string_view(*text).substr(end + 2)), {}, headings_of(*text)};
        const std::string number = notice.for_reporter ? "[{{reference}}]" : "[{{case_id}}]";
        if (source.subject.find(number) == std::string::npos)
            mistakes.push_back({file + ":1", "the subject must contain " + number + ", by which answers find " + (notice.for_reporter ? "the report" : "their case")});
        if (auto html = read_file(dir / (stem + ".html.mustache"))) {
            lint_template(*html, texts.keys_, notice, true, stem + ".html.mustache", mistakes);
            source.html = prepare(*html);
        }
        texts.sources_[language].emplace(own + name, std::move(source));
    };
    for (const auto& folder : folders) {
        const std::string language = folder.filename();
        texts.sources_[language];
        // The language's own words, then those of single policies, each in a folder that is called like the policy.
        std::vector<std::string> parts{""};
        for (const auto& entry : fs::directory_iterator(folder, error))
            if (entry.is_directory()) parts.push_back(entry.path().filename().string() + "/");
        for (const auto& own : parts) {
            if (!own.empty()) texts.policies_.insert(own.substr(0, own.size() - 1));
            for (const auto& [name, notice] : texts.keys_.notices) take(language, name, notice, own);
            for (const auto& entry : fs::directory_iterator(folder / own, error)) {
                if (own.empty() && entry.is_directory()) continue;
                const std::string file = entry.path().filename(), name = file.substr(0, file.find('.'));
                const bool known = texts.keys_.notices.contains(name) && (file == name + ".txt.mustache" || file == name + ".html.mustache");
                if (!known) mistakes.push_back({language + "/" + own + file, "is the template of no notice in context.json; correct its name"});
            }
        }
    }
    if (!texts.sources_.contains("en")) mistakes.push_back({"en", "is missing; English is what is sent where a language lacks a notice"});
    if (mistakes.size() != before) return fail(Errc::invalid, "The notices in '" + dir.string() + "' have mistakes: " + describe(mistakes));
    return texts;
}

Result<MailText> NoticeTexts::render(std::string_view notice, std::string_view language, const Json& context) const {
    const auto known = keys_.notices.find(notice);
    if (known == keys_.notices.end()) return fail(Errc::invalid, "There is no notice '" + clean_line(notice, 60) + "'; see context.json.");
    const auto of_policy = context.is_object() ? context.find("policy_id") : context.end();
    const std::string own = of_policy != context.end() && of_policy->is_string() ? of_policy->get<std::string>() + "/" + std::string(notice) : "";
    const Source* source = nullptr;
    std::string_view spoken;
    for (const std::string_view wanted : {language, language.substr(0, language.find('-')), std::string_view("en")}) {
        const auto texts = sources_.find(wanted);
        if (source || texts == sources_.end()) continue;
        // A policy's own words go first, but the reader's language goes before them.
        auto found = texts->second.find(own);
        if (found == texts->second.end()) found = texts->second.find(notice);
        if (found == texts->second.end()) continue;
        source = &found->second;
        spoken = wanted;
    }
    // load() has made sure that English has every notice.
    assert(source);

    std::vector<Mistake> mistakes;
    const auto wrong = [&](const std::string& key, std::string text) { mistakes.push_back({"/" + key, std::move(text)}); };
    Data plain{Data::type::object}, marked{Data::type::object};
    if (!context.is_object()) return fail(Errc::invalid, "A notice's context is a JSON object.");
    for (const auto& [key, value] : context.items()) {
        const auto kind = keys_.kinds.find(key);
        if (kind == keys_.kinds.end()) {
            wrong(key.substr(0, 60), "is no key of any notice");
            continue;
        }
        if (!known->second.always.contains(key) && !known->second.maybe.contains(key)) continue;
        if (kind->second == Kind::text && value.is_string()) {
            plain.set(key, text_value(key, value.get<std::string>(), keys_, false));
            marked.set(key, text_value(key, value.get<std::string>(), keys_, true));
        } else if (kind->second == Kind::flag && value.is_boolean()) {
            const Data flag(value.get<bool>() ? Data::type::bool_true : Data::type::bool_false);
            plain.set(key, flag);
            marked.set(key, flag);
        } else if (kind->second == Kind::list && value.is_array()) {
            const auto& inner_keys = keys_.elements.find(key)->second;
            Data list{Data::type::list};
            for (const auto& element : value) {
                Data object{Data::type::object};
                if (!element.is_object()) wrong(key, "must hold objects");
                // A key that an element lacks must not be found in the case around it.
                for (const auto& inner : inner_keys) object.set(inner, Data(Data::type::bool_false));
                if (element.is_object())
                    for (const auto& [inner, text] : element.items()) {
                        if (!inner_keys.contains(inner)) wrong(key + "/" + inner, "is not known");
                        else if (!text.is_string()) wrong(key + "/" + inner, "must be a text");
                        else object.set(inner, text_value(inner, text.get<std::string>(), keys_, true));
                    }
                list.push_back(object);
            }
            plain.set(key, list);
            marked.set(key, list);
        } else {
            wrong(key, "has a value of another kind than its sample in context.json");
        }
    }
    const auto absent = [&](const std::string& key) {
        const Data* value = plain.get(key);
        return !value || value->is_false() || value->is_empty_list();
    };
    for (const auto& key : known->second.always)
        if (absent(key) && keys_.kinds.find(key)->second != Kind::flag) wrong(key, "is missing");
    for (const auto& [key, kind] : keys_.kinds)
        if (key.ends_with("_utc") && absent(key) && !absent(key.substr(0, key.size() - 4)))
            wrong(key, "is missing, though its time in the customer's zone is there");
    if (!mistakes.empty())
        return fail(Errc::invalid, "The notice " + std::string(notice) + " cannot be written: " + describe(mistakes));

    MailText out;
    out.subject = clean_line(fill(source->subject, plain, false), 250);
    out.text = clean_block(fill(source->text, marked, false), 256 * 1024);
    if (!source->html.empty()) {
        out.html = clean_block(fill(source->html, plain, true), 512 * 1024);
    } else {
        out.html = html_of(out.text, {std::string(spoken), out.subject, pages_of(context), source->headings});
    }
    return out;
}

Result<MailText> NoticeTexts::write(core::Notice notice, const std::string& language, const Json& context) {
    return render(name(notice), language, context);
}

Result<MailText> NoticeTexts::write(ReporterNotice notice, const std::string& language, const Json& context) {
    return render("reporter_" + std::string(name(notice)), language, context);
}

std::vector<std::string> NoticeTexts::languages() const {
    std::vector<std::string> out;
    for (const auto& [language, unused] : sources_) out.push_back(language);
    return out;
}

Json NoticeTexts::sample(std::string_view notice) const {
    Json out = Json::object();
    const auto known = keys_.notices.find(notice);
    if (known == keys_.notices.end()) return out;
    for (const auto& [key, value] : keys_.sample.items())
        if (known->second.always.contains(key) || known->second.maybe.contains(key)) out[key] = value;
    return out;
}

}  // namespace bailiff
