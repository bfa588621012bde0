// SPDX-License-Identifier: Apache-2.0
// A volume group that LVM's own tools make inside an image. The kernel's device mapper is never asked, so nothing is activated
// and the host's own volumes are out of reach; only loop devices are needed, and root for them.
#pragma once

#include "tests/integration/scan/workshop.hpp"

#include <unistd.h>

#include <utility>

namespace bailiff::test {

class VolumeGroup {
  public:
    /// Why this cannot be done here; "" when it can.
    static std::string missing(Workshop& shop) {
        if (::geteuid() != 0) return "loop devices need root";
        for (const char* tool : {"/usr/sbin/vgcreate", "/usr/sbin/losetup"})
            if (!std::filesystem::exists(tool) && !std::filesystem::exists(std::string(tool).substr(4))) return std::string(tool) + " is not here (package lvm2)";
        VolumeGroup probe(shop);
        const bool usable = probe.attach(shop.blank("probe.raw", 1U << 20), 0, 1U << 20);
        return usable ? "" : "no loop device can be had";
    }

    explicit VolumeGroup(Workshop& shop) : shop_(shop) { std::filesystem::create_directories(shop_.path("lock")); }
    ~VolumeGroup() {
        for (const auto& device : devices_) Workshop::run({"losetup", "-d", device});
    }
    VolumeGroup(const VolumeGroup&) = delete;
    VolumeGroup& operator=(const VolumeGroup&) = delete;

    /// Makes vg0 of these places (offset and size) in the image, with extents of one MiB; the first of each lies one MiB in.
    static void create(VolumeGroup& group, const std::string& image, const std::vector<std::pair<uint64_t, uint64_t>>& places) {
        for (const auto& [offset, size] : places) ASSERT_TRUE(group.attach(image, offset, size));
        auto members = group.devices_;
        group.lvm("pvcreate", members);
        members.insert(members.begin(), {"-s", "1M", "vg0"});
        group.lvm("vgcreate", members);
    }
    const std::string& device(size_t index) const { return devices_.at(index); }

    /// Runs one of LVM's commands on this group's devices and on no others.
    std::string lvm(const std::string& command, const std::vector<std::string>& arguments) {
        std::string filter;
        for (const auto& name : devices_) filter += "\"a|^" + name + "$|\",";
        std::vector<std::string> argv{command, "--driverloaded", "n", "--config",
                                      "devices { use_devicesfile=0 hints=\"none\" filter=[" + filter + "\"r|.*|\"] } global { use_lvmpolld=0 locking_dir=\"" + shop_.path("lock") +
                                          "\" } activation { udev_sync=0 udev_rules=0 monitoring=0 } backup { backup=0 archive=0 }"};
        argv.insert(argv.end(), arguments.begin(), arguments.end());
        return Workshop::run(argv);
    }
    /// A volume of these extents: "/dev/loop0:0-11".
    void volume(const std::string& name, size_t extents, const std::vector<std::string>& places, const std::vector<std::string>& more = {}) {
        std::vector<std::string> argv{"-y", "-an", "-Zn", "-Wn", "-l", std::to_string(extents), "-n", name};
        argv.insert(argv.end(), more.begin(), more.end());
        argv.push_back("vg0");
        argv.insert(argv.end(), places.begin(), places.end());
        lvm("lvcreate", argv);
    }

  private:
    bool attach(const std::string& image, uint64_t offset, uint64_t size) {
        const auto result = agent::Process::run({"losetup", "-f", "--show", "--offset", std::to_string(offset), "--sizelimit", std::to_string(size), image}, {});
        if (!result || !result->ok() || result->out.size() < 2) return false;
        devices_.push_back(result->out.substr(0, result->out.find('\n')));
        return true;
    }
    Workshop& shop_;
    std::vector<std::string> devices_;
};

}  // namespace bailiff::test
