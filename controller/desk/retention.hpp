// SPDX-License-Identifier: Apache-2.0
// How long what is kept is kept, and what the desk needs of the storage to let it go.
#pragma once

#include "controller/core/case.hpp"
#include "controller/core/erasure.hpp"

#include <bailiff/id.hpp>
#include <bailiff/time.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace bailiff {

/// The classes of what is kept. What an open case needs is kept whatever its age.
enum class KeptClass {
    raw,      ///< mails and report bodies as they came: their time runs from when they came
    files,    ///< files that customers sent with a statement, samples among them: from when their case closed
    cases,    ///< what closed cases say of people; what is left of them is the audit log: from when the case closed
    audit,    ///< the course of erased cases; what is left is their links in the audit chain: from when the case closed
};

/// How long each class is kept; 0 = for ever.
struct RetentionTimes {
    Seconds raw{int64_t{90} * 86400};
    Seconds files{int64_t{30} * 86400};
    Seconds cases{int64_t{730} * 86400};
    Seconds audit{int64_t{2190} * 86400};
    Seconds of(KeptClass kept) const {
        switch (kept) {
            case KeptClass::raw: return raw;
            case KeptClass::files: return files;
            case KeptClass::cases: return cases;
            case KeptClass::audit: return audit;
        }
        return cases;
    }
};

/// What of a class is over its time.
struct Overdue {
    int64_t count = 0;            ///< counted up to the limit that was asked for
    Instant oldest{};             ///< 0 when there is none
    friend bool operator==(const Overdue&, const Overdue&) = default;
};

/// A part of Storage; see ports.hpp for the law of transactions.
class Retention {
  public:
    virtual ~Retention() = default;
    /// What came, or belongs to a case that closed, before `before`; at most `limit` are counted.
    virtual Overdue overdue(KeptClass kept, Instant before, size_t limit) = 0;
    /// Forgets the oldest of them, at most `limit`: of deliveries and reports the bodies, of files the bytes. Returns how many.
    /// Not for `cases` and `audit`, which go one by one.
    virtual int64_t forget(KeptClass kept, Instant before, size_t limit) = 0;
    /// Closed before `before` and not erased, the longest closed first.
    virtual std::vector<CaseId> cases_to_erase(Instant before, size_t limit) = 0;
    /// The customer's closed cases that are not erased, oldest first.
    virtual std::vector<CaseId> cases_to_erase(const CustomerId& customer, size_t limit) = 0;
    /// Whether the customer still has a VM that some inventory names.
    virtual bool has_vms(const CustomerId& customer) = 0;
    /// Where these items of the case stand in the chain, each with the digest of the text that would stand in its place.
    virtual std::vector<core::ErasedLink> links_of(const CaseId& id, const std::vector<core::HistoryItem>& left) = 0;
    /// Puts what is `left` in the place of these items, which `by` of the same case erased. Their hashes stay.
    virtual void erase_texts(const CaseId& id, const std::vector<core::HistoryItem>& left, int64_t by) = 0;
    /// What hangs on an erased case: mails, orders, jobs, calls of the dialler, scan reports, addresses for answers and files go; those of `reports`
    /// that are its own lose their words, and so do the deliveries that they alone came in.
    virtual void erase_beside(const CaseId& id, const std::vector<ReportId>& reports) = 0;
    /// What hangs on an erased customer: further contacts and wishes to change them go, and why tokens were granted.
    virtual void erase_beside(const CustomerId& id) = 0;
    /// Erased and closed before `before`, the longest closed first.
    virtual std::vector<CaseId> courses_to_forget(Instant before, size_t limit) = 0;
    /// Of an erased case the row and the reports go, and of each erased item all but its link: place, hash, and the digest of
    /// what was left of it, so that the seal can still be verified.
    virtual void forget_course(const CaseId& id) = 0;
};

template <>
struct Names<KeptClass> {
    static constexpr std::string_view what = "class of what is kept";
    static constexpr std::array table{std::pair{KeptClass::raw, std::string_view("raw")}, std::pair{KeptClass::files, std::string_view("files")},
                                      std::pair{KeptClass::cases, std::string_view("cases")}, std::pair{KeptClass::audit, std::string_view("audit")}};
};

}  // namespace bailiff
