// SPDX-License-Identifier: Apache-2.0
// What every command that asks the controller shares: where it is, who asks, how answers and refusals are shown.
#pragma once

#include "controller/ctl/arguments.hpp"
#include "controller/ctl/rest_client.hpp"

#include <bailiff/json.hpp>

#include <functional>
#include <initializer_list>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

namespace bailiff {

/// One command in progress. `ask` shows what went wrong and sets `code`; the command then just returns it.
class Session {
  public:
    Session(const Arguments& arguments, RestClient client, std::vector<std::string> given, std::ostream& answers, std::ostream& complaints)
        : args(arguments), words(std::move(given)), out(answers), err(complaints), client_(std::move(client)) {}

    const Arguments& args;
    const std::vector<std::string> words;   ///< the words without an option, as many as the command takes
    std::ostream& out;
    std::ostream& err;

    bool json() const { return args.flagged("json"); }
    ExitCode code() const { return code_; }
    RestClient& client() { return client_; }

    /// The JSON of a successful answer. A POST carries an Idempotency-Key, and is sent once more when nobody knows
    /// whether it arrived.
    std::optional<Json> ask(const std::string& method, const std::string& path, const Json& body = nullptr, RestHeaders headers = {});
    /// Items of a list over its pages, at most `--limit` of them (0 = all), `otherwise` without one. `query` is "" or "?a=b".
    std::optional<std::vector<Json>> list(const std::string& path, const std::string& query, int64_t otherwise = 50);
    /// Shows a refusal or an unreachable server, and sets `code`.
    void complain(const Result<RestAnswer>& answer);
    ExitCode refuse(const std::string& text);
    /// With --json prints it and says true.
    bool printed(const Json& value) const;

  private:
    RestClient client_;
    ExitCode code_ = exit_ok;
};

/// The options of every command that asks a controller, and its words; `online` adds them itself.
void add_online_options(Arguments& arguments);
/// The controller that these options and the settings name. `invalid`: what they say is wrong; `not_found`: settings or
/// token cannot be read.
Result<RestClient> controller_of(const Arguments& arguments);

/// Adds the shared options, reads everything, connects, and runs `act`. `words` names the words the command takes:
/// required ("CASE"), and after these optional ("[JOB]"); "..." at the end: as many more as there are.
ExitCode online(Arguments& arguments, const std::vector<std::string>& given, std::initializer_list<const char*> words, std::ostream& out,
                std::ostream& err, const std::function<ExitCode(Session&)>& act);

/// The text of a field, "" when it is absent or null; numbers and booleans as JSON writes them.
std::string shown(const Json& object, const char* field);
/// The same for a path of fields.
std::string shown(const Json& object, const char* field, const char* inner);
/// An instant for people: the field's `…_local` where it stands, else the instant itself.
std::string shown_time(const Json& object, const char* field);
/// "?a=x&b=y" from the options that were given; an option's name is its query's name.
std::string query_of(const Arguments& arguments, std::initializer_list<const char*> options);

}  // namespace bailiff
