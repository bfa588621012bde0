// SPDX-License-Identifier: Apache-2.0
#include "controller/config/webhook_file.hpp"

#include <bailiff/dsse.hpp>
#include <bailiff/names.hpp>

#include <algorithm>
#include <system_error>

namespace bailiff {
namespace {

constexpr std::string_view secret_head = "whsec_";
constexpr size_t most_facts = 64, longest_url = 2000;

std::string url_mistake(const std::string& url) {
    const bool plain = url.starts_with("http://");
    if (!plain && !url.starts_with("https://")) return "must begin with https:// (or http:// inside a network that --webhook-network names)";
    const std::string rest = url.substr(plain ? 7 : 8), host = rest.substr(0, rest.find_first_of("/?#"));
    if (host.empty()) return "names no host";
    if (host.find('@') != std::string::npos) return "must name no user: whoever reads the log would see the password";
    if (url.size() > longest_url || std::any_of(url.begin(), url.end(), [](char c) { return c <= ' ' || c > '~'; })) return "must be at most 2000 printable ASCII characters without blanks";
    return "";
}

core::Webhook read_webhook(const std::filesystem::path& path, std::vector<Mistake>& mistakes) {
    core::Webhook out;
    out.id = path.stem().string();
    if (!is_name(out.id)) mistakes.push_back({"", "the file's name must be 1 to 64 letters, digits, dots, hyphens or underscores before .json"});
    const auto text = read_text(path);
    if (!text) return mistakes.push_back({"", text.error().text}), out;
    const auto document = parse_document(*text, mistakes);
    if (!document) return out;
    JsonReader root(*document, mistakes);
    root.optional_text("$schema");
    out.url = root.text("url");
    if (std::string wrong = url_mistake(out.url); !out.url.empty() && !wrong.empty()) root.mistake("url", std::move(wrong));
    out.format = root.word("format", out.format, false);
    out.facts = root.texts("facts", false, most_facts);
    for (size_t i = 0; i < out.facts.size(); ++i)
        if (!core::is_fact_word(out.facts[i])) mistakes.push_back({"/facts/" + std::to_string(i), "is no fact of a history, such as case_opened, state_reached or case_closed"});
    const std::string secret_file = root.text("secret_file");
    root.finish();
    if (secret_file.empty()) return out;
    auto secret = read_text(path.parent_path() / secret_file, 1000);
    auto key = secret ? parse_webhook_secret(std::move(*secret)) : Result<std::string>(fail(secret.error()));
    if (key) out.secret = std::move(*key);
    else root.mistake("secret_file", key.error().text);
    return out;
}

}  // namespace

Result<std::string> parse_webhook_secret(std::string text) {
    while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
    const auto key = text.starts_with(secret_head) ? unbase64(std::string_view(text).substr(secret_head.size())) : Result<std::string>(fail(Errc::invalid, ""));
    if (!key || key->size() < 24 || key->size() > 64)
        return fail(Errc::invalid, "the secret is 'whsec_' and the base64 of 24 to 64 random bytes; printf 'whsec_%s\\n' \"$(openssl rand -base64 32)\" makes one");
    return *key;
}

std::vector<core::Webhook> load_webhooks(const std::filesystem::path& folder, std::vector<FileMistakes>& mistakes) {
    std::vector<core::Webhook> out;
    std::error_code error;
    std::vector<std::filesystem::path> files;
    for (std::filesystem::directory_iterator it(folder, error), end; !error && it != end; it.increment(error))
        if (it->path().extension() == ".json" && !it->path().filename().string().starts_with('.')) files.push_back(it->path());
    if (error) mistakes.push_back({folder.string(), {{"", "cannot be read: " + error.message() + "; name the folder of the webhooks' files, or none"}}});
    std::sort(files.begin(), files.end());
    for (const auto& path : files) {
        std::vector<Mistake> found;
        auto hook = read_webhook(path, found);
        if (found.empty()) out.push_back(std::move(hook));
        else mistakes.push_back({path.string(), std::move(found)});
    }
    return out;
}

}  // namespace bailiff
