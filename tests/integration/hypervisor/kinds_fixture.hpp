// SPDX-License-Identifier: Apache-2.0
// The agent's runner in this process over a real libvirtd, and VMs of every kind made from one guest's disk.
#pragma once

#include "agent/evidence/file_evidence.hpp"
#include "agent/evidence/qemu_overlays.hpp"
#include "agent/evidence/scan_reports.hpp"
#include "agent/evidence/scan_scratch.hpp"
#include "agent/files/durable_file.hpp"
#include "agent/journal/memory_journal.hpp"
#include "agent/process/process.hpp"
#include "agent/process_scanner.hpp"
#include "agent/runner.hpp"
#include "agent/scan/clean/sealed_file.hpp"
#include "tests/integration/agent/numbers.hpp"
#include "tests/integration/hypervisor/host_fixture.hpp"

#include <bailiff/random.hpp>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <optional>
#include <pugixml.hpp>
#include <regex>
#include <sstream>
#include <thread>

namespace bailiff::test {

/// A VM under test: its definition as it was given to libvirt, and its image files.
struct KindVm {
    std::string name, uuid, xml_path;
    std::vector<std::string> images;   ///< every file whose bytes must not change while it is locked
    std::string console;
    VmId id() const { return VmId(uuid); }
};

/// Orders and jobs go through the runner as from a controller; everything beneath it is real.
class KindsFixture : public HostFixture, public agent::Link {
  protected:
    using Edit = std::function<void(pugi::xml_node domain)>;
    static constexpr std::chrono::milliseconds inventory{300};

    static void SetUpTestSuite() {
        HostFixture::SetUpTestSuite();
        if (host_) template_ = std::make_unique<LabGuest>(*host_, LabGuestOptions{.name = "template", .define = false});
    }
    static void TearDownTestSuite() {
        template_.reset();
        HostFixture::TearDownTestSuite();
    }

    void SetUp() override {
        HostFixture::SetUp();
        if (IsSkipped()) return;
        folder_ = host_->folder() + "/agent";
        std::filesystem::create_directories(folder_ + "/rules");
        learn("eicar", "EICAR-STANDARD-ANTIVIRUS-TEST-FILE");
        auto impatient = options();
        impatient.ask_timeout = std::chrono::seconds{7};
        hypervisor_ = std::make_unique<agent::LibvirtHypervisor>(impatient, clock_);
        const agent::NvramOf nvram_of = [this](const VmId& vm) { return hypervisor_->nvram_path(vm); };
        guard_ = std::make_unique<agent::FileGuard>(gate_options().locks_folder, BAILIFF_BIN_DIR "/bailiff-hold");
        overlays_ = std::make_unique<agent::QemuOverlays>(folder_ + "/overlays", nvram_of);
        evidence_ = std::make_unique<agent::FileEvidence>(folder_ + "/evidence", nvram_of);
        agent::ScannerPrograms programs;
        programs.scan = BAILIFF_BIN_DIR "/bailiff-scan";
        programs.clean = BAILIFF_BIN_DIR "/bailiff-clean";
        programs.yara = folder_ + "/rules";
        programs.keep_key = folder_ + "/keep.pub";
        std::ofstream(programs.keep_key) << agent::UnsealingKey::make().public_half().public_pem();
        scanner_ = std::make_unique<agent::ProcessScanner>(programs);
        scratch_ = std::make_unique<agent::FolderScratch>(folder_ + "/live-scan", agent::ScratchBounds{});
        reports_ = std::make_unique<agent::FileScanReports>(folder_ + "/scans", SignatureKey::from_seed(std::string(32, 'h')), clock_);
        agent::RunnerSettings settings;
        settings.host = HostId("h1");
        settings.keys = {{key_.key_id(), key_}};
        settings.budget_per_hour = 1000;
        settings.patience = {std::chrono::seconds{1}, std::chrono::seconds{1}, std::chrono::seconds{1}, std::chrono::milliseconds{100}};
        settings.patience.first_retry = std::chrono::milliseconds{200};
        settings.patience.retries = 3;
        settings.inventory = inventory;
        settings.repair_gate = [this] { (void)agent::repair_gate(gate_options()); };
        adjust(settings);
        runner_ = std::make_unique<agent::Runner>(agent::World{*hypervisor_, *guard_, *overlays_, *evidence_, *scanner_, *scratch_, *reports_}, journal_, *this, executor_,
                                                  clock_, random_, settings);
        runner_->on_log = [this](const agent::LogLine& line) { log_ += line.text + "\n"; };
        ASSERT_TRUE(gate_up());
        runner_->start();
        runner_->connected();
        runner_->on_frame({MessageId("w"), Welcome{1, clock_.now()}});
    }
    void TearDown() override {
        if (HasFailure()) std::cout << log_;
        for (const KindVm& vm : vms_) remove(vm);
        runner_.reset();
    }
    /// Some kinds are walked in the long suite only: each costs ten seconds and more, and every change waits for CI.
    static constexpr const char* for_long = "long: BAILIFF_LONG=1, or contrib/test-long kinds";
    static bool long_suite() { return std::getenv("BAILIFF_LONG") != nullptr; }
    /// For fixtures that need another patience.
    virtual void adjust(agent::RunnerSettings&) {}

