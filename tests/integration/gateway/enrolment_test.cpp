// SPDX-License-Identifier: Apache-2.0
// Tokens, certificates, renewal and bans over real TLS: SECURITY.md §3.3 and promise P9.
#include "gateway_world.hpp"

namespace bailiff::test {
namespace {

using Enrolling = GatewayWorld;

std::string text_of(const GENERAL_NAMES* names) {
    std::string out;
    for (int i = 0; i < sk_GENERAL_NAME_num(names); ++i) {
        const GENERAL_NAME* name = sk_GENERAL_NAME_value(names, i);
        const ASN1_STRING* value = name->type == GEN_URI ? name->d.uniformResourceIdentifier : name->d.dNSName;
        out += (name->type == GEN_URI ? "URI:" : "other:") +
               std::string(reinterpret_cast<const char*>(ASN1_STRING_get0_data(value)), size_t(ASN1_STRING_length(value))) + " ";
    }
    return out;
}

TEST_F(Enrolling, a_token_buys_one_certificate_with_the_controllers_name) {
    start();
    const EnrolmentToken made = token("host7");
    EXPECT_GE(made.token.size(), 64u);  // 256 bits in hex
    EXPECT_FALSE(store.tokens.contains(made.token)) << "tokens are stored hashed";
    const auto [key, request] = make_request("host1", "URI:bailiff://host/host1");
    const std::string response = ask("/enrol", {{"token", made.token}, {"csr_pem", request}});
    ASSERT_EQ(status(response), "HTTP/1.1 200") << response;
    const Json body = body_of(response);
    EXPECT_EQ(body.at("host"), "host7");
    EXPECT_TRUE(SignatureKey::from_public_pem(body.at("order_key").get<std::string>()));
    const auto ca = read_certificate(body.at("ca").get<std::string>());
    EXPECT_EQ(certificate_sha256(ca.get()), made.authority_sha256);

    const auto certificate = read_certificate(body.at("certificate").get<std::string>());
    ASSERT_TRUE(certificate);
    EXPECT_TRUE(belongs(certificate.get(), key.get()));
    char name[65];
    X509_NAME_get_text_by_NID(X509_get_subject_name(certificate.get()), NID_commonName, name, sizeof name);
    EXPECT_STREQ(name, "host7");
    GENERAL_NAMES* names = static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate.get(), NID_subject_alt_name, nullptr, nullptr));
    EXPECT_EQ(text_of(names), "URI:bailiff://host/host7 ");
    GENERAL_NAMES_free(names);
    EXPECT_EQ(X509_get_extended_key_usage(certificate.get()), uint32_t(XKU_SSL_CLIENT));
    const auto [begins, ends] = certificate_life(certificate.get());
    EXPECT_LE(ends - begins, Seconds(24 * 3600 + 300));
    desk->ask([&] {
        ASSERT_EQ(store.certificates.size(), 1u);
        EXPECT_EQ(store.certificates[0].host.text(), "host7");
        EXPECT_EQ(store.certificates[0].serial, certificate_serial(certificate.get()));
    });

    EXPECT_EQ(status(ask("/enrol", {{"token", made.token}, {"csr_pem", request}})), "HTTP/1.1 403") << "a token works once";
}

TEST_F(Enrolling, of_twenty_at_once_exactly_one_wins) {
    start();
    const EnrolmentToken made = token("host7");
    std::atomic<int> won{0}, lost{0};
    std::vector<std::thread> crowd;
    for (int i = 0; i < 20; ++i)
        crowd.emplace_back([&] {
            const auto [key, request] = make_request("x", "DNS:x");
            const std::string answer = status(ask("/enrol", {{"token", made.token}, {"csr_pem", request}}));
            won += answer == "HTTP/1.1 200";
            lost += answer == "HTTP/1.1 403";
        });
    for (auto& one : crowd) one.join();
    EXPECT_EQ(won, 1);
    EXPECT_EQ(lost, 19);
}

