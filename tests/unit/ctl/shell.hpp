// SPDX-License-Identifier: Apache-2.0
// Runs a command of bailiffctl and keeps what a shell would see.
#pragma once

#include "controller/ctl/command.hpp"
#include <bailiff/json.hpp>

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace bailiff::test {

/// What a command left behind.
struct Seen {
    int code = 0;
    std::string out, err;
    Json json() const { return Json::parse(out, nullptr, false); }
};

template <class Command>
Seen run(Command command, const std::vector<std::string>& arguments) {
    std::ostringstream out, err;
    const int code = command(arguments, out, err);
    return {code, out.str(), err.str()};
}

inline const std::string policies = std::string(BAILIFF_SOURCE_DIR) + "/policies/";

/// A file under a fresh folder of /tmp, removed with the test.
class TemporaryFile {
  public:
    TemporaryFile(const std::string& name, const std::string& text) {
        std::string folder = "/tmp/bailiff-ctl-XXXXXX";
        if (!mkdtemp(folder.data())) throw std::runtime_error("mkdtemp failed");
        folder_ = folder;
        path_ = folder + "/" + name;
        std::filesystem::create_directories(std::filesystem::path(path_).parent_path());
        std::ofstream(path_, std::ios::binary) << text;
    }
    ~TemporaryFile() {
        std::error_code ignored;
        std::filesystem::remove_all(folder_, ignored);
    }
    TemporaryFile(const TemporaryFile&) = delete;
    TemporaryFile& operator=(const TemporaryFile&) = delete;
    const std::string& path() const { return path_; }

  private:
    std::string folder_, path_;
};

}  // namespace bailiff::test
