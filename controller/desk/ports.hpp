// SPDX-License-Identifier: Apache-2.0
// What the desk needs of the world, in the core's words. Called from the desk's thread only.
//
// The ordering law: everything one input changes is written in ONE transaction, and only AFTER it is committed does
// anything leave the process (a mail, a frame to a host). A crash between the two repeats the act, never loses it.
#pragma once

#include <bailiff/dsse.hpp>
#include <bailiff/id.hpp>
#include <bailiff/message.hpp>
#include <bailiff/order.hpp>
#include <bailiff/result.hpp>
#include "controller/core/case.hpp"
#include "controller/desk/addresses.hpp"
#include "controller/desk/brake.hpp"
#include "controller/desk/contacts.hpp"
#include "controller/desk/delivery.hpp"
#include "controller/desk/dialler.hpp"
#include "controller/desk/ledger.hpp"
#include "controller/desk/mailing.hpp"
#include "controller/desk/postings.hpp"
#include "controller/desk/reporters.hpp"
#include "controller/desk/retention.hpp"
#include "controller/desk/statements.hpp"
#include "controller/desk/webhooks.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace bailiff {

// ---- directory: whose VM is it ----------------------------------------------------------------------------------

/// A VM as the controller knows it: from agents' inventory and from the provider's data.
struct Vm {
    VmId id;
    std::string name;
    HostId host;
    CustomerId customer;
    std::vector<std::string> addresses;   ///< current ones; history is the inventory's matter
    Power power = Power::unknown;
    VmState state = VmState::running;
    bool locked = false;
    bool gone = false;                    ///< no inventory names it any more
    Instant seen_at{};
    std::vector<VmAddress> host_addresses{};   ///< what its host said last, as far as it was taken; sorted, with one text for each
    friend bool operator==(const Vm&, const Vm&) = default;
};
struct Customer {
    CustomerId id;
    std::string name;
    core::Contact contact;                ///< the authorised contact
    int64_t tokens_charged = 0;
    friend bool operator==(const Customer&, const Customer&) = default;
};
struct Host {
    HostId id;
    bool connected = false;               ///< not stored: filled from the gateway
    bool banned = false;
    bool gate_up = false;
    int64_t seq = 0;                      ///< of the last order or job issued to it
    std::string version, trouble;
    Instant seen_at{};
    std::string cluster{};                ///< hosts that can run each other's VMs share a word; empty: it stands alone
    std::string sweep{};                  ///< how far its own sweep has come, in its words; "" from an agent without one
    std::string host_key{};               ///< PEM: what it signs evidence and scan reports with, as it said last; empty: not known
    friend bool operator==(const Host&, const Host&) = default;
};

class Directory {
  public:
    virtual ~Directory() = default;
    virtual void put_vm(const Vm& vm) = 0;
    virtual std::optional<Vm> find_vm(const VmId& id) = 0;
    /// By address or name: VMs that are gone count only where no other has it; nothing when two share it.
    virtual std::optional<Vm> vm_by_address(const std::string& address) = 0;
    virtual std::optional<Vm> vm_by_name(const std::string& name) = 0;
    virtual std::vector<Vm> vms(const HostId& host, const VmId& after, size_t limit) = 0;  ///< empty host = all; by id
    virtual void put_customer(const Customer& customer) = 0;
    virtual std::optional<Customer> find_customer(const CustomerId& id) = 0;
    virtual std::vector<Customer> customers(const CustomerId& after, size_t limit) = 0;
    virtual void put_host(const Host& host) = 0;
    virtual std::optional<Host> find_host(const HostId& id) = 0;
    virtual std::vector<Host> hosts() = 0;
};

// ---- cases --------------------------------------------------------------------------------------------------------

/// A report, whole, whether or not it led to a case.
struct StoredReport {
    ReportId id;
    CaseId case_id;                       ///< empty: triage
    std::string triage;                   ///< why it waits for a person; empty when it has a case
    core::ReportSummary summary;
    std::string address, vm_hint;         ///< as reported
    std::string raw;                      ///< the body as it came
    Instant received_at{};
    std::string fingerprint{};            ///< of what our own scans found, so that it is filed once; "" of all other reports
    DeliveryId delivery{};                ///< what it was read out of, which holds the body; empty: handed in by itself
    int64_t port = 0;                     ///< of the source, as reported; 0: not said
    ReportWait wait = ReportWait::nothing;
    std::string who{};                    ///< JSON of the answer to whose `address` was then; "" where nobody asked
    ReporterId reporter{};                ///< whose counts it falls under
    std::string settled{};                ///< why it needs no case ("not_ours: …"); it waits no more
    friend bool operator==(const StoredReport&, const StoredReport&) = default;
};

