// SPDX-License-Identifier: Apache-2.0
// The journal's promise, over every implementation of the port.
#include "agent/journal/memory_journal.hpp"
#include "agent/journal/sqlite_journal.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <sys/stat.h>

namespace bailiff::agent {
namespace {

const Instant noon = *parse_rfc3339("2026-03-02T12:00:00Z");

/// A place in which a journal lives on when its object dies, as a process does.
class Place {
  public:
    virtual ~Place() = default;
    virtual std::unique_ptr<Journal> open() = 0;
};

class MemoryPlace : public Place {
  public:
    std::unique_ptr<Journal> open() override { return std::make_unique<FaultyJournal>(kept_); }

  private:
    MemoryJournal kept_;
};

class SqlitePlace : public Place {
  public:
    SqlitePlace() {
        std::string pattern = "/tmp/bailiff-journal-XXXXXX";
        if (!mkdtemp(pattern.data())) throw std::runtime_error("no temporary folder");
        folder_ = pattern;
    }
    ~SqlitePlace() override { std::filesystem::remove_all(folder_); }
    std::unique_ptr<Journal> open() override { return std::make_unique<SqliteJournal>(file()); }
    std::string file() const { return folder_ + "/journal.sqlite"; }

  private:
    std::string folder_;
};

struct Kind {
    const char* name;
    std::function<std::unique_ptr<Place>()> make;
};

class JournalContract : public testing::TestWithParam<Kind> {
  protected:
    std::unique_ptr<Place> place = GetParam().make();
    std::unique_ptr<Journal> journal = place->open();
    void reopen() {
        journal.reset();
        journal = place->open();
    }
};

TEST_P(JournalContract, entries_come_back_as_they_were_in_the_order_they_came) {
    const Json body{{"act", "lock"}, {"text", "Gr\u00fc\u00dfe \"quoted\" \\ \n"}, {"n", 1}, {"list", {1, 2}}};
    const auto first = journal->append("a", "intent", body, noon);
    const auto second = journal->append("", "bypassed", Json::object(), noon + Seconds(1));
    EXPECT_LT(first, second);
    reopen();
    const auto all = journal->read_all();
    ASSERT_EQ(all.size(), 2u);
    EXPECT_EQ(all[0].position, first);
    EXPECT_EQ(all[0].operation, "a");
    EXPECT_EQ(all[0].kind, "intent");
    EXPECT_EQ(all[0].body, body);
    EXPECT_EQ(all[0].at, noon);
    EXPECT_EQ(all[1].operation, "");
}

TEST_P(JournalContract, an_operation_is_open_from_accepted_to_end) {
    journal->append("b", "accepted", Json::object(), noon);
    journal->append("a", "accepted", Json::object(), noon);
    journal->append("c", "refused", Json::object(), noon);
    journal->append("b", "intent", Json::object(), noon);
    reopen();
    EXPECT_EQ(journal->open_operations(), (std::vector<std::string>{"b", "a"}));
    journal->append("b", "end", Json::object(), noon);
    EXPECT_EQ(journal->open_operations(), std::vector<std::string>{"a"});
}

TEST_P(JournalContract, entries_are_found_by_operation_and_by_kind) {
    journal->append("a", "accepted", {{"n", 1}}, noon);
    journal->append("b", "accepted", {{"n", 2}}, noon);
    journal->append("a", "end", {{"n", 3}}, noon);
    ASSERT_EQ(journal->read("a").size(), 2u);
    EXPECT_EQ(journal->read("a")[1].body.at("n"), 3);
    ASSERT_EQ(journal->read_kind("accepted").size(), 2u);
    EXPECT_EQ(journal->read_kind("accepted")[1].operation, "b");
    EXPECT_TRUE(journal->read("nobody").empty());
}

TEST_P(JournalContract, positions_are_never_used_twice_even_after_forgetting) {
    journal->append("", "mark", Json::object(), noon);
    journal->append("a", "accepted", Json::object(), noon);
    const auto last = journal->append("a", "end", Json::object(), noon);
    journal->forget({"a"});
    reopen();
    EXPECT_EQ(journal->read_all().size(), 1u) << "host-wide entries stay";
    EXPECT_GT(journal->append("b", "accepted", Json::object(), noon), last);
}

TEST_P(JournalContract, bytes_that_are_no_text_do_not_break_it) {
    journal->append("a", "done", {{"path", "\xff\xfe"}}, noon);
    reopen();
    EXPECT_EQ(journal->read("a").size(), 1u);
}

INSTANTIATE_TEST_SUITE_P(Every, JournalContract,
                         testing::Values(Kind{"memory", [] { return std::make_unique<MemoryPlace>(); }},
                                         Kind{"sqlite", [] { return std::make_unique<SqlitePlace>(); }}),
                         [](const auto& one) { return std::string(one.param.name); });

TEST(SqliteJournal, belongs_to_root_alone_and_can_be_read_beside_a_writer) {
    SqlitePlace place;
    const auto writer = place.open();
    writer->append("a", "accepted", Json::object(), noon);
    struct stat info {};
    ASSERT_EQ(::stat(place.file().c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0600u);
    SqliteJournal reader(place.file(), true);
    EXPECT_EQ(reader.read_all().size(), 1u);
    EXPECT_THROW(reader.append("a", "end", Json::object(), noon), Outage);
}

TEST(SqliteJournal, says_what_is_wrong_when_its_folder_is_missing) {
    try {
        SqliteJournal journal("/nonexistent/folder/journal.sqlite");
        FAIL() << "opened a journal in a folder that does not exist";
    } catch (const Outage& outage) {
        EXPECT_NE(std::string(outage.what()).find("state folder"), std::string::npos) << outage.what();
    }
}

TEST(MemoryJournal, can_lose_what_was_not_synced) {
    MemoryJournal journal;
    journal.append("a", "accepted", Json::object(), noon);
    journal.hold_back = true;
    journal.append("a", "intent", Json::object(), noon);
    journal.lose_unsynced();
    EXPECT_EQ(journal.read_all().size(), 1u);
}

TEST(FaultyJournal, fails_before_and_after_an_entry_is_durable) {
    MemoryJournal inner;
    FaultyJournal journal(inner);
    journal.before = [](const auto&, const auto&, const auto&) { throw Outage("no space"); };
    EXPECT_THROW(journal.append("a", "accepted", Json::object(), noon), Outage);
    EXPECT_TRUE(inner.read_all().empty());
    journal.before = nullptr;
    journal.after = [](const auto&, const auto&, const auto&) { throw Outage("no space"); };
    EXPECT_THROW(journal.append("a", "accepted", Json::object(), noon), Outage);
    EXPECT_EQ(inner.read_all().size(), 1u);
}

}  // namespace
}  // namespace bailiff::agent
