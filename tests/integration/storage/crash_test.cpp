// SPDX-License-Identifier: Apache-2.0
// A process that writes cases is killed at random points; what it had acknowledged must be there, and the audit log intact.
#include "controller/storage/audit_file.hpp"
#include "controller/storage/sql_storage.hpp"
#include "controller/storage/sqlite.hpp"

#include <bailiff/random.hpp>

#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <string>
#include <sys/wait.h>
#include <unistd.h>

namespace bailiff {
namespace {

/// Writes turns for ever, as the desk does, and reports each committed one with a byte: 'o' opened a case, 'n' added a note.
[[noreturn]] void write_until_killed(const std::string& path, int report) {
    auto connection = open_sqlite(path);
    if (!connection) _exit(3);
    auto storage = SqlStorage::open(std::move(*connection));
    if (!storage) _exit(4);
    Storage& s = **storage;
    const Instant now(Seconds(1'700'000'000));
    for (int64_t turn = 0;; ++turn) {
        char done = 'o';
        const auto result = s.transaction([&]() -> Result<void> {
            core::Case c;
            std::vector<core::Fact> facts;
            if (turn % 3 == 0) {
                core::CaseOpened opened;
                opened.case_id = s.next_case_id();
                opened.vm = VmId("vm-" + std::to_string(turn));
                opened.report.summary = std::string(size_t(turn % 7) * 900, 'x');
                facts.emplace_back(opened);
            } else {
                CaseFilter newest;
                newest.limit = 1;
                c = s.list_cases(newest).at(0);
                done = 'n';
            }
            for (int64_t i = 0; i <= turn % 4; ++i) facts.emplace_back(core::NoteAdded{"note " + std::to_string(i)});
            const int64_t before = c.revision;
            const auto items = core::stamp(c, facts, now, "staff:alice");
            if (auto saved = s.save(before, c, items, core::Deadline{now + Seconds(turn), "reply", {}}); !saved) return saved;
            s.owe(c.id, c.notices, now, [](const std::string& key) { return "<" + key + "@example.net>"; });
            s.next_seq(HostId("h1"));
            return {};
        });
        if (!result) _exit(5);
        if (write(report, &done, 1) != 1) _exit(6);
    }
}

TEST(Crash, loses_nothing_that_was_acknowledged) {
    constexpr int kills = 50;
    char pattern[] = "/tmp/bailiff-crash-XXXXXX";
    ASSERT_TRUE(mkdtemp(pattern));
    const std::string folder = pattern, path = folder + "/bailiff.db";
    SeededRandom random(20260302);
    int64_t opened = 0, turns = 0;
    for (int kill_number = 0; kill_number < kills; ++kill_number) {
        int ends[2];
        ASSERT_EQ(pipe(ends), 0);
        const pid_t child = fork();
        ASSERT_GE(child, 0);
        if (child == 0) {
            close(ends[0]);
            write_until_killed(path, ends[1]);
        }
        close(ends[1]);
        // The first byte shows that it works; then it may live for up to 60 ms.
        char byte = 0;
        std::string acknowledged;
        ASSERT_EQ(read(ends[0], &byte, 1), 1) << "the writer ended by itself";
        acknowledged += byte;
        usleep(useconds_t(random.below(60'000)));
        kill(child, SIGKILL);
        while (read(ends[0], &byte, 1) == 1) acknowledged += byte;
        close(ends[0]);
        int status = 0;
        ASSERT_EQ(waitpid(child, &status, 0), child);
        ASSERT_TRUE(WIFSIGNALED(status)) << "exit code " << WEXITSTATUS(status);
        turns += int64_t(acknowledged.size());
        opened += std::count(acknowledged.begin(), acknowledged.end(), 'o');

        // quick_check on opening; then chain, head, and the row of every case against the fold of its history.
        auto storage = SqlStorage::open(*open_sqlite(path));
        ASSERT_TRUE(storage) << storage.error().text;
        const auto verdict = verify_audit_database(path, {});
        ASSERT_TRUE(verdict) << verdict.error().text;
        ASSERT_FALSE(verdict->fault) << "after kill " << kill_number << ": " << verdict->fault->text;
        // The turn that was under way may have been committed without its acknowledgement, once per kill.
        EXPECT_GE(int64_t(verdict->cases), opened);
        EXPECT_LE(int64_t(verdict->cases), opened + kill_number + 1);
        const int64_t seq = (*storage)->find_host(HostId("h1"))->seq;
        EXPECT_GE(seq, turns);
        EXPECT_LE(seq, turns + kill_number + 1);
    }
    std::filesystem::remove_all(folder);
    RecordProperty("turns", int(turns));
}

}  // namespace
}  // namespace bailiff
