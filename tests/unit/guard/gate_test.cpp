// SPDX-License-Identifier: Apache-2.0
// The start gate's rules, and the installed program as libvirt runs it.
#include "agent/guard/gate.hpp"

#include "agent/files/durable_file.hpp"
#include "agent/guard/file_guard.hpp"
#include "agent/guard/gate_install.hpp"
#include "agent/ports.hpp"
#include "agent/process/process.hpp"

#include <bailiff/system_clock.hpp>

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <filesystem>

namespace bailiff::agent {
namespace {

const std::string locked_vm = "11111111-2222-4333-8444-555555555555";
const std::string other = "99999999-2222-4333-8444-555555555555";

std::string domain(const std::string& uuid, const std::string& devices, const std::string& metadata = "") {
    return "<domain type='kvm'><name>web1</name><uuid>" + uuid + "</uuid><metadata>" + metadata +
           "</metadata><devices>" + devices + "</devices></domain>";
}

const std::string disk =
    "<disk type='file' device='disk'><source file='/images/a&amp;b.qcow2' index='1'/>"
    "<backingStore type='file'><source file='/images/golden.qcow2'/></backingStore></disk>"
    "<disk type='network'><source protocol='rbd' name='pool/x'><host name='mon'/></source></disk>";

std::string start_element(const std::string& token,
                          const std::string& uri = std::string(start_metadata_uri)) {
    return "<b:start xmlns:b='" + uri + "' token='" + token + "'/>";
}

std::pair<uint64_t, uint64_t> fake_identity(const std::string& path) {
    return path == "/images/spelled/../differently" ? std::pair<uint64_t, uint64_t>{7, 8}
                                                    : std::pair<uint64_t, uint64_t>{0, 0};
}

TEST(Gate, knows_which_steps_are_starts) {
    for (const char* operation : {"prepare", "start", "restore", "migrate"})
        EXPECT_TRUE(begins_a_start(operation, "begin"));
    for (const char* operation : {"reconnect", "started", "stopped", "release", "attach"})
        EXPECT_FALSE(begins_a_start(operation, "begin")) << operation;
    EXPECT_FALSE(begins_a_start("stopped", "end"));
}

TEST(Gate, reads_uuid_sources_and_token) {
    const StartFacts facts = read_start_facts(domain(locked_vm, disk, start_element("secret")));
    EXPECT_EQ(facts.uuid, locked_vm);
    EXPECT_EQ(facts.sources,
              (std::vector<std::string>{"/images/a&b.qcow2", "/images/golden.qcow2", "rbd:pool/x"}));
    EXPECT_EQ(facts.token, "secret");
    EXPECT_EQ(read_start_facts(domain(locked_vm, "", start_element("secret", "urn:another"))).token, "");
    EXPECT_EQ(read_start_facts("<domain").uuid, "");
}

TEST(Gate, a_lock_file_reads_back_whatever_the_path) {
    const GateLock lock{locked_vm, "C-17", {{"/a b\n\\n", 1, 2}, {"/plain", 3, 0}}};
    const auto read = parse_lock(locked_vm, format_lock(lock));
    ASSERT_TRUE(read);
    EXPECT_EQ(read->case_id, "C-17");
    ASSERT_EQ(read->disks.size(), 2u);
    EXPECT_EQ(read->disks[0].path, "/a b\n\\n");
    EXPECT_EQ(read->disks[0].inode, 2u);
    EXPECT_FALSE(parse_lock(locked_vm, ""));
    EXPECT_FALSE(parse_lock(locked_vm, "something else"));
}

TEST(Gate, refuses_the_locked_vm_and_names_the_case) {
    const std::vector<GateLock> locks{{locked_vm, "C-17", {}}};
    const auto refusal = refuse_start(read_start_facts(domain(locked_vm, disk)), locks, {}, fake_identity);
    ASSERT_TRUE(refusal);
    EXPECT_NE(refusal->find("Bailiff: VM " + locked_vm + " is locked by case C-17"), std::string::npos);
    EXPECT_FALSE(refuse_start(read_start_facts(domain(other, disk)), locks, {}, fake_identity));
}

TEST(Gate, refuses_another_vm_on_a_locked_disk) {
    const auto other_vm = read_start_facts(domain(other, disk));
    EXPECT_TRUE(refuse_start(other_vm, {{locked_vm, "C-1", {{"/images/a&b.qcow2", 0, 0}}}}, {}, fake_identity));
    EXPECT_TRUE(refuse_start(other_vm, {{locked_vm, "C-1", {{"/images/golden.qcow2", 0, 0}}}}, {}, fake_identity));
    EXPECT_FALSE(refuse_start(other_vm, {{locked_vm, "C-1", {{"/images/c.qcow2", 0, 0}}}}, {}, fake_identity));
    // Two disks that could not be looked at are not the same disk.
    const auto spelled =
        read_start_facts(domain(other, "<disk><source file='/images/spelled/../differently'/></disk>"));
    EXPECT_TRUE(refuse_start(spelled, {{locked_vm, "C-1", {{"/images/x", 7, 8}}}}, {}, fake_identity));
    EXPECT_FALSE(refuse_start(spelled, {{locked_vm, "C-1", {{"/images/x", 7, 9}}}}, {}, fake_identity));
}

TEST(Gate, tells_exports_of_different_servers_apart) {
    const auto exported = [](const std::string& uuid, const std::string& socket) {
        return read_start_facts(domain(uuid, "<disk type='network'><source protocol='nbd'><host transport='unix' socket='" + socket + "'/></source></disk>"));
    };
    const std::vector<GateLock> locks{{locked_vm, "C-1", {{"nbd+unix:///?socket=/s/a", 0, 0}}}};
    EXPECT_TRUE(refuse_start(exported(other, "/s/a"), locks, {}, fake_identity));
    EXPECT_FALSE(refuse_start(exported(other, "/s/b"), locks, {}, fake_identity)) << "an unnamed export is not everybody's";
    const auto remote = read_start_facts(domain(other, "<disk type='network'><source protocol='nbd' name='x'><host name='store' port='10809'/></source></disk>"));
    EXPECT_TRUE(refuse_start(remote, {{locked_vm, "C-1", {{"nbd:x@store:10809", 0, 0}}}}, {}, fake_identity));
}

TEST(Gate, lets_only_the_permitted_token_of_the_same_vm_pass) {
    const std::vector<GateLock> locks{{locked_vm, "C-17", {{"/images/a&b.qcow2", 0, 0}}}};
    const std::vector<Permit> permits{{locked_vm, "0123456789abcdef"}};
    const auto refused = [&](const std::string& uuid, const std::string& metadata) {
        return refuse_start(read_start_facts(domain(uuid, disk, metadata)), locks, permits, fake_identity)
            .has_value();
    };
    EXPECT_FALSE(refused(locked_vm, start_element("0123456789abcdef")));
    EXPECT_TRUE(refused(locked_vm, start_element("0123456789abcdeX")));
    EXPECT_TRUE(refused(locked_vm, start_element("")));
    EXPECT_TRUE(refused(locked_vm, ""));
    EXPECT_TRUE(refused(other, start_element("0123456789abcdef"))) << "the token is for one VM only";
}

TEST(Gate, cannot_be_fooled_by_unreadable_xml_while_locks_exist) {
    EXPECT_TRUE(refuse_start(read_start_facts("nonsense"), {{locked_vm, "C-1", {}}}, {}, fake_identity));
    EXPECT_FALSE(refuse_start(read_start_facts("nonsense"), {}, {}, fake_identity));
}

/// The program, installed as on a host, but in a folder of its own.
class InstalledGate : public testing::Test {
  protected:
    InstalledGate() {
        char name[] = "/tmp/bailiff-gate-XXXXXX";
        folder_ = ::mkdtemp(name);
        options_.program = BAILIFF_BIN_DIR "/bailiff-gate";
        options_.hooks_folder = folder_ + "/hooks";
        options_.locks_folder = folder_ + "/locks";
        options_.pid_files = {folder_ + "/none.pid"};
    }
    ~InstalledGate() override { std::filesystem::remove_all(folder_); }

