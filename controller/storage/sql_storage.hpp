// SPDX-License-Identifier: Apache-2.0
// Storage over a SQL database: every query the controller makes is in the sql_storage_*.cpp files beside this.
#pragma once

#include <bailiff/result.hpp>
#include "controller/desk/ports.hpp"
#include "controller/gateway/ports.hpp"
#include "controller/storage/migrate.hpp"
#include "controller/storage/sql.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bailiff {

/// Owns its connection; used from one thread. Throws StorageOutage when the database is out of reach, damaged or
/// full. The contract of each method stands in controller/desk/ports.hpp and is tested by tests/contract.
class SqlStorage : public Storage, public EnrolmentStore {
  public:
    /// Migrates the database and takes it over. Errors: those of migrate(); unavailable when the database is.
    static Result<std::unique_ptr<SqlStorage>> open(std::unique_ptr<SqlConnection> connection);

    Result<void> transaction(const std::function<Result<void>()>& work) override;
    /// What open() migrated, for the log.
    const Migrated& migrated() const { return migrated_; }
    void prove_writable() override;
    int64_t forget_before(Instant frames, Instant answers) override;
    /// Starts a new epoch: after a backup was restored, so that hosts tell old orders from new ones. Returns it. An
    /// epoch is the second in which it began: the same old backup, restored twice, still begins two different ones,
    /// and generations that begin with it lie above all that the lost database ever gave out.
    int64_t begin_epoch(Instant now);

    // -- Directory
    void put_vm(const Vm& vm) override;
    std::optional<Vm> find_vm(const VmId& id) override;
    std::optional<Vm> vm_by_address(const std::string& address) override;
    std::optional<Vm> vm_by_name(const std::string& name) override;
    std::vector<Vm> vms(const HostId& host, const VmId& after, size_t limit) override;
    void put_customer(const Customer& customer) override;
    std::optional<Customer> find_customer(const CustomerId& id) override;
    std::vector<Customer> customers(const CustomerId& after, size_t limit) override;
    void put_host(const Host& host) override;
    std::optional<Host> find_host(const HostId& id) override;
    std::vector<Host> hosts() override;

    // -- Cases
    CaseId next_case_id() override;
    ReportId next_report_id() override;
    Result<void> save(int64_t before, const core::Case& after, const std::vector<core::HistoryItem>& items,
                      const Standing& standing) override;
    std::optional<core::Case> find_case(const CaseId& id) override;
    std::optional<core::Deadline> deadline_of(const CaseId& id) override;
    std::vector<core::Case> calls(const CaseId& after, size_t limit) override;
    std::vector<CaseId> call_backs(Instant now, size_t limit) override;
    std::optional<Instant> next_call_back() override;
    std::vector<CaseId> open_cases_of(const VmId& vm) override;
    std::vector<core::Case> list_cases(const CaseFilter& filter) override;
    std::vector<core::HistoryItem> history(const CaseId& id, int64_t after_revision, size_t limit) override;
    std::vector<DueCase> due(Instant now, size_t limit) override;
    std::optional<Instant> next_deadline() override;
    void put_report(const StoredReport& report) override;
    std::optional<StoredReport> find_report(const ReportId& id) override;
    std::optional<StoredReport> report_by_fingerprint(const std::string& fingerprint) override;
    std::vector<StoredReport> reports(bool triage_only, const ReportId& before, size_t limit) override;
    std::vector<ChainedItem> chain(int64_t after_position, size_t limit) override;
    int64_t chain_position() override;
    void put_checkpoint(const Checkpoint& checkpoint) override;
    std::vector<Checkpoint> checkpoints() override;

    // -- Deliveries
    DeliveryId next_delivery_id() override;
    void put_delivery(const Delivery& delivery) override;
    std::optional<Delivery> find_delivery(const DeliveryId& id) override;
    std::optional<Delivery> same_delivery(const std::string& digest, const std::string& likeness) override;
    std::vector<Delivery> deliveries(std::optional<DeliveryState> state, const DeliveryId& before, size_t limit) override;
    std::optional<Delivery> unfinished_delivery() override;
    std::vector<StoredReport> reports_of(const DeliveryId& id, size_t limit) override;

