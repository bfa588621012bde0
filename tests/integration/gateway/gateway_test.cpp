// SPDX-License-Identifier: Apache-2.0
// Who may connect as which host, and what ends a connection, over real TLS.
#include "gateway_world.hpp"

namespace bailiff::test {
namespace {

using Connecting = GatewayWorld;

Frame beat(const std::string& id) { return {MessageId(id), Heartbeat{Instant(Seconds(1)), true, 1, 0, ""}}; }

/// Whether a client with these settings gets through the handshake. In TLS 1.3 a client learns of a refusal of its
/// certificate only with the first read.
bool shakes_hands(uint16_t port, const RawTls& tls) {
    RawClient client(port, tls);
    if (!client.connected()) return false;
    client.send("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
    return status(client.read_response()) == "HTTP/1.1 200";
}

TEST_F(Connecting, frames_go_both_ways) {
    start();
    const auto client = come_as("host7", identity("host7"));
    ASSERT_TRUE(noted("frame host7 hello hello"));
    EXPECT_EQ(notes(), (std::vector<std::string>{"connect host7", "frame host7 hello hello"}));
    EXPECT_TRUE(gateway->connected(HostId("host7")));
    EXPECT_TRUE(gateway->send(HostId("host7"), {MessageId("w1"), Welcome{3, Instant(Seconds(5))}}));
    const auto frame = client->read_frame();
    ASSERT_TRUE(frame);
    EXPECT_EQ(decode(frame->payload)->id.text(), "w1");
    client->send_frame(encode(beat("b1")));
    EXPECT_TRUE(noted("frame host7 heartbeat b1"));
    EXPECT_FALSE(gateway->send(HostId("host8"), beat("x")));
}

TEST_F(Connecting, the_handshake_refuses_strangers) {
    start();
    EXPECT_TRUE(shakes_hands(port, {})) << "no certificate is for enrolment";
    EXPECT_TRUE(shakes_hands(port, identity("host7")));
    EXPECT_FALSE(shakes_hands(port, {"", "", TLS1_2_VERSION}));

    // Another CA's word for the same host.
    CertificateAuthority other = CertificateAuthority::open({folder + "/other", {"localhost"}}, wall).value();
    const auto [key, request] = make_request("host7", "DNS:x");
    const std::string key_file = write("stranger.key", key_pem(key.get()));
    EXPECT_FALSE(shakes_hands(port, {write("other.crt", other.issue_host(HostId("host7"), request)->pem), key_file}));
    // Expired, and not yet valid.
    wall.offset = -2 * 24 * 3600;
    EXPECT_FALSE(shakes_hands(port, {write("old.crt", authority->issue_host(HostId("host7"), request)->pem), key_file}));
    wall.offset = 2 * 24 * 3600;
    EXPECT_FALSE(shakes_hands(port, {write("early.crt", authority->issue_host(HostId("host7"), request)->pem), key_file}));
    wall.offset = 0;
    // The gateway's own certificate is for servers.
    EXPECT_FALSE(shakes_hands(port, {authority->file("server.crt"), authority->file("server.key")}));
}

TEST_F(Connecting, without_a_certificate_there_is_no_socket) {
    start();
    RawClient client(port, RawTls{});
    EXPECT_EQ(status(client.upgrade()), "HTTP/1.1 401");
    RawClient elsewhere(port, identity("host7"));
    EXPECT_EQ(status(elsewhere.upgrade("/other")), "HTTP/1.1 404");
}

TEST_F(Connecting, a_host_speaks_only_for_itself) {
    start();
    const auto client = come_as("host8", identity("host7"));
    const auto frame = client->read_frame();
    ASSERT_TRUE(frame);
    EXPECT_EQ(frame->opcode, 8);
    EXPECT_NE(frame->payload.find("only for itself"), std::string::npos);
    EXPECT_TRUE(notes().empty());
}

TEST_F(Connecting, what_is_no_agents_frame_ends_the_connection) {
    start();
    const std::string hello7 = hello("host7");
    const struct {
        const char* what;
        std::string first, second;
    } rows[] = {
        {"no JSON", hello7, "hello?"},
        {"not Hello first", encode(beat("b")), ""},
        {"a controller's message", hello7, encode({MessageId("o"), OrderFrame{"x"}})},
        {"unknown type", hello7, R"({"id":"1","type":"reboot","body":{}})"},
        {"no UTF-8", hello7, "\xff\xfe"},
    };
    for (const auto& row : rows) {
        RawClient client(port, identity("host7"));
        ASSERT_EQ(status(client.upgrade()), "HTTP/1.1 101");
        client.send_frame(row.first);
        if (!row.second.empty()) client.send_frame(row.second);
        const auto frame = client.read_frame();
        ASSERT_TRUE(frame) << row.what;
        EXPECT_EQ(frame->opcode, 8) << row.what;
    }
    RawClient binary(port, identity("host7"));
    binary.upgrade();
    binary.send_frame(hello7, 2);
    EXPECT_EQ(binary.read_frame()->opcode, 8);
}

TEST_F(Connecting, an_oversize_frame_ends_the_connection) {
    start();
    const auto client = come_as("host7", identity("host7"));
    ASSERT_TRUE(noted("connect host7"));
    client->send_frame(std::string(largest_frame + 1, 'x'));
    const auto frame = client->read_frame();
    EXPECT_TRUE(!frame || frame->opcode == 8);
    EXPECT_TRUE(noted("disconnect host7"));
}

TEST_F(Connecting, the_newest_connection_of_a_host_wins) {
    start();
    const RawTls tls = identity("host7");
    const auto first = come_as("host7", tls);
    ASSERT_TRUE(noted("connect host7"));
    const auto second = come_as("host7", tls);
    ASSERT_TRUE(eventually([&] { return notes().size() >= 5; }));
    EXPECT_EQ(notes(), (std::vector<std::string>{"connect host7", "frame host7 hello hello", "disconnect host7", "connect host7", "frame host7 hello hello"}));
    EXPECT_EQ(first->read_frame()->opcode, 8);
    EXPECT_TRUE(gateway->send(HostId("host7"), beat("to-second")));
    EXPECT_NE(second->read_frame()->payload.find("to-second"), std::string::npos);
}

TEST_F(Connecting, a_ban_ends_the_live_connection_within_a_second_and_lasts) {
    start();
    const RawTls tls = identity("host7");
    const auto client = come_as("host7", tls);
    const auto other = come_as("host8", identity("host8"));
    ASSERT_TRUE(noted("connect host7"));
    ASSERT_TRUE(noted("connect host8"));
    const auto begin = wall.monotonic();
    desk->ask([&] { store.ban(HostId("host7")); });  // by another replica: only the store knows
    EXPECT_TRUE(noted("disconnect host7"));
    EXPECT_LT(wall.monotonic() - begin, milliseconds(1000));
    EXPECT_TRUE(client->ended());
    for (int i = 0; i < 3; ++i) {
        RawClient again(port, tls);
        EXPECT_EQ(status(again.upgrade()), "HTTP/1.1 403");
    }
    EXPECT_TRUE(gateway->connected(HostId("host8")));
    desk->ask([&] { store.unban(HostId("host7")); });
    ASSERT_TRUE(eventually([&] {
        RawClient again(port, tls);
        if (status(again.upgrade()) != "HTTP/1.1 101") return false;
        again.send_frame(hello("host7"));
        return eventually([&] { return gateway->connected(HostId("host7")); }, milliseconds(300));
    }));
}

TEST_F(Connecting, a_peer_that_ignores_the_close_is_cut_off) {
    start();
    const auto client = come_as("host7", identity("host7"));
    ASSERT_TRUE(noted("connect host7"));
    const auto begin = wall.monotonic();
    gateway->banned(HostId("host7"));
    EXPECT_TRUE(noted("disconnect host7"));  // the client never answers the close frame
    EXPECT_LT(wall.monotonic() - begin, milliseconds(1000));
}

TEST_F(Connecting, a_connection_ends_with_its_certificate) {
    start({}, Seconds(2));
    const auto client = come_as("host7", identity("host7"));
    ASSERT_TRUE(noted("connect host7"));
    EXPECT_TRUE(noted("disconnect host7", milliseconds(4000)));
    EXPECT_NE(client->read_close().value_or("").find("expired"), std::string::npos);
}

TEST_F(Connecting, silence_and_missing_hello_end_a_connection) {
    GatewayOptions options;
    options.idle = milliseconds(600);
    options.hello_timeout = milliseconds(300);
    options.poll = milliseconds(100);
    start(options);
    RawClient mute(port, identity("host6"));
    mute.upgrade();
    EXPECT_NE(mute.read_close().value_or("").find("no Hello"), std::string::npos);
    const auto client = come_as("host7", identity("host7"));  // never answers the ping
    ASSERT_TRUE(noted("connect host7"));
    EXPECT_TRUE(noted("disconnect host7", milliseconds(3000)));
    EXPECT_EQ(client->read_frame()->opcode, 9);
}

TEST_F(Connecting, a_slow_reader_is_disconnected) {
    GatewayOptions options;
    options.most_queued_bytes = 1 << 20;
    start(options);
    const auto client = come_as("host7", identity("host7"));
    ASSERT_TRUE(noted("connect host7"));
    bool queued = true;
    const Frame large{MessageId("big"), OrderFrame{std::string(60'000, 'x')}};
    for (int i = 0; i < 2000 && queued; ++i) queued = gateway->send(HostId("host7"), large);
    EXPECT_FALSE(queued);
    EXPECT_TRUE(noted("disconnect host7"));
}

TEST_F(Connecting, a_flood_is_disconnected) {
    GatewayOptions options;
    options.most_frames_per_second = 20;
    start(options);
    const auto client = come_as("host7", identity("host7"));
    for (int i = 0; i < 300; ++i) client->send_frame(encode(beat("b" + std::to_string(i))));
    EXPECT_TRUE(noted("disconnect host7"));
    EXPECT_LT(frames, 200);
}

}  // namespace
}  // namespace bailiff::test
