// SPDX-License-Identifier: Apache-2.0
// The agent's loop: takes orders and jobs, carries them out step by step, answers until it is heard.
//
// The ordering law: `accepted` is durable BEFORE anything is done, each `intent` BEFORE its act, each `done` AFTER it,
// `end` BEFORE the answer leaves. A crash between any two is followed by a look at the world, never by an assumption.
#pragma once

#include "agent/acts.hpp"
#include "agent/core/ledger.hpp"
#include "agent/core/operation.hpp"
#include "agent/core/sweep.hpp"
#include "agent/executor.hpp"
#include "agent/forced_release.hpp"
#include "agent/ports.hpp"

#include <bailiff/dsse.hpp>
#include <bailiff/message.hpp>
#include <bailiff/random.hpp>
#include <bailiff/time.hpp>

#include <atomic>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace bailiff::agent {

/// Work of the background: an outage of the guard's folder is an answer like any other.
template <class Work>
auto guarded(Work work) -> decltype(work()) {
    try {
        return work();
    } catch (const Outage& outage) {
        return fail(Errc::unavailable, outage.what());
    }
}

/// What the host's admin decides, and the periods. Immutable while the runner lives.
struct RunnerSettings {
    HostId host;
    std::string version = BAILIFF_VERSION;
    std::string boot_id;
    std::string host_key;                ///< PEM of the public half of the key that signs evidence and reports
    TrustedKeys keys;
    std::set<std::string> exempt;        ///< UUIDs and names that are never touched
    int64_t budget_per_hour = 10;
    bool draining = false;
    bool dry_run = false;
    Patience patience;
    Milliseconds heartbeat{10'000};
    Milliseconds canary{60'000};
    Milliseconds inventory{60'000};
    Milliseconds watch{5'000};           ///< between looks at the network of VMs that are isolated or limited
    Milliseconds scratch{500};           ///< between looks at the scratch space of a scan of a running VM
    Milliseconds after_outage{5'000};    ///< before a journal that failed is tried again
    Seconds remember{30 * 86400};        ///< how long ended operations are kept
    Seconds keep_evidence{0};            ///< how long sets of closed cases are kept; 0: for ever
    SweepRules sweep;
    UtcOffset local_offset = [](Instant) { return Seconds(0); };   ///< of the host's local time, for the sweep's window
    Milliseconds sweep_look{300'000};    ///< between looks for a VM to sweep, when nothing calls for one
    std::function<void()> repair_gate;   ///< called on a worker when the canary started; then it is proven again
};

/// What of the settings the host's admin may change while the runner lives.
struct HostRules {
    std::set<std::string> exempt;        ///< UUIDs and names that are never touched
    int64_t budget_per_hour = 10;
    bool draining = false, dry_run = false;
    std::string drain_reason;            ///< who drains, and why
    std::string trouble;                 ///< what is wrong with the files that say so; stands in every heartbeat
    friend bool operator==(const HostRules&, const HostRules&) = default;
};

/// One line for the log: the runner itself never writes anywhere.
struct LogLine {
    enum class Level { info, warning, error } level;
    std::string text;          ///< key=value …
};

/// Used from one thread, except `post`. Everything slow goes to the executor; the runner itself never blocks longer
/// than a write to the journal.
class Runner {
  public:
    Runner(World world, Journal& journal, Link& link, Executor& executor, const Clock& clock, Random& random, RunnerSettings settings);
    /// Stops listening to the hypervisor, which must outlive it. What the executor still carries out must have ended.
    ~Runner();
    Runner(const Runner&) = delete;
    Runner& operator=(const Runner&) = delete;

    /// Folds the journal and takes up what is open. Call once, before anything else. Throws Outage.
    void start();
    /// The link to the controller stands (again), or is gone.
    void connected();
    void disconnected();
    void on_frame(const Frame& frame);
    /// Does what is due. Call after every other call and at `next_tick()`, whichever comes first.
    void tick();
    /// Monotonic time at which something is due.
    Milliseconds next_tick() const;

    /// From here on these hold: for orders to come, for those that wait, and the never-touch list also for those that
    /// have begun. What is under way is finished otherwise.
    void change_rules(const HostRules& rules);
    /// Gives a VM back without an order. What is under way on it is undone first; `on_released` is called when it is
    /// done, with the body of `admin_released`. A request that was carried out before is only answered again.
    void release(const ReleaseRequest& request);
    std::function<void(const std::string& request, const Json& outcome)> on_released;

    /// Sweeps these VMs, by UUID or name, at once, whatever the rules say of window, budget and interval; all of the host
    /// when empty.
    void sweep_now(std::vector<std::string> vms);
    /// Called when what the sweep does next has changed.
    std::function<void(const SweepPlan&)> on_sweep_plan;

    /// Runs `work` on the runner's thread at the next tick. Thread-safe; calls `on_wake`, on the caller's thread.
    void post(std::function<void()> work);
    std::function<void()> on_wake;
    std::function<void(LogLine)> on_log;

    const Ledger& ledger() const { return ledger_; }
    const SweepBook& sweeps() const { return sweeps_; }
    bool gate_up() const { return gate_up_.value_or(false); }
    /// What the host cannot do now, in words: the journal's trouble comes first, since without it nothing is begun.
    std::string trouble() const;
    /// No work under way and none open: for tests.
    bool idle() const;
    /// VMs whose disks may be served for a scan, with its job: what nobody watches once this process has ended.
    std::vector<std::pair<VmId, JobId>> served() const;

  private:
    /// Tells an act under way that it must end, from the runner's thread to the act's.
    class EarlyEnd {
      public:
        void ask(const std::string& why) {
            const std::lock_guard lock(mutex_);
            if (why_.empty()) why_ = why;
        }
        std::string why() const {
            const std::lock_guard lock(mutex_);
            return why_;
        }

      private:
        mutable std::mutex mutex_;
        std::string why_;
    };
    struct Live {
        Operation operation;
        bool busy = false;            ///< a look or an act is with the executor
        bool checked = false;         ///< may_begin said yes
        Milliseconds wake{0};
        std::optional<Milliseconds> waiting_since;
        int told = 0;                 ///< percent of a backup that the controller knows of
        Observation last;
        int64_t look = 0;             ///< the number of the look whose outcome counts; an older one is let fall
        bool poked = false;           ///< something happened to the VM since that look began
        int64_t proof_from = 0;       ///< the first proof of the gate that began after this was taken
        bool awaits_proof = false;
        std::vector<std::string> plan;   ///< dry-run: for the answer
        std::shared_ptr<EarlyEnd> early_end = std::make_shared<EarlyEnd>();
    };

    // runner.cpp: the conversation with the controller, and the host's own rounds.
    HostFacts host_facts() const;
    template <class Document, class Verify>
    void take(const std::string& envelope, const MessageId& frame, Verify verify);
    template <class Document>
    void refuse(const Refused<Document>& refused, const MessageId& frame, const std::string& envelope);
    void acknowledge(const Ack& ack);
    void send(std::string id, Message message);
    void send_answer(const std::string& id);
    void attach_report(const std::string& id, Message& answer);
    void send_inventory_if_changed(bool anyway);
    void heartbeat();
    void prove_gate();
    void list_vms();
    void enforce();
    void enforce_lock(const LockRecord& lock);
    bool leave_to_operation(const VmId& vm) const;
    void tell_bypasses();
    void tell_holder(const LockRecord& lock, const Result<void>& held);
    void watch_networks();
    void watch_scratches();
    bool serves_disks() const;
    bool waits_for_live_lane(const std::string& id, const Do& step) const;
    void enforce_network(const VmId& vm);
    void on_event(const VmEvent& event);
    void event(const VmId& vm, const std::string& what, const std::string& text);
    void forget_old();
    void expire_evidence();
    void expire(const EvidenceSet& set);

    // runner_sweep.cpp: the host's own sweep.
    struct Sweeping {
        std::string id;               ///< of its operation in the journal
        VmId vm;
        std::string name;
        std::shared_ptr<std::atomic<bool>> stop;   ///< the worker looks at it
        std::string stopped;          ///< why; "" when it was not
        std::optional<Result<SweptDisks>> result;  ///< there, and not yet journaled
    };
    void plan_sweep();
    void take_sweep_request();
    void begin_sweep(const VmId& vm);
    void stop_sweep(const VmId& vm, const std::string& why);
    void end_sweep();
    void note_sweep(const std::string& operation, const std::string& kind, const Json& body);
    int64_t charge(const VmId& vm) const;
    std::vector<SweepVm> sweep_vms() const;
    std::string sweep_stands() const;
    void forget_sweeps();
    void tell_discoveries();
    void discovery_told(const std::string& id);

    // runner_admin.cpp: what the host's admin decides.
    struct Release {
        ReleaseRequest request;
        Json before;                  ///< body of its `admin_release`; null until that is durable
        int64_t position = 0;
        bool busy = false;
        Milliseconds wake{0};
    };
    void advance_releases();
    bool make_way(const VmId& vm, const std::string& why);
    void begin_release(const std::string& id, const Json& before);
    void carry_out_release(const std::string& id);
    void finish_release(const std::string& id, Json outcome);
    void tell_release(const ForcedRelease& release);
    static std::string event_id(const ForcedRelease& release);
    Release* find_release(const std::string& id);
    bool spares(const std::string& id);
    void journal_failed(const Outage& outage, const std::string& doing);
    void try_journal_again();
    int64_t append(const std::string& operation, const std::string& kind, const Json& body, Instant at);
    void log(LogLine::Level level, std::string text);

    // runner_operations.cpp: operations, one at a time for each VM.
    void open(const std::string& id, int64_t proof_from = 0);
    void start_look(const std::string& id, const Operation& operation, int64_t look);
    void want_proof();
    void proven(const Result<bool>& holds, Milliseconds took);
    void take_proof(const std::string& id, const Do& step);
    void supersede(const Order& newer);
    void advance_all();
    void advance(const std::string& id);
    void looked(const std::string& id, int64_t look, Result<Observation> seen);
    void decide(const std::string& id);
    void perform(const std::string& id, const Do& step);
    void acted(const std::string& id, const Do& step, const Result<Json>& result, Milliseconds took);
    void finish(const std::string& id, const End& end);
    void note(const std::string& id, const std::string& kind, const Json& body);
    void progress(const std::string& id, int percent);
    /// Runs a continuation of an operation; when the journal fails, the operation waits and is looked at again.
    void attempt(const std::string& id, const std::function<void()>& work);
    void in_background(Lane lane, std::function<std::function<void()>()> work);

    World world_;
    Journal& journal_;
    Link& link_;
    Executor& executor_;
    const Clock& clock_;
    Random& random_;
    RunnerSettings settings_;

    Ledger ledger_;
    std::map<std::string, Live> live_;
    std::map<VmId, std::deque<std::string>> queues_;     ///< open operations, the first one is at work
    std::map<std::string, std::vector<Console>> consoles_;   ///< with their passwords, until the answer is acknowledged
    std::set<VmId> enforcing_;                            ///< a bypassed lock is being repaired: operations wait
    std::set<VmId> spared_;                               ///< run past their lock, and the admin's list protects them
    std::deque<Release> releases_;                        ///< by the host's admin, under way
    HostRules rules_;                                     ///< as told last; what they limit stands in the settings
    int64_t looks_ = 0;                                   ///< numbers given to looks

    // The newest proof of the gate: shared by all orders that were taken before it began.
    struct Proof {
        int64_t number = 0;
        Result<bool> holds = false;
        Milliseconds took{0};
    };
    std::optional<Proof> proof_;
    int64_t proofs_ = 0;                                  ///< begun so far
    bool prove_again_ = false;

    std::map<VmId, std::string> holder_said_;             ///< why the disks of a locked VM are not held; empty: they are

    bool welcomed_ = false;                               ///< nothing but Hello is sent before the controller's Welcome
    std::optional<bool> gate_up_;
    std::string trouble_;                                 ///< of the hypervisor; a list of its VMs ends it
    std::string journal_trouble_;                         ///< a write that succeeds ends it
    std::string told_trouble_;                            ///< by the last heartbeat
    std::deque<Frame> untaken_;                           ///< orders and jobs that came while nothing could be written
    std::vector<VmRecord> vms_;
    std::map<VmId, std::string> known_;                   ///< those and the locked ones, with their names
    std::map<VmId, Instant> left_;                        ///< migrated away since this process runs
    std::set<std::string> scratches_;                     ///< jobs whose scratch space is being looked at
    SweepBook sweeps_;
    std::optional<Sweeping> sweeping_;
    SweepPlan sweep_plan_;                                ///< as found last
    std::optional<std::vector<std::string>> sweep_request_;   ///< the host's admin's words, until the VMs are listed
    std::set<VmId> asked_sweeps_;                         ///< what they mean
    std::map<VmId, Instant> changed_;                     ///< last start, stop or definition that this process saw
    bool takes_discoveries_ = false;                      ///< the controller of this connection does
    std::set<std::string> sent_discoveries_;              ///< on this connection
    bool listed_ = false, listing_ = false, list_again_ = false, proving_ = false;
    std::string sent_inventory_;                          ///< SHA-256 of what the controller has
    Milliseconds next_heartbeat_{0}, next_canary_{0}, next_inventory_{0}, next_watch_{0}, next_scratch_{0}, next_forget_{0}, next_journal_{0}, next_sweep_{0};
    std::string run_;                                     ///< makes message ids of this run unlike any other's
    int64_t sent_ = 0;

    std::mutex inbox_mutex_;
    std::deque<std::function<void()>> inbox_;
};

}  // namespace bailiff::agent
