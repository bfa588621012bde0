// SPDX-License-Identifier: Apache-2.0
// Starting roles, finding them in main, and the gate's two sides.
#include "agent/scan/box/role.hpp"

#include "agent/scan/box/packet_socket.hpp"
#include "agent/scan/box/sandbox.hpp"
#include "agent/scan/image/image.hpp"
#include "agent/scan/image/qcow2_bitmap.hpp"
#include "agent/scan/path_text.hpp"

#include <bailiff/json.hpp>

#include <filesystem>

namespace bailiff::agent {
namespace {

constexpr std::string_view role_prefix = "--role=";

}  // namespace

Result<RoleProcess> start_role(const std::string& role, const std::vector<std::string>& arguments, int image, const std::string& sibling) {
    auto pair = packet_pair();
    if (!pair) return fail(pair.error());
    std::string program = "/proc/self/exe";
    std::error_code error;
    if (!sibling.empty()) program = (std::filesystem::read_symlink(program, error).parent_path() / sibling).string();
    std::vector<std::string> argv{program, std::string(role_prefix) + role};
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    ProcessOptions options;
    options.descriptors = {{pair->second.fd(), role_channel}};
    if (image >= 0) options.descriptors.push_back({image, role_image});
    options.die_with_parent = true;
    options.grace = std::chrono::milliseconds(100);
    auto child = Process::start(argv, options);
    if (!child) return fail(child.error());
    return RoleProcess{std::move(*child), std::move(pair->first)};
}

std::optional<int> run_role(int argc, char** argv, std::initializer_list<std::pair<const char*, RoleMain>> roles) {
    const std::string_view first = argc < 2 ? "" : argv[1];
    if (first.substr(0, role_prefix.size()) != role_prefix) return std::nullopt;
    for (const auto& [name, role_main] : roles)
        if (first.substr(role_prefix.size()) == name) return role_main({argv + 2, argv + argc});
    return 2;
}

std::string last_words(Process& process) {
    return escape_path(process.wait(std::chrono::milliseconds(200)).describe().substr(0, 500));
}

/// arguments: the expectation as JSON. Answers with one packet of JSON.
int run_gate(const std::vector<std::string>& arguments) {
    SandboxProfile profile;
    profile.cpu_seconds = 10;
    profile.address_space = 1U << 30;
    const auto json = parse_json(arguments.empty() ? "" : arguments[0]);
    if (!json) return 2;
    std::vector<Mistake> mistakes;
    JsonReader in(*json, mistakes);
    Qcow2Expectation expected;
    if (in.has("backing_path")) expected.backing_path = in.text("backing_path");
    if (in.has("backing_format")) expected.backing_format = in.text("backing_format");
    if (in.has("bitmap")) expected.bitmap = in.text("bitmap");
    if (in.has("virtual_size")) expected.virtual_size = static_cast<uint64_t>(in.integer("virtual_size", 0, INT64_MAX));
    auto boxed = enter_sandbox(profile);
    auto image = boxed ? open_raw_image(role_image) : Result<std::unique_ptr<Image>>(fail(boxed.error()));
    Result<Qcow2Header> header = fail(Errc::unavailable, "the image cannot be read");
    if (image) header = check_qcow2_header((*image)->bytes(0, qcow2_head_size), (*image)->size(), expected);
    else header = fail(image.error());
    if (header && expected.bitmap) header->bitmap_problem = qcow2_bitmap_problem(**image, *expected.bitmap);
    Json found{{"virtual_size", header ? header->virtual_size : 0}, {"dirty", header && header->dirty}};
    if (header && !header->bitmap_problem.empty()) found["bitmap_problem"] = header->bitmap_problem;
    const std::string answer = header ? dump_json(found)
                                      : dump_json(Json{{"refused", header.error().text}});
    send_packet(role_channel, Bytes(reinterpret_cast<const uint8_t*>(answer.data()), answer.size()));
    return header ? 0 : 1;
}

Result<Qcow2Header> gate_qcow2(int image, const Qcow2Expectation& expected) {
    Json json = Json::object();
    if (expected.backing_path) json["backing_path"] = *expected.backing_path;
    if (expected.backing_format) json["backing_format"] = *expected.backing_format;
    if (expected.bitmap) json["bitmap"] = *expected.bitmap;
    if (expected.virtual_size) json["virtual_size"] = *expected.virtual_size;
    auto role = start_role("gate", {dump_json(json)}, image);
    if (!role) return fail(role.error());
    const auto packet = receive_packet(role->channel.fd(), Wait::yes);
    const auto broken = [&] {
        return fail(Errc::unavailable, "the check of the image's header failed; it was not opened. " + last_words(role->process));
    };
    if (!packet || !*packet) return broken();
    const auto& bytes = (*packet)->bytes;
    const auto answer = parse_json(std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
    if (!answer) return broken();
    std::vector<Mistake> mistakes;
    JsonReader in(*answer, mistakes);
    if (in.has("refused")) return fail(Errc::forbidden, in.text("refused"));
    Qcow2Header header;
    header.virtual_size = static_cast<uint64_t>(in.integer("virtual_size", 0, INT64_MAX));
    header.dirty = in.boolean("dirty");
    if (in.has("bitmap_problem")) header.bitmap_problem = escape_path(in.text("bitmap_problem"));
    if (!mistakes.empty()) return broken();
    return header;
}

}  // namespace bailiff::agent
