// SPDX-License-Identifier: Apache-2.0
// Makes the databases of the storage contract.
#include "tests/contract/storage/storage_world.hpp"

#include <bailiff/system_clock.hpp>
#include "controller/storage/memory_storage.hpp"
#include "controller/storage/postgres.hpp"
#include "controller/storage/sql_storage.hpp"
#include "controller/storage/sqlite.hpp"
#include "tests/fixtures/postgres.hpp"

namespace bailiff::test {

namespace {

std::unique_ptr<Storage> opened_or_throw(Result<std::unique_ptr<SqlConnection>> connection) {
    if (!connection) throw std::runtime_error(connection.error().text);
    auto storage = SqlStorage::open(std::move(*connection));
    if (!storage) throw std::runtime_error(storage.error().text);
    return std::move(*storage);
}

struct InMemory : Database {
    std::unique_ptr<Storage> open() override { return std::make_unique<MemoryStorage>(); }
    bool shared() const override { return false; }
};
struct InSqliteMemory : Database {
    std::unique_ptr<Storage> open() override { return opened_or_throw(open_sqlite(":memory:")); }
    bool shared() const override { return false; }
};
struct InSqliteFile : Database {
    InSqliteFile() {
        char pattern[] = "/tmp/bailiff-sqlite-XXXXXX";
        if (!mkdtemp(pattern)) throw std::runtime_error("no folder can be made in /tmp");
        folder = pattern;
    }
    ~InSqliteFile() override { std::filesystem::remove_all(folder); }
    std::unique_ptr<Storage> open() override { return opened_or_throw(open_sqlite(folder + "/bailiff.db")); }
    std::string folder;
};
struct InPostgres : Database {
    /// One server for the whole program; every database is a schema of its own in it.
    static TestPostgres& server() {
        static TestPostgres server;
        return server;
    }
    InPostgres() {
        static int serial = 0;
        schema = "t" + std::to_string(++serial);
        auto connection = open_postgres(server().url(), clock);
        if (!connection) throw std::runtime_error(connection.error().text);
        (*connection)->script("create schema " + schema);
    }
    std::unique_ptr<Storage> open() override { return opened_or_throw(open_postgres(server().url(schema), clock)); }
    SystemClock clock;
    std::string schema;
};

}  // namespace

void PrintTo(Backend backend, std::ostream* out) {
    switch (backend) {
        case Backend::memory: *out << "memory"; return;
        case Backend::sqlite_memory: *out << "sqlite_memory"; return;
        case Backend::sqlite_file: *out << "sqlite_file"; return;
        case Backend::postgres: *out << "postgres"; return;
    }
}

std::unique_ptr<Database> make_database(Backend backend, std::string& reason) {
    switch (backend) {
        case Backend::memory: return std::make_unique<InMemory>();
        case Backend::sqlite_memory: return std::make_unique<InSqliteMemory>();
        case Backend::sqlite_file: return std::make_unique<InSqliteFile>();
        case Backend::postgres: break;
    }
    if (!has_postgres()) reason = "built without PostgreSQL";
    else if (const auto missing = TestPostgres::missing()) reason = *missing;
    else return std::make_unique<InPostgres>();
    return nullptr;
}

void StorageContract::SetUp() {
    std::string reason;
    database_ = make_database(GetParam(), reason);
    if (!database_) GTEST_SKIP() << reason;
    storage_ = database_->open();
}

Opened opened(const CaseId& id, const std::string& vm, const std::string& customer) {
    core::CaseOpened fact;
    fact.case_id = id;
    fact.vm = VmId(vm);
    fact.vm_name = "web \"1\" \xC3\xA9";
    fact.host = HostId("h1");
    fact.customer = CustomerId(customer);
    fact.customer_name = "O'Neill";
    fact.contact = {"Asha Rao", "asha@example.net", "+91 80 1234", "hi", "Asia/Kolkata"};
    fact.policy = PolicyId("virus-content");
    fact.resolution_left = Seconds{3600};
    fact.report = {ReportId("R-1"), "content/malware", "cert@example.net", at(-100), "EICAR\nin /tmp"};
    Opened out;
    out.items = core::stamp(out.c, {fact, core::RungStarted{0, "reply", Seconds{3600}, false}}, at(0), "controller");
    return out;
}

std::vector<core::HistoryItem> happen(core::Case& c, const std::vector<core::Fact>& facts, Instant when) {
    return core::stamp(c, facts, when, "staff:alice");
}

core::Case saved_case(Storage& storage, const std::string& vm, const std::string& customer, const std::optional<core::Deadline>& deadline) {
    auto [c, items] = opened(storage.next_case_id(), vm, customer);
    const auto saved = storage.save(0, c, items, deadline);
    if (!saved) throw std::runtime_error(saved.error().text);
    return c;
}

std::vector<std::string> ids(const std::vector<core::Case>& cases) {
    std::vector<std::string> out;
    for (const auto& c : cases) out.push_back(c.id.text());
    return out;
}

}  // namespace bailiff::test
