// SPDX-License-Identifier: Apache-2.0
// See admin_requests.hpp.
#include "agent/admin_requests.hpp"

#include "agent/files/durable_file.hpp"

#include <bailiff/id.hpp>

#include <cstdlib>
#include <pwd.h>
#include <unistd.h>

namespace bailiff::agent {
namespace {

constexpr size_t most_bytes = 256 * 1024;
constexpr std::string_view request_end = ".release.json", answer_end = ".answer.json";

Result<Json> read_json_file(const std::string& path) {
    const auto text = read_file(path, most_bytes);
    if (!text) return fail(text.error());
    return parse_json(*text);
}

/// What is not there before a name that ends so.
std::string stem_of(const std::string& name, std::string_view end) {
    return name.ends_with(end) ? name.substr(0, name.size() - end.size()) : "";
}

}  // namespace

Result<void> AdminFolder::write(const std::string& name, const Json& body) {
    if (auto made = make_folder(folder_, 0700); !made) return made;
    return write_durably(folder_ + "/" + name, dump_json(body, 2) + "\n", 0600);
}

Result<void> AdminFolder::drain(const DrainNote& note) {
    return write("drain.json", {{"since", format_rfc3339(note.since)}, {"by", note.by}, {"reason", note.reason}});
}

Result<void> AdminFolder::undrain() { return remove_durably(drain_path()); }

Result<std::optional<DrainNote>> AdminFolder::drained() const {
    const auto json = read_json_file(drain_path());
    if (!json && json.error().code == Errc::not_found) return std::optional<DrainNote>();
    if (!json) return fail(json.error());
    std::vector<Mistake> mistakes;
    JsonReader read(*json, mistakes);
    DrainNote note{read.instant("since"), read.text("by", 256, false), read.text("reason", 512, false)};
    if (!mistakes.empty()) return fail(Errc::invalid, drain_path() + " is damaged: " + describe(mistakes));
    return std::optional(note);
}

Result<void> AdminFolder::ask(const ReleaseRequest& request) {
    return write(request.id + std::string(request_end),
                 {{"id", request.id}, {"vm", request.vm}, {"by", request.by}, {"reason", request.reason}, {"start", request.start},
                  {"at", format_rfc3339(request.at)}});
}

std::vector<ReleaseRequest> AdminFolder::asked() const {
    std::vector<ReleaseRequest> out;
    for (const auto& name : names_in(folder_)) {
        const auto id = stem_of(name, request_end);
        if (!is_hex(id, 32)) continue;
        const auto json = read_json_file(folder_ + "/" + name);
        if (!json) continue;
        std::vector<Mistake> mistakes;
        JsonReader read(*json, mistakes);
        ReleaseRequest request{id, read.text("vm", 36), read.text("by", 256, false), read.text("reason", 512), read.boolean("start"), read.instant("at")};
        if (mistakes.empty() && is_uuid(request.vm)) out.push_back(std::move(request));
    }
    return out;
}

Result<void> AdminFolder::answer(const std::string& id, const Json& outcome) {
    if (auto written = write(id + std::string(answer_end), outcome); !written) return written;
    return remove_durably(folder_ + "/" + id + std::string(request_end));
}

std::optional<Json> AdminFolder::answered(const std::string& id) const {
    auto json = read_json_file(folder_ + "/" + id + std::string(answer_end));
    if (!json) return std::nullopt;
    return std::move(*json);
}

void AdminFolder::forget(const std::string& id) {
    for (const auto& end : {request_end, answer_end}) (void)remove_durably(folder_ + "/" + id + std::string(end));
}

Result<void> AdminFolder::ask_sweep(const std::vector<std::string>& vms) { return write("sweep-now.json", {{"vms", vms}}); }

std::optional<std::vector<std::string>> AdminFolder::take_sweep_request() {
    const std::string path = folder_ + "/sweep-now.json";
    const auto json = read_json_file(path);
    if (!json && json.error().code == Errc::not_found) return std::nullopt;
    (void)remove_durably(path);
    if (!json) return std::nullopt;
    std::vector<Mistake> mistakes;
    JsonReader read(*json, mistakes);
    auto vms = read.texts("vms", true, 10'000);
    if (!mistakes.empty()) return std::nullopt;
    return vms;
}

Result<void> AdminFolder::tell_sweep(const Json& plan) { return write("sweep.json", plan); }

std::optional<Json> AdminFolder::told_sweep() const {
    auto json = read_json_file(folder_ + "/sweep.json");
    if (!json || !json->is_object()) return std::nullopt;
    return std::move(*json);
}

std::string calling_person() {
    const passwd* self = ::getpwuid(::getuid());
    const std::string own = self ? self->pw_name : "uid " + std::to_string(::getuid());
    const char* behind = std::getenv("SUDO_USER");
    if (!behind || !*behind || own == behind) return own;
    return std::string(behind).substr(0, 64) + " (as " + own + ")";
}

}  // namespace bailiff::agent