/// One link of the audit chain: `hash` = SHA-256(previous hash, newline, text); `position` counts from 1 over all cases.
struct ChainedItem {
    int64_t position = 0;
    CaseId case_id;
    int64_t revision = 0;
    std::string text;                     ///< dump of core::json_of(item) with "case" added: exactly what was hashed
    std::string hash;
    int64_t erased = 0;                   ///< revision of the case's item that erased this one's words; 0: it is whole
    friend bool operator==(const ChainedItem&, const ChainedItem&) = default;
};

/// The DSSE payload type of a checkpoint.
inline constexpr std::string_view checkpoint_payload_type = "application/vnd.bailiff.checkpoint.v1+json";

/// The head of the chain, signed by the controller at intervals, so that a cut-off tail shows.
struct Checkpoint {
    int64_t position = 0;
    std::string hash;
    Instant at{};
    std::string envelope;                 ///< DSSE over {"position","hash","at"}
    friend bool operator==(const Checkpoint&, const Checkpoint&) = default;
};

struct CaseFilter {
    std::optional<core::Phase> phase;
    bool open_only = false;
    VmId vm;
    CustomerId customer;
    CaseId before;                        ///< page: cases older than this one; newest first
    size_t limit = 50;
    std::string assignee{};               ///< cases that this account looks after
};

struct DueCase {
    CaseId id;
    int64_t revision = 0;
    Instant at{};
    friend bool operator==(const DueCase&, const DueCase&) = default;
};

/// What of a case's dues is kept beside it, so that it is found without reading every case.
struct Standing {
    std::optional<core::Deadline> deadline;
    std::optional<Instant> call_since;    ///< somebody must phone a contact since then, or is to from then on
    std::optional<Instant> call_back;     ///< when staff is to be reminded of a promise to phone
    Standing() = default;
    Standing(std::nullopt_t) {}
    Standing(core::Deadline due) : deadline(std::move(due)) {}
    Standing(std::optional<core::Deadline> due, std::optional<Instant> call = {}, std::optional<Instant> back = {})
        : deadline(std::move(due)), call_since(call), call_back(back) {}
};

class Cases {
  public:
    virtual ~Cases() = default;
    virtual CaseId next_case_id() = 0;    ///< "C-1", "C-2", …
    virtual ReportId next_report_id() = 0;
    /// Appends `items` to the history and the chain, writes the folded row and what stands. `conflict` when the
    /// stored revision is not `before` (0 = the case is new).
    virtual Result<void> save(int64_t before, const core::Case& after, const std::vector<core::HistoryItem>& items,
                              const Standing& standing) = 0;
    virtual std::optional<core::Case> find_case(const CaseId& id) = 0;
    virtual std::optional<core::Deadline> deadline_of(const CaseId& id) = 0;
    virtual std::vector<CaseId> open_cases_of(const VmId& vm) = 0;
    virtual std::vector<core::Case> list_cases(const CaseFilter& filter) = 0;
    /// Cases that were saved with `call_since`, the longest waiting first; page: those behind case `after`, or all when that
    /// one waits no more.
    virtual std::vector<core::Case> calls(const CaseId& after, size_t limit) = 0;
    /// Cases whose `call_back` is at or before `now`, earliest first.
    virtual std::vector<CaseId> call_backs(Instant now, size_t limit) = 0;
    virtual std::optional<Instant> next_call_back() = 0;
    virtual std::vector<core::HistoryItem> history(const CaseId& id, int64_t after_revision, size_t limit) = 0;
    /// Cases whose deadline is at or before `now`, earliest first.
    virtual std::vector<DueCase> due(Instant now, size_t limit) = 0;
    virtual std::optional<Instant> next_deadline() = 0;
    virtual void put_report(const StoredReport& report) = 0;
    virtual std::optional<StoredReport> find_report(const ReportId& id) = 0;
    /// The newest with this fingerprint, which is not empty.
    virtual std::optional<StoredReport> report_by_fingerprint(const std::string& fingerprint) = 0;
    virtual std::vector<StoredReport> reports(bool triage_only, const ReportId& before, size_t limit) = 0;  ///< newest first
    virtual std::vector<ChainedItem> chain(int64_t after_position, size_t limit) = 0;
    virtual int64_t chain_position() = 0;      ///< of its last item; 0 while there is none
    virtual void put_checkpoint(const Checkpoint& checkpoint) = 0;
    virtual std::vector<Checkpoint> checkpoints() = 0;
};

// ---- outbox -------------------------------------------------------------------------------------------------------

enum class MailState { due, sent, failed, withdrawn };

