// SPDX-License-Identifier: Apache-2.0
// Configuration, requests, refusals and lists of the online commands.
#include "controller/ctl/online_session.hpp"

#include "controller/ctl/table.hpp"

#include <bailiff/clean_text.hpp>
#include <bailiff/nearest.hpp>
#include <bailiff/system_random.hpp>

#include <charconv>
#include <fstream>
#include <map>
#include <pwd.h>
#include <unistd.h>

namespace bailiff {
namespace {

constexpr std::string_view settings[] = {"server", "token-file", "ca", "timeout"};

/// ~/.config/bailiff of the account that runs us: from the user database, not from the environment.
std::string config_folder() {
    const passwd* entry = getpwuid(getuid());
    return std::string(entry && entry->pw_dir ? entry->pw_dir : "") + "/.config/bailiff";
}

std::string_view trimmed(std::string_view text) {
    const size_t first = text.find_first_not_of(" \t\r");
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

/// "name = value" lines; "#" begins a comment. A missing file is an empty one unless it was named.
Result<std::map<std::string, std::string>> read_config(const std::string& path, bool named) {
    std::map<std::string, std::string> out;
    std::ifstream file(path);
    if (!file) {
        if (named) return fail(Errc::not_found, "the file '" + path + "' cannot be read");
        return out;
    }
    std::string line;
    for (int number = 1; std::getline(file, line); ++number) {
        const std::string_view text = trimmed(line);
        if (text.empty() || text[0] == '#') continue;
        const size_t equals = text.find('=');
        const std::string key(trimmed(text.substr(0, equals)));
        if (equals == std::string_view::npos || std::find(std::begin(settings), std::end(settings), key) == std::end(settings))
            return fail(Errc::invalid, path + ":" + std::to_string(number) + ": '" + key + "' is no setting" +
                                           did_you_mean(key, settings) + "; known are server, token-file, ca and timeout");
        out[key] = trimmed(text.substr(equals + 1));
    }
    return out;
}

Result<std::string> read_token(const std::string& path) {
    std::ifstream file(path);
    std::string token;
    if (!file || !std::getline(file, token))
        return fail(Errc::not_found, "there is no token in '" + path + "'; ask an administrator for one (bailiffctl account add) and save it there, or name its file with --token-file");
    token = trimmed(token);
    if (token.empty() || token.find_first_of(" \t\"") != std::string::npos)
        return fail(Errc::invalid, "'" + path + "' does not hold a token alone on its first line");
    return token;
}

Result<int64_t> number(const std::string& text, const char* option, int64_t low, int64_t high) {
    int64_t n = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
    if (error != std::errc{} || end != text.data() + text.size() || n < low || n > high)
        return fail(Errc::invalid, "--" + std::string(option) + " must be a whole number from " + std::to_string(low) + " to " + std::to_string(high));
    return n;
}

}  // namespace

Result<RestClient> controller_of(const Arguments& a) {
    const bool named = a.has("config");
    const auto config = read_config(named ? a.text("config") : config_folder() + "/ctl.conf", named);
    if (!config) return fail(config.error());
    const auto setting = [&](const char* option, std::string otherwise) {
        if (a.has(option)) return a.text(option);
        const auto found = config->find(option);
        return found == config->end() ? otherwise : found->second;
    };
    const auto timeout = number(setting("timeout", "30"), "timeout", 1, 3600);
    if (!timeout) return fail(timeout.error());
    const auto token = read_token(setting("token-file", config_folder() + "/token"));
    if (!token) return fail(token.error());
    return RestClient::open({setting("server", "https://localhost:8080"), *token, setting("ca", ""), std::chrono::seconds(*timeout)});
}

void add_online_options(Arguments& arguments) {
    arguments.flag("json", "print the controller's JSON")
        .value("server", "URL", "the controller; default https://localhost:8080")
        .value("token-file", "FILE", "the token; default ~/.config/bailiff/token")
        .value("ca", "FILE", "the CA that signed the controller's certificate; default the system's")
        .value("timeout", "SECONDS", "how long to wait for an answer; default 30")
        .value("config", "FILE", "settings; default ~/.config/bailiff/ctl.conf")
        .words("word", "");
}

std::optional<Json> Session::ask(const std::string& method, const std::string& path, const Json& body, RestHeaders headers) {
    const std::string text = body.is_null() ? std::string() : dump_json(body);
    if (method == "POST") headers.emplace_back("Idempotency-Key", SystemRandom().hex128());
    auto answer = client_.ask(method, path, text, headers);
    if (!answer && answer.error().code == Errc::unknown_outcome) answer = client_.ask(method, path, text, headers);
    if (!answer || answer->status >= 300) return complain(answer), std::nullopt;
    auto json = parse_json(answer->body, {256 << 20, 64});
    if (!json) {
        refuse("the server's answer is no JSON (" + json.error().text + "); is " + client_.options().server + " really a controller?");
        return std::nullopt;
    }
    return std::move(*json);
}

std::optional<std::vector<Json>> Session::list(const std::string& path, const std::string& query, int64_t otherwise) {
    const auto most = number(args.has("limit") ? args.text("limit") : std::to_string(otherwise), "limit", 0, 1'000'000);
    if (!most) {
        code_ = args.complain(err, most.error().text);
        return std::nullopt;
    }
    const auto wanted = size_t(*most);
    std::vector<Json> items;
    std::string cursor;
    for (;;) {
        const size_t left = wanted ? wanted - items.size() : 200;
        std::string where = path + query + (query.empty() ? "?" : "&") + "limit=" + std::to_string(std::min<size_t>(left, 200));
        if (!cursor.empty()) where += "&cursor=" + url_escaped(cursor);
        const auto page = ask("GET", where);
        if (!page) return std::nullopt;
        for (const auto& item : page->value("items", Json::array())) items.push_back(item);
        cursor = shown(*page, "next");
        if (cursor.empty() || (wanted && items.size() >= wanted)) return items;
    }
}

void Session::complain(const Result<RestAnswer>& answer) {
    if (!answer) {
        err << "bailiffctl: " << answer.error().text << "\n";
        if (answer.error().code == Errc::unknown_outcome) err << "Nobody knows whether it was carried out; look before you repeat it.\n";
        code_ = exit_unreachable;
        return;
    }
    const auto body = parse_json(answer->body);
    std::string detail = body && body->is_object() ? shown(*body, "detail") : std::string();
    if (detail.empty()) detail = "the server answered " + std::to_string(answer->status) + " without saying why";
    err << "bailiffctl: " << clean_line(detail, 4096) << "\n";
    if (body && body->is_object())
        for (const auto& mistake : body->value("errors", Json::array()))
            err << "  " << clean_line(shown(mistake, "pointer")) << ": " << clean_line(shown(mistake, "text")) << "\n";
    code_ = answer->status == 503 ? exit_unreachable : exit_refused;
}

ExitCode Session::refuse(const std::string& text) {
    err << "bailiffctl: " << text << "\n";
    return code_ = exit_refused;
}

bool Session::printed(const Json& value) const {
    if (json()) out << dump_json(value, 2) << "\n";
    return json();
}

ExitCode online(Arguments& arguments, const std::vector<std::string>& given, std::initializer_list<const char*> words, std::ostream& out,
                std::ostream& err, const std::function<ExitCode(Session&)>& act) {
    add_online_options(arguments);
    if (const auto over = arguments.read(given, out, err)) return *over;
    std::vector<std::string> found = arguments.list("word");
    const bool any_number = words.size() > 0 && std::string_view(*(words.end() - 1)) == "...";
    for (size_t i = 0; const char* word : words)
        if (i++ >= found.size() && word[0] != '[' && word[0] != '.') return arguments.complain(err, std::string(word) + " is missing");
    if (!any_number && found.size() > words.size()) return arguments.complain(err, "'" + found[words.size()] + "' is a word too many");
    for (const auto& word : found)
        if (word.empty()) return arguments.complain(err, "a word is empty");
    auto client = controller_of(arguments);
    if (!client) {
        err << "bailiffctl: " << client.error().text << "\n";
        return client.error().code == Errc::invalid ? exit_usage : exit_refused;
    }
    Session session(arguments, std::move(*client), std::move(found), out, err);
    return act(session);
}

std::string shown(const Json& object, const char* field) {
    if (!object.is_object()) return {};
    const auto found = object.find(field);
    if (found == object.end() || found->is_null()) return {};
    return found->is_string() ? found->get<std::string>() : dump_json(*found);
}

std::string shown(const Json& object, const char* field, const char* inner) {
    return object.is_object() && object.contains(field) ? shown(object[field], inner) : std::string();
}

std::string shown_time(const Json& object, const char* field) {
    const std::string local = shown(object, (std::string(field) + "_local").c_str());
    return local.empty() ? shown(object, field) : local;
}

std::string query_of(const Arguments& arguments, std::initializer_list<const char*> options) {
    std::string out;
    for (const char* option : options)
        if (arguments.has(option)) out += (out.empty() ? "?" : "&") + std::string(option) + "=" + url_escaped(arguments.text(option));
    return out;
}

}  // namespace bailiff
