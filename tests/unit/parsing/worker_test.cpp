// SPDX-License-Identifier: Apache-2.0
// The real worker: what it reads, and what becomes of reports when it is killed, stopped, missing or lies.
#include "controller/parsing/reading_of.hpp"
#include "controller/parsing/worker_reader.hpp"

#include <bailiff/system_clock.hpp>

#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <future>
#include <iostream>
#include <iterator>
#include <sys/stat.h>

namespace bailiff::test {
namespace {

using std::chrono::milliseconds;

std::string fixture(const std::string& file) {
    std::ifstream in(std::string(BAILIFF_SOURCE_DIR) + "/tests/fixtures/reports/" + file, std::ios::binary);
    EXPECT_TRUE(in) << file;
    return {std::istreambuf_iterator<char>(in), {}};
}

struct AWorker : testing::Test {
    SystemClock clock;
    WorkerOptions options{BAILIFF_BIN_DIR "/bailiff-intake"};

    static std::future<Result<Reading>> ask(WorkerReader& reader, const std::string& bytes) {
        auto promise = std::make_shared<std::promise<Result<Reading>>>();
        auto answer = promise->get_future();
        const bool taken = reader.read(std::make_shared<const std::string>(bytes), [promise](Result<Reading> read) { promise->set_value(std::move(read)); });
        if (!taken) promise->set_value(fail(Errc::conflict, "no room"));
        return answer;
    }
    /// A program of two lines that plays a worker. Tests may start a shell.
    std::string played(const std::string& script) {
        std::string folder = "/tmp/bailiff-worker-XXXXXX";
        if (!mkdtemp(folder.data())) throw std::runtime_error("mkdtemp failed");
        folders.push_back(folder);
        const std::string path = folder + "/worker";
        std::ofstream(path) << "#!/bin/bash\n" << script << "\n";
        chmod(path.c_str(), 0755);
        return path;
    }
    std::vector<std::string> folders;
    void TearDown() override {
        for (const auto& folder : folders) std::filesystem::remove_all(folder);
    }
};

TEST_F(AWorker, reads_what_the_parser_reads_charsets_included) {
    WorkerReader reader(options, clock);
    for (const char* file : {"arf_base64.eml", "prose.eml", "shadowserver.csv", "xarf3_sourceip.json", "xarf4_mail.eml", "xarf_fields.eml"}) {
        const auto got = ask(reader, fixture(file)).get();
        ASSERT_TRUE(got) << file << ": " << got.error().text;
        EXPECT_EQ(*got, read_delivery(fixture(file))) << file;
    }
    // The box has no files, and the C library keeps its charsets in files.
    for (const char* charset : {"iso-8859-1", "windows-1251", "koi8-r", "shift_jis", "gb18030", "big5", "euc-kr", "iso-2022-jp", "utf-16le", "iso-8859-15"}) {
        const std::string mail = "From: a@x.example\nTo: b@y.example\nSubject: =?" + std::string(charset) + "?B?xOXM?=\nDate: Mon, 2 Mar 2026 05:00:00 +0530\n" +
                                 "Content-Type: text/plain; charset=" + charset + "\nContent-Transfer-Encoding: base64\n\nMTkyLjAuMi4xMCDE5cwK\n";
        const auto got = ask(reader, mail).get();
        ASSERT_TRUE(got) << charset;
        EXPECT_EQ(*got, read_delivery(mail)) << charset << ": the box loses what this charset says";
    }
    EXPECT_EQ(reader.workers(), 1u);
    EXPECT_EQ(reader.failures(), 0u);
}

TEST_F(AWorker, takes_large_and_odd_ones) {
    WorkerReader reader(options, clock);
    const std::string large = fixture("arf_base64.eml") + std::string(24u << 20, 'x');
    const auto got = ask(reader, large).get();
    ASSERT_TRUE(got) << got.error().text;
    EXPECT_EQ(got->format, "arf");
    for (const std::string& odd : {std::string(), std::string("\0", 1), std::string(1 << 20, '\xff'), std::string(2'000'000, '[')}) {
        const auto read = ask(reader, odd).get();
        ASSERT_TRUE(read) << odd.size();
        EXPECT_NE(read->triage, "") << odd.size();
    }
    EXPECT_EQ(reader.failures(), 0u);
}

TEST_F(AWorker, that_is_killed_is_replaced_and_no_report_is_lost) {
    WorkerReader reader(options, clock);
    const auto mail = fixture("arf_base64.eml");
    ASSERT_TRUE(ask(reader, mail).get());
    for (int i = 0; i < 3; ++i) {
        ASSERT_GT(reader.pid(), 0);
        kill(reader.pid(), SIGKILL);
        const auto got = ask(reader, mail).get();
        ASSERT_TRUE(got);
        EXPECT_EQ(got->format, "arf") << "a fresh worker has read it";
    }
    EXPECT_EQ(reader.failures(), 3u);
    EXPECT_EQ(reader.workers(), 4u);
}

TEST_F(AWorker, that_hangs_makes_triage_in_time) {
    options.patience = milliseconds(1500);
    WorkerReader reader(options, clock);
    const auto mail = fixture("arf_base64.eml");
    ASSERT_TRUE(ask(reader, mail).get());
    kill(reader.pid(), SIGSTOP);
    const auto got = ask(reader, mail).get();
    ASSERT_TRUE(got) << "kept";
    EXPECT_NE(got->triage.find("it was not done within 1 s"), std::string::npos) << got->triage;
    EXPECT_EQ(ask(reader, mail).get()->format, "arf") << "the next one is read again";
}

TEST_F(AWorker, that_dies_of_a_report_makes_triage_of_it_alone) {
    // Ready; then the length, and death, whoever asks.
    options.program = played(R"(printf '\0\0\0\0'; head -c 4 >/dev/null; kill -SEGV $$)");
    WorkerReader reader(options, clock);
    const auto got = ask(reader, "bytes").get();
    ASSERT_TRUE(got);
    EXPECT_NE(got->triage.find("it was ended by a signal: SEGV"), std::string::npos) << got->triage;
    EXPECT_EQ(reader.workers(), 2u) << "tried once more in a fresh one";
}

TEST_F(AWorker, that_lies_is_not_believed) {
    const std::pair<const char*, const char*> lies[] = {
        {R"(printf '\0\0\0\0'; head -c 4 >/dev/null; printf '\377\377\377\377'; sleep 60)", "it said too much"},
        {R"(printf '\0\0\0\0'; head -c 4 >/dev/null; printf '\0\0\0\5hello'; sleep 60)", "cannot be understood"},
        {R"(printf '\0\0\0\0'; head -c 4 >/dev/null; printf '\0\0\0\2{}'; sleep 60)", "cannot be understood"},
        {R"(printf '\0\0\0\0'; head -c 4 >/dev/null; printf '\0\0\0\100{"format":"x"'; exit 3)", "it ended with code 3"}};
    for (const auto& [script, trouble] : lies) {
        options.program = played(script);
        WorkerReader reader(options, clock);
        const auto got = ask(reader, "bytes").get();
        ASSERT_TRUE(got) << script;
        EXPECT_NE(got->triage.find(trouble), std::string::npos) << got->triage;
        EXPECT_TRUE(got->events.empty());
    }
}

TEST_F(AWorker, that_cannot_start_lets_the_door_keep_the_mail) {
    options.start_patience = milliseconds(2000);
    for (const std::string& program : {std::string("/nonexistent/bailiff-intake"), std::string("/bin/false"), played("exec sleep 60"), played("echo hello; exec sleep 60")}) {
        options.program = program;
        WorkerReader reader(options, clock);
        const auto got = ask(reader, "bytes").get();
        ASSERT_FALSE(got) << program;
        EXPECT_EQ(got.error().code, Errc::unavailable);
        EXPECT_NE(got.error().text.find(program), std::string::npos) << got.error().text;
    }
}

TEST_F(AWorker, has_bounds_and_an_end) {
    options.most_waiting = 3;
    options.program = played("exec sleep 60");
    std::vector<std::future<Result<Reading>>> all;
    {
        WorkerReader reader(options, clock);
        for (int i = 0; i < 10; ++i) all.push_back(ask(reader, "bytes"));
    }
    int no_room = 0, stopping = 0;
    for (auto& one : all) {
        const auto got = one.get();
        ASSERT_FALSE(got);
        (got.error().code == Errc::conflict ? no_room : stopping) += 1;
    }
    EXPECT_GE(no_room, 6);
    EXPECT_GE(stopping, 3) << "each is answered, none waits for ever";
}

TEST_F(AWorker, is_replaced_after_its_share_and_reads_many) {
    options.reports_to_a_worker = 400;
    WorkerReader reader(options, clock);
    const auto mail = fixture("arf_base64.eml");
    const auto began = clock.monotonic();
    std::vector<std::future<Result<Reading>>> all;
    for (int i = 0; i < 1000; ++i) all.push_back(ask(reader, mail));
    for (auto& one : all) ASSERT_TRUE(one.get());
    const auto took = std::max<int64_t>((clock.monotonic() - began).count(), 1);
    EXPECT_EQ(reader.workers(), 3u);
    EXPECT_EQ(reader.failures(), 0u);
    RecordProperty("reports_per_second", std::to_string(1'000'000 / took));
    std::cout << "reports a second through the worker: " << 1'000'000 / took << "\n";
}

}  // namespace
}  // namespace bailiff::test
