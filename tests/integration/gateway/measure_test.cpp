// SPDX-License-Identifier: Apache-2.0
// What a handshake, a frame and a connection cost. Not judged, only printed:
//   build/release/tests/integration_gateway --gtest_also_run_disabled_tests --gtest_filter='*Measuring*'
#include "link_world.hpp"

#include <cstdio>
#include <sys/resource.h>

namespace bailiff::test {
namespace {

class Measuring : public Linking {
  protected:
    static GatewayOptions no_flood_limit() {
        GatewayOptions out;
        out.most_frames_per_second = 10'000'000;
        return out;
    }
    static double cpu_ms() {
        rusage used{};
        getrusage(RUSAGE_SELF, &used);
        return double(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1000 + double(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1000;
    }
    static long resident_kb() {
        std::ifstream in("/proc/self/statm");
        long total = 0, resident = 0;
        in >> total >> resident;
        return resident * sysconf(_SC_PAGESIZE) / 1024;
    }
};

TEST_F(Measuring, DISABLED_handshakes) {
    start(no_flood_limit());
    const RawTls tls = identity("host7");
    constexpr int count = 300;
    const auto begin = wall.monotonic();
    const double cpu = cpu_ms();
    for (int i = 0; i < count; ++i) {
        RawClient client(port, tls);
        ASSERT_EQ(client.upgrade().substr(0, 12), "HTTP/1.1 101");
    }
    std::printf("handshake with WebSocket, both ends: %.2f ms each, %.2f ms CPU\n", double((wall.monotonic() - begin).count()) / count, (cpu_ms() - cpu) / count);
}

TEST_F(Measuring, DISABLED_frames_through_the_link) {
    start(no_flood_limit());
    enrol_host7();
    FakeAgent agent(folder + "/agent.sock", "host7");
    const auto program = link();
    ASSERT_TRUE(noted("connect host7"));
    constexpr int64_t count = 20'000;
    const std::string text = encode(beat("b"));
    auto begin = wall.monotonic();
    double cpu = cpu_ms();
    for (int64_t i = 0; i < count; ++i) ASSERT_TRUE(agent.send(text));
    ASSERT_TRUE(eventually([&] { return frames > count; }, milliseconds(60'000)));
    auto took = wall.monotonic() - begin;
    std::printf("agent -> controller: %.0f frames/s of %zu bytes (gateway and fake agent: %.0f us CPU each)\n", 1000.0 * double(count) / double(took.count()),
                text.size(), (cpu_ms() - cpu) * 1000 / double(count));
    const Frame down{MessageId("d"), OrderFrame{std::string(1500, 'x')}};
    begin = wall.monotonic();
    cpu = cpu_ms();
    for (int64_t i = 0; i < count; ++i) {
        while (agent.count < i - 1000) std::this_thread::sleep_for(milliseconds(1));
        ASSERT_TRUE(gateway->send(HostId("host7"), down));
    }
    ASSERT_TRUE(eventually([&] { return agent.count >= count; }, milliseconds(60'000)));
    took = wall.monotonic() - begin;
    std::printf("controller -> agent: %.0f frames/s of %zu bytes (%.0f us CPU each)\n", 1000.0 * double(count) / double(took.count()), encode(down).size(),
                (cpu_ms() - cpu) * 1000 / double(count));
}

TEST_F(Measuring, DISABLED_memory_of_a_connection) {
    start(no_flood_limit());
    enrol_host7();
    // Links without an agent hold their connection for a while; their memory is not ours.
    std::vector<std::unique_ptr<Program>> links;
    const auto connect = [&](size_t count) {
        while (links.size() < count) links.push_back(link({"--agent-patience-ms", "25000"}));
        return eventually([&] { return gateway->connections() >= count; }, milliseconds(20'000));
    };
    ASSERT_TRUE(connect(20));
    const long before = resident_kb();
    ASSERT_TRUE(connect(220));
    std::printf("memory of a connection: %.0f KB\n", double(resident_kb() - before) / 200);
}

}  // namespace
}  // namespace bailiff::test
