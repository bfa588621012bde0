// SPDX-License-Identifier: Apache-2.0
// The real bailiff-link between a real gateway and the agent's socket.
#include "controller/api/http_server.hpp"
#include "link_world.hpp"

namespace bailiff::test {
namespace {

TEST_F(Linking, enrolment_pins_the_authority_and_stores_what_the_agent_trusts) {
    start();
    const EnrolmentToken made = token("host7");
    EXPECT_EQ(enrol(made, std::string(64, '0')), 1);
    EXPECT_NE(log().find("does not prove who it is"), std::string::npos) << log();
    EXPECT_FALSE(std::filesystem::exists(folder + "/etc/link/identity.pem"));
    desk->ask([&] { EXPECT_EQ(store.tokens.size(), 1u) << "the token was not sent to a stranger"; });

    EXPECT_EQ(enrol(made, made.authority_sha256), 0) << log();
    const auto mode = std::filesystem::status(folder + "/etc/link/identity.pem").permissions();
    EXPECT_EQ(mode, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
    std::ifstream order(folder + "/etc/controllers/main.pub");
    const auto key = SignatureKey::from_public_pem(std::string(std::istreambuf_iterator<char>(order), {}));
    ASSERT_TRUE(key);
    EXPECT_EQ(key->key_id(), authority->order_key().key_id());
    EXPECT_EQ(enrol(made, made.authority_sha256), 1);
    EXPECT_NE(log().find("ask the abuse desk for a new one"), std::string::npos) << log();
}

TEST_F(Linking, a_server_with_another_name_is_not_believed) {
    AuthorityOptions ca{folder + "/ca", {"controller.example"}};
    ASSERT_TRUE(CertificateAuthority::open(ca, wall));
    auto opened = CertificateAuthority::open(ca, wall);
    authority.emplace(std::move(*opened));
    enrolment.emplace(*authority, store, random);
    desk = std::make_unique<DeskThread>();
    GatewayOptions options;
    options.address = "127.0.0.1";
    options.port = 0;
    gateway.emplace(options, *enrolment, [this](GatewayTurn turn) { return desk->post(std::move(turn)); }, GatewayEvents{});
    ASSERT_TRUE(gateway->start());
    port = gateway->bound_port();
    const EnrolmentToken made = token("host7");
    EXPECT_EQ(enrol(made, made.authority_sha256), 1);
    EXPECT_NE(log().find("does not prove who it is"), std::string::npos) << log();
}

TEST_F(Linking, frames_pass_both_ways_unread) {
    start();
    enrol_host7();
    FakeAgent agent(folder + "/agent.sock", "host7");
    const auto program = link();
    ASSERT_TRUE(noted("frame host7 hello hello1")) << log();
    EXPECT_TRUE(gateway->send(HostId("host7"), {MessageId("w"), Welcome{3, Instant(Seconds(5))}}));
    const Frame large{MessageId("large"), OrderFrame{std::string(60'000, 'x')}};
    EXPECT_TRUE(gateway->send(HostId("host7"), large));
    ASSERT_TRUE(eventually([&] { return agent.received().size() == 2; }));
    EXPECT_EQ(*decode(agent.received()[1]), large);
    agent.send(encode(beat("b1")));
    EXPECT_TRUE(noted("frame host7 heartbeat b1"));

    program->signal(SIGTERM);
    EXPECT_EQ(program->wait(), 0);
    EXPECT_TRUE(noted("disconnect host7"));
}

TEST_F(Linking, a_controller_that_restarts_is_found_again) {
    start();
    enrol_host7();
    FakeAgent agent(folder + "/agent.sock", "host7");
    const auto program = link();
    ASSERT_TRUE(noted("frame host7 hello hello1")) << log();
    stop();
    std::this_thread::sleep_for(milliseconds(300));
    start();
    EXPECT_TRUE(noted("frame host7 hello hello2", milliseconds(10'000))) << log();
}

TEST_F(Linking, an_agent_that_restarts_is_found_again) {
    start();
    enrol_host7();
    const auto program = link();
    {
        FakeAgent agent(folder + "/agent.sock", "host7");
        ASSERT_TRUE(noted("frame host7 hello hello1")) << log();
    }
    ASSERT_TRUE(noted("disconnect host7"));
    FakeAgent agent(folder + "/agent.sock", "host7");
    EXPECT_TRUE(eventually([&] { return gateway->connected(HostId("host7")); }, milliseconds(10'000))) << log();
}

TEST_F(Linking, an_oversize_frame_of_the_agent_ends_the_connection) {
    start();
    enrol_host7();
    FakeAgent agent(folder + "/agent.sock", "host7");
    const auto program = link();
    ASSERT_TRUE(noted("frame host7 hello hello1")) << log();
    agent.send_raw(std::string("\x00\x10\x00\x01", 4));
    EXPECT_TRUE(noted("disconnect host7"));
    EXPECT_TRUE(logged("frame of 1048577 bytes"));
    EXPECT_TRUE(noted("frame host7 hello hello2")) << "and comes back";
}

TEST_F(Linking, the_next_controller_is_tried_and_the_first_preferred_again) {
    start();
    enrol_host7();
    const uint16_t second = port;
    // A first controller that is down: a port that was free a moment ago.
    uint16_t first = 0;
    {
        HttpServer probe({}, {{}, [](HttpRequest, Respond) {}, {}});
        ASSERT_TRUE(probe.start());
        first = probe.bound_port();
    }
    write("two.conf", "controller = " + url(first) + "\ncontroller = " + url(second) + "\n");
    FakeAgent agent(folder + "/agent.sock", "host7");
    const auto program = std::make_unique<Program>(
        std::vector<std::string>{binary(), "--config", folder + "/two.conf", "--dir", folder + "/etc", "--agent-socket", folder + "/agent.sock",
                                 "--prefer-first-after-ms", "200", "--back-off-first-ms", "50"},
        folder + "/log");
    ASSERT_TRUE(noted("connect host7")) << log();
    // The first comes up: same authority, its own listener.
    GatewayOptions options;
    options.address = "127.0.0.1";
    options.port = first;
    std::atomic<bool> preferred{false};
    GatewayEvents events;
    events.on_connect = [&](const HostId&) { preferred = true; };
    Gateway other(options, *enrolment, [this](GatewayTurn turn) { return desk->post(std::move(turn)); }, events);
    ASSERT_TRUE(other.start());
    EXPECT_TRUE(eventually([&] { return preferred.load(); })) << log();
    EXPECT_TRUE(noted("disconnect host7"));
    program->signal(SIGTERM);
    EXPECT_EQ(program->wait(), 0);
}

TEST_F(Linking, a_certificate_is_renewed_at_half_its_life) {
    start({}, Seconds(4));
    enrol_host7();
    FakeAgent agent(folder + "/agent.sock", "host7");
    const auto program = link();
    ASSERT_TRUE(noted("connect host7")) << log();
    std::this_thread::sleep_for(milliseconds(6500));  // longer than any one certificate lives
    EXPECT_TRUE(eventually([&] { return gateway->connected(HostId("host7")); })) << log();
    EXPECT_EQ(log().find("expired"), std::string::npos) << log();
    desk->ask([&] {
        EXPECT_GE(store.certificates.size(), 3u);
        for (const auto& certificate : store.certificates) EXPECT_EQ(certificate.host.text(), "host7");
    });
}

TEST_F(Linking, a_banned_host_is_cut_off_and_stays_out) {
    start();
    enrol_host7();
    FakeAgent agent(folder + "/agent.sock", "host7");
    const auto program = link();
    ASSERT_TRUE(noted("connect host7")) << log();
    const auto begin = wall.monotonic();
    desk->ask([&] { store.ban(HostId("host7")); });
    ASSERT_TRUE(noted("disconnect host7"));
    EXPECT_LT(wall.monotonic() - begin, milliseconds(1000));
    EXPECT_TRUE(logged("status 403"));
    EXPECT_FALSE(gateway->connected(HostId("host7")));
}

}  // namespace
}  // namespace bailiff::test
