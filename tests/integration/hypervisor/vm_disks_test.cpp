// SPDX-License-Identifier: Apache-2.0
// Disks of every kind: what an overlay can stand on, and what is left to a person in clear words.
#include "tests/integration/hypervisor/kinds_fixture.hpp"

namespace bailiff::test {
namespace {

class VmDisks : public KindsFixture {
  protected:
    /// Off, lock and release work; the quarantine boot is answered with `words` and leaves nothing behind.
    void off_and_lock_but_no_overlay(const KindVm& it, const std::string& words) {
        const std::string definition = *hypervisor_->definition(it.id(), false);
        expect_done(make(it, VmState::off));
        EXPECT_FALSE(can_be_started(it));
        const auto before = hashes(it);
        const auto answer = make(it, VmState::quarantined);
        EXPECT_EQ(answer.status, AnswerStatus::failed) << answer.text;
        EXPECT_NE(answer.text.find(words), std::string::npos) << answer.text;
        EXPECT_EQ(answer.state, VmState::off);
        EXPECT_EQ(hashes(it), before);
        expect_done(make(it, VmState::running));
        EXPECT_EQ(*hypervisor_->definition(it.id(), false), definition);
        EXPECT_EQ(power(it), Power::running);
        nothing_is_left(it);
    }
};

TEST_F(VmDisks, several_disks_and_nics) {
    const std::string iso = blank("several.iso", "raw"), tools = blank("tools.raw", "raw"), data = blank("data.raw", "raw");
    KindVm it = vm("several", image("several.qcow2"), [&](pugi::xml_node domain) {
        add_disk(domain, "vdb", "raw", data);
        pugi::xml_node shared = add_disk(domain, "vdc", "raw", tools);
        shared.append_child("readonly");
        shared.append_child("shareable");
        pugi::xml_node cdrom = add_disk(domain, "hda", "raw", iso);
        cdrom.attribute("device") = "cdrom";
        cdrom.child("target").attribute("bus") = "ide";
        cdrom.append_child("readonly");
        pugi::xml_node nic = domain.child("devices").append_copy(domain.child("devices").child("interface"));
        nic.child("mac").attribute("address") = "52:54:00:00:77:02";
        nic.child("model").attribute("type") = "e1000";
    });
    it.images.insert(it.images.end(), {iso, tools, data});
    start(it);
    whole_cycle(it, Power::running);
    EXPECT_EQ(hypervisor_->observe(it.id())->nics.size(), 2u);
}

TEST_F(VmDisks, raw) {
    if (!long_suite()) GTEST_SKIP() << for_long;
    const KindVm it = vm("raw", image("raw.raw", "raw"), [](pugi::xml_node domain) {
        domain.child("devices").child("disk").child("driver").attribute("type") = "raw";
    });
    start(it);
    whole_cycle(it, Power::running);
}

TEST_F(VmDisks, a_chain_of_two_backing_files) {
    const std::string golden = image("golden.raw", "raw"), middle = host_->folder() + "/guests/middle.qcow2", top = host_->folder() + "/guests/top.qcow2";
    must({"qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", golden, middle});
    must({"qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", middle, top});
    KindVm it = vm("chained", top);
    it.images.insert(it.images.end(), {middle, golden});
    start(it);
    ASSERT_TRUE(booted(it));
    whole_cycle(it, Power::running);
}

/// A loop device over a file; detached with the object.
struct LoopDevice {
    explicit LoopDevice(const std::string& file) : attached(agent::output_of({"losetup", "--find", "--show", file}, {})) {
        if (attached) path = attached->substr(0, attached->find('\n'));
    }
    ~LoopDevice() {
        if (attached) (void)agent::Process::run({"losetup", "--detach", path});
    }
    LoopDevice(const LoopDevice&) = delete;
    LoopDevice& operator=(const LoopDevice&) = delete;
    Result<std::string> attached;
    std::string path;
};

TEST_F(VmDisks, a_block_device) {
    if (!long_suite()) GTEST_SKIP() << for_long;
    const LoopDevice device(image("device.raw", "raw"));
    if (!device.attached) GTEST_SKIP() << "needs a loop device: " << device.attached.error().text;
    const KindVm it = vm("device", device.path, [&](pugi::xml_node domain) {
        pugi::xml_node disk = domain.child("devices").child("disk");
        disk.attribute("type") = "block";
        disk.child("driver").attribute("type") = "raw";
        disk.child("source").remove_attribute("file");
        disk.child("source").append_attribute("dev") = device.path.c_str();
    });
    start(it);
    EXPECT_TRUE(booted(it));
    whole_cycle(it, Power::running);
    host_->virsh({"destroy", it.name});
}

TEST_F(VmDisks, shared_by_nbd_it_is_switched_off_and_locked_but_not_quarantined) {
    const std::string file = image("exported.raw", "raw"), folder = host_->folder() + "/guests/nbd", socket = folder + "/socket";
    std::filesystem::create_directories(folder);
    std::filesystem::permissions(folder, std::filesystem::perms::all);
    auto server = agent::Process::start({"qemu-nbd", "--persistent", "--shared=4", "--format=raw", "--socket=" + socket, file}, {});
    ASSERT_TRUE(server) << server.error().text;
    ASSERT_TRUE(eventually([&] { return std::filesystem::exists(socket); }));
    std::filesystem::permissions(socket, std::filesystem::perms::all);
    KindVm it = vm("exported", file, [&](pugi::xml_node domain) {
        pugi::xml_node disk = domain.child("devices").child("disk");
        disk.attribute("type") = "network";
        disk.child("driver").attribute("type") = "raw";
        pugi::xml_node source = disk.child("source");
        source.remove_attribute("file");
        source.append_attribute("protocol") = "nbd";
        pugi::xml_node host = source.append_child("host");
        host.append_attribute("transport") = "unix";
        host.append_attribute("socket") = socket.c_str();
    });
    start(it);
    off_and_lock_but_no_overlay(it, "no local file or device");
    host_->virsh({"destroy", it.name});
    server->stop();
}

TEST_F(VmDisks, shared_with_another_vm_it_is_switched_off_and_locked_but_not_quarantined) {
    if (!long_suite()) GTEST_SKIP() << for_long;
    const std::string shared = blank("shared.raw", "raw");
    KindVm it = vm("sharing", image("sharing.qcow2"), [&](pugi::xml_node domain) { add_disk(domain, "vdb", "raw", shared).append_child("shareable"); });
    it.images.push_back(shared);
    start(it);
    off_and_lock_but_no_overlay(it, "is shared with other VMs");
}

}  // namespace
}  // namespace bailiff::test
