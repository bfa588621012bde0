// SPDX-License-Identifier: Apache-2.0
// The desk: every use case of the controller, on one thread. It reads, asks the core, writes in one transaction, and
// only after the commit lets anything leave. Where a crash falls, the next tick takes up.
#pragma once

#include <bailiff/random.hpp>
#include "controller/core/case.hpp"
#include "controller/core/policy_set.hpp"
#include "controller/core/webhook.hpp"
#include "controller/desk/desk_options.hpp"
#include "controller/desk/ports.hpp"

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace bailiff {

/// A report as intake, staff or a program hands it in. The VM is named by id, by address or by name.
struct ReportInput {
    std::string type;              ///< XARF v4 "category/type"
    std::string vm, address, vm_name;
    std::string reporter, summary, raw;
    Instant observed_at{};         ///< 0 = now
    int64_t port = 0;              ///< of the source; 0: not said
    bool ascertained{};            ///< whoever hands it in has seen it himself; only an account's own word, never a mail's
};
/// Reports that do not belong to their case.
struct SplitRequest {
    std::vector<ReportId> reports;
    bool to_triage = false;        ///< else into a new case
    VmId vm{};                     ///< of the new case; empty: the same
    std::string reason;
};
struct ReportOutcome {
    ReportId report;
    CaseId case_id;                ///< empty: triage
    bool opened = false;           ///< a new case
    std::string triage;            ///< why a person must look
};

/// What a door hands in. `raw` must live as long as the call.
struct DeliveryInput {
    std::string_view raw;
    std::string digest, likeness;        ///< of `raw`
    std::string sender, recipient;
    int64_t whole_bytes = 0;             ///< of what came, when `raw` is only its beginning; else 0
    bool by_mail = false;                ///< see Delivery
    Reading reading;
};
struct DeliveryOutcome {
    Delivery delivery;                   ///< without its raw
    bool folded = false;                 ///< it was here already, and nothing was filed anew
};

/// What a customer hands in on the page of a case.
struct Statement {
    CaseId case_id;
    core::Reply reply;
    std::string consent;             ///< to the charge, word for word as it was shown; a fix_request needs it
    std::string peer;                ///< where the consent came from
    std::vector<Attachment> files;   ///< names and bytes
    std::string key;                 ///< the same key again is the same statement
};
/// What a customer holds against what was decided, handed in on the page of the case.
struct PageAppeal {
    CaseId case_id;
    std::string text;
    std::string key;                 ///< the same key again is the same appeal
};
struct StatementTaken {
    int64_t revision = 0;            ///< of the history's item that holds it
    bool again = false;              ///< it was there already
};

/// Whose an address was, with the VM as it is known now.
struct Located {
    Who who;
    std::optional<Vm> vm;            ///< only where it is certain or likely, and known here
};
/// What became of the lines of an import.
struct SpansTaken {
    int64_t added = 0, changed = 0, unchanged = 0;
    int64_t unknown_vms = 0;         ///< lines whose VM is not known here (yet): kept all the same
    int64_t woken = 0;               ///< reports in triage that are looked at again
};

/// Everything that whoever phones needs to know.
struct CallSheet {
    CaseId case_id;
    CustomerId customer;
    std::string customer_name, vm_name;
    bool call_back = false;            ///< promised to the contact; else the ladder's call
    Instant since{};                   ///< due since, or to be made then
    int64_t number_of_contact = 0;     ///< see CustomerContact
    core::Contact contact;             ///< whom to phone next; no phone: nobody is left who has one
    ContactRole role = ContactRole::authorised;
    std::string local_time;            ///< there, now
    int64_t attempts = 0, overdue_level = 0;
    std::vector<std::string> script, found;
    std::string warning;               ///< what speaks against phoning as if nothing were: "" = nothing
};

/// A person's approval of a change request: whose contact becomes what. What is not given stays.
struct ApproveChange {
    std::string id;
    CustomerId customer;
    int64_t contact = 0;               ///< see CustomerContact; -1 = a new one
    std::optional<ContactRole> role;
    std::optional<std::string> name, email, phone, language, zone;
    std::string reason;
};

/// What the API shows of a case besides its fields.
struct CaseView {
    core::Case c;
    core::Dues dues;
    std::string policy_title;
};

/// Jobs that the desk asks of hosts for itself; no case awaits their answers.
bool is_guard(JobKind kind);

/// Not thread-safe: DeskLoop owns it. All ports outlive it.
class Desk {
  public:
    struct Ports {
        Storage& storage;
        const Clock& clock;
        Random& random;
        Signer& signer;
        Mailer& mailer;
        NoticeWriter& writer;
        Hosts& hosts;
        Watchers& watchers;
        WebhookPoster* poster = nullptr;   ///< none: nobody else is told
        AddressLookup* lookup = nullptr;   ///< none: no CMDB is asked
        Dialler* dialler = nullptr;        ///< none: people dial
    };
    Desk(Ports ports, core::PolicySet policies, DeskOptions options);

    // -- acts ------------------------------------------------------------------------------------------------------
    /// Opens a case, joins an open one, or keeps the report for triage. Never loses it.
    Result<ReportOutcome> report(const ReportInput& input, const std::string& actor);
    /// Keeps what a door hands in, once however often it comes, and files each of its events as a report of its own.
    Result<DeliveryOutcome> receive(const DeliveryInput& input, const std::string& actor);
    /// Gives a triaged report its VM (and policy by its type).
    Result<ReportOutcome> resolve_report(const ReportId& id, const VmId& vm, const std::string& actor);
    /// One input to one case. The answer is the case after it.
    Result<CaseView> act(const CaseId& id, const core::Input& input, const std::string& actor);
    /// `other` goes on in `id`: its reports are that one's from now on, and it is closed without a mail. Both histories are
    /// written in one transaction, here and in the two acts below. `insist`: though they are about two VMs.
    Result<CaseView> merge(const CaseId& id, const CaseId& other, bool insist, const std::string& reason, const std::string& actor);
    /// Takes reports out of a case, into a new one or into triage. The case keeps at least one.
    Result<ReportOutcome> split(const CaseId& id, const SplitRequest& request, const std::string& actor);
    /// Undoes what joined `other` to `id` or split it off, while nothing has happened since that stands against it.
    Result<CaseView> undo(const CaseId& id, const CaseId& other, const std::string& reason, const std::string& actor);
    /// The case that speaks for this one: itself, or the one in which it goes on.
    CaseId in_charge(const CaseId& id);
    /// The customer's answer by the page, with its files and what was agreed to, in one transaction. `conflict` when the case
    /// is closed, `forbidden` for what the policy, the phase or the bounds below do not allow.
    Result<StatementTaken> take_statement(const Statement& statement);
    /// The customer's appeal by the page. `conflict` when the case is closed, where the page ends, and while the core takes none;
    /// `forbidden` once there were as many as it takes.
    Result<StatementTaken> take_appeal(const PageAppeal& appeal);
    /// Staff puts a file to a case, also to one that is closed; the history names it with its SHA-256 and the reason. What
    /// customers sent does not count against what staff may add. The answer is the file, without its bytes.
    Result<Attachment> attach(const CaseId& id, Attachment file, const std::string& reason, const std::string& actor);
    static constexpr int64_t most_statements = 50, most_files = 20, most_file_bytes = 20 << 20;   ///< of one case; of staff as many again

    // -- answers by mail -------------------------------------------------------------------------------------------
    enum class ReplyFate {
        answered,     ///< by the contact: the ladder stands
        for_review,   ///< by nobody who is proven: the ladder stands, and a person reads it
        noted,        ///< it changes nothing, and stands in the history
        no_case,      ///< there is no such case
    };
    Result<ReplyFate> reply_by_mail(const ReadReply& mail);

    // -- what is kept, and for how long (desk_retention.cpp) --------------------------------------------------------
    struct Kept {
        KeptClass of = KeptClass::raw;
        Seconds time{0};                 ///< 0 = for ever
        Overdue overdue;                 ///< now, counted up to most_counted
    };
    std::vector<Kept> kept();
    static constexpr size_t most_counted = 10'000;
    struct LetGo {
        int64_t raw = 0, files = 0, cases = 0, audit = 0;
        bool more = false;               ///< a turn must stay short: call again
    };
    /// Lets go what is over its time, the oldest first and a portion at most.
    Result<LetGo> let_go(const std::string& actor);
    /// Erases what a closed case says of people; its course and the audit chain stay. Idempotent.
    Result<void> erase_case(const CaseId& id, const std::string& reason, const std::string& actor);
    /// The same for all cases of a customer and for the customer. `conflict` while he has VMs or open cases. Returns how many cases.
    Result<int64_t> erase_customer(const CustomerId& id, const std::string& reason, const std::string& actor);

    /// Sanctions by the clock alone within the last hour.
    int64_t sanctions_lately();

    // -- addresses -------------------------------------------------------------------------------------------------
    /// Whose the address was at that time, by what is recorded here. Nothing of it is changed.
    Located locate(const std::string& address, int64_t port, Instant at);
    /// Takes over spans of the provider's records; reports that waited for them are looked at again with the next ticks.
    Result<SpansTaken> take_spans(const std::vector<AddressSpan>& spans);
    /// Writes a VM as the provider's data has it, and the history of its addresses with it.
    void put_vm(const Vm& vm);

    // -- reporters -------------------------------------------------------------------------------------------------
    /// What staff say of a reporter, with the reason.
    Result<Reporter> judge_reporter(const ReporterId& id, ReporterStanding standing, const std::string& reason, const std::string& actor);
    /// Why the reporter's reports open no case now; "" when they do.
    std::string why_throttled(const ReporterId& id);
    /// Takes a report out of triage that needs no case: `how` is not_ours, duplicate or no_abuse.
    Result<StoredReport> settle_report(const ReportId& id, const std::string& how, const std::string& reason, const std::string& actor);

    // -- contacts: desk_contacts.cpp, desk_calls.cpp ---------------------------------------------------------------------
    std::vector<CustomerContact> contacts(const CustomerId& customer);
    /// Whom to phone, when somebody is to be phoned. Nothing when nobody is.
    std::optional<CallSheet> call_sheet(const core::Case& c, const core::Dues& dues);
    /// Nothing is changed twice: `conflict` when it was decided. `invalid` names every field that is wrong.
    Result<ContactChange> approve_change(const ApproveChange& approval, const std::string& actor);
    Result<ContactChange> reject_change(const std::string& id, const std::string& reason, const std::string& actor);
    static constexpr int64_t most_contacts = 20, most_changes_of_one = 5, most_changes = 500;

    // -- support tokens (desk_tokens.cpp) ----------------------------------------------------------------------------
    /// Enters a grant (more than nothing) or an adjustment (not nothing) for the customer. Charges and refunds are facts of
    /// their case: RecordReply, RefundTokens.
    Result<LedgerEntry> enter_tokens(const CustomerId& customer, LedgerKind kind, int64_t amount, const std::string& reason, const std::string& actor);

    // -- notices ---------------------------------------------------------------------------------------------------
    /// The notice as it would be written now; an empty language is that of its reader. Nothing is sent and no address made:
    /// the page's ends with "preview". Not part of a turn: it changes nothing.
    Result<MailText> preview_notice(const CaseId& id, core::Notice notice, const std::string& language);

    // -- the clock -------------------------------------------------------------------------------------------------
    /// Takes due deadlines, issues what is owed and expired unanswered, sends mails, signs checkpoints. Repeatable;
    /// returns how many deadlines it took.
    size_t tick();
    /// When something is next due by the clock; nothing when no deadline stands.
    std::optional<Instant> next_due();

    // -- hosts -----------------------------------------------------------------------------------------------------
    void host_connected(const HostId& host);
    void host_disconnected(const HostId& host);
    void on_frame(const HostId& host, const Frame& frame);
    /// After a host's cluster or ban was changed in the storage: asks and lets go of guards accordingly.
    void hosts_changed();

    // -- views -----------------------------------------------------------------------------------------------------
    Result<CaseView> view(const CaseId& id);
    Storage& storage() { return ports_.storage; }
    const core::PolicySet& policies() const { return policies_; }
    /// Replaces the policies; open cases keep the revision they pin (the old ones are taken over).
    void replace_policies(core::PolicySet policies);
    Instant now() const { return ports_.clock.now(); }
    const DeskOptions& options() const { return options_; }

    /// Lets what the committed turns owe leave the process. DeskLoop calls it after each commit; tests after each act.
    void flush();
    /// Forgets what rolled-back turns wanted to send.
    void discard();

  private:
    Result<CaseView> write(core::Case before, const std::vector<core::Fact>& facts, const std::string& actor, int64_t stored);
    const core::Policy& policy_of(const core::Case& c) const;
    const core::Calendar& calendar_of(const core::Policy& policy) const;
    Result<ReportOutcome> file(StoredReport report, const Vm& vm, const std::string& actor, const CaseId& split_from = {});
    std::optional<CaseId> joins(const VmId& vm, const PolicyId& policy, const CaseId& not_this);
    CaseId predecessor_of(const VmId& vm, const core::Policy& policy);
    // desk_merges.cpp
    Result<CaseView> take_in(const CaseId& into, const core::Case& other, core::TakeIn how, const std::string& actor);
    void move_reports(const std::vector<ReportId>& reports, const CaseId& to);
    bool took_part(const CaseId& id, const std::string& actor);
    void settle_mutes(const VmId& vm);
    bool held_back(const core::Case& c, const core::NoticeDue& due);
std::string braked(const core::Case& c, const std::vector<core::Fact>& facts);
    // desk_deliveries.cpp
    void file_events(Delivery& delivery, std::vector<ReadEvent> events, const std::string& actor);
    void file_event(const Delivery& delivery, const ReadEvent& event, const std::string& actor);
    std::string why_no_stranger_may(const Vm& vm, const std::string& type);
    static bool by_a_stranger(const StoredReport& report);
    void file_waiting();
    // desk_addresses.cpp
    std::optional<Vm> holder_at_the_time(StoredReport& report, bool may_ask);
    void file_anew(StoredReport report, bool may_ask);
    void look_again();
    void ask_cmdb();
    void cmdb_answered(const std::string& key, const AddressQuestion& question, const AddressAnswer& answer);
    void wake_for(const AddressSpan& span, int64_t& woken);
    void note_addresses(const Vm* before, const Vm& after);
    // desk_host_addresses.cpp
    std::vector<VmAddress> taken_of(const std::vector<VmAddress>& said) const;
    void note_host_addresses(const Vm& before, const Vm& after);
    void begin_host_span(const Vm& vm, const VmAddress& address, int64_t& woken);
    void end_host_span(const Vm& vm, const VmAddress& address, int64_t& woken);
    void forget_host_addresses(Vm vm);
    // desk_reporters.cpp
    void count_delivery(const Delivery& delivery, const DeliveryInput& input, const std::string& actor);
    void count_report(const ReporterId& id, const ReporterCounts& more);
    bool joins_open_case(const Vm& vm, const std::string& type);
    void note_in_case(const StoredReport& report, bool opened);
    void judge_reporters(const core::Case& c);
    void tell_reporter(const DeliveryId& id, ReporterNotice notice);
    void send_reporter_mails();
    void reporter_mail_answered(ReporterMail mail, const MailAnswer& answer);
    void dispatch(const core::Case& c, const core::Dues& dues, bool ask_again = false);
    void issue_order(const core::Case& c, const core::OrderDue& due);
    void issue_job(const core::Case& c, const core::JobDue& due, const HostId& host);
    std::vector<StoredOrder> open_orders_of(const core::Case& c);
    std::optional<CaseId> holder_of_vm(const core::Case& c);
    void dispatch_again(const CaseId& id, bool ask_again = false);
    void reissue();
    // desk_guards.cpp: the lock on the other hosts of a VM's cluster.
    struct LockCount {
        std::vector<HostId> waiting;        ///< asked, and within the patience
        std::vector<std::string> missing;   ///< "h2 answered gate_down (…)"
    };
    std::vector<HostId> candidates_of(const core::Case& c);
    LockCount keep_guards(const core::Case& c, bool ask, bool again);
    bool locked_everywhere(const core::Case& c, const core::Dues& dues, bool again);
    void settle_lock(const CaseId& id);
    void settle_locks();
    void tell_missing(const core::Case& c, const std::vector<std::string>& missing);
    void guard_answered(const StoredJob& job);
    void host_may_hold(const HostId& host);
    std::vector<CaseId> cases_with_lock();
    void send_mails();
    // One mail, and the further reports of other notices that it tells of beside its own.
    struct Letter {
        OutboxMail lead;
        std::vector<OutboxMail> also{};
        std::string to{};
    };
    struct UnderWay {
        std::string recipient;                      ///< in lower case; empty: staff
        bool reports = false;
    };
    std::optional<Instant> waits_for_its_turn(const OutboxMail& mail, const std::string& recipient, const std::vector<UnderWay>& leaving, std::string& why);
    std::vector<OutboxMail> told_along(const OutboxMail& lead, const core::Case& c, const std::string& recipient);
    Result<OutgoingMail> write_letter(const Letter& letter, const core::Case& c);
    void put_off(OutboxMail mail, Instant until, const std::string& why);
    void tell_of_new_reports(Json& context, const core::Case& c, const std::vector<OutboxMail>& also);
    std::string new_reply_address(const core::Case& c, const core::NoticeDue& due);
    std::vector<std::string> thread_of(const OutboxMail& mail);
    std::optional<std::string> new_page_address(const core::Case& c, const core::NoticeDue& due);
    void mail_answered(const Letter& letter, const MailAnswer& answer);
    void settle_mail(const Letter& letter, const MailAnswer& answer);
    // desk_replies.cpp
    std::optional<CaseId> case_of_address(const std::string& token);
    Result<ReplyFate> answer_case(const core::Case& c, const ReadReply& mail);
    // desk_tokens.cpp
    void enter_facts(const core::Case& c, const std::vector<core::HistoryItem>& items);
    // desk_webhooks.cpp
    void tell_webhooks();
    void tell_webhook(const core::Webhook& hook, WebhookState state);
    void webhook_answered(const std::string& id, int64_t position, const WebhookAnswer& answer);
    // desk_contacts.cpp
    std::optional<core::Contact> next_to_write(const core::Case& c, const std::string& failed);
    std::optional<core::Contact> instead_of(const OutboxMail& mail, const std::string& to);
    void mark_mail(const CustomerId& customer, const std::string& address, MailStanding standing, const std::string& note);
    void mark_phone(const core::Case& c, const core::LogCall& call);
    bool is_contact(const core::Case& c, const std::string& address);
    std::optional<CaseId> take_bounce(const ReadBounce& bounce);
    // desk_changes.cpp
    bool asks_for_change(const std::string& recipient) const;
    std::string open_change(const Delivery& delivery, const Reading& reading);
    // desk_dials.cpp
    void remind_of_call_backs();
    void owe_dial(const core::Case& c, const core::Dues& dues);
    void tell_dialler();
    void send_dials();
    void dial_told(const std::string& id, bool cancel, const DialAnswer& answer);
    void owe_notices(const core::Case& c, const core::Dues& dues);
    bool waits_for_its_order(const core::Case& c, const core::NoticeDue& due);
    std::optional<Instant> sanction_ordered_at(const core::Case& c, const core::NoticeDue& due);
    void checkpoint();
    void forget_old();
    void resend(const HostId& host);
    void note_epoch(Host& host, const Hello& hello);
    void on_inventory(const HostId& host, const InventoryPart& part);
    void take_record(const HostId& host, const VmRecord& record);
    void runs_twice(const Vm& vm, const HostId& also);
    void ask_again(const HostId& host);
    void on_event(const HostId& host, const VmEvent& event);
    // desk_discoveries.cpp: what the hosts' own sweeps find.
    Result<void> on_discovery(const HostId& host, const Discovery& discovery);
    bool known_discovery(const std::string& fingerprint);
    std::string why_a_person_first(const Vm& vm, const Discovery& discovery, const std::string& fingerprint);
    int64_t discovered_since(Instant since);
    Message welcome();
    void on_order_answer(const HostId& host, const OrderAnswer& answer);
    void on_job_answer(const HostId& host, const JobAnswer& answer);
    void give_up_search();
    // desk_scans.cpp: the signed reports that come with answers.
    void keep_report(const HostId& host, const CaseId& case_id, const VmId& vm, const std::string& job, OrderAnswer& answer);
    void keep_report(const HostId& host, const CaseId& case_id, const VmId& vm, const std::string& job, JobAnswer& answer);
    void store_report(StoredScanReport report, const VmId& vm, std::optional<ScanVerdict> told);
    void note_host_key(Host& host, const Hello& hello);
    Json notice_context(const core::Case& c, const core::NoticeDue& due);

    Ports ports_;
    core::PolicySet policies_;
    DeskOptions options_;
    std::deque<std::function<void()>> leaving_;      ///< what flush() lets out
    std::map<int64_t, UnderWay> mails_under_way_;    ///< by mail; of those that one mail tells of too, each
    std::map<std::string, Instant> webhooks_under_way_;   ///< since when
    struct Lookup {
        Instant since{};            ///< when it was asked
        bool answered = false;
    };
    std::map<std::string, Lookup> lookups_;          ///< questions to the CMDB of the last hour
    int64_t cmdb_failures_ = 0;                      ///< since its last answer
    Instant cmdb_again_{};
    std::string cmdb_trouble_;
    std::set<std::string> reporter_mails_under_way_;
    std::map<std::string, Instant> dials_under_way_;      ///< since when
    std::optional<CaseId> dials_looked_for_ = CaseId();   ///< after a start: how far the queue was looked through for calls nobody told of
    struct Answered {
        Letter letter;
        MailAnswer answer;
    };
    std::map<int64_t, Answered> mails_answered_;     ///< what the server said, until that is committed
    std::map<HostId, std::string> ahead_;            ///< hosts that have seen more than this database has given out
    std::map<HostId, std::pair<int64_t, std::set<VmId>>> inventory_seen_;   ///< generation and VMs named so far
    std::map<VmId, std::map<HostId, Power>> seen_on_;         ///< what each host said last; told anew at every connection
    std::set<VmId> told_twice_;                               ///< doubles that were reported, until one of them ends
    std::map<std::string, Instant> missing_since_;            ///< orders and jobs whose host does not have the VM
    int64_t last_checkpoint_ = -1;
    Instant next_forget_{};
    std::function<void(std::function<void(Desk&)>)> come_back_;   ///< posts to the desk's own thread; inline when unset

  public:
    /// How callbacks of other threads (a mail's fate) reach the desk's thread. Set by DeskLoop.
    void come_back_through(std::function<void(std::function<void(Desk&)>)> post) { come_back_ = std::move(post); }
};

}  // namespace bailiff
