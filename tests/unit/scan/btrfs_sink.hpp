// SPDX-License-Identifier: Apache-2.0
// What a walk over btrfs hands over, kept for comparison.
#pragma once

#include "agent/scan/box/memory_file.hpp"
#include "agent/scan/btrfs/walk.hpp"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <unistd.h>
#include <vector>

namespace bailiff::test {

class BtrfsSink : public agent::WalkSink {
  public:
    void file(const std::string& path, uint64_t size, int memory_file) override {
        const agent::Descriptor owner(memory_file);
        const auto sealed = agent::sealed_size(memory_file);
        ASSERT_TRUE(sealed) << path;
        ASSERT_EQ(*sealed, size) << path;
        std::string bytes(size, '\0');
        ASSERT_EQ(::pread(memory_file, bytes.data(), size, 0), static_cast<ssize_t>(size)) << path;
        // A path may come twice when its directory's two lists disagree, and only then.
        files.emplace(files.contains(path) ? path + " (again)" : path, std::move(bytes));
    }
    void skipped(const std::string& path, agent::SkipReason reason, const std::string& detail, uint64_t) override {
        EXPECT_FALSE(detail.empty());
        skips.emplace_back(path, reason);
        details.push_back(detail);
    }

    std::map<std::string, std::string> files;
    std::vector<std::pair<std::string, agent::SkipReason>> skips;
    std::vector<std::string> details;
};

/// A whole image walked as one volume.
struct BtrfsWalked : BtrfsSink {
    explicit BtrfsWalked(agent::Image& image, const agent::WalkLimits& limits = {}) {
        agent::Volume volume;
        volume.name = "disk";
        volume.size = image.size();
        const auto walked = agent::walk_btrfs(image, volume, limits, *this);
        if (!walked) error = walked.error().text;
    }
    std::string error;
};

}  // namespace bailiff::test
