// SPDX-License-Identifier: Apache-2.0
// A large provider's controller: the real desk and API on SQLite, with as many VMs and cases as the goals name.
#pragma once

#include "controller/api/api.hpp"
#include "controller/storage/sql_storage.hpp"
#include "tests/fixtures/fake_clock.hpp"
#include "tests/fixtures/fake_desk.hpp"

#include <filesystem>
#include <memory>
#include <string>

namespace bailiff::test {

struct Scale {
    int64_t vms = 1'000'000;
    int64_t cases = 100'000;      ///< of them the last `open` are open
    int64_t open = 10'000;
    int64_t due = 5'000;          ///< of the open ones: with one deadline, at `deadline`
};

class FullOffice {
  public:
    static constexpr int64_t vms_per_customer = 20, hosts = 500;
    /// Opens the database in the folder, whatever is in it.
    explicit FullOffice(const std::filesystem::path& folder);
    /// Everything through the desk, as it would have come; some minutes.
    void fill(const Scale& scale);

    struct Got {
        int status = 0;
        std::string body;
    };
    /// One request of an administrator's, from its header to its answer.
    Got get(const std::string& target);
    /// Lets the desk take what is due, in the transactions that its loop makes; returns how many deadlines it took.
    size_t tick();

    static VmId vm(int64_t n);
    static std::string address(int64_t n);
    FakeClock clock{Instant(Seconds(1'772'420'400))};   // Mon 2026-03-02 08:30 in Kolkata: half an hour before opening
    SqlStorage& storage() { return *storage_; }

  private:
    void give_history(int64_t n, int64_t vms);
    void open_cases(int64_t from, int64_t to, bool close);
    bool post(const DeskTurn& turn);
    ApiParts parts();

    struct NoDoor : HostDoor {
        bool connected(const HostId&) override { return true; }
        Result<HostToken> enrolment_token(const HostId&) override { return fail(Errc::unavailable, "no gateway here"); }
        void shut_out(const HostId&) override {}
    };
    std::unique_ptr<SqlStorage> storage_;
    SeededRandom random_{1};
    FakeSigner signer_;
    FakeMailer mailer_;
    FakeWriter writer_;
    FakeHosts hosts_;
    NoDoor door_;
    Feed feed_{"bench", 10, 1};
    std::vector<std::function<void(Desk&)>> came_back_;   ///< answers of the mail server, which the loop takes with its next turn
    std::unique_ptr<Desk> desk_;
    std::unique_ptr<Api> api_;
};

}  // namespace bailiff::test
