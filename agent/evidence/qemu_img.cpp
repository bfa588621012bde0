// SPDX-License-Identifier: Apache-2.0
// The calls of qemu-img.
#include "agent/evidence/qemu_img.hpp"

#include "agent/process/process.hpp"

#include <bailiff/json.hpp>

namespace bailiff::agent {
namespace {

ProcessOptions limited(std::chrono::milliseconds timeout) {
    ProcessOptions options;
    options.timeout = timeout;
    options.limits.address_space_bytes = uint64_t{4} << 30;
    options.limits.open_files = 256;
    return options;
}

}  // namespace

Result<ImageInfo> image_info(const std::string& path, const std::string& format) {
    ProcessOptions options = limited(std::chrono::seconds{60});
    options.limits.cpu_seconds = 30;
    const auto text =
        output_of({"qemu-img", "info", "--output=json", "-f", format, path}, std::move(options));
    if (!text) return fail(text.error());
    const auto json = parse_json(*text);
    if (!json || !json->is_object())
        return fail(Errc::unavailable, "qemu-img described " + path + " in words that are no JSON.");
    ImageInfo out;
    if (const auto size = json->find("virtual-size"); size != json->end() && size->is_number_integer())
        out.virtual_bytes = size->get<int64_t>();
    // QEMU resolves relative names against the image; the full name is the one that counts.
    for (const char* field : {"full-backing-filename", "backing-filename"})
        if (const auto name = json->find(field);
            out.backing.empty() && name != json->end() && name->is_string())
            out.backing = name->get<std::string>();
    if (const auto name = json->find("backing-filename-format"); name != json->end() && name->is_string())
        out.backing_format = name->get<std::string>();
    const Json::json_pointer data_file("/format-specific/data/data-file");
    out.data_file = json->contains(data_file);
    return out;
}

Result<void> create_image(const std::string& path, int64_t virtual_bytes) {
    const auto made =
        output_of({"qemu-img", "create", "-q", "-f", "qcow2", path, std::to_string(virtual_bytes)},
                  limited(std::chrono::seconds{60}));
    if (!made) return fail(made.error());
    return {};
}

Result<void> convert_image(const std::string& from, const std::string& from_format, const std::string& to,
                           const std::string& to_format, bool exists, std::chrono::milliseconds timeout) {
    std::vector<std::string> argv{"qemu-img", "convert", "-q", "-f", from_format, "-O", to_format};
    if (exists) argv.push_back("-n");
    argv.insert(argv.end(), {from, to});
    const auto done = output_of(argv, limited(timeout));
    if (!done) return fail(done.error());
    return {};
}

Result<void> create_overlay(const std::string& path, const std::string& base,
                            const std::string& base_format) {
    const auto made =
        output_of({"qemu-img", "create", "-q", "-f", "qcow2", "-F", base_format, "-b", base, path},
                  limited(std::chrono::seconds{60}));
    if (!made) return fail(made.error());
    return {};
}

Result<void> commit_overlay(const std::string& path, std::chrono::milliseconds timeout) {
    const auto done = output_of({"qemu-img", "commit", "-q", "-f", "qcow2", "-d", path}, limited(timeout));
    if (!done) return fail(done.error());
    return {};
}

}  // namespace bailiff::agent
