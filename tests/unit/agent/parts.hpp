// SPDX-License-Identifier: Apache-2.0
// A folder of a test's own, for parts of the agent that read files and start programs.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <sys/stat.h>

namespace bailiff::agent {

class Parts : public testing::Test {
  protected:
    Parts() {
        std::string pattern = "/tmp/bailiff-parts-XXXXXX";
        if (!mkdtemp(pattern.data())) throw std::runtime_error("no temporary folder");
        folder = pattern;
    }
    ~Parts() override { std::filesystem::remove_all(folder); }
    std::string write(const std::string& name, const std::string& text, mode_t mode = 0600) {
        const std::string path = folder + "/" + name;
        std::ofstream(path) << text;
        ::chmod(path.c_str(), mode);
        return path;
    }
    std::string folder;
};

}  // namespace bailiff::agent
