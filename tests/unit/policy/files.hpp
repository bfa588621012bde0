// SPDX-License-Identifier: Apache-2.0
// Shipped documents, changed ones, and folders that clean up after themselves.
#pragma once

#include "controller/config/policy_file.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>

namespace bailiff::test {

inline const std::filesystem::path shipped = std::filesystem::path(BAILIFF_SOURCE_DIR) / "policies";

inline std::string shipped_text(const std::string& name) {
    const auto text = read_text(shipped / name);
    if (!text) throw std::runtime_error(text.error().text);
    return *text;
}

inline Json shipped_json(const std::string& name) { return parse_json(shipped_text(name)).value(); }

/// A shipped document with one place (a JSON pointer) replaced or added or, with null, removed.
inline std::string changed(const std::string& name, const std::string& pointer, const Json& value) {
    Json document = shipped_json(name);
    if (value.is_null()) document = document.patch(Json::array({{{"op", "remove"}, {"path", pointer}}}));
    else document[Json::json_pointer(pointer)] = value;
    return dump_json(document);
}

/// The places of the mistakes, joined: "/ladder/0/within /types".
inline std::string places(const std::vector<Mistake>& mistakes) {
    std::string out;
    for (const auto& m : mistakes) out += (out.empty() ? "" : " ") + (m.pointer.empty() ? std::string("/") : m.pointer);
    return out;
}

/// A folder under /tmp that goes away with the test.
class TemporaryFolder {
  public:
    TemporaryFolder() {
        std::string name = "/tmp/bailiff-policy-XXXXXX";
        if (!mkdtemp(name.data())) throw std::runtime_error("mkdtemp failed");
        path_ = name;
    }
    ~TemporaryFolder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;

    std::filesystem::path write(const std::string& name, const std::string& text) const {
        const auto path = path_ / name;
        std::filesystem::create_directories(path.parent_path());
        std::ofstream(path, std::ios::binary) << text;
        return path;
    }
    const std::filesystem::path& path() const { return path_; }

  private:
    std::filesystem::path path_;
};

}  // namespace bailiff::test
