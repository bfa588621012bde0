// SPDX-License-Identifier: Apache-2.0
// What a quarantine boot makes of each kind of disk, firmware and device that a definition can have.
#include "agent/hypervisor/domain_xml.hpp"

#include <gtest/gtest.h>

namespace bailiff::agent {
namespace {

std::string domain(const std::string& devices, const std::string& before = "") {
    return "<domain type='kvm'><name>web1</name><uuid>11111111-2222-4333-8444-555555555555</uuid>" + before + "<devices>" + devices +
           "</devices></domain>";
}
std::string disk(const std::string& inside, const std::string& attributes = "type='file' device='disk'") {
    return "<disk " + attributes + "><driver name='qemu' type='qcow2'/>" + inside + "<target dev='vda' bus='virtio'/></disk>";
}
const QuarantineBoot boot{{{"vda", "/over/vda.qcow2"}, {"vdb", "/over/vdb.qcow2"}}, "0123456789abcdef", "/over/nvram.fd"};

std::string edited(const std::string& xml) {
    const auto out = quarantine_domain(xml, boot, "quarantine");
    EXPECT_TRUE(out) << out.error().text;
    return out.value_or("");
}
/// The words of a refusal; empty when it is none.
std::string refused(const std::string& xml) {
    const auto out = quarantine_domain(xml, boot, "quarantine");
    if (out) return "";
    EXPECT_EQ(out.error().code, Errc::invalid);
    EXPECT_NE(out.error().text.find("Disk vda "), std::string::npos) << "the refusal must name the disk: " << out.error().text;
    EXPECT_NE(out.error().text.find("by hand"), std::string::npos) << "the refusal must name the remedy: " << out.error().text;
    return out.error().text;
}
bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

TEST(QuarantineKinds, a_disk_that_no_overlay_fits_is_refused_in_clear_words) {
    EXPECT_TRUE(has(refused(domain(disk("<source dev='/dev/sdb'/>", "type='block' device='lun'"))), "SCSI"));
    EXPECT_TRUE(has(refused(domain(disk("<source file='/images/a'/><shareable/>"))), "shared with other VMs"));
    EXPECT_TRUE(has(refused(domain(disk("<source file='/images/a'/><encryption format='luks'><secret type='passphrase' uuid='1'/></encryption>"))),
                    "encrypted"));
    EXPECT_TRUE(has(refused(domain(disk("<source file='/images/a'><encryption format='luks'><secret type='passphrase' uuid='1'/></encryption></source>"))),
                    "encrypted"));
    EXPECT_TRUE(has(refused(domain(disk("<source file='/images/a'><slices><slice type='storage' offset='0' size='10'/></slices></source>"))), "slice"));
}

TEST(QuarantineKinds, a_read_only_disk_stays_as_it_is_also_when_shared) {
    const std::string xml = edited(domain("<disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='/images/tools.raw'/>"
                                          "<target dev='vdc' bus='virtio'/><readonly/><shareable/></disk>"));
    EXPECT_TRUE(has(xml, "/images/tools.raw") && has(xml, "<readonly") && has(xml, "<shareable"));
    EXPECT_TRUE(check_quarantined(xml, boot, "quarantine"));
}

TEST(QuarantineKinds, a_chain_an_index_and_a_mirror_belong_to_the_old_disk_and_go_with_it) {
    const std::string chain = "<backingStore type='file' index='3'><format type='qcow2'/><source file='/images/middle.qcow2'/>"
                              "<backingStore type='file' index='4'><format type='raw'/><source file='/images/golden.raw'/><backingStore/>"
                              "</backingStore></backingStore><mirror type='file' job='copy'><source file='/images/copy'/></mirror>";
    const std::string xml = edited(domain(disk("<source file='/images/top.qcow2' index='2'/>" + chain)));
    for (const char* gone : {"/images/", "backingStore", "index=", "mirror"}) EXPECT_FALSE(has(xml, gone)) << gone;
    EXPECT_EQ(read_domain(xml)->disks, (std::vector<VmDisk>{{"vda", "qcow2", "/over/vda.qcow2", false}}));
}

TEST(QuarantineKinds, a_block_device_and_a_network_disk_become_files) {
    const std::string xml = edited(domain(
        "<disk type='block' device='disk' rawio='yes' snapshot='external'><driver name='qemu' type='raw' cache='none' io='native'/><source dev='/dev/vg/web1'>"
        "<reservations managed='yes'/></source><target dev='vda' bus='scsi'/></disk>"
        "<disk type='network' device='disk'><driver name='qemu' type='raw'/><source protocol='nbd'><host transport='unix' socket='/s'/></source>"
        "<target dev='vdb' bus='virtio'/></disk>"));
    for (const char* gone : {"/dev/vg", "reservations", "nbd", "rawio", "snapshot", "type=\"block\"", "type=\"network\" device", "io="})
        EXPECT_FALSE(has(xml, gone)) << gone;
    EXPECT_TRUE(has(xml, "bus=\"scsi\""));
    EXPECT_TRUE(check_quarantined(xml, boot, "quarantine"));
}

TEST(QuarantineKinds, an_export_is_known_by_its_server_and_a_pool_of_a_cluster_by_its_name) {
    const auto source = [](const std::string& inside) { return read_domain(domain(disk(inside, "type='network' device='disk'")))->disks.at(0).source; };
    EXPECT_EQ(source("<source protocol='nbd'><host transport='unix' socket='/s/a'/></source>"), "nbd+unix:///?socket=/s/a");
    EXPECT_EQ(source("<source protocol='nbd' name='x'><host name='store' port='10809'/></source>"), "nbd:x@store:10809");
    EXPECT_EQ(source("<source protocol='iscsi' name='iqn/1'><host name='store'/></source>"), "iscsi:iqn/1@store");
    EXPECT_EQ(source("<source protocol='rbd' name='pool/img'><host name='mon1'/><host name='mon2'/></source>"), "rbd:pool/img");
}

TEST(QuarantineKinds, processors_memory_and_their_places_stay) {
    const std::string kept = "<memory unit='KiB'>4194304</memory><vcpu placement='static' cpuset='0-3'>4</vcpu><iothreads>2</iothreads>"
                             "<cputune><shares>2048</shares><vcpupin vcpu='0' cpuset='2'/><emulatorpin cpuset='1'/></cputune>"
                             "<numatune><memory mode='strict' nodeset='0'/></numatune>"
                             "<memoryBacking><hugepages><page size='2048' unit='KiB'/></hugepages><locked/></memoryBacking>"
                             "<cpu mode='custom'><model>Skylake-Server</model><topology sockets='1' cores='4' threads='1'/></cpu>"
                             "<clock offset='utc'><timer name='rtc' tickpolicy='catchup'/></clock>";
    const std::string xml = edited(domain(disk("<source file='/images/a'/>"), kept));
    for (const char* word : {"cpuset=\"0-3\"", "<iothreads>2", "vcpu=\"0\" cpuset=\"2\"", "emulatorpin cpuset=\"1\"", "mode=\"strict\" nodeset=\"0\"",
                             "size=\"2048\"", "<locked", "Skylake-Server", "cores=\"4\"", "tickpolicy=\"catchup\""})
        EXPECT_TRUE(has(xml, word)) << word;
}

TEST(QuarantineKinds, variables_of_the_firmware_are_the_copy_however_they_are_written) {
    for (const char* nvram : {"<nvram>/vars/web1.fd</nvram>", "<nvram template='/usr/share/OVMF/VARS.fd'>/vars/web1.fd</nvram>",
                              "<nvram type='file'><source file='/vars/web1.fd'/></nvram>"}) {
        const std::string xml = edited(domain(disk("<source file='/images/a'/>"), std::string("<os firmware='efi'><type>hvm</type>"
                                              "<loader readonly='yes' secure='yes' type='pflash'>/OVMF.fd</loader>") + nvram + "</os>"));
        EXPECT_EQ(read_domain(xml)->nvram, "/over/nvram.fd") << nvram;
        EXPECT_FALSE(has(xml, "/vars/")) << nvram;
        EXPECT_TRUE(has(xml, "/OVMF.fd") && has(xml, "secure=\"yes\""));
    }
}

TEST(QuarantineKinds, a_trusted_platform_module_and_passed_through_devices_are_not_there) {
    const std::string xml = edited(domain(disk("<source file='/images/a'/>") +
        "<tpm model='tpm-crb'><backend type='emulator' version='2.0' persistent_state='yes'/></tpm>"
        "<hostdev mode='subsystem' type='pci' managed='yes'><source><address domain='0' bus='3' slot='0' function='0'/></source></hostdev>"
        "<hostdev mode='subsystem' type='mdev' model='vfio-pci'/><watchdog model='i6300esb' action='reset'/>"
        "<lease><lockspace>x</lockspace></lease><interface type='vhostuser'><mac address='52:54:00:00:00:01'/>"
        "<source type='unix' path='/ovs' mode='client'/><model type='virtio'/><driver queues='4'/></interface>"));
    for (const char* gone : {"<tpm", "<hostdev", "<lease", "vhostuser", "/ovs", "<driver queues"}) EXPECT_FALSE(has(xml, gone)) << gone;
    EXPECT_TRUE(has(xml, "52:54:00:00:00:01")) << "a NIC that libvirt cannot cut stands isolated like any other";
    EXPECT_TRUE(check_quarantined(xml, boot, "quarantine"));
}

TEST(QuarantineKinds, the_quarantine_network_has_no_dhcp_no_name_service_and_no_way_out) {
    const std::string xml = quarantine_network("q", "q0");
    for (const char* none : {"<dhcp", "<ip", "<dns", "<forward"}) EXPECT_FALSE(has(xml, none)) << none;
    EXPECT_TRUE(is_isolated_network(xml));
}

}  // namespace
}  // namespace bailiff::agent
