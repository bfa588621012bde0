// SPDX-License-Identifier: Apache-2.0
// The words of every notice: templates from policies/notices, checked when they are loaded, filled when a notice
// falls due.
#pragma once

#include "controller/desk/ports.hpp"

#include <bailiff/json.hpp>
#include <bailiff/result.hpp>

#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace bailiff {

/// What a template may say: the keys of policies/notices/context.json and which notice knows which of them.
struct NoticeKeys {
    enum class Kind { text, flag, list };
    struct Notice {
        bool for_reporter = false;   ///< it answers to a delivery's number, since no case is a reporter's
        bool for_staff = false;
        std::set<std::string, std::less<>> always;  ///< render refuses a context without them
        std::set<std::string, std::less<>> maybe;   ///< may be absent, so they stand inside a section of their own
    };
    std::map<std::string, Kind, std::less<>> kinds;
    std::map<std::string, std::set<std::string, std::less<>>, std::less<>> elements;  ///< list -> keys of its objects
    std::set<std::string, std::less<>> blocks;  ///< texts of several lines; all others are put on one
    std::set<std::string, std::less<>> quoted;  ///< blocks by strangers: each line is marked as a quotation
    std::map<std::string, Notice, std::less<>> notices;
    Json sample;  ///< a value for every key, for previews and tests

    /// Collects every mistake with its JSON pointer.
    static NoticeKeys from_json(const Json& json, std::vector<Mistake>& mistakes);
};

/// Checks one template without rendering it: only known tags, closed in order, only keys that this notice has,
/// optional ones inside their own section. Mistakes carry "file:line" as their pointer.
void lint_template(std::string_view source, const NoticeKeys& keys, const NoticeKeys::Notice& notice, bool html,
                   const std::string& file, std::vector<Mistake>& mistakes);

/// Immutable after loading; `render` may be called from any thread.
class NoticeTexts : public NoticeWriter {
  public:
    /// Reads DIR/context.json and DIR/<language>/[<policy>/]<notice>.{txt,html}.mustache. Every template is linted; `en` must
    /// have all notices, every other language all that go to customers; what a policy has no words of its own for is
    /// said in the language's. With any mistake nothing is loaded, the
    /// mistakes are in `mistakes` and the error sums them up.
    static Result<NoticeTexts> load(const std::filesystem::path& dir, std::vector<Mistake>& mistakes);

    /// The notice in `language` ("hi", "hi-IN"), or in `en` where that language or its template is missing; in the words of
    /// the policy that the context names as `policy_id`, where that language has such.
    /// Refuses (Errc::invalid) an unknown notice, a key that no notice has, a value of another kind, and a context
    /// without a key that this notice always has. Keys of other notices are ignored, so that one context serves all;
    /// empty texts and lists count as absent. Its HTML is made of the text, unless the notice has an html template of its own.
    Result<MailText> render(std::string_view notice, std::string_view language, const Json& context) const;

    /// The desk's port: the notice by its name in the core.
    Result<MailText> write(core::Notice notice, const std::string& language, const Json& context) override;
    /// To a reporter: "reporter_received" and its like.
    Result<MailText> write(ReporterNotice notice, const std::string& language, const Json& context) override;

    const NoticeKeys& keys() const { return keys_; }
    /// "en", "hi": what contacts can choose from.
    std::vector<std::string> languages() const;
    /// Those that have words of their own in some language; whether there are such policies, the caller knows.
    const std::set<std::string>& policies() const { return policies_; }
    /// Those values of the sample that `notice` has.
    Json sample(std::string_view notice) const;

  private:
    struct Source {
        std::string subject, text, html;
        std::set<std::string, std::less<>> headings;   ///< lines that head a part
    };
    NoticeKeys keys_;
    std::map<std::string, std::map<std::string, Source, std::less<>>, std::less<>> sources_;  ///< language -> [policy/]notice
    std::set<std::string> policies_;
};

}  // namespace bailiff
