// SPDX-License-Identifier: Apache-2.0
#include "agent/link/enrol.hpp"

#include "agent/link/https.hpp"
#include "agent/link/identity.hpp"

#include <bailiff/dsse.hpp>

#include <filesystem>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

namespace bailiff::agent {
namespace {

/// The fields of a 200, or what the controller said instead.
Result<Json> body_of(const HttpsAnswer& answer) {
    auto json = parse_json(answer.body, JsonLimits{256 * 1024, 8});
    if (answer.status == 200) return json;
    std::string detail = "no reason given";
    if (json && json->is_object() && json->contains("detail") && (*json)["detail"].is_string()) detail = (*json)["detail"].get<std::string>();
    const Errc code = answer.status == 403 || answer.status == 401 ? Errc::forbidden : answer.status < 500 ? Errc::invalid : Errc::unavailable;
    return fail(code, "The controller answers " + std::to_string(answer.status) + ": " + detail);
}

/// The link's user may write DIR/link and nothing else: were the order keys its own, whoever breaks into the
/// unprivileged link could sign orders for the privileged agent.
void give_to(const std::string& owner, const std::string& path) {
    if (geteuid() != 0) return;
    if (const passwd* user = getpwnam(owner.c_str()))
        if (lchown(path.c_str(), user->pw_uid, user->pw_gid) != 0) return;  // never through a link its owner made
}

}  // namespace

Result<std::string> enrol(const EnrolOptions& options, const Clock& clock) {
    const auto to = parse_controller(options.controller);
    if (!to) return fail(to.error());
    const KeyAndRequest made = make_key_and_request();
    const Json request{{"token", options.token}, {"csr_pem", made.request_pem}};
    auto answer = https_request(*to, {"", options.ca_sha256, ""}, "POST", "/enrol", dump_json(request), clock);
    if (!answer) return fail(answer.error());
    const auto json = body_of(*answer);
    if (!json) return fail(json.error());
    std::vector<Mistake> mistakes;
    JsonReader read(*json, mistakes);
    const std::string host = read.text("host", 64), certificate = read.text("certificate", 32 * 1024), order_key = read.text("order_key", 4096);
    if (!mistakes.empty()) return fail(Errc::invalid, "The controller's answer cannot be used: " + describe(mistakes, 5));
    if (auto key = SignatureKey::from_public_pem(order_key); !key) return fail(key.error());

    std::error_code error;
    for (const char* folder : {"", "/link", "/controllers"}) {
        std::filesystem::create_directories(options.dir + folder, error);
        if (error) return fail(Errc::unavailable, "Cannot make the folder " + options.dir + folder + " (" + error.message() + ").");
    }
    const std::string link = options.dir + "/link";
    chmod(link.c_str(), 0700);
    const std::pair<std::string, std::string> files[] = {{options.dir + "/ca.crt", answer->authority_pem},
                                                         {options.dir + "/controllers/" + options.name + ".pub", order_key}};
    for (const auto& [path, text] : files)
        if (auto done = write_whole(path, text, 0644); !done) return fail(done.error());
    if (auto done = write_whole(link + "/identity.pem", made.key_pem + certificate, 0600); !done) return fail(done.error());
    give_to(options.owner, link);
    give_to(options.owner, link + "/identity.pem");
    if (!std::filesystem::exists(options.dir + "/link.conf"))
        if (auto done = write_whole(options.dir + "/link.conf", "controller = " + options.controller + "\n", 0644); !done) return fail(done.error());
    return host;
}

Result<void> renew(const LinkOptions& options, const ControllerAddress& to, const Clock& clock) {
    const KeyAndRequest made = make_key_and_request();
    auto answer = https_request(to, {options.authority_file(), "", options.identity_file()}, "POST", "/renew",
                                dump_json(Json{{"csr_pem", made.request_pem}}), clock);
    if (!answer) return fail(answer.error());
    const auto json = body_of(*answer);
    if (!json) return fail(json.error());
    std::vector<Mistake> mistakes;
    const std::string certificate = JsonReader(*json, mistakes).text("certificate", 32 * 1024);
    if (!mistakes.empty()) return fail(Errc::invalid, "The controller's answer cannot be used: " + describe(mistakes, 5));
    return write_whole(options.identity_file(), made.key_pem + certificate, 0600);
}

}  // namespace bailiff::agent
