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

TEST(BackupXml, a_pull_backup_is_told_by_its_scratch_files) {
    const auto targets = disk_targets(live);
    ASSERT_TRUE(targets);
    const DiskExport served{"/scratch/a & b/socket/nbd", {{"vda", "/scratch/a & b/vda.qcow2"}}};
    const std::string text = export_description(*targets, served);
    EXPECT_NE(text.find("mode=\"pull\""), std::string::npos) << text;
    EXPECT_NE(text.find("transport=\"unix\" socket=\"/scratch/a &amp; b/socket/nbd\""), std::string::npos) << text;
    EXPECT_NE(text.find("name=\"sda\" backup=\"no\""), std::string::npos) << text;
    EXPECT_EQ(*files_of_backup(text), served.scratch);
    // One whose scratch files libvirt chose is nobody's that we know.
    EXPECT_TRUE(files_of_backup("<domainbackup mode='pull'><disks><disk name='vda' backup='yes' type='file'/></disks></domainbackup>")->empty());
    EXPECT_FALSE(files_of_backup("<domain/>"));
}

TEST(BackupXml, what_was_written_since_a_checkpoint_is_served_for_the_disks_that_are_counted) {
    DiskExport served{"/s/nbd", {{"vda", "/s/vda.qcow2"}, {"vdb", "/s/vdb.qcow2"}}, {{"vda", "changes-vda"}}, "", "bailiff-2"};
    const std::vector<std::string> disks{"vda", "vdb", "sda"};
    EXPECT_EQ(export_description(disks, served).find("incremental"), std::string::npos) << "without a checkpoint to count from";
    served.since = "bailiff-1";
    const std::string job = export_description(disks, served);
    EXPECT_NE(job.find("name=\"vda\" backup=\"yes\" type=\"file\" backupmode=\"incremental\" incremental=\"bailiff-1\" exportbitmap=\"changes-vda\""),
              std::string::npos) << job;
    EXPECT_NE(job.find("name=\"vdb\" backup=\"yes\" type=\"file\">"), std::string::npos) << job;
    const std::string checkpoint = checkpoint_description(disks, served);
    EXPECT_NE(checkpoint.find("<name>bailiff-2</name>"), std::string::npos) << checkpoint;
    EXPECT_NE(checkpoint.find("name=\"vda\" checkpoint=\"bitmap\""), std::string::npos) << checkpoint;
    EXPECT_NE(checkpoint.find("name=\"vdb\" checkpoint=\"no\""), std::string::npos) << checkpoint;
    EXPECT_NE(checkpoint.find("name=\"sda\" checkpoint=\"no\""), std::string::npos) << checkpoint;
}

TEST(BackupXml, the_owner_of_the_process_is_libvirts_own_label) {
    const auto owner = [](const std::string& labels) {
        const auto facts = read_live("<domain><devices/>" + labels + "</domain>");
        return facts ? std::pair{facts->user, facts->group} : std::pair{int64_t(-1), int64_t(-1)};
    };
    EXPECT_EQ(owner("<seclabel type='dynamic' model='apparmor'><label>libvirt-1</label></seclabel>"
                    "<seclabel type='dynamic' model='dac'><label>+64055:+108</label></seclabel>"),
              (std::pair{int64_t(64055), int64_t(108)}));
    const std::pair<int64_t, int64_t> root{0, 0};
    EXPECT_EQ(owner(""), root) << "without the driver QEMU is root";
    for (const char* odd : {"qemu:qemu", "+5", "+5:", "+5:+6x", "+99999999999:+1", "-1:-1"})
        EXPECT_EQ(owner("<seclabel model='dac'><label>" + std::string(odd) + "</label></seclabel>"), root) << odd;
}

}  // namespace
}  // namespace bailiff::agent