/// A notice on its way. Its Message-ID is fixed before the first attempt and stays, unless another mail tells of it
/// too: then it has that one's.
struct OutboxMail {
    int64_t id = 0;
    CaseId case_id;
    core::NoticeDue due;
    std::string message_id;
    MailState state = MailState::due;
    int64_t attempts = 0;
    Instant next_try{};
    std::string last_reply;
    friend bool operator==(const OutboxMail&, const OutboxMail&) = default;
};

class Outbox {
  public:
    virtual ~Outbox() = default;
    /// Makes the mails due for a case exactly `dues` (by key): adds new ones with `message_id(key)`, withdraws those no
    /// longer owed; sent, failed and withdrawn keys are never added again.
    virtual void owe(const CaseId& case_id, const std::vector<core::NoticeDue>& dues, Instant now,
                     const std::function<std::string(const std::string& key)>& message_id) = 0;
    virtual std::vector<OutboxMail> to_send(Instant now, size_t limit) = 0;
    virtual std::vector<OutboxMail> mails_of(const CaseId& case_id) = 0;
    virtual void update(const OutboxMail& mail) = 0;
};

// ---- dispatch: orders and jobs -----------------------------------------------------------------------------------

/// issued -> accepted -> finished; `void_` when it expired unanswered or was withdrawn (another one may follow).
enum class DispatchState { issued, accepted, finished, void_ };
/// Still to be answered for good.
constexpr bool is_open(DispatchState state) { return state == DispatchState::issued || state == DispatchState::accepted; }

/// A signed order with its fate. `envelope` is sent unchanged however often.
struct StoredOrder {
    Order order;
    int64_t demand = 0;
    std::string envelope;
    DispatchState state = DispatchState::issued;
    std::optional<OrderAnswer> answer;    ///< the last one
    friend bool operator==(const StoredOrder&, const StoredOrder&) = default;
};
struct StoredJob {
    Job job;
    std::string key;                      ///< core::JobDue::key
    std::string envelope;
    DispatchState state = DispatchState::issued;
    std::optional<JobAnswer> answer;
    friend bool operator==(const StoredJob&, const StoredJob&) = default;
};

/// What the controller could tell of a report's signature when it came.
enum class ReportSignature {
    valid,     ///< by the key that the host named over its own connection
    unknown,   ///< the host named no key yet
    bad,       ///< another key, or it speaks of something else than the answer that it came with
};

/// The signed report of a scan, as the host sent it: `envelope` is kept byte for byte.
struct StoredScanReport {
    std::string job;                      ///< id of the scan job, or of the release order that scanned after a commit
    CaseId case_id;
    HostId host;
    Instant at{};                         ///< when it came
    ScanVerdict verdict = ScanVerdict::incomplete;   ///< of the answer
    std::string sha256;                   ///< of the whole report's payload, as the answer (and the history) names it
    bool whole = true;                    ///< false: the short form; the whole one lies on the host
    ReportSignature signature = ReportSignature::unknown;
    std::string key_id;                   ///< that the envelope names
    std::string envelope;
    friend bool operator==(const StoredScanReport&, const StoredScanReport&) = default;
};

class Dispatch {
  public:
    virtual ~Dispatch() = default;
    virtual int64_t epoch() = 0;
    virtual int64_t next_seq(const HostId& host) = 0;          ///< strictly growing per host
    virtual int64_t next_generation(const VmId& vm) = 0;       ///< strictly growing per VM
    virtual void put_order(const StoredOrder& order) = 0;      ///< insert or update by id
    virtual void put_job(const StoredJob& job) = 0;
    virtual std::optional<StoredOrder> find_order(const OrderId& id) = 0;
    virtual std::optional<StoredJob> find_job(const JobId& id) = 0;
    virtual std::vector<StoredOrder> orders_of(const CaseId& id) = 0;   ///< oldest first
    virtual std::vector<StoredJob> jobs_of(const CaseId& id) = 0;
    /// Not finished and not void, by seq: what must be (re)sent to the host. Empty host = all.
    virtual std::vector<StoredOrder> open_orders(const HostId& host) = 0;
    virtual std::vector<StoredJob> open_jobs(const HostId& host) = 0;
    virtual void put_scan_report(const StoredScanReport& report) = 0;   ///< the same job again changes nothing
    virtual std::optional<StoredScanReport> find_scan_report(const std::string& job) = 0;
    virtual std::vector<StoredScanReport> scan_reports_of(const CaseId& id) = 0;   ///< oldest first, without their envelopes
    /// Whether a frame with this id was handled; records it. The agent's answers are delivered at least once.
    virtual bool first_time(const HostId& host, const MessageId& id, Instant now) = 0;
};

// ---- access --------------------------------------------------------------------------------------------------------

enum class Role { analyst, approver, admin };

/// A person or program at the API. The token itself is never stored, only its SHA-256.
struct Account {
    std::string name;
    Role role = Role::analyst;
    std::string token_sha256;
    bool disabled = false;
    friend bool operator==(const Account&, const Account&) = default;
};

