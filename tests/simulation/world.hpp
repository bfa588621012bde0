// SPDX-License-Identifier: Apache-2.0
// A whole provider in one thread: the real desk over memory, real agents on fake hosts, a network that breaks, a mail
// server that is away, staff that is late, customers who answer or do not. One seed, one history, on every machine.
#pragma once

#include "agent/journal/memory_journal.hpp"
#include "agent/runner.hpp"
#include "controller/desk/desk.hpp"
#include "controller/storage/memory_storage.hpp"
#include "tests/fixtures/fake_clock.hpp"
#include "tests/fixtures/fake_desk.hpp"
#include "tests/fixtures/fake_host.hpp"

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace bailiff::test {

struct Plan {
    uint64_t seed = 1;
    int64_t days = 10;
    int64_t hosts = 3;
    int64_t vms_per_host = 3;
    bool faults = true;              ///< off: only people and time
    std::string policies;            ///< folder
};

/// What dies of a crash. Nobody catches it but the world.
struct Crashed {};

/// Every mail the server accepted, with when.
struct Delivered {
    std::string message_id, subject, to;
    Instant at{};
};

/// A mail server that can be away, refuse, or accept without its answer being heard.
class SimMailer : public Mailer {
  public:
    SimMailer(const Clock& clock, Random& random) : clock_(clock), random_(random) {}
    bool away = false;
    int64_t lost_answers_percent = 0;
    std::vector<Delivered> delivered;
    void send(const OutgoingMail& mail, std::function<void(MailAnswer)> done) override;

  private:
    const Clock& clock_;
    Random& random_;
};

/// One hypervisor host with its agent. Disks, journal and locks survive the agent; the agent does not survive a crash.
struct SimHost : agent::Link {
    SimHost(HostId host_id, FakeClock& clock, Random& random, const SignatureKey& key);
    void send(const Frame& frame) override;
    void boot();
    /// Runs something of the agent's; a crash leaves the host without agent until `back_at`.
    void survive(const std::function<void()>& work);

    HostId id;
    FakeClock& clock;
    Random& random;
    FakeHost host;
    agent::MemoryJournal kept;
    agent::FaultyJournal journal{kept};
    agent::InlineExecutor executor;
    agent::RunnerSettings settings;
    std::unique_ptr<agent::Runner> runner;
    int64_t crash_per_mille = 0;     ///< chance at each call and journal entry
    Instant back_at{};
    bool connected = false;
    Instant reconnect_at{};
    int64_t crashes = 0;
    struct InFlight { Instant at; std::string text; };
    std::deque<InFlight> to_controller, to_agent;
};

class SimWorld : public Hosts {
  public:
    explicit SimWorld(Plan plan);
    ~SimWorld() override;
    /// Plays the days, lets the faults cease, plays until all is settled. False: it did not settle in ten days.
    bool play();

    bool send(const HostId& host, const Frame& frame) override;
    bool connected(const HostId& host) override;

    MemoryStorage& storage() { return *storage_; }
    Desk& desk() { return *desk_; }
    const FakeSigner& signer() const { return signer_; }
    const SimMailer& mailer() const { return mailer_; }
    const std::vector<std::unique_ptr<SimHost>>& hosts() const { return hosts_; }
    const std::deque<std::string>& story() const { return story_; }
    /// Steps taken, crashes of agents, crashes of the controller, connections broken.
    std::string summary() const;
    bool settled() const;
    const Plan& plan() const { return plan_; }
    /// Starts of a VM on another host than its own, while it was off there: what HA and panels do.
    const std::vector<std::string>& started_elsewhere() const { return started_elsewhere_; }

  private:
    void start_controller();
    /// False: the storage was away and all was rolled back.
    bool turn(const std::function<void(Desk&)>& work);
    void step();
    void advance_time();
    void network();
    void break_connection(SimHost& host);
    void agents();
    void people();
    void customers(const core::Case& c);
    void staff(const core::Case& c, const core::Dues& dues);
    void case_desk(const core::Case& c);
    void appeals();
    void reports();
    void mischief();
    void high_availability();
    void act(const CaseId& id, const core::Input& input, const std::string& actor);
    bool chance(int64_t per_mille) { return int64_t(random_.below(1000)) < per_mille; }
    void tell(const std::string& line);

    Plan plan_;
    FakeClock clock_;
    SeededRandom random_;
    std::unique_ptr<MemoryStorage> storage_;
    FakeSigner signer_;
    FakeWriter writer_;
    SimMailer mailer_;
    FakeWatchers watchers_;
    core::PolicySet policies_;
    std::unique_ptr<Desk> desk_;
    std::vector<std::unique_ptr<SimHost>> hosts_;
    std::vector<VmId> vms_;
    std::map<VmId, SimHost*> home_;
    std::deque<std::string> story_;
    size_t told_ = 0;
    bool faults_ = true, quiet_ = false;
    Instant end_{};
    std::vector<std::string> started_elsewhere_;
    int64_t refused_elsewhere_ = 0;
    int64_t steps_ = 0, controller_crashes_ = 0, outages_ = 0, breaks_ = 0;
};

}  // namespace bailiff::test
