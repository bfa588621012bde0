// SPDX-License-Identifier: Apache-2.0
// Outages, end to end, seen as users see them: through the REST API, by mail, and at the VM. Whatever is away, the case is
// kept, the trouble is visible, and work resumes by itself.
#include "tests/e2e/installation.hpp"
#include "tests/fixtures/smtp_server.hpp"

#include <bailiff/system_clock.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <thread>

namespace bailiff::test {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

const std::string vm_of_nobody = "11111111-1111-4111-8111-111111111111";

std::string header_of(const KeptMail& mail, const std::string& field) {
    const size_t at = mail.bytes.find("\r\n" + field + ": ");
    if (at == std::string::npos) return "";
    const size_t from = at + field.size() + 4;
    return mail.bytes.substr(from, mail.bytes.find("\r\n", from) - from);
}

std::vector<KeptMail> mails_about(const TestSmtp& smtp, const std::string& message_id) {
    std::vector<KeptMail> out;
    for (auto& mail : smtp.mails())
        if (header_of(mail, "Message-ID") == message_id) out.push_back(std::move(mail));
    return out;
}

/// The notice of a case with this key, as the API shows it.
Json notice(const Controller& controller, const std::string& case_id, const std::string& key) {
    const auto seen = controller.get("/api/v1/cases/" + case_id);
    for (const auto& mail : seen.body.at("notices"))
        if (mail.at("key") == key) return mail;
    return nullptr;
}

// ---- a controller alone --------------------------------------------------------------------------------------------

TEST(FullDisk, of_the_controller_loses_nothing_that_was_acknowledged_and_work_resumes_by_itself) {
    if (getuid() != 0) GTEST_SKIP() << "needs root: a small disk wants a mount namespace of its own";
    const Folder folder;
    const TestSmtp smtp;
    const SmallDisk disk(folder.path() + "/state", "6m");
    Controller controller(folder.path(), smtp.url(), &disk);
    controller.start();
    controller.know_customer(vm_of_nobody, "web1", "192.0.2.10");
    const std::string id = controller.report("content/malware", vm_of_nobody), at = "/api/v1/cases/" + id;
    ASSERT_TRUE(eventually([&] { return notice(controller, id, "ticket").at("state") == "sent"; }, 20s));

    disk.fill();
    // Every act is either acknowledged or refused; the first refused one is repeated later, word for word.
    std::vector<std::string> acknowledged;
    Said refused;
    std::string note;
    for (int i = 0; i < 3000 && refused.status == 0; ++i) {
        note = "note " + std::to_string(i) + " " + std::string(500, 'n');
        const auto said = controller.ask("POST", at + "/notes", {{"text", note}}, "key-" + std::to_string(i));
        if (said.status == 200) acknowledged.push_back(note);
        else refused = said;
    }
    const std::string key = "key-" + std::to_string(acknowledged.size());
    ASSERT_EQ(refused.status, 503) << refused.text();
    EXPECT_EQ(refused.type, "application/problem+json");
    EXPECT_NE(refused.body.at("detail").get<std::string>().find("is full; free some space"), std::string::npos) << refused.text();
    EXPECT_NE(refused.body.at("detail").get<std::string>().find("nothing was changed"), std::string::npos) << refused.text();
    std::printf("measured: %zu notes were taken after the disk was full\n", acknowledged.size());

    // What was kept before can be read, the state is visible, and reading does not make the controller look well again.
    for (int i = 0; i < 5; ++i) {
        const auto seen = controller.get(at);
        EXPECT_EQ(seen.status, 200) << seen.text();
        EXPECT_EQ(seen.body.at("phase"), "open");
        const auto ready = controller.get("/readyz");
        EXPECT_EQ(ready.status, 503) << ready.text();
        EXPECT_EQ(ready.type, "application/problem+json");
        EXPECT_EQ(controller.get("/healthz").status, 200);
        std::this_thread::sleep_for(200ms);
    }
    EXPECT_EQ(controller.ask("POST", "/api/v1/reports", {{"type", "messaging/spam"}, {"vm", vm_of_nobody}, {"summary", std::string(9000, 's')}}).status, 503);

    // The hour of the answer ends meanwhile: nothing can be written, so nothing happens, and nobody is told that it did.
    controller.advance(Seconds(3600));
    std::this_thread::sleep_for(500ms);
    EXPECT_FALSE(controller.history_has(id, "step 'call' began"));
    const auto kept = controller.history(id);

    disk.make_room();
    EXPECT_TRUE(eventually([&] { return controller.ready(); }, 10s)) << controller.get("/readyz").text();
    EXPECT_TRUE(eventually([&] { return controller.history_has(id, "step 'call' began"); }, 10s)) << "the deadline is taken late, not lost";
    const auto again = controller.ask("POST", at + "/notes", {{"text", note}}, key);
    EXPECT_EQ(again.status, 200) << again.text();
    EXPECT_EQ(controller.ask("POST", at + "/notes", {{"text", note}}, key).status, 200) << "the same key again gets the same answer";
    acknowledged.push_back(note);
    EXPECT_TRUE(eventually([&] { return notice(controller, id, "ticket").at("state") == "sent" && smtp.mails().size() == 2; }, 20s))
        << "the ticket once, the reminder to phone once; there are " << smtp.mails().size();

    // The ladder goes on to its end as if there had been no outage.
    EXPECT_EQ(controller.ask("POST", at + "/calls", {{"outcome", "no_answer"}}).status, 200);
    controller.advance(Seconds(3 * 3600));
    EXPECT_TRUE(eventually([&] { return controller.history_has(id, "VM to be off (sanction)"); }, 10s));

    // Also over a crash: what was acknowledged is there once, what was read is still there.
    const auto before = controller.history(id);
    controller.kill();
    controller.start();
    const auto after = controller.history(id);
    ASSERT_GE(after.size(), before.size());
    EXPECT_TRUE(std::equal(before.begin(), before.end(), after.begin()));
    EXPECT_TRUE(std::equal(kept.begin(), kept.end(), after.begin()));
    for (const auto& text : acknowledged)
        EXPECT_EQ(std::count_if(after.begin(), after.end(), [&](const std::string& item) { return item.find(text) != std::string::npos; }), 1) << text.substr(0, 20);
}

TEST(MailServer, that_is_away_gets_the_notice_later_with_the_same_message_id) {
    const Folder folder;
    auto smtp = std::make_unique<TestSmtp>();
    const std::string port = std::to_string(smtp->port());
    Controller controller(folder.path(), smtp->url());
    smtp.reset();
    controller.start();
    controller.know_customer(vm_of_nobody, "web1", "192.0.2.10");
    const std::string id = controller.report("content/malware", vm_of_nobody);
    ASSERT_TRUE(eventually([&] { return notice(controller, id, "ticket").at("attempts").get<int>() > 0; }, 30s));
    const Json waiting = notice(controller, id, "ticket");
    EXPECT_EQ(waiting.at("state"), "due");
    EXPECT_FALSE(waiting.at("last_reply").get<std::string>().empty()) << "staff sees why it waits";
    EXPECT_TRUE(controller.ready()) << "a mail server that is away does not stop the desk";

    smtp = std::make_unique<TestSmtp>(std::vector<std::string>{"--port", port});
    controller.advance(Seconds(300));
    ASSERT_TRUE(eventually([&] { return notice(controller, id, "ticket").at("state") == "sent"; }, 30s)) << notice(controller, id, "ticket");
    EXPECT_EQ(mails_about(*smtp, waiting.at("message_id").get<std::string>()).size(), 1u);
    EXPECT_EQ(smtp->mails().size(), 1u);
    EXPECT_EQ(smtp->mails().at(0).to, std::vector<std::string>{"asha@lotus.example"});
}

TEST(FullDisk, while_a_mail_is_on_its_way_does_not_send_it_again_and_again) {
    if (getuid() != 0) GTEST_SKIP() << "needs root: a small disk wants a mount namespace of its own";
    const Folder folder;
    auto smtp = std::make_unique<TestSmtp>();
    const std::string port = std::to_string(smtp->port());
    const SmallDisk disk(folder.path() + "/state", "6m");
    Controller controller(folder.path(), smtp->url(), &disk);
    smtp.reset();
    controller.start();
    controller.know_customer(vm_of_nobody, "web1", "192.0.2.10");
    const std::string id = controller.report("content/malware", vm_of_nobody);
    ASSERT_TRUE(eventually([&] { return notice(controller, id, "ticket").at("attempts").get<int>() > 0; }, 30s));
    disk.fill();
    smtp = std::make_unique<TestSmtp>(std::vector<std::string>{"--port", port});
    controller.advance(Seconds(300));
    ASSERT_TRUE(eventually([&] { return !smtp->mails().empty(); }, 30s)) << "sending needs no room";
    std::this_thread::sleep_for(2s);   // twenty ticks
    EXPECT_EQ(smtp->mails().size(), 1u) << "the server has it; that it cannot be noted is no reason to write again";
    disk.make_room();
    EXPECT_TRUE(eventually([&] { return notice(controller, id, "ticket").at("state") == "sent"; }, 10s)) << notice(controller, id, "ticket");
    EXPECT_EQ(smtp->mails().size(), 1u);
}

// ---- with a host ---------------------------------------------------------------------------------------------------

/// One controller and one host with small guests for all tests of the suite: starting them takes longer than the tests.
class OfAHost : public testing::Test {
  protected:
    struct World {
        Folder folder;
        TestSmtp smtp;
        LabHost host;
        std::vector<LabGuest> guests;
        std::unique_ptr<SmallDisk> disk;
        std::unique_ptr<Controller> controller;
        std::unique_ptr<HostPrograms> programs;
    };
    static std::unique_ptr<World> world;