    // ---- the controller's side ----------------------------------------------------------------------------------

    void send(const Frame& frame) override {
        const auto is_final = [](AnswerStatus s) { return s != AnswerStatus::accepted && s != AnswerStatus::progress; };
        if (const auto* order = std::get_if<OrderAnswer>(&frame.message); order && is_final(order->status))
            answers_.insert_or_assign(order->order_id.text(), frame.message);
        if (const auto* job = std::get_if<JobAnswer>(&frame.message); job && is_final(job->status))
            answers_.insert_or_assign(job->job_id.text(), frame.message);
    }
    /// Gives the order; fails the test when it is not answered within three minutes.
    OrderAnswer make(const KindVm& vm, VmState desired, const std::function<void(Order&)>& change = {}) {
        Order o = numbers_.order(vm.id(), desired);
        if (change) change(o);
        return std::get<OrderAnswer>(answer_to(OrderFrame{seal(key_, order_payload_type, dump_json(to_json(o)))}, o.order_id.text()));
    }
    JobAnswer run(const KindVm& vm, JobKind kind, const std::string& scan_job = "") {
        Job j = numbers_.job(vm.id(), kind);
        j.scan_job = JobId(scan_job);
        return std::get<JobAnswer>(answer_to(JobFrame{seal(key_, job_payload_type, dump_json(to_json(j)))}, j.job_id.text()));
    }
    void expect_done(const OrderAnswer& answer) {
        EXPECT_TRUE(answer.status == AnswerStatus::done || answer.status == AnswerStatus::already)
            << name(answer.status) << " " << name(answer.refusal) << ": " << answer.text;
    }
    void expect_done(const JobAnswer& answer) {
        EXPECT_TRUE(answer.status == AnswerStatus::done || answer.status == AnswerStatus::already)
            << name(answer.status) << " " << name(answer.refusal) << ": " << answer.text;
    }

    // ---- VMs ----------------------------------------------------------------------------------------------------