class Access {
  public:
    virtual ~Access() = default;
    virtual void put_account(const Account& account) = 0;      ///< by name
    virtual std::optional<Account> account_by_token(const std::string& token_sha256) = 0;
    virtual std::vector<Account> accounts() = 0;
    /// Idempotency keys of the API: the stored answer for (account, key), or nothing.
    virtual std::optional<std::string> recall(const std::string& account, const std::string& key) = 0;
    virtual void remember(const std::string& account, const std::string& key, const std::string& answer, Instant now) = 0;
};

/// Every policy revision that ever was in force, as its file's text: cases pin the revision they were opened under.
class PolicyArchive {
  public:
    struct Kept {
        PolicyId id;
        int64_t revision = 0;
        std::string text;
        friend bool operator==(const Kept&, const Kept&) = default;
    };
    virtual ~PolicyArchive() = default;
    virtual void keep_policy(const Kept& policy) = 0;          ///< the same id and revision again changes nothing
    virtual std::vector<Kept> kept_policies() = 0;
};

// ---- storage: all of the above in one transaction -----------------------------------------------------------------

/// One database. An outage (disk full, server gone) is an exception of type StorageOutage: the turn is rolled back,
/// the caller hears 503, the loop goes on.
class Storage : public Directory, public Cases, public Deliveries, public Outbox, public Dispatch, public Access, public PolicyArchive,
                public Statements, public Webhooks, public Retention, public Brake, public Addresses, public Reporters,
                public Contacts, public Dials,
                public Postings, public Ledger{
  public:
    /// Runs `work` in a transaction; nested calls are savepoints. Commits when `work` returns success, else rolls back
    /// what `work` wrote. Exceptions roll back and pass.
    virtual Result<void> transaction(const std::function<Result<void>()>& work) = 0;
    /// Writes something small and changes nothing: when its transaction commits, the storage takes writes.
    virtual void prove_writable() = 0;
    /// Forgets frames handled before `frames` and idempotency answers given before `answers`, the oldest first and so
    /// many at most that a turn stays short; returns how many. At `forget_at_once` of them there may be more.
    virtual int64_t forget_before(Instant frames, Instant answers) = 0;
    static constexpr int64_t forget_at_once = 5000;
};

struct StorageOutage : std::runtime_error {
    using std::runtime_error::runtime_error;
};

// ---- signing, hosts ------------------------------------------------------------------------------------------------

/// Signs orders and checkpoints. May live in another process later.
class Signer {
  public:
    virtual ~Signer() = default;
    virtual Result<std::string> seal(std::string_view payload_type, std::string_view payload) = 0;   ///< DSSE text
};

/// The connected hosts. `send` never blocks; false when the host is not connected (it is sent again on connect).
class Hosts {
  public:
    virtual ~Hosts() = default;
    virtual bool send(const HostId& host, const Frame& frame) = 0;
    virtual bool connected(const HostId& host) = 0;
};

/// Who wants to hear of changes: the API's event stream. Called after the commit.
class Watchers {
  public:
    virtual ~Watchers() = default;
    virtual void changed(const CaseId& id, const std::vector<core::HistoryItem>& items) = 0;
};

// ---- names ---------------------------------------------------------------------------------------------------------

template <>
struct Names<MailState> {
    static constexpr std::string_view what = "mail state";
    static constexpr std::array table{std::pair{MailState::due, std::string_view("due")}, std::pair{MailState::sent, std::string_view("sent")},
                                      std::pair{MailState::failed, std::string_view("failed")},
                                      std::pair{MailState::withdrawn, std::string_view("withdrawn")}};
};
template <>
struct Names<DispatchState> {
    static constexpr std::string_view what = "dispatch state";
    static constexpr std::array table{
        std::pair{DispatchState::issued, std::string_view("issued")}, std::pair{DispatchState::accepted, std::string_view("accepted")},
        std::pair{DispatchState::finished, std::string_view("finished")}, std::pair{DispatchState::void_, std::string_view("void")}};
};
template <>
struct Names<ReportSignature> {
    static constexpr std::string_view what = "signature of a report";
    static constexpr std::array table{std::pair{ReportSignature::valid, std::string_view("valid")},
                                      std::pair{ReportSignature::unknown, std::string_view("unknown")},
                                      std::pair{ReportSignature::bad, std::string_view("bad")}};
};
template <>
struct Names<Role> {
    static constexpr std::string_view what = "role";
    static constexpr std::array table{std::pair{Role::analyst, std::string_view("analyst")},
                                      std::pair{Role::approver, std::string_view("approver")}, std::pair{Role::admin, std::string_view("admin")}};
};

}  // namespace bailiff
