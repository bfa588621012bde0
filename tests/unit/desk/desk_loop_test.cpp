// SPDX-License-Identifier: Apache-2.0
// The desk's thread when the storage takes no writes.
#include "tests/unit/desk/desk_world.hpp"

#include <future>
#include <thread>

namespace bailiff::test {
namespace {

using namespace std::chrono_literals;

/// A mail server that takes every mail, on the caller's thread, and says so; the disk may become full meanwhile.
class TakingMailer : public Mailer {
  public:
    std::atomic<int> taken{0};
    std::function<void()> on_mail;
    void send(const OutgoingMail&, std::function<void(MailAnswer)> done) override {
        ++taken;
        if (on_mail) on_mail();
        done({MailFate::accepted, 250, "ok"});
    }
};

struct LoopWorld : DeskWorld {
    SystemClock wall;
    TakingMailer taking;
    Desk desk{{storage, clock, random, signer, taking, writer, hosts, watchers}, shipped_policies(), options};
    DeskLoop loop{desk, storage, wall, 20ms};

    ~LoopWorld() override { loop.stop(); }
    /// One turn on the desk's thread: whether it was committed.
    bool turn(std::function<void(Desk&)> work) {
        std::promise<bool> done;
        loop.post(DeskTurn{[&, work](Desk& d) {
                               work(d);
                               return std::function<void()>([&] { done.set_value(true); });
                           },
                           [&](const std::string&) { done.set_value(false); }});
        return done.get_future().get();
    }
    static bool soon(const std::function<bool()>& condition) {
        for (int i = 0; i < 500; ++i, std::this_thread::sleep_for(10ms))
            if (condition()) return true;
        return false;
    }
};

TEST_F(LoopWorld, is_not_well_again_before_a_write_succeeded) {
    EXPECT_TRUE(loop.healthy());
    storage.full = true;
    EXPECT_FALSE(turn([](Desk& d) { (void)d.report(report_of("content/malware"), "staff:ana"); }));
    EXPECT_FALSE(loop.healthy());
    EXPECT_TRUE(turn([](Desk& d) { (void)d.storage().hosts(); })) << "reading goes on";
    EXPECT_FALSE(loop.healthy()) << "that something could be read proves no room";
    std::this_thread::sleep_for(100ms);
    EXPECT_FALSE(loop.healthy());
    storage.full = false;
    EXPECT_TRUE(soon([&] { return loop.healthy(); })) << "nobody has to write first";
}

TEST_F(LoopWorld, a_mail_whose_end_cannot_be_noted_is_not_sent_again) {
    taking.on_mail = [this] { storage.full = true; };
    EXPECT_TRUE(turn([](Desk& d) { (void)d.report(report_of("content/malware"), "staff:ana"); }));
    ASSERT_TRUE(soon([&] { return taking.taken > 0; }));
    std::this_thread::sleep_for(400ms);   // twenty ticks
    EXPECT_EQ(taking.taken, 1);
    storage.full = false;
    MailState state = MailState::due;
    EXPECT_TRUE(soon([&] {
        turn([&](Desk& d) { state = d.storage().mails_of(CaseId("C-1")).at(0).state; });
        return state == MailState::sent;
    }));
    EXPECT_EQ(taking.taken, 1);
}

}  // namespace
}  // namespace bailiff::test