    ProcessResult call(const std::string& operation, const std::string& xml,
                       const std::string& phase = "begin") {
        ProcessOptions options;
        options.input = xml;
        return *Process::run({options_.hooks_folder + "/qemu.d/00-bailiff", "web1", operation, phase, "-"},
                             options);
    }

    std::string folder_;
    GateOptions options_;
};

TEST_F(InstalledGate, refuses_quickly_on_stderr_only) {
    FileGuard guard(options_.locks_folder);
    const auto change = install_gate(options_);
    ASSERT_TRUE(change) << change.error().text;
    EXPECT_TRUE(change->changed);
    EXPECT_TRUE(change->restart_needed) << "the first hook, and no daemon to tell";
    ASSERT_TRUE(guard.lock({VmId(locked_vm), CaseId("C-17"), "web1", {}, true, false, {}}));
    const SystemClock clock;
    const auto begin = clock.monotonic();
    for (int i = 0; i < 50; ++i) {
        const ProcessResult refused = call("prepare", domain(locked_vm, disk));
        ASSERT_EQ(refused.exit_code, 1);
        ASSERT_EQ(refused.out, "");
        ASSERT_NE(refused.err.find("C-17"), std::string::npos);
    }
    const auto each = (clock.monotonic() - begin) / 50;
    RecordProperty("gate_ms", int(each.count()));
    EXPECT_LT(each, std::chrono::milliseconds{50});
    EXPECT_EQ(call("prepare", domain(other, disk)).exit_code, 0);
    for (const char* harmless : {"reconnect", "started", "stopped", "release"})
        EXPECT_EQ(call(harmless, domain(locked_vm, disk)).exit_code, 0) << harmless;
    EXPECT_EQ(call("prepare", domain(std::string(canary_uuid), "")).exit_code, 1);
    ASSERT_TRUE(guard.permit(VmId(locked_vm), "0123456789abcdef"));
    EXPECT_EQ(call("prepare", domain(locked_vm, disk, start_element("0123456789abcdef"))).exit_code, 0);
    ASSERT_TRUE(guard.revoke(VmId(locked_vm)));
    EXPECT_EQ(call("prepare", domain(locked_vm, disk, start_element("0123456789abcdef"))).exit_code, 1);
    ASSERT_TRUE(guard.unlock(VmId(locked_vm)));
    EXPECT_EQ(call("prepare", domain(locked_vm, disk)).exit_code, 0);
}

TEST_F(InstalledGate, sees_a_locked_disk_under_another_spelling) {
    const std::string image = folder_ + "/image.raw", link = folder_ + "/link.raw";
    ASSERT_TRUE(write_durably(image, "data", 0600));
    std::filesystem::create_symlink(image, link);
    FileGuard guard(options_.locks_folder);
    ASSERT_TRUE(install_gate(options_));
    ASSERT_TRUE(
        guard.lock({VmId(locked_vm), CaseId("C-1"), "web1", {{"vda", "raw", image, false}}, true, false, {}}));
    EXPECT_EQ(call("prepare", domain(other, "<disk><source file='" + link + "'/></disk>")).exit_code, 1);
}

TEST_F(InstalledGate, is_repaired_when_it_lost_its_execute_bit_or_its_content) {
    FileGuard guard(options_.locks_folder);
    const std::string gate = options_.hooks_folder + "/qemu.d/00-bailiff";
    ASSERT_TRUE(install_gate(options_));
    EXPECT_FALSE(install_gate(options_)->changed) << "nothing to do the second time";
    ::chmod(gate.c_str(), 0644);
    EXPECT_TRUE(install_gate(options_)->changed);
    ASSERT_TRUE(write_durably(gate, "#!/bin/sh\nexit 0\n", 0755));
    EXPECT_TRUE(install_gate(options_)->changed);
    EXPECT_EQ(call("prepare", domain(std::string(canary_uuid), "")).exit_code, 1);
    ASSERT_TRUE(remove_gate(options_));
    EXPECT_FALSE(std::filesystem::exists(gate));
}

}  // namespace
}  // namespace bailiff::agent