    /// A copy of the template's disk under a new name; `format` as qemu-img names it.
    std::string image(const std::string& file, const std::string& format = "qcow2", const std::string& of = "") {
        const std::string path = host_->folder() + "/guests/" + file;
        must({"qemu-img", "convert", "-O", format, of.empty() ? template_->disk() : of, path});
        return path;
    }
    /// An empty image.
    std::string blank(const std::string& file, const std::string& format) {
        const std::string path = host_->folder() + "/guests/" + file;
        must({"qemu-img", "create", "-q", "-f", format, path, "8M"});
        return path;
    }
    /// A VM with a name and UUID of its own on `disk`; `edit` makes it the kind that is wanted.
    KindVm vm(const std::string& name, const std::string& disk, const Edit& edit = {}, bool define = true) {
        pugi::xml_document document;
        document.load_file(template_->xml_path().c_str());
        pugi::xml_node domain = document.child("domain");
        KindVm out;
        out.name = name;
        out.uuid = must({"cat", "/proc/sys/kernel/random/uuid"}).substr(0, 36);
        out.images = {disk};
        out.console = host_->folder() + "/guests/" + name + ".console";
        domain.child("name").text() = name.c_str();
        domain.child("uuid").text() = out.uuid.c_str();
        pugi::xml_node devices = domain.child("devices");
        devices.child("disk").child("source").attribute("file") = disk.c_str();
        devices.child("serial").child("source").attribute("path") = out.console.c_str();
        devices.child("interface").child("mac").attribute("address") = ("52:54:00:" + out.uuid.substr(0, 2) + ":" + out.uuid.substr(2, 2) + ":" + out.uuid.substr(4, 2)).c_str();
        if (edit) edit(domain);
        out.xml_path = host_->folder() + "/guests/" + name + ".kind.xml";
        document.save_file(out.xml_path.c_str());
        if (define) host_->virsh({"define", out.xml_path});
        vms_.push_back(out);
        return out;
    }
    static pugi::xml_node add_disk(pugi::xml_node domain, const std::string& target, const std::string& format, const std::string& source,
                                   const std::string& type = "file", const std::string& attribute = "file") {
        pugi::xml_node disk = domain.child("devices").append_child("disk");
        disk.append_attribute("type") = type.c_str();
        disk.append_attribute("device") = "disk";
        pugi::xml_node driver = disk.append_child("driver");
        driver.append_attribute("name") = "qemu";
        driver.append_attribute("type") = format.c_str();
        disk.append_child("source").append_attribute(attribute.c_str()) = source.c_str();
        pugi::xml_node node = disk.append_child("target");
        node.append_attribute("dev") = target.c_str();
        node.append_attribute("bus") = "virtio";
        return disk;
    }
    void start(const KindVm& vm) { host_->virsh({"start", vm.name}); }
    bool booted(const KindVm& vm, int times = 1) {
        return eventually(
            [&] {
                const std::string text = agent::read_file(vm.console, size_t{16} << 20).value_or("");
                int count = 0;
                for (size_t at = 0; (at = text.find("guest: up ", at)) != std::string::npos; ++at) ++count;
                return count >= times;
            },
            std::chrono::seconds{90});
    }
    Power power(const KindVm& vm) {
        const auto seen = hypervisor_->observe(vm.id());
        return seen ? seen->power : Power::unknown;
    }
    std::vector<std::string> hashes(const KindVm& vm) {
        std::vector<std::string> out;
        for (const auto& path : vm.images) out.push_back(path + " " + sha256_of_file(path));
        return out;
    }
    /// Whether somebody with virsh can start it.
    bool can_be_started(const KindVm& vm) {
        const auto run = agent::Process::run({"virsh", "--quiet", "--connect", host_->uri(), "start", vm.name});
        return run && run->ok();
    }

    // ---- the law ------------------------------------------------------------------------------------------------

