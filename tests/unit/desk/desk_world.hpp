// SPDX-License-Identifier: Apache-2.0
// A desk with the shipped policies over a memory store whose disk can be full.
#pragma once

#include "controller/config/policy_file.hpp"
#include "controller/desk/desk_loop.hpp"
#include "controller/storage/memory_storage.hpp"
#include "tests/fixtures/fake_clock.hpp"
#include "tests/fixtures/fake_desk.hpp"

#include <bailiff/random.hpp>
#include <bailiff/system_clock.hpp>

#include <atomic>
#include <gtest/gtest.h>

namespace bailiff::test {

/// Reads as ever; the writes that turns make end in an outage while it is full.
class FullableStorage : public MemoryStorage {
  public:
    std::atomic<bool> full{false};
    Result<void> save(int64_t before, const core::Case& after, const std::vector<core::HistoryItem>& items,
                      const Standing& standing) override {
        room();
        return MemoryStorage::save(before, after, items, standing);
    }
    void update(const OutboxMail& mail) override { room(), MemoryStorage::update(mail); }
    void put_host(const Host& host) override { room(), MemoryStorage::put_host(host); }
    void put_webhook(const WebhookState& state) override { room(), MemoryStorage::put_webhook(state); }
    void put_report(const StoredReport& report) override { room(), MemoryStorage::put_report(report); }
    void prove_writable() override { room(); }

  private:
    void room() const {
        if (full) throw StorageOutage("the disk of the database is full; free some space");
    }
};

inline core::PolicySet shipped_policies() {
    std::vector<FileMistakes> mistakes;
    auto set = load_policies(std::string(BAILIFF_SOURCE_DIR) + "/policies", mistakes);
    if (!mistakes.empty()) throw std::runtime_error("the shipped policies do not load");
    return set;
}

struct DeskWorld : testing::Test {
    const VmId web1{"11111111-1111-4111-8111-111111111111"};
    FakeClock clock{Instant(Seconds(1'772'422'200))};   // Mon 2026-03-02 09:00 IST
    FullableStorage storage;
    SeededRandom random{7};
    FakeMailer mailer;
    FakeWriter writer;
    FakeSigner signer;
    FakeHosts hosts;
    FakeWatchers watchers;
    DeskOptions options;

    DeskWorld() {
        storage.put_customer({CustomerId("7"), "Lotus Textiles", {"Asha Rao", "asha@lotus.example", "+91 80 5550 0117", "en", ""}, 0});
        storage.put_vm({web1, "web1", HostId("h1"), CustomerId("7"), {"192.0.2.10"}, Power::running, VmState::running, false, false, clock.now()});
    }
    Desk::Ports ports() { return {storage, clock, random, signer, mailer, writer, hosts, watchers}; }
    static ReportInput report_of(const std::string& type) {
        ReportInput report;
        report.type = type;
        report.vm_name = "web1";
        report.summary = "seen by a test";
        return report;
    }
};

}  // namespace bailiff::test
