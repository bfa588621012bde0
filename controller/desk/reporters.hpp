// SPDX-License-Identifier: Apache-2.0
// Who reports, how often they were right, and what they are told.
#pragma once

#include "controller/desk/delivery.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace bailiff {

enum class MailState;
/// "example.net": senders whom the mail server proved to be of that domain. "unproven:example.net": mails that merely say so, which
/// share nothing with the domain. "account:cert-feed": a program with a token. Empty: nobody is counted (staff, our own scans).
using ReporterId = Id<struct ReporterTag>;

/// What staff say of a reporter.
enum class ReporterStanding {
    counted,     ///< what his reports came to decides
    exempt,      ///< never throttled
    throttled,   ///< his reports open no case
};

struct ReporterCounts {
    int64_t reports = 0;       ///< filed or in triage, one for each event
    int64_t opened = 0;        ///< cases that they opened
    int64_t duplicates = 0;    ///< further ones of a case that was open
    int64_t right = 0;         ///< cases that came to something: fixed, cleaned, answered
    int64_t wrong = 0;         ///< cases that were dismissed as false positives
    int64_t not_ours = 0;      ///< about addresses that are not ours
    int64_t unparseable = 0;   ///< deliveries that nothing could be read from
    friend bool operator==(const ReporterCounts&, const ReporterCounts&) = default;
    friend ReporterCounts operator+(const ReporterCounts& a, const ReporterCounts& b) {
        return {a.reports + b.reports, a.opened + b.opened, a.duplicates + b.duplicates, a.right + b.right,
                a.wrong + b.wrong, a.not_ours + b.not_ours, a.unparseable + b.unparseable};
    }
};

struct Reporter {
    ReporterId id;
    Instant first_at{}, last_at{};
    ReporterStanding standing = ReporterStanding::counted;
    std::string reason, by;            ///< why staff said so, and who
    Instant standing_at{};
    int64_t hour = 0, in_hour = 0;     ///< the hour (since 1970) of the last report, and how many came in it
    int64_t day = 0, told_in_day = 0;  ///< the day (since 1970) of the last mail to it, and how many went in it
    friend bool operator==(const Reporter&, const Reporter&) = default;
};

/// Who sent a delivery, and where he may be told of it ("" = nowhere).
struct DeliveryReporter {
    DeliveryId delivery;
    ReporterId reporter;
    std::string tell;
    friend bool operator==(const DeliveryReporter&, const DeliveryReporter&) = default;
};

/// The mails that a reporter gets, one of each kind for one delivery.
enum class ReporterNotice {
    received,
    forwarded,   ///< to the customer
    not_ours,
    closed,
};

/// One of them on its way.
struct ReporterMail {
    DeliveryId delivery;
    ReporterNotice notice = ReporterNotice::received;
    ReporterId reporter;
    std::string to, message_id;    ///< the Message-ID is fixed before the first attempt
    MailState state{};
    int64_t attempts = 0;
    Instant next_try{};
    std::string last_reply{};
    friend bool operator==(const ReporterMail&, const ReporterMail&) = default;
};

/// A part of Storage; see ports.hpp for the law of transactions.
class Reporters {
  public:
    virtual ~Reporters() = default;
    virtual void put_reporter(const Reporter& reporter) = 0;
    virtual std::optional<Reporter> find_reporter(const ReporterId& id) = 0;
    virtual std::vector<Reporter> reporters(const ReporterId& after, size_t limit) = 0;   ///< by id
    virtual void put_delivery_reporter(const DeliveryReporter& entry) = 0;
    virtual std::optional<DeliveryReporter> delivery_reporter(const DeliveryId& id) = 0;
    /// Adds to the counts of that day (since 1970).
    virtual void count_reporter(const ReporterId& id, int64_t day, const ReporterCounts& more) = 0;
    /// The sum over the days from `day` on.
    virtual ReporterCounts reporter_counts(const ReporterId& id, int64_t day) = 0;
    /// That reports of the delivery (empty: of none) lie in the case; the same again changes nothing.
    struct InCase {
        CaseId case_id;
        ReporterId reporter;
        DeliveryId delivery;
        friend bool operator==(const InCase&, const InCase&) = default;
    };
    virtual void note_reporter_in_case(const InCase& entry) = 0;
    virtual std::vector<InCase> reporters_in_case(const CaseId& id, size_t limit) = 0;
    /// Whether it is new: one delivery gets each kind once.
    virtual bool owe_reporter_mail(const ReporterMail& mail) = 0;
    virtual void update_reporter_mail(const ReporterMail& mail) = 0;   ///< by delivery and kind
    virtual std::vector<ReporterMail> reporter_mails_to_send(Instant now, size_t limit) = 0;
    virtual std::vector<ReporterMail> reporter_mails_of(const DeliveryId& id) = 0;
};

template <>
struct Names<ReporterStanding> {
    static constexpr std::string_view what = "standing of a reporter";
    static constexpr std::array table{
        std::pair{ReporterStanding::counted, std::string_view("counted")}, std::pair{ReporterStanding::exempt, std::string_view("exempt")},
        std::pair{ReporterStanding::throttled, std::string_view("throttled")}};
};
template <>
struct Names<ReporterNotice> {
    static constexpr std::string_view what = "mail to a reporter";
    static constexpr std::array table{
        std::pair{ReporterNotice::received, std::string_view("received")}, std::pair{ReporterNotice::forwarded, std::string_view("forwarded")},
        std::pair{ReporterNotice::not_ours, std::string_view("not_ours")}, std::pair{ReporterNotice::closed, std::string_view("closed")}};
};

}  // namespace bailiff
