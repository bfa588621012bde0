// SPDX-License-Identifier: Apache-2.0
// The databases that the storage contract runs over, and a small case to put into them.
#pragma once

#include "controller/core/case.hpp"
#include "controller/desk/ports.hpp"

#include <gtest/gtest.h>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

namespace bailiff::test {

/// One empty database; further calls of open() give further connections to the same one, where that is possible.
class Database {
  public:
    virtual ~Database() = default;
    virtual std::unique_ptr<Storage> open() = 0;
    virtual bool shared() const { return true; }
};

enum class Backend { memory, sqlite_memory, sqlite_file, postgres };
void PrintTo(Backend backend, std::ostream* out);
/// Throws std::runtime_error when it cannot be made; nothing (and why in `reason`) when it is not installed.
std::unique_ptr<Database> make_database(Backend backend, std::string& reason);

/// Fixture of every contract test: `storage()` is empty at first.
class StorageContract : public testing::TestWithParam<Backend> {
  protected:
    void SetUp() override;
    Storage& storage() { return *storage_; }
    Database& database() { return *database_; }

    std::unique_ptr<Database> database_;
    std::unique_ptr<Storage> storage_;
};

inline Instant at(int64_t seconds) { return Instant(Seconds(1'700'000'000 + seconds)); }

/// A case that was just opened, with its history: take `next_case_id()` as its id.
struct Opened {
    core::Case c;
    std::vector<core::HistoryItem> items;
};
Opened opened(const CaseId& id, const std::string& vm = "vm-1", const std::string& customer = "7");
/// Adds facts to the case and returns their items.
std::vector<core::HistoryItem> happen(core::Case& c, const std::vector<core::Fact>& facts, Instant when = at(60));
/// Opens and saves a case under a new id.
core::Case saved_case(Storage& storage, const std::string& vm = "vm-1", const std::string& customer = "7",
                      const std::optional<core::Deadline>& deadline = std::nullopt);
std::vector<std::string> ids(const std::vector<core::Case>& cases);

/// Each file derives its own suite from StorageContract and runs it over all of them.
#define BAILIFF_OVER_ALL_STORAGES(Suite)                                                                                   \
    INSTANTIATE_TEST_SUITE_P(Over, Suite, testing::Values(Backend::memory, Backend::sqlite_memory, Backend::sqlite_file, \
                                                          Backend::postgres),                                            \
                             testing::PrintToStringParamName())

}  // namespace bailiff::test