    static void SetUpTestSuite() {
        if (!lab_missing().empty()) return;
        world = std::make_unique<World>();
        for (const char* name : {"web1", "web2", "web3", "web4"}) {
            LabGuestOptions options;
            options.name = name;
            options.agent = false;
            world->guests.emplace_back(world->host, options);
            // Not waited for: each is ended by whatever way works, and that it boots is other tests' matter.
            world->host.virsh({"start", name});
        }
        world->controller = std::make_unique<Controller>(world->folder.path(), world->smtp.url());
        world->controller->start();
        world->disk = std::make_unique<SmallDisk>(world->host, world->folder.path() + "/agent", "4m");
        world->programs = std::make_unique<HostPrograms>(world->host, *world->controller, *world->disk, world->folder.path() + "/agent");
        for (const auto& guest : world->guests) {
            if (!eventually([&] { return world->controller->get("/api/v1/vms/" + guest.uuid()).status == 200; }, 120s))
                throw std::runtime_error("the host's inventory did not come:\n" + world->programs->log());
            world->controller->know_customer(guest.uuid(), guest.name(), "192.0.2." + std::to_string(10 + (&guest - world->guests.data())));
        }
        if (!eventually([&] { return world->controller->get("/api/v1/hosts/h1").body.at("gate_up") == true; }, 120s))
            throw std::runtime_error("the start gate was not proven:\n" + world->programs->log());
    }
    static void TearDownTestSuite() {
        if (!world) return;
        world->programs.reset();
        world->controller.reset();
        world.reset();
    }
    void SetUp() override {
        if (const std::string missing = lab_missing(); !missing.empty()) GTEST_SKIP() << missing;
    }
    void TearDown() override {
        if (world && HasFailure()) std::printf("%s\n%s\n", world->controller->log().c_str(), world->programs->log().c_str());
    }
    static Controller& controller() { return *world->controller; }
    static std::string trouble() { return controller().get("/api/v1/hosts/h1").body.at("trouble").get<std::string>(); }
    static bool trouble_says(const std::string& words, std::chrono::seconds patience = 60s) {
        return eventually([&] { return trouble().find(words) != std::string::npos; }, patience);
    }
    static Json first_order(const std::string& id) { return controller().get("/api/v1/cases/" + id).body.at("orders").at(0); }
    static bool switched_off(const std::string& id, const LabGuest& guest, std::chrono::seconds patience) {
        return eventually([&] { return controller().history_has(id, "VM is off") && !guest.runs(); }, patience);
    }
};
std::unique_ptr<OfAHost::World> OfAHost::world;

TEST_F(OfAHost, a_full_disk_begins_nothing_and_the_order_is_carried_out_when_there_is_room) {
    const LabGuest& guest = world->guests.at(0);
    world->disk->fill();
    const std::string id = controller().switch_off(guest.uuid());
    EXPECT_TRUE(trouble_says("journal cannot be written")) << trouble();
    EXPECT_TRUE(trouble_says("disk"));
    EXPECT_EQ(controller().get("/api/v1/cases/" + id).body.at("vm").at("host_trouble"), trouble()) << "who looks at the case sees why it stands";
    std::this_thread::sleep_for(3s);
    EXPECT_TRUE(guest.runs()) << "nothing is done that cannot be written down first";
    EXPECT_EQ(first_order(id).at("dispatch"), "issued");
    EXPECT_FALSE(fs::exists(world->disk->outside(world->folder.path() + "/agent/locks/" + guest.uuid() + ".lock")));
    world->disk->make_room();
    measured("room on the agent's disk -> VM off", [&] { EXPECT_TRUE(switched_off(id, guest, 90s)); });
    EXPECT_EQ(controller().get("/api/v1/cases/" + id).body.at("orders").size(), 1u) << "the same order, not a new one";
    EXPECT_TRUE(eventually([&] { return trouble().empty(); }, 90s)) << trouble();
}

TEST_F(OfAHost, a_hung_libvirt_delays_the_order_and_is_seen) {
    const LabGuest& guest = world->guests.at(1);
    const pid_t daemon = world->host.daemon();
    ASSERT_GT(daemon, 1);
    ::kill(daemon, SIGSTOP);
    const std::string id = controller().switch_off(guest.uuid());
    EXPECT_TRUE(trouble_says("libvirt", 90s)) << trouble();
    EXPECT_EQ(controller().get("/api/v1/cases/" + id).body.at("demand_met"), false);
    EXPECT_TRUE(controller().ready()) << "one host's trouble is not the controller's";
    EXPECT_TRUE(guest.runs());
    ::kill(daemon, SIGCONT);
    measured("libvirt goes on -> VM off", [&] { EXPECT_TRUE(switched_off(id, guest, 120s)) << trouble(); });
    EXPECT_TRUE(eventually([&] { return trouble().empty(); }, 120s)) << trouble();
}

TEST_F(OfAHost, a_stopped_qemu_is_ended_all_the_same) {
    const LabGuest& guest = world->guests.at(2);
    const pid_t qemu = world->host.qemu(guest.name());
    ASSERT_GT(qemu, 1);
    ::kill(qemu, SIGSTOP);
    const std::string id = controller().switch_off(guest.uuid());
    measured("order for a VM whose QEMU is stopped -> VM off", [&] { EXPECT_TRUE(switched_off(id, guest, 180s)) << trouble(); });
}

// ---- a restored backup ---------------------------------------------------------------------------------------------

/// The database's files, copied while the controller is down; what was at `to` goes.
void copy_database(const std::string& from, const std::string& to) {
    fs::create_directories(to);
    for (const char* name : {"bailiff.db", "bailiff.db-wal", "bailiff.db-shm"}) {
        fs::remove(fs::path(to) / name);
        if (fs::exists(fs::path(from) / name)) fs::copy_file(fs::path(from) / name, fs::path(to) / name);
    }
}

TEST_F(OfAHost, a_restored_backup_is_seen_and_a_new_epoch_makes_its_orders_good) {
    const LabGuest& guest = world->guests.at(3);
    const std::string state = controller().state(""), backup = world->folder.path() + "/backup";
    const std::string id = controller().report("connection/ddos", guest.uuid()), at = "/api/v1/cases/" + id;
    ASSERT_TRUE(eventually([&] { return controller().history_has(id, "VM is isolated"); }, 60s));
    const auto release = [&] {
        EXPECT_EQ(controller().ask("POST", at + "/reviews", {{"reason", "a test"}}).status, 200);
        EXPECT_EQ(controller().ask("POST", at + "/decisions", {{"decision", "dismiss"}, {"reason", "a test"}}).status, 200);
    };
    const auto restore = [&] {
        controller().stop();
        copy_database(backup, state);
    };
    controller().stop();
    copy_database(state, backup);
    controller().start();
    release();
    ASSERT_TRUE(eventually([&] { return controller().history_has(id, "case closed"); }, 60s));

    // The backup knows nothing of the release; the host does, and says so.
    restore();
    controller().start();
    EXPECT_TRUE(trouble_says("a backup was restored")) << trouble();
    EXPECT_TRUE(trouble_says("--begin-epoch"));
    controller().stop();
    const auto [code, said] = controller().run_once({"--begin-epoch"});
    EXPECT_EQ(code, 0) << said;
    EXPECT_NE(said.find("began (it was 1)"), std::string::npos) << said;
    controller().start();
    EXPECT_TRUE(eventually([&] { return trouble().empty(); }, 60s)) << trouble();
    release();
    EXPECT_TRUE(eventually([&] { return controller().history_has(id, "case closed"); }, 60s)) << "orders of the new epoch are good";

    // The same old backup again, and nobody begins an epoch: the host refuses what it signs, and a person hears why.
    restore();
    controller().start();
    EXPECT_TRUE(trouble_says("a backup was restored")) << trouble();
    release();
    EXPECT_TRUE(eventually([&] { return controller().history_has(id, "signed in the controller's epoch 1; this host has seen"); }, 60s));
    EXPECT_EQ(controller().get(at).body.at("phase"), "review");
}

}  // namespace
}  // namespace bailiff::test