TEST_F(Enrolling, what_is_wrong_with_a_token_or_request_is_refused) {
    start();
    const auto [key, request] = make_request("x", "DNS:x");
    EXPECT_EQ(status(ask("/enrol", {{"token", std::string(64, 'a')}, {"csr_pem", request}})), "HTTP/1.1 403");
    EXPECT_EQ(status(ask("/enrol", {{"csr_pem", request}})), "HTTP/1.1 400");
    EXPECT_EQ(status(ask("/enrol", Json::array())), "HTTP/1.1 400");

    const EnrolmentToken old = token("host7", Seconds(60));
    wall.offset = 61;
    EXPECT_EQ(status(ask("/enrol", {{"token", old.token}, {"csr_pem", request}})), "HTTP/1.1 403") << "expired";
    wall.offset = 0;
    EXPECT_EQ(status(ask("/enrol", {{"token", old.token}, {"csr_pem", request}})), "HTTP/1.1 403") << "and gone";

    const EnrolmentToken good = token("host7");
    EXPECT_EQ(status(ask("/enrol", {{"token", good.token}, {"csr_pem", "nonsense"}})), "HTTP/1.1 400");
    // A request whose signature does not prove the key: one character of it changed.
    std::string forged = request;
    const size_t at = forged.size() - 60;
    forged[at] = forged[at] == 'A' ? 'B' : 'A';
    EXPECT_EQ(status(ask("/enrol", {{"token", good.token}, {"csr_pem", forged}})), "HTTP/1.1 400");
    EXPECT_EQ(status(ask("/enrol", {{"token", good.token}, {"csr_pem", request}})), "HTTP/1.1 200") << "a bad request does not cost the token";
}

TEST_F(Enrolling, tokens_have_bounds) {
    start();
    EXPECT_EQ(enrolment->make_token(HostId("host7"), Seconds(3601)).error().code, Errc::invalid);
    EXPECT_EQ(enrolment->make_token(HostId("a/b"), Seconds(60)).error().code, Errc::invalid);
    EXPECT_EQ(enrolment->make_token(HostId(""), Seconds(60)).error().code, Errc::invalid);
}

TEST_F(Enrolling, a_ban_survives_enrolment) {
    start();
    const EnrolmentToken made = token("host7");
    const auto [key, request] = make_request("x", "DNS:x");
    desk->ask([&] { store.ban(HostId("host7")); });
    EXPECT_EQ(status(ask("/enrol", {{"token", made.token}, {"csr_pem", request}})), "HTTP/1.1 403");
    EXPECT_EQ(enrolment->make_token(HostId("host7")).error().code, Errc::forbidden);
    EXPECT_EQ(status(ask("/renew", {{"csr_pem", request}}, identity("host7"))), "HTTP/1.1 403");
}

TEST_F(Enrolling, a_host_renews_itself_and_nobody_else) {
    start();
    const auto [key, request] = make_request("host1", "URI:bailiff://host/host1");
    EXPECT_EQ(status(ask("/renew", {{"csr_pem", request}})), "HTTP/1.1 401");
    const std::string response = ask("/renew", {{"csr_pem", request}}, identity("host7"));
    ASSERT_EQ(status(response), "HTTP/1.1 200") << response;
    EXPECT_EQ(body_of(response).at("host"), "host7");
}

TEST_F(Enrolling, an_outage_of_the_storage_is_a_503) {
    start();
    desk->storage_is_away = true;
    const auto [key, request] = make_request("x", "DNS:x");
    EXPECT_EQ(status(ask("/enrol", {{"token", "t"}, {"csr_pem", request}})), "HTTP/1.1 503");
    RawClient client(port, identity("host7"));
    EXPECT_EQ(status(client.upgrade()), "HTTP/1.1 503");
    desk->storage_is_away = false;
}

TEST_F(Enrolling, the_authority_is_made_once_and_guards_its_keys) {
    start();
    const std::string digest = authority->authority_sha256(), order = authority->order_key().key_id();
    stop();
    start();
    EXPECT_EQ(authority->authority_sha256(), digest);
    EXPECT_EQ(authority->order_key().key_id(), order);
    for (const char* name : {"ca.key", "server.key", "order.key"}) {
        const auto mode = std::filesystem::status(authority->file(name)).permissions();
        EXPECT_EQ(mode, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write) << name;
    }
    stop();
    std::filesystem::permissions(folder + "/ca/order.key", std::filesystem::perms(0644));
    const auto opened = CertificateAuthority::open({folder + "/ca", {"localhost"}}, wall);
    ASSERT_FALSE(opened);
    EXPECT_NE(opened.error().text.find("chmod 600"), std::string::npos);
    std::filesystem::permissions(folder + "/ca/order.key", std::filesystem::perms(0600));
    std::filesystem::remove(folder + "/ca/ca.key");
    EXPECT_FALSE(CertificateAuthority::open({folder + "/ca", {"localhost"}}, wall)) << "half an authority is for a person to mend";
}

TEST_F(Enrolling, the_gateways_certificate_is_made_anew_at_half_its_life) {
    start();
    EXPECT_FALSE(*authority->refresh_server());
    wall.offset = 46 * 24 * 3600;
    EXPECT_TRUE(*authority->refresh_server());
    EXPECT_FALSE(*authority->refresh_server());
}

}  // namespace
}  // namespace bailiff::test
