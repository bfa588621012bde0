// SPDX-License-Identifier: Apache-2.0
// A dialler that is told by HTTP, over the real poster and a server on loopback.
#include "controller/api/http_server.hpp"
#include "controller/dialler/webhook_dialler.hpp"
#include "controller/webhooks/signature.hpp"
#include "controller/webhooks/webhook_worker.hpp"

#include <bailiff/system_clock.hpp>

#include <gtest/gtest.h>

#include <future>
#include <mutex>

namespace bailiff::test {
namespace {

TEST(WebhookDialler, tells_calls_and_their_end_as_two_signed_messages) {
    std::mutex mutex;
    std::vector<HttpRequest> came;
    static const SystemClock clock;
    HttpOptions http;
    http.address = "127.0.0.1";
    http.clock = &clock;
    HttpServer server(http, {{}, [&](HttpRequest request, const Respond& respond) {
                                 const std::lock_guard lock(mutex);
                                 came.push_back(std::move(request));
                                 respond({came.size() == 3 ? 503 : 204, {}, {}});
                             }, {}});
    ASSERT_TRUE(server.start());
    const std::string secret = "the key of a dialler, 32 bytes...";
    WebhookWorker poster({{*parse_network("127.0.0.0/8")}, "", std::chrono::seconds(10)}, 1);
    WebhookDialler dialler(poster, "http://127.0.0.1:" + std::to_string(server.bound_port()) + "/dial", secret);
    const auto tell = [&](bool cancel) {
        std::promise<DialAnswer> said;
        dialler.tell({"D-1", cancel, R"({"act":"call"})", Instant(Seconds(1'772'420'400))}, [&](DialAnswer answer) { said.set_value(std::move(answer)); });
        return said.get_future().get();
    };
    EXPECT_TRUE(tell(false).accepted);
    EXPECT_TRUE(tell(true).accepted);
    const auto refused = tell(true);
    EXPECT_FALSE(refused.accepted);
    EXPECT_NE(refused.text.find("503"), std::string::npos) << refused.text;
    server.stop();
    ASSERT_EQ(came.size(), 3u);
    EXPECT_EQ(came[0].header("webhook-id"), "dial_D-1");
    EXPECT_EQ(came[1].header("webhook-id"), "dial_D-1_cancel");
    EXPECT_EQ(came[0].body, R"({"act":"call"})");
    EXPECT_EQ(came[0].header("webhook-signature"), webhook_signature(secret, "dial_D-1", Instant(Seconds(1'772'420'400)), came[0].body));
}

}  // namespace
}  // namespace bailiff::test
