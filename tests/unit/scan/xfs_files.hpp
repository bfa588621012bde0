// SPDX-License-Identifier: Apache-2.0
// Takes in what a walk over XFS finds, for tests to look at.
#pragma once

#include "agent/scan/box/memory_file.hpp"
#include "agent/scan/xfs/walk.hpp"

#include <map>
#include <string>
#include <vector>

namespace bailiff::test {

class XfsFiles : public agent::WalkSink {
  public:
    std::map<std::string, std::string> contents;
    std::vector<std::pair<std::string, agent::SkipReason>> skips;
    std::string said;  ///< every reason in words

    void file(const std::string& path, uint64_t size, int memory_file) override {
        const agent::Descriptor descriptor(memory_file);
        const auto sealed = agent::sealed_size(descriptor.fd());
        std::string content(sealed.value_or(0), '\0');
        if (::pread(descriptor.fd(), content.data(), content.size(), 0) != static_cast<ssize_t>(size) || content.size() != size)
            content = "(another size than was said)";
        contents[path] = content;
    }
    void skipped(const std::string& path, agent::SkipReason reason, const std::string& detail, uint64_t /*size*/) override {
        skips.emplace_back(path, reason);
        said += detail + "\n";
    }
    bool skipped(const std::string& path, agent::SkipReason reason) const {
        for (const auto& skip : skips)
            if (skip == std::pair{path, reason}) return true;
        return false;
    }
};

/// Walks an XFS that fills the whole image. `error` gets what the walk as a whole failed of.
inline XfsFiles walk_xfs_files(agent::Image& image, const agent::WalkLimits& limits = {}, std::string* error = nullptr) {
    agent::Volume volume;
    volume.size = image.size();
    XfsFiles out;
    const auto walked = agent::walk_xfs(image, volume, limits, out);
    if (!walked && error) *error = walked.error().text;
    return out;
}

}  // namespace bailiff::test
