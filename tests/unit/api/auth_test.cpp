// SPDX-License-Identifier: Apache-2.0
// Who may do what: every route with every role, and everything that can be wrong with a token.
#include "tests/unit/api/api_world.hpp"

namespace bailiff::test {
namespace {

const char* token_of(Role role) { return role == Role::analyst ? "ana" : role == Role::approver ? "apu" : "ada"; }

/// The pattern with something that exists in place of each name.
std::string concrete(const Route& route, const std::string& case_id) {
    std::string path(route.pattern);
    const size_t at = path.find("{id}");
    if (at == std::string::npos) return path;
    const auto id = path.find("/cases/") != std::string::npos     ? case_id
                    : path.find("/reports/") != std::string::npos ? "R-1"
                    : path.find("/vms/") != std::string::npos     ? ApiWorld::web1
                    : path.find("/hosts/") != std::string::npos   ? "h1"
                    : path.find("/customers/") != std::string::npos ? "K-7"
                    : path.find("/policies/") != std::string::npos  ? "virus-content"
                                                                     : "ana";
    return path.replace(at, 4, id);
}

TEST(Roles, EveryRouteWithEveryRole) {
    for (const Route& route : api_routes())
        for (const Role role : {Role::analyst, Role::approver, Role::admin}) {
            ApiWorld world;
            const auto id = world.open_case();
            const Json body = route.body != BodyUse::none ? Json::object() : Json();
            const auto got = world.ask(std::string(route.method), concrete(route, id), token_of(role), body);
            const bool may = !route.role || role >= *route.role;
            EXPECT_EQ(got.status == 403, !may) << route.method << " " << route.pattern << " as " << name(role) << ": " << got.status << " " << got.body;
            EXPECT_NE(got.status, 401) << route.pattern;
            EXPECT_NE(got.status, 405) << route.pattern;
            EXPECT_LT(got.status, 500) << route.pattern << got.body;
            if (!may && route.body != BodyUse::none) {
                EXPECT_TRUE(got.early) << "a body was read from somebody who may not send it: " << route.pattern;
            }
        }
}

TEST(Roles, EveryRouteRefusesStrangers) {
    ApiWorld world;
    const auto id = world.open_case();
    size_t number = 0;
    for (const Route& route : api_routes()) {
        if (!route.role) continue;
        world.peer = "198.51.100." + std::to_string(++number);
        const Json body = route.body != BodyUse::none ? Json::object() : Json();
        for (const char* token : {"", "wrong"}) {
            const auto got = world.ask(std::string(route.method), concrete(route, id), token, body);
            EXPECT_EQ(got.status, 401) << route.pattern;
            EXPECT_EQ(got.header("WWW-Authenticate"), "Bearer realm=\"bailiff\"");
        }
    }
}

TEST(Roles, HarmfulDecisionsAreAnApprovers) {
    for (const char* decision : {"enforce", "dismiss", "treat", "resume", "accept"}) {
        ApiWorld world;
        const auto id = world.open_case();
        ASSERT_EQ(world.ask("POST", "/api/v1/cases/" + id + "/reviews", "ana", {{"reason", "a doubt"}}).status, 200);
        const Json body{{"decision", decision}, {"reason", "looked at it"}};
        const auto got = world.ask("POST", "/api/v1/cases/" + id + "/decisions", "ana", body);
        const bool gentle = std::string(decision) == "resume" || std::string(decision) == "accept";
        EXPECT_EQ(got.body.find("takes the role approver") != std::string::npos, !gentle) << decision << got.body;
        if (!gentle) {
            // What the policy forbids is another matter (no switch-off without a logged call).
            EXPECT_EQ(world.ask("POST", "/api/v1/cases/" + id + "/decisions", "apu", body).body.find("takes the role"), std::string::npos);
        }
    }
}

TEST(Tokens, AreReadStrictly) {
    ApiWorld world;
    const auto with = [&](const std::string& field) { return world.ask("GET", "/api/v1/me", "", nullptr, {{"authorization", field}}).status; };
    EXPECT_EQ(with("Bearer ada"), 200);
    EXPECT_EQ(with("bearer ada"), 200);
    EXPECT_EQ(with("Basic ada"), 401);
    EXPECT_EQ(with("Bearer "), 401);
    EXPECT_EQ(with("Bearer ad"), 401);
    EXPECT_EQ(with("Bearer ada x"), 401);
    EXPECT_EQ(with("Bearer " + std::string(600, 'a')), 401);
    EXPECT_EQ(with(sha256_hex("ada")), 401) << "the hash must not work as a token";
}

TEST(Tokens, DisabledAtOnceAndNeverTheLastAdministrator) {
    ApiWorld world;
    EXPECT_EQ(world.ask("POST", "/api/v1/accounts/ana/disable").status, 200);
    EXPECT_EQ(world.ask("GET", "/api/v1/me", "ana").status, 401);
    EXPECT_EQ(world.ask("POST", "/api/v1/accounts/ada/disable").status, 409);
    EXPECT_EQ(world.ask("GET", "/api/v1/me").status, 200);
    EXPECT_EQ(world.ask("POST", "/api/v1/accounts/nobody/disable").status, 404);
}

TEST(Tokens, ShownOnceAndWork) {
    ApiWorld world;
    const auto made = world.ask("POST", "/api/v1/accounts", "ada", {{"name", "bob"}, {"role", "approver"}}, {{"idempotency-key", "k"}});
    ASSERT_EQ(made.status, 201) << made.body;
    const auto token = made.json().at("token").get<std::string>();
    EXPECT_EQ(world.ask("GET", "/api/v1/me", token).json().at("role"), "approver");
    EXPECT_EQ(world.ask("GET", "/api/v1/accounts").body.find(token), std::string::npos);
    EXPECT_EQ(world.storage.recall("ada", "k"), std::nullopt) << "a secret must not be kept for idempotency";
    EXPECT_EQ(world.ask("POST", "/api/v1/accounts", "ada", {{"name", "bob"}, {"role", "admin"}}).status, 409);
}

TEST(Tokens, WrongOnesAreLimitedPerPeerWithoutLockingStaffOut) {
    ApiWorld world;
    EXPECT_EQ(world.ask("GET", "/api/v1/me", "ana").status, 200);
    for (uint32_t i = 0; i < FailureLimiter::most; ++i) EXPECT_EQ(world.ask("GET", "/api/v1/me", "guess" + std::to_string(i)).status, 401);
    const auto slowed = world.ask("GET", "/api/v1/me", "guess");
    EXPECT_EQ(slowed.status, 429);
    EXPECT_TRUE(slowed.early);
    EXPECT_EQ(slowed.header("Retry-After"), "60");
    EXPECT_EQ(world.ask("GET", "/api/v1/me", "ana").status, 200) << "behind a proxy everybody is one peer";
    world.peer = "192.0.2.100";
    EXPECT_EQ(world.ask("GET", "/api/v1/me", "guess").status, 401) << "another peer has its own count";
    world.peer = "192.0.2.99";
    world.clock.advance(Seconds(60));
    EXPECT_EQ(world.ask("GET", "/api/v1/me", "guess").status, 401) << "a minute later";
}

TEST(FirstAccount, IsMadeOnce) {
    MemoryStorage storage;
    SeededRandom random(1);
    const auto token = ensure_first_account(storage, random);
    ASSERT_TRUE(token);
    EXPECT_EQ(storage.account_by_token(sha256_hex(*token))->role, Role::admin);
    EXPECT_EQ(ensure_first_account(storage, random), std::nullopt);
}

}  // namespace
}  // namespace bailiff::test
