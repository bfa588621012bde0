// SPDX-License-Identifier: Apache-2.0
// Cases per second through `save`, one transaction each and in batches, and lists over a full database.
#include "controller/storage/memory_storage.hpp"
#include "controller/storage/sql_storage.hpp"
#include "controller/storage/sqlite.hpp"

#include <benchmark/benchmark.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>

namespace bailiff {
namespace {

const Instant start(Seconds(1'700'000'000));

/// A SQLite file of its own, or memory.
class Target {
  public:
    explicit Target(bool file) {
        if (!file) {
            storage_ = std::make_unique<MemoryStorage>();
            return;
        }
        const char* parent = std::getenv("BAILIFF_BENCH_DIR");
        folder_ = std::string(parent ? parent : "/tmp") + "/bailiff-bench-XXXXXX";
        if (!mkdtemp(folder_.data())) throw std::runtime_error("no folder can be made in " + folder_);
        storage_ = *SqlStorage::open(*open_sqlite(folder_ + "/bailiff.db"));
    }
    ~Target() {
        storage_.reset();
        if (!folder_.empty()) std::filesystem::remove_all(folder_);
    }
    Target(const Target&) = delete;
    Target& operator=(const Target&) = delete;
    Storage& operator*() { return *storage_; }

  private:
    std::string folder_;
    std::unique_ptr<Storage> storage_;
};

Result<void> open_one(Storage& storage, int64_t n) {
    return storage.transaction([&]() -> Result<void> {
        core::CaseOpened opened;
        opened.case_id = storage.next_case_id();
        opened.vm = VmId("9f1f9d6e-0000-4000-8000-" + std::to_string(100'000'000'000 + n % 5000));
        opened.vm_name = "web1";
        opened.vm_address = "192.0.2.1";
        opened.host = HostId("h" + std::to_string(n % 50));
        opened.customer = CustomerId(std::to_string(n % 1000));
        opened.customer_name = "Example GmbH";
        opened.contact = {"Asha Rao", "asha@example.net", "+91 80 1234", "en", "Asia/Kolkata"};
        opened.policy = PolicyId("virus-content");
        opened.report = {ReportId("R-1"), "content/malware", "cert@example.net", start, "EICAR-Test-File in /var/www/html/upload.php"};
        core::Case c;
        const auto items = core::stamp(c, {opened, core::RungStarted{0, "reply", Seconds(3600), false}, core::NoteAdded{"benchmark"}}, start, "controller");
        if (auto saved = storage.save(0, c, items, core::Deadline{start + Seconds(n), "reply", {"1 working hour from 09:00"}}); !saved) return saved;
        storage.owe(c.id, c.notices, start, [&](const std::string& key) { return "<" + c.id.text() + "." + key + "@example.net>"; });
        return {};
    });
}

void fill(Storage& storage, int64_t cases) {
    for (int64_t n = 0; n < cases; n += 1000)
        if (!storage.transaction([&]() -> Result<void> {
                for (int64_t i = n; i < n + 1000; ++i)
                    if (auto opened = open_one(storage, i); !opened) return opened;
                return {};
            }))
            throw std::runtime_error("the benchmark's database cannot be filled");
}

/// Arguments: file or memory, cases per outer transaction.
void opened_cases(benchmark::State& state) {
    Target target(state.range(0) != 0);
    const int64_t batch = state.range(1);
    int64_t n = 0;
    for (auto _ : state) {
        const auto turn = [&]() -> Result<void> {
            for (int64_t i = 0; i < batch; ++i)
                if (auto opened = open_one(*target, ++n); !opened) return opened;
            return {};
        };
        if (!(*target).transaction(turn)) state.SkipWithError("a case was not saved");
    }
    state.SetItemsProcessed(n);
}
BENCHMARK(opened_cases)->ArgNames({"file", "batch"})->Args({1, 1})->Args({1, 50})->Args({0, 1})->UseRealTime()->MinTime(5);

/// Lists over 100,000 cases in memory-mapped or cached pages: what the staff page and the tick ask for.
void lists_of_many(benchmark::State& state) {
    static Target target(true);
    static const bool filled = (fill(*target, 100'000), true);
    benchmark::DoNotOptimize(filled);
    Storage& storage = *target;
    CaseFilter filter;
    if (state.range(0) == 1) filter.customer = CustomerId("7");
    if (state.range(0) == 2) filter.phase = core::Phase::closed;
    if (state.range(0) == 3) filter.before = CaseId("C-50000");
    for (auto _ : state) {
        if (state.range(0) == 4) benchmark::DoNotOptimize(storage.due(start + Seconds(100), 50));
        else if (state.range(0) == 5) benchmark::DoNotOptimize(storage.open_cases_of(VmId("9f1f9d6e-0000-4000-8000-100000000007")));
        else if (state.range(0) == 6) benchmark::DoNotOptimize(storage.to_send(start, 50));
        else benchmark::DoNotOptimize(storage.list_cases(filter));
    }
    static const char* const names[] = {"newest", "of a customer", "of a rare phase", "deep page", "due", "open cases of a VM", "mails to send"};
    state.SetLabel(names[state.range(0)]);
}
BENCHMARK(lists_of_many)->DenseRange(0, 6)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace bailiff

BENCHMARK_MAIN();
