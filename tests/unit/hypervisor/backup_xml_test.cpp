// SPDX-License-Identifier: Apache-2.0
// What a running VM's definition says of its copy, and what a backup job's description says of its files.
#include "agent/hypervisor/backup_xml.hpp"

#include "agent/hypervisor/domain_xml.hpp"

#include <gtest/gtest.h>

namespace bailiff::agent {
namespace {

constexpr const char* live = R"(<domain type='kvm' id='3'>
  <memory unit='KiB'>131072</memory>
  <devices>
    <disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='/images/top.qcow2'/>
      <backingStore type='file'><format type='qcow2'/><source file='/images/base.qcow2'/><backingStore/></backingStore>
      <target dev='vda' bus='virtio'/></disk>
    <disk type='network' device='disk'><driver name='qemu' type='raw'/>
      <source protocol='nbd' name='data'><host transport='unix' socket='/run/nbd.sock'/></source><backingStore/>
      <target dev='vdb' bus='virtio'/></disk>
    <disk type='block' device='disk'><driver name='qemu' type='raw'/><source dev='/dev/vg/data'/><target dev='vdc' bus='virtio'/></disk>
    <disk type='file' device='cdrom'><source file='/images/install.iso'/><target dev='sda' bus='sata'/><readonly/></disk>
    <channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0' state='STATE'/></channel>
  </devices>
</domain>)";

std::string with_agent(const std::string& state) {
    std::string out = live;
    return out.replace(out.find("STATE"), 5, state);
}

TEST(BackupXml, a_live_definition_tells_the_disks_the_memory_and_the_agent) {
    const auto facts = read_live(with_agent("connected"));
    ASSERT_TRUE(facts) << facts.error().text;
    ASSERT_EQ(facts->disks.size(), 3u) << "what the guest cannot write is no evidence";
    EXPECT_TRUE(facts->disks[0].chained);
    EXPECT_FALSE(facts->disks[1].chained) << "an empty backingStore ends a chain";
    EXPECT_EQ(facts->disks[1].disk, (VmDisk{"vdb", "raw", "nbd+unix:///data?socket=/run/nbd.sock", false}));
    EXPECT_EQ(facts->disks[2].disk.source, "/dev/vg/data");
    EXPECT_EQ(facts->memory_bytes, int64_t{128} << 20);
    EXPECT_TRUE(facts->agent_connected);
    EXPECT_FALSE(read_live(with_agent("disconnected"))->agent_connected);
    EXPECT_FALSE(read_live("<network/>"));
}

TEST(BackupXml, a_description_names_every_disk_and_reads_back) {
    const auto targets = disk_targets(live);
    ASSERT_TRUE(targets);
    EXPECT_EQ(*targets, (std::vector<std::string>{"vda", "vdb", "vdc", "sda"}));
    const BackupFiles files{{"vda", "/evidence/a & b/vda.qcow2"}, {"vdb", "/evidence/a & b/vdb.qcow2"}};
    const std::string text = backup_description(*targets, files);
    // A disk that is not named would be copied to a place of libvirt's own choosing.
    EXPECT_NE(text.find("name=\"sda\" backup=\"no\""), std::string::npos) << text;
    EXPECT_NE(text.find("name=\"vdc\" backup=\"no\""), std::string::npos) << text;
    EXPECT_EQ(*files_of_backup(text), files);
}

TEST(BackupXml, a_pull_backup_writes_no_files_of_ours) {
    EXPECT_TRUE(files_of_backup(R"(<domainbackup mode='pull'><server transport='unix' socket='/s'/><disks>
      <disk name='vda' backup='yes' type='file'><scratch file='/scratch'/></disk></disks></domainbackup>)")->empty());
    EXPECT_FALSE(files_of_backup("<domain/>"));
}

}  // namespace
}  // namespace bailiff::agent
