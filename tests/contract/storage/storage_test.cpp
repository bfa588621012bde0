// SPDX-License-Identifier: Apache-2.0
// The storage contract: transactions, directory, access, policies.
#include "tests/contract/storage/storage_world.hpp"

#include <stdexcept>

namespace bailiff::test {
namespace {

class Transactions : public StorageContract {};
BAILIFF_OVER_ALL_STORAGES(Transactions);
class TheDirectory : public StorageContract {};
BAILIFF_OVER_ALL_STORAGES(TheDirectory);
class TheAccess : public StorageContract {};
BAILIFF_OVER_ALL_STORAGES(TheAccess);

Customer customer(const std::string& id, const std::string& name = "Example") {
    return Customer{CustomerId(id), name, {"Asha", "a@example.net", "+91", "en", ""}, 0};
}
Vm vm(const std::string& id, const std::string& name, std::vector<std::string> addresses, bool gone = false) {
    return Vm{VmId(id), name, HostId("h1"), CustomerId("7"), std::move(addresses), Power::running, VmState::limited, true, gone, at(5)};
}

TEST_P(Transactions, commit_what_succeeds) {
    const auto result = storage().transaction([&]() -> Result<void> {
        storage().put_customer(customer("1"));
        return {};
    });
    EXPECT_TRUE(result);
    EXPECT_EQ(storage().find_customer(CustomerId("1")), customer("1"));
}

TEST_P(Transactions, undo_everything_when_the_work_fails) {
    storage().put_customer(customer("1", "before"));
    const auto kept = saved_case(storage());
    const auto result = storage().transaction([&]() -> Result<void> {
        storage().put_customer(customer("1", "after"));
        storage().put_customer(customer("2"));
        storage().put_vm(vm("a", "web", {"192.0.2.1"}));
        storage().put_host(Host{.id = HostId("h9"), .version = "1", .trouble = "", .cluster = ""});
        EXPECT_EQ(storage().next_case_id().text(), "C-2");
        EXPECT_EQ(storage().next_seq(HostId("h1")), 1);
        EXPECT_EQ(storage().next_generation(VmId("a")), 1);
        saved_case(storage(), "vm-2", "8", core::Deadline{at(1), "reply", {}});
        storage().owe(kept.id, {{core::Notice::ticket, "ticket", core::Audience::customer}}, at(0), [](const auto&) { return "<m>"; });
        EXPECT_TRUE(storage().first_time(HostId("h1"), MessageId("m1"), at(0)));
        storage().remember("alice", "k", "answer", at(0));
        storage().put_checkpoint(Checkpoint{2, "h", at(0), "e"});
        storage().put_report(StoredReport{.id = ReportId("R-1"), .case_id = {}, .triage = "which VM?", .summary = {}, .address = "", .vm_hint = "", .raw = "x"});
        return fail(Errc::forbidden, "no");
    });
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error(), (Error{Errc::forbidden, "no"}));
    EXPECT_EQ(storage().find_customer(CustomerId("1"))->name, "before");
    EXPECT_FALSE(storage().find_customer(CustomerId("2")));
    EXPECT_FALSE(storage().find_vm(VmId("a")));
    EXPECT_FALSE(storage().vm_by_address("192.0.2.1"));
    EXPECT_TRUE(storage().hosts().empty());
    EXPECT_EQ(storage().next_case_id().text(), "C-2");
    EXPECT_EQ(storage().next_seq(HostId("h1")), 1);
    EXPECT_EQ(storage().next_generation(VmId("a")), 1);
    EXPECT_EQ(storage().list_cases({}).size(), 1u);
    EXPECT_TRUE(storage().open_cases_of(VmId("vm-2")).empty());
    EXPECT_FALSE(storage().next_deadline());
    EXPECT_EQ(storage().chain(0, 100).size(), 2u);
    EXPECT_TRUE(storage().to_send(at(100), 10).empty());
    EXPECT_TRUE(storage().first_time(HostId("h1"), MessageId("m1"), at(0)));
    EXPECT_FALSE(storage().recall("alice", "k"));
    EXPECT_TRUE(storage().checkpoints().empty());
    EXPECT_TRUE(storage().reports(false, {}, 10).empty());
}

TEST_P(Transactions, nest_as_savepoints) {
    const auto result = storage().transaction([&]() -> Result<void> {
        storage().put_customer(customer("1"));
        EXPECT_FALSE(storage().transaction([&]() -> Result<void> {
            storage().put_customer(customer("2"));
            EXPECT_TRUE(storage().transaction([&]() -> Result<void> {
                storage().put_customer(customer("3"));
                return {};
            }));
            return fail(Errc::conflict, "inner");
        }));
        EXPECT_TRUE(storage().transaction([&]() -> Result<void> {
            storage().put_customer(customer("4"));
            return {};
        }));
        return {};
    });
    EXPECT_TRUE(result);
    std::string left;
    for (const auto& c : storage().customers({}, 10)) left += c.id.text();
    EXPECT_EQ(left, "14");
}

TEST_P(Transactions, roll_back_on_exceptions_and_pass_them) {
    EXPECT_THROW(static_cast<void>(storage().transaction([&]() -> Result<void> {
        storage().put_customer(customer("1"));
        EXPECT_THROW(static_cast<void>(storage().transaction([&]() -> Result<void> {
            storage().put_customer(customer("2"));
            throw std::runtime_error("inner");
        })),
                     std::runtime_error);
        EXPECT_TRUE(storage().find_customer(CustomerId("1")));
        EXPECT_FALSE(storage().find_customer(CustomerId("2")));
        throw std::runtime_error("outer");
    })),
                 std::runtime_error);
    EXPECT_TRUE(storage().customers({}, 10).empty());
    storage().put_customer(customer("3"));
    EXPECT_TRUE(storage().find_customer(CustomerId("3")));
}

TEST_P(Transactions, survive_reopening) {
    if (!database().shared()) GTEST_SKIP() << "nothing of this is left when it is closed";
    const auto c = saved_case(storage());
    storage_.reset();
    storage_ = database().open();
    EXPECT_EQ(storage().find_case(c.id), c);
    EXPECT_EQ(storage().next_case_id().text(), "C-2");
}

TEST_P(TheDirectory, keeps_vms_whole) {
    const Vm whole = vm("b", "O'web\xE2\x82\xAC", {"192.0.2.1", "2001:db8::1"});
    storage().put_vm(whole);
    EXPECT_EQ(storage().find_vm(VmId("b")), whole);
    EXPECT_FALSE(storage().find_vm(VmId("x")));
    Vm changed = whole;
    changed.addresses = {"2001:db8::1"};
    changed.host = HostId("h2");
    changed.power = Power::off;
    changed.state = VmState::quarantined;
    changed.locked = false;
    changed.host_addresses = {{KnownBy::enforced, "192.0.2.1"}, {KnownBy::lease, "2001:db8::1"}};
    storage().put_vm(changed);
    EXPECT_EQ(storage().find_vm(VmId("b")), changed);
    EXPECT_FALSE(storage().vm_by_address("192.0.2.1"));
    EXPECT_EQ(storage().vm_by_address("2001:db8::1"), changed);
}

TEST_P(TheDirectory, never_guesses_between_two_vms) {
    storage().put_vm(vm("a", "web", {"192.0.2.1"}));
    storage().put_vm(vm("b", "web", {"192.0.2.1"}));
    storage().put_vm(vm("c", "db", {"192.0.2.2"}, true));
    storage().put_vm(vm("d", "db", {"192.0.2.2"}));
    storage().put_vm(vm("e", "old", {"192.0.2.3"}, true));
    storage().put_vm(vm("f", "old2", {"192.0.2.4"}, true));
    storage().put_vm(vm("g", "old2", {"192.0.2.4"}, true));
    EXPECT_FALSE(storage().vm_by_name("web"));
    EXPECT_FALSE(storage().vm_by_address("192.0.2.1"));
    EXPECT_EQ(storage().vm_by_name("db")->id, VmId("d"));
    EXPECT_EQ(storage().vm_by_address("192.0.2.2")->id, VmId("d"));
    EXPECT_EQ(storage().vm_by_name("old")->id, VmId("e"));
    EXPECT_EQ(storage().vm_by_address("192.0.2.3")->id, VmId("e"));
    EXPECT_FALSE(storage().vm_by_name("old2"));
    EXPECT_FALSE(storage().vm_by_address("192.0.2.4"));
    EXPECT_FALSE(storage().vm_by_name("nobody"));
}

TEST_P(TheDirectory, pages_vms_by_id) {
    // Capitals sort before small letters everywhere: bytes decide, not the database's language.
    for (const char* id : {"b", "B", "a-1", "a1", "Z"}) {
        Vm one = vm(id, id, {});
        one.host = HostId(*id == 'b' ? "h2" : "h1");
        storage().put_vm(one);
    }
    std::string all;
    VmId after;
    for (;;) {
        const auto page = storage().vms({}, after, 2);
        for (const auto& one : page) all += one.id.text() + " ";
        if (page.size() < 2) break;
        after = page.back().id;
    }
    EXPECT_EQ(all, "B Z a-1 a1 b ");
    EXPECT_EQ(storage().vms(HostId("h1"), VmId("B"), 10).size(), 3u);
    EXPECT_EQ(storage().vms(HostId("h2"), {}, 10).size(), 1u);
    EXPECT_TRUE(storage().vms(HostId("h3"), {}, 10).empty());
}

TEST_P(TheDirectory, keeps_customers) {
    Customer whole{CustomerId("42"), "Ex & Co", {"N", "e@x", "+1", "hi", "Asia/Kolkata"}, 3};
    storage().put_customer(whole);
    EXPECT_EQ(storage().find_customer(CustomerId("42")), whole);
    whole.tokens_charged = 9;
    storage().put_customer(whole);
    EXPECT_EQ(storage().find_customer(CustomerId("42")), whole);
    storage().put_customer(customer("41"));
    storage().put_customer(customer("5"));
    EXPECT_EQ(storage().customers({}, 2).size(), 2u);
    EXPECT_EQ(storage().customers(CustomerId("42"), 10), std::vector{customer("5")});
}

TEST_P(TheDirectory, keeps_hosts_without_their_connection) {
    Host host{HostId("h1"), true, true, true, 5, "0.1.0", "libvirt unreachable", at(9), "", "swept 3 of 9", "-----BEGIN PUBLIC KEY-----\n"};
    storage().put_host(host);
    host.connected = false;
    EXPECT_EQ(storage().find_host(HostId("h1")), host);
    storage().put_host(Host{HostId("H0"), false, false, false, 0, "", "", at(0), "west"});
    ASSERT_EQ(storage().hosts().size(), 2u);
    EXPECT_EQ(storage().hosts()[0].id, HostId("H0"));
    EXPECT_EQ(storage().hosts()[1], host);
    EXPECT_FALSE(storage().find_host(HostId("h2")));
}

TEST_P(TheAccess, finds_accounts_by_token) {
    const Account alice{"alice", Role::approver, "aa", false};
    storage().put_account(alice);
    storage().put_account(Account{"bob", Role::analyst, "", false});
    EXPECT_EQ(storage().account_by_token("aa"), alice);
    EXPECT_FALSE(storage().account_by_token("bb"));
    EXPECT_FALSE(storage().account_by_token("")) << "an account without a token is nobody's";
    storage().put_account(Account{"alice", Role::admin, "cc", true});
    EXPECT_FALSE(storage().account_by_token("aa"));
    EXPECT_EQ(storage().account_by_token("cc"), (Account{"alice", Role::admin, "cc", true}));
    ASSERT_EQ(storage().accounts().size(), 2u);
    EXPECT_EQ(storage().accounts()[1].name, "bob");
}

TEST_P(TheAccess, recalls_the_first_answer_to_a_key) {
    EXPECT_FALSE(storage().recall("alice", "k"));
    storage().remember("alice", "k", "{\"case\":\"C-1\"}", at(0));
    storage().remember("alice", "k", "other", at(1));
    EXPECT_EQ(storage().recall("alice", "k"), "{\"case\":\"C-1\"}");
    EXPECT_FALSE(storage().recall("bob", "k"));
    EXPECT_FALSE(storage().recall("alice", "K"));
}

TEST_P(TheAccess, keeps_every_policy_revision) {
    const PolicyArchive::Kept first{PolicyId("virus"), 1, "{}"}, second{PolicyId("virus"), 2, "{\"a\":1}"}, other{PolicyId("Phish"), 1, "x"};
    for (const auto& policy : {second, first, other, first}) storage().keep_policy(policy);
    storage().keep_policy({PolicyId("virus"), 1, "changed"});
    EXPECT_EQ(storage().kept_policies(), (std::vector{other, first, second}));
}

}  // namespace
}  // namespace bailiff::test