    /// Off and locked, booted from overlays, reverted, given back: the definition and every image byte as they were, the
    /// power as it was found, nothing left behind.
    void whole_cycle(const KindVm& vm, Power found_again) {
        const std::string definition = definition_of(vm);
        expect_done(make(vm, VmState::off));
        ASSERT_EQ(power(vm), Power::off);
        EXPECT_EQ(host_->qemu(vm.name), 0) << "its process is gone";
        EXPECT_FALSE(can_be_started(vm)) << "the lock holds";
        const auto before = hashes(vm);
        expect_done(make(vm, VmState::quarantined));
        const auto seen = hypervisor_->observe(vm.id());
        ASSERT_TRUE(seen) << seen.error().text;
        EXPECT_TRUE(seen->quarantine_running);
        EXPECT_EQ(definition_of(vm), definition);
        expect_done(make(vm, VmState::off));
        expect_done(run(vm, JobKind::revert));
        EXPECT_EQ(hashes(vm), before);
        expect_done(make(vm, VmState::running));
        EXPECT_EQ(definition_of(vm), definition) << "letter by letter";
        EXPECT_EQ(power(vm), found_again);
        nothing_is_left(vm);
    }
    /// As it is stored. A transient VM has only the one it runs from, and libvirt numbers each run in its channels' paths.
    std::string definition_of(const KindVm& vm) {
        return std::regex_replace(*hypervisor_->definition(vm.id(), false), std::regex("/domain-[0-9]+-"), "/domain-N-");
    }
    void nothing_is_left(const KindVm& vm) {
        if (std::filesystem::exists(folder_ + "/overlays")) {
            for (const auto& file : std::filesystem::recursive_directory_iterator(folder_ + "/overlays"))
                EXPECT_FALSE(file.is_regular_file()) << file.path() << " was left behind";
        }
        for (const auto& name : agent::names_in(gate_options().locks_folder)) EXPECT_FALSE(name.starts_with(vm.uuid)) << name << " was left behind";
    }

    static std::string must(const std::vector<std::string>& argv) {
        auto out = agent::output_of(argv, {});
        if (!out) throw std::runtime_error(out.error().text);
        return *out;
    }
    /// Gives the scanner another rule.
    void learn(const std::string& rule, const std::string& text) {
        ASSERT_TRUE(agent::write_durably(folder_ + "/rules/" + rule + ".yar", "rule " + rule + " { strings: $a = \"" + text + "\" condition: $a }\n", 0644));
    }

    inline static std::unique_ptr<LabGuest> template_;
    std::string folder_, log_;
    std::unique_ptr<agent::FileGuard> guard_;
    std::unique_ptr<agent::QemuOverlays> overlays_;
    std::unique_ptr<agent::FileEvidence> evidence_;
    std::unique_ptr<agent::ProcessScanner> scanner_;
    std::unique_ptr<agent::FolderScratch> scratch_;
    std::unique_ptr<agent::FileScanReports> reports_;
    std::unique_ptr<agent::Runner> runner_;
    std::vector<KindVm> vms_;

  private:
    Message answer_to(const Message& message, const std::string& id) {
        // A VM that was defined a moment ago is known to the runner after its next inventory.
        std::this_thread::sleep_for(inventory);
        runner_->tick();
        const auto deadline = clock_.monotonic() + std::chrono::minutes{3};
        bool given = false;
        while (!answers_.contains(id)) {
            if (clock_.monotonic() > deadline) throw std::runtime_error("no answer within three minutes:\n" + log_);
            if (!given) runner_->on_frame({MessageId("f-" + id), message});
            given = true;
            runner_->tick();
            if (!answers_.contains(id)) std::this_thread::sleep_for(std::chrono::milliseconds{20});
        }
        runner_->on_frame({MessageId("ack-" + id), Ack{{"answer-" + id}}});
        return answers_.at(id);
    }
    void remove(const KindVm& vm) {
        (void)guard_->unlock(vm.id());
        const auto quiet = [&](std::vector<std::string> words) {
            words.insert(words.begin(), {"virsh", "--quiet", "--connect", host_->uri()});
            (void)agent::Process::run(words);
        };
        quiet({"destroy", vm.name});
        quiet({"undefine", "--nvram", "--managed-save", "--snapshots-metadata", vm.name});
        std::filesystem::remove_all(folder_ + "/overlays/" + vm.uuid);
    }

    agent::MemoryJournal journal_;
    agent::InlineExecutor executor_;
    SeededRandom random_{42};
    SignatureKey key_ = SignatureKey::from_seed(std::string(32, 'i'));
    std::map<std::string, Message> answers_;
    Numbers numbers_;
};

}  // namespace bailiff::test
