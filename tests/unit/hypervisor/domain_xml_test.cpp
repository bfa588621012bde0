// SPDX-License-Identifier: Apache-2.0
// What is read from a definition, and what a quarantine boot keeps, changes and leaves out.
#include "agent/hypervisor/domain_xml.hpp"

#include <gtest/gtest.h>

namespace bailiff::agent {
namespace {

/// A definition with one of everything that matters, as panels and libvirt write them.
const std::string full = R"(<domain type='kvm' id='7' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
  <name>web &quot;1&quot;</name>
  <uuid>11111111-2222-4333-8444-555555555555</uuid>
  <metadata><nova:instance xmlns:nova='http://openstack.org/xmlns/libvirt/nova/1.1'><nova:name>x</nova:name></nova:instance></metadata>
  <os><type arch='x86_64' machine='q35'>hvm</type><loader readonly='yes' type='pflash'>/ovmf</loader><nvram template='/vars'>/nvram/web1.fd</nvram></os>
  <sysinfo type='smbios'><system><entry name='serial'>S-1</entry></system></sysinfo>
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
    <disk type='file' device='disk'>
      <driver name='qemu' type='qcow2' cache='none' io='native' discard='unmap'/>
      <source file='/images/a&amp;b.qcow2' index='2'/>
      <backingStore type='file'><format type='raw'/><source file='/images/golden.raw'/><backingStore/></backingStore>
      <target dev='vda' bus='virtio'/><serial>root-1</serial>
      <address type='pci' domain='0x0000' bus='0x00' slot='0x05' function='0x0'/>
    </disk>
    <disk type='network' device='disk'><driver name='qemu' type='raw'/><source protocol='rbd' name='pool/img'><host name='mon'/></source>
      <auth username='libvirt'/><target dev='vdb' bus='virtio'/></disk>
    <disk type='file' device='cdrom'><source file='/iso/rescue.iso'/><target dev='sda' bus='sata'/><readonly/></disk>
    <disk type='file' device='cdrom'><target dev='sdb' bus='sata'/><readonly/></disk>
    <interface type='bridge'><mac address='52:54:00:AA:BB:CC'/><source bridge='br0'/><target dev='vnet3'/>
      <model type='e1000'/><filterref filter='clean-traffic'/><link state='down'/><address type='pci' slot='0x03'/></interface>
    <interface type='hostdev' managed='yes'><mac address='52:54:00:00:00:02'/><source><address type='pci' bus='1'/></source><vlan><tag id='4'/></vlan></interface>
    <serial type='tcp'><source mode='bind' host='0.0.0.0' service='2445'/><protocol type='telnet'/><target port='0'/></serial>
    <channel type='unix'><source mode='bind' path='/var/lib/x'/><target type='virtio' name='org.qemu.guest_agent.0'/></channel>
    <graphics type='vnc' port='5901' autoport='no' listen='0.0.0.0'><listen type='address' address='0.0.0.0'/></graphics>
    <input type='tablet' bus='usb'/><input type='evdev'><source dev='/dev/input/event1'/></input>
    <hostdev mode='subsystem' type='pci'/><tpm model='tpm-tis'><backend type='emulator'/></tpm>
    <filesystem type='mount'><source dir='/srv'/></filesystem><vsock model='virtio'/><redirdev bus='usb' type='tcp'/>
    <shmem name='s'/><memballoon model='virtio'/><rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>
    <unheard-of/>
  </devices>
  <qemu:commandline><qemu:arg value='-netdev'/><qemu:arg value='user,id=x'/></qemu:commandline>
  <seclabel type='dynamic'/>
</domain>)";

QuarantineBoot boot() {
    return {{{"vda", "/over/vda.qcow2"}, {"vdb", "/over/vdb.qcow2"}}, "0123456789abcdef", "/over/nvram.fd"};
}

TEST(DomainXml, reads_disks_nics_and_nvram) {
    const auto facts = read_domain(full);
    ASSERT_TRUE(facts) << facts.error().text;
    EXPECT_EQ(facts->name, "web \"1\"");
    EXPECT_EQ(facts->uuid, "11111111-2222-4333-8444-555555555555");
    EXPECT_EQ(facts->nvram, "/nvram/web1.fd");
    EXPECT_EQ(facts->disks, (std::vector<VmDisk>{{"vda", "qcow2", "/images/a&b.qcow2", false},
                                                 {"vdb", "raw", "rbd:pool/img", false},
                                                 {"sda", "raw", "/iso/rescue.iso", true}}));
    EXPECT_EQ(facts->nics,
              (std::vector<VmNic>{{"52:54:00:aa:bb:cc", "br0", false}, {"52:54:00:00:00:02", "", true}}));
    EXPECT_FALSE(facts->ours);
    EXPECT_EQ(facts->run, 7) << "what describes a process says which";
    EXPECT_EQ(read_domain("<domain type='kvm'/>")->run, std::nullopt) << "libvirt gives this for a VM that ended just now";
    EXPECT_EQ(read_domain("<network/>").error().code, Errc::invalid);
    EXPECT_EQ(read_domain("<domain").error().code, Errc::invalid);
}

TEST(DomainXml, a_quarantine_boot_keeps_identity_and_replaces_disks_and_networks) {
    const auto edited = quarantine_domain(full, boot(), "quarantine");
    ASSERT_TRUE(edited) << edited.error().text;
    const auto facts = read_domain(*edited);
    ASSERT_TRUE(facts);
    EXPECT_EQ(facts->name, "web \"1\"");
    EXPECT_EQ(facts->uuid, "11111111-2222-4333-8444-555555555555");
    EXPECT_EQ(facts->nvram, "/over/nvram.fd");
    EXPECT_TRUE(facts->ours);
    EXPECT_EQ(facts->disks, (std::vector<VmDisk>{{"vda", "qcow2", "/over/vda.qcow2", false},
                                                 {"vdb", "qcow2", "/over/vdb.qcow2", false}}));
    EXPECT_EQ(facts->nics, (std::vector<VmNic>{{"52:54:00:aa:bb:cc", "quarantine", true},
                                               {"52:54:00:00:00:02", "quarantine", true}}));
    for (const char* kept :
         {"<serial>root-1</serial>", "slot=\"0x05\"", "name=\"serial\">S-1", "machine=\"q35\"",
          "org.qemu.guest_agent.0", "nova:name", "type=\"tablet\"", "type=\"e1000\"", "discard=\"unmap\""})
        EXPECT_NE(edited->find(kept), std::string::npos) << kept;
    EXPECT_TRUE(check_quarantined(*edited, boot(), "quarantine"));
}

TEST(DomainXml, a_quarantine_boot_leaves_out_what_reaches_further) {
    const std::string edited = *quarantine_domain(full, boot(), "quarantine");
    for (const char* gone :
         {"/images/", "golden",   "rbd",   "mon",     "hostdev",       "<tpm",          "<filesystem",
          "vsock",    "redirdev", "shmem", "qemu:",   "evdev",         "0.0.0.0",       "5901",
          "telnet",   "2445",     "br0",   "vnet3",   "clean-traffic", "unheard-of",    "/iso/",
          "seclabel", "id=\"7\"", "<vlan", "/nvram/", "io=\"native\"", "state=\"down\""})
        EXPECT_EQ(edited.find(gone), std::string::npos) << gone;
    EXPECT_NE(edited.find("127.0.0.1"), std::string::npos);
}

TEST(DomainXml, refuses_a_boot_that_would_touch_the_customers_disk) {
    QuarantineBoot missing = boot();
    missing.overlays.erase("vdb");
    EXPECT_EQ(quarantine_domain(full, missing, "q").error().code, Errc::invalid);
    QuarantineBoot no_nvram = boot();
    no_nvram.nvram.clear();
    EXPECT_EQ(quarantine_domain(full, no_nvram, "q").error().code, Errc::invalid);
    const std::string lun =
        "<domain><uuid>u</uuid><devices><disk type='block' device='lun'><source dev='/dev/sdb'/>"
        "<target dev='vda'/></disk></devices></domain>";
    EXPECT_EQ(quarantine_domain(lun, boot(), "q").error().code, Errc::invalid);
}

TEST(DomainXml, the_check_after_the_start_finds_every_deviation) {
    const std::string good = *quarantine_domain(full, boot(), "quarantine");
    const auto broken = [&](const std::string& from, const std::string& to) {
        std::string text = good;
        const size_t at = text.find(from);
        EXPECT_NE(at, std::string::npos) << from;
        return check_quarantined(text.replace(at, from.size(), to), boot(), "quarantine");
    };
    EXPECT_EQ(broken("/over/vda.qcow2", "/images/a&amp;b.qcow2").error().code, Errc::conflict);
    EXPECT_EQ(broken("network=\"quarantine\"", "network=\"default\"").error().code, Errc::conflict);
    EXPECT_EQ(broken("isolated=\"yes\"", "isolated=\"no\"").error().code, Errc::conflict);
    EXPECT_EQ(broken("<memballoon", "<hostdev/><memballoon").error().code, Errc::conflict);
}

TEST(DomainXml, changes_only_the_links_that_are_not_yet_so) {
    const std::string domain =
        "<domain><devices><interface type='bridge'><mac address='52:54:00:aa:bb:cc'/>"
        "<link state='down'/></interface><interface type='network'><mac address='52:54:00:00:00:02'/>"
        "</interface></devices></domain>";
    const auto down = link_updates(domain, false);
    ASSERT_TRUE(down);
    ASSERT_EQ(down->size(), 1u);
    EXPECT_NE(down->at(0).find("52:54:00:00:00:02"), std::string::npos);
    EXPECT_NE(down->at(0).find("<link state=\"down\""), std::string::npos);
    const auto up = link_updates(domain, true);
    ASSERT_TRUE(up);
    ASSERT_EQ(up->size(), 1u);
    EXPECT_EQ(up->at(0).find("<link"), std::string::npos);
    EXPECT_EQ(link_updates(full, false).error().code, Errc::invalid) << "a passed-through NIC";
}

TEST(DomainXml, tells_an_isolated_network_from_others) {
    EXPECT_TRUE(is_isolated_network(quarantine_network("q", "q0")));
    EXPECT_FALSE(is_isolated_network("<network><port isolated='yes'/><forward mode='nat'/></network>"));
    EXPECT_FALSE(is_isolated_network("<network><port isolated='yes'/><ip address='10.0.0.1'/></network>"));
    EXPECT_FALSE(is_isolated_network("<network><name>q</name></network>"));
    EXPECT_FALSE(is_isolated_network("nonsense"));
}

TEST(DomainXml, the_canary_names_the_locked_uuid) {
    EXPECT_EQ(read_domain(canary_domain("qemu"))->uuid, canary_uuid);
    EXPECT_EQ(read_domain(canary_domain("qemu"))->name, "bailiff-canary");
}

}  // namespace
}  // namespace bailiff::agent
