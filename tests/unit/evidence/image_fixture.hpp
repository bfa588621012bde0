// SPDX-License-Identifier: Apache-2.0
// A folder with a small disk image whose content is known, made with qemu-img.
#pragma once

#include "agent/files/durable_file.hpp"
#include "agent/process/process.hpp"

#include <bailiff/vm.hpp>

#include <gtest/gtest.h>
#include <unistd.h>
#include <cstdlib>
#include <filesystem>
#include <string>

namespace bailiff::test {

class ImageFixture : public testing::Test {
  protected:
    void SetUp() override {
        if (::access("/usr/bin/qemu-img", X_OK) != 0) GTEST_SKIP() << "needs the package qemu-utils";
        char name[] = "/tmp/bailiff-image-XXXXXX";
        folder_ = ::mkdtemp(name);
        // 16 MiB that begin and end with words; in between there is nothing.
        content_.assign(size_t{16} << 20, '\0');
        content_.replace(0, 5, "begin");
        content_.replace(content_.size() - 3, 3, "end");
        ASSERT_TRUE(agent::write_durably(folder_ + "/disk.raw", content_, 0600));
        convert("disk.raw", "disk.qcow2");
    }
    void TearDown() override {
        if (!folder_.empty()) std::filesystem::remove_all(folder_);
    }
    void convert(const std::string& from, const std::string& to) {
        const auto done = agent::output_of(
            {"qemu-img", "convert", "-O", "qcow2", folder_ + "/" + from, folder_ + "/" + to});
        ASSERT_TRUE(done) << done.error().text;
    }
    /// Writes into an image as a guest would, through QEMU's own block layer.
    void guest_writes(const std::string& path, const std::string& command) {
        const auto done = agent::output_of({"qemu-io", "-f", "qcow2", "-c", command, path});
        ASSERT_TRUE(done) << done.error().text;
    }
    VmDisk disk(const std::string& name, const std::string& format) const {
        return {"vda", format, folder_ + "/" + name, false};
    }

    const VmId vm_{"11111111-2222-4333-8444-555555555555"};
    const CaseId case_{"C-17"};
    std::string folder_, content_;
};

}  // namespace bailiff::test
