// SPDX-License-Identifier: Apache-2.0
// How many cases a second the desk opens on SQLite with every commit synced, and what bare SQLite does in the same run:
// one insert per synced commit is the floor that any durable system pays, so the ratios say what the desk costs.

#include <bailiff/system_clock.hpp>

#include "controller/config/policy_file.hpp"
#include "controller/desk/desk_loop.hpp"
#include "controller/storage/sql_storage.hpp"
#include "controller/storage/sqlite.hpp"
#include "tests/fixtures/fake_desk.hpp"

#include <atomic>
#include <filesystem>
#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <sqlite3.h>
#include <thread>

namespace bailiff::test {
namespace {

const SystemClock wall;

double seconds_of(const std::function<void()>& work) {
    const auto begin = wall.monotonic();
    work();
    return double((wall.monotonic() - begin).count()) / 1000;
}

/// Bare SQLite, as durable as the desk's: `rows` of 3 KB, `batch` of them per commit.
double bare(const std::filesystem::path& folder, int64_t rows, int64_t batch) {
    sqlite3* db = nullptr;
    sqlite3_open((folder / "bare.db").c_str(), &db);
    sqlite3_exec(db, "pragma journal_mode=wal; pragma synchronous=full; create table if not exists t(id integer primary key, body text)", nullptr, nullptr, nullptr);
    sqlite3_stmt* insert = nullptr;
    sqlite3_prepare_v2(db, "insert into t(body) values(?1)", -1, &insert, nullptr);
    const std::string body(3000, 'x');
    const double took = seconds_of([&] {
        for (int64_t done = 0; done < rows; done += batch) {
            sqlite3_exec(db, "begin immediate", nullptr, nullptr, nullptr);
            for (int64_t i = 0; i < batch; ++i) {
                sqlite3_bind_text(insert, 1, body.data(), int(body.size()), SQLITE_STATIC);
                sqlite3_step(insert);
                sqlite3_reset(insert);
            }
            sqlite3_exec(db, "commit", nullptr, nullptr, nullptr);
        }
    });
    sqlite3_finalize(insert);
    sqlite3_close(db);
    return double(rows) / took;
}

struct Office {
    explicit Office(const std::filesystem::path& file) {
        storage = std::move(*SqlStorage::open(std::move(*open_sqlite(file.string()))));
        std::vector<FileMistakes> mistakes;
        auto policies = load_policies(std::filesystem::path(BAILIFF_SOURCE_DIR) / "policies", mistakes);
        desk = std::make_unique<Desk>(Desk::Ports{*storage, wall, random, signer, mailer, writer, hosts, watchers}, std::move(policies), DeskOptions{});
    }
    void people(int64_t count) {
        (void)storage->transaction([&]() -> Result<void> {
            storage->put_customer({CustomerId("7"), "Lotus", {"Asha", "asha@lotus.example", "+91", "en", ""}, 0});
            for (int64_t i = 0; i < count; ++i)
                storage->put_vm({vm(i), "vm" + std::to_string(i), HostId("h1"), CustomerId("7"), {}, Power::running, VmState::running, false, false, wall.now()});
            return {};
        });
    }
    static VmId vm(int64_t i) { return VmId(fmt::format("00000000-0000-4000-8000-{:012x}", i)); }
    static ReportInput report(int64_t i) {
        ReportInput input;
        input.type = "content/malware";
        input.vm = vm(i).text();
        input.reporter = "cert@reporter.example";
        input.summary = "EICAR in /var/www/html/uploads/invoice.php";
        return input;
    }
    std::unique_ptr<SqlStorage> storage;
    SeededRandom random{1};
    FakeSigner signer;
    FakeMailer mailer;
    FakeWriter writer;
    FakeHosts hosts;
    FakeWatchers watchers;
    std::unique_ptr<Desk> desk;
};

void run(int64_t cases) {
    char name[] = "/var/tmp/bailiff-bench-XXXXXX";
    const std::filesystem::path folder = mkdtemp(name);
    const double bare_one = bare(folder, cases, 1), bare_many = bare(folder, cases, 64);
    double alone = 0, together = 0;
    {
        Office office(folder / "alone.db");
        office.people(cases);
        alone = double(cases) / seconds_of([&] {
            for (int64_t i = 0; i < cases; ++i) (void)office.desk->report(Office::report(i), "bench");
        });
    }
    {
        Office office(folder / "together.db");
        office.people(cases);
        DeskLoop loop(*office.desk, *office.storage, wall, std::chrono::milliseconds(1000), size_t(cases) + 10);
        std::atomic<int64_t> answered{0};
        together = double(cases) / seconds_of([&] {
            for (int64_t i = 0; i < cases; ++i)
                loop.post(DeskTurn{[i, &answered](Desk& desk) {
                                       (void)desk.report(Office::report(i), "bench");
                                       return [&answered] { ++answered; };
                                   },
                                   [&answered](const std::string&) { ++answered; }});
            while (answered < cases) std::this_thread::sleep_for(std::chrono::milliseconds(1));
        });
    }
    fmt::print("{:<58} {:>10}\n", "", "per second");
    fmt::print("{:<58} {:>10.0f}\n", "bare SQLite, one synced commit per 3 KB row", bare_one);
    fmt::print("{:<58} {:>10.0f}\n", "bare SQLite, 64 rows per synced commit", bare_many);
    fmt::print("{:<58} {:>10.0f}  ({:.2f} of bare)\n", "desk, one case per synced commit", alone, alone / bare_one);
    fmt::print("{:<58} {:>10.0f}  ({:.2f} of bare)\n", "desk loop, waiting turns share a commit (at most 64)", together, together / bare_many);
    std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace bailiff::test

int main(int argc, char** argv) {
    spdlog::set_level(spdlog::level::off);
    bailiff::test::run(argc > 1 ? std::atoll(argv[1]) : 5000);
}
