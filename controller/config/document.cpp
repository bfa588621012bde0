// SPDX-License-Identifier: Apache-2.0
// What the codecs of policy and calendar files have in common: reading a file, and its mistakes by file.
#include "controller/config/document.hpp"

#include <cerrno>
#include <cstring>
#include <fstream>

namespace bailiff {

std::string describe(const std::vector<FileMistakes>& files) {
    std::string out;
    for (const auto& [file, mistakes] : files)
        for (const auto& [pointer, text] : mistakes) {
            if (!out.empty()) out += '\n';
            out += file + " " + (pointer.empty() ? "/" : pointer) + ": " + text;
        }
    return out;
}

Result<std::string> read_text(const std::filesystem::path& path, size_t most) {
    std::error_code error;
    const auto status = std::filesystem::status(path, error);
    if (!std::filesystem::exists(status))
        return fail(Errc::not_found, "'" + path.string() + "' does not exist; check the path");
    if (std::filesystem::is_directory(status))
        return fail(Errc::invalid, "'" + path.string() + "' is a folder; name a file in it");
    std::ifstream file(path, std::ios::binary);
    if (!file)
        return fail(Errc::invalid, "'" + path.string() + "' cannot be opened (" + std::strerror(errno) +
                                       "); check its permissions");
    // One byte more than allowed shows that there is more; a device or pipe without an end is not read to its end.
    std::string text(most + 1, '\0');
    file.read(text.data(), std::streamsize(text.size()));
    if (file.bad()) return fail(Errc::invalid, "'" + path.string() + "' cannot be read; check the disk");
    text.resize(size_t(file.gcount()));
    if (text.size() > most)
        return fail(Errc::invalid, "'" + path.string() + "' has more than " + std::to_string(most) +
                                       " bytes; that is no file of this kind");
    return text;
}

std::optional<Json> parse_document(std::string_view text, std::vector<Mistake>& mistakes) {
    // Editors on some systems begin UTF-8 with a byte order mark; it means nothing.
    if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
    auto root = parse_json(text);
    if (!root) {
        mistakes.push_back({"", root.error().text});
        return std::nullopt;
    }
    if (!root->is_object()) {
        mistakes.push_back({"", "must be a JSON object: { … }"});
        return std::nullopt;
    }
    return std::move(*root);
}

Error mistaken(std::string_view what, const std::vector<Mistake>& mistakes) {
    return Error{Errc::invalid, "this " + std::string(what) + " has mistakes: " + describe(mistakes)};
}

}  // namespace bailiff