    // -- PolicyArchive
    void keep_policy(const Kept& policy) override;
    std::vector<Kept> kept_policies() override;

    // -- Outbox
    void owe(const CaseId& case_id, const std::vector<core::NoticeDue>& dues, Instant now,
             const std::function<std::string(const std::string& key)>& message_id) override;
    std::vector<OutboxMail> to_send(Instant now, size_t limit) override;
    std::vector<OutboxMail> mails_of(const CaseId& case_id) override;
    void update(const OutboxMail& mail) override;

    // -- Dispatch
    int64_t epoch() override;
    int64_t next_seq(const HostId& host) override;
    int64_t next_generation(const VmId& vm) override;
    void put_order(const StoredOrder& order) override;
    void put_job(const StoredJob& job) override;
    std::optional<StoredOrder> find_order(const OrderId& id) override;
    std::optional<StoredJob> find_job(const JobId& id) override;
    std::vector<StoredOrder> orders_of(const CaseId& id) override;
    std::vector<StoredJob> jobs_of(const CaseId& id) override;
    std::vector<StoredOrder> open_orders(const HostId& host) override;
    std::vector<StoredJob> open_jobs(const HostId& host) override;
    void put_scan_report(const StoredScanReport& report) override;
    std::optional<StoredScanReport> find_scan_report(const std::string& job) override;
    std::vector<StoredScanReport> scan_reports_of(const CaseId& id) override;
    bool first_time(const HostId& host, const MessageId& id, Instant now) override;

    // -- Access
    void put_account(const Account& account) override;
    std::optional<Account> account_by_token(const std::string& token_sha256) override;
    std::vector<Account> accounts() override;
    void put_webhook(const WebhookState& state) override;
    std::optional<WebhookState> find_webhook(const std::string& id) override;
    std::optional<std::string> recall(const std::string& account, const std::string& key) override;
    void remember(const std::string& account, const std::string& key, const std::string& answer, Instant now) override;

    // -- Statements
    void put_token(const CaseToken& token) override;
    std::optional<CaseId> case_of_token(TokenUse use, const std::string& token_sha256) override;
    void put_attachment(const Attachment& attachment) override;
    std::vector<Attachment> attachments_of(const CaseId& id) override;
    std::optional<Attachment> find_attachment(const CaseId& id, int64_t number) override;

    // -- Retention
    Overdue overdue(KeptClass kept, Instant before, size_t limit) override;
    int64_t forget(KeptClass kept, Instant before, size_t limit) override;
    std::vector<CaseId> cases_to_erase(Instant before, size_t limit) override;
    std::vector<CaseId> cases_to_erase(const CustomerId& customer, size_t limit) override;
    bool has_vms(const CustomerId& customer) override;
    std::vector<core::ErasedLink> links_of(const CaseId& id, const std::vector<core::HistoryItem>& left) override;
    void erase_texts(const CaseId& id, const std::vector<core::HistoryItem>& left, int64_t by) override;
    void erase_beside(const CaseId& id, const std::vector<ReportId>& reports) override;
    void erase_beside(const CustomerId& id) override;
    std::vector<CaseId> courses_to_forget(Instant before, size_t limit) override;
    void forget_course(const CaseId& id) override;

    // -- Brake
    void note_sanction(const CaseId& id, Instant at) override;
    int64_t sanctions_after(Instant after) override;

    // -- Addresses
    SpanChange put_span(const AddressSpan& span) override;
    std::vector<AddressSpan> spans_of(const Address& address, int64_t port, Instant latest, Instant earliest, size_t limit) override;
    int64_t wake_reports(const Prefix& prefix, Instant from, Instant until, size_t limit) override;
    std::vector<StoredReport> waiting_reports(ReportWait wait, size_t limit) override;

    // -- Reporters
    void put_reporter(const Reporter& reporter) override;
    std::optional<Reporter> find_reporter(const ReporterId& id) override;
    std::vector<Reporter> reporters(const ReporterId& after, size_t limit) override;
    void put_delivery_reporter(const DeliveryReporter& entry) override;
    std::optional<DeliveryReporter> delivery_reporter(const DeliveryId& id) override;
    void count_reporter(const ReporterId& id, int64_t day, const ReporterCounts& more) override;
    ReporterCounts reporter_counts(const ReporterId& id, int64_t day) override;
    void note_reporter_in_case(const InCase& entry) override;
    std::vector<InCase> reporters_in_case(const CaseId& id, size_t limit) override;
    bool owe_reporter_mail(const ReporterMail& mail) override;
    void update_reporter_mail(const ReporterMail& mail) override;
    std::vector<ReporterMail> reporter_mails_to_send(Instant now, size_t limit) override;
    std::vector<ReporterMail> reporter_mails_of(const DeliveryId& id) override;

    // -- Contacts
    int64_t next_contact_number() override;
    void put_contact(const CustomerContact& contact) override;
    void remove_contact(const CustomerId& customer, int64_t number) override;
    std::vector<CustomerContact> contacts_of(const CustomerId& customer) override;
    std::vector<CustomerId> customers_by_mail(const std::string& address, size_t limit) override;
    std::string next_change_id() override;
    void put_change(const ContactChange& change) override;
    std::optional<ContactChange> find_change(const std::string& id) override;
    std::optional<ContactChange> change_of(const DeliveryId& delivery) override;
    std::vector<ContactChange> changes(std::optional<ChangeState> state, const std::string& before, size_t limit) override;
    int64_t waiting_changes(const std::string& from) override;

    // -- Dials
    std::string next_dial_id() override;
    void put_dial(const Dial& dial) override;
    std::optional<Dial> find_dial(const std::string& id) override;
    std::optional<Dial> open_dial_of(const CaseId& id) override;
    std::vector<Dial> dials_to_send(Instant now, size_t limit) override;

    // -- Postings
    void put_posting(const Posting& posting, Instant keep_since) override;
    std::vector<Posting> postings_to(const std::string& recipient, Instant since) override;
    void put_waiting(const WaitingReport& waiting) override;
    void drop_waiting(int64_t mail) override;
    std::vector<WaitingReport> waiting_for(const std::string& recipient, size_t limit) override;
    void put_told_together(const CaseId& lead, const CaseId& other) override;
    std::vector<CaseId> told_with(const CaseId& lead) override;

    // -- Ledger
    std::optional<LedgerEntry> enter(LedgerEntry entry) override;
    std::optional<LedgerEntry> last_entry(const CustomerId& customer) override;
    std::optional<LedgerEntry> find_entry(const std::string& key) override;
    std::vector<LedgerEntry> ledger_of(const CustomerId& customer, int64_t before, size_t limit) override;

    // -- EnrolmentStore: bans are the same as Host::banned
    void put(const std::string& token_hash, const HostId& host, Instant expires) override;
    std::optional<PendingEnrolment> take(const std::string& token_hash) override;
    bool banned(const HostId& host) override;
    std::vector<HostId> banned_hosts() override;
    void ban(const HostId& host) override;
    void unban(const HostId& host) override;
    void record_host_certificate(const HostId& host, const std::string& serial, Instant expires) override;

  private:
    SqlStorage(std::unique_ptr<SqlConnection> connection, Migrated migrated)
        : db_(std::move(connection)), migrated_(std::move(migrated)) {}

    int64_t next(const std::string& sequence);
    void append(const CaseId& id, const std::vector<core::HistoryItem>& items);
    Vm read_vm(SqlRows& rows);
    std::optional<Vm> only_vm(SqlRows& rows);

    std::unique_ptr<SqlConnection> db_;
    Migrated migrated_;
};

}  // namespace bailiff
