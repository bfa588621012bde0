// SPDX-License-Identifier: Apache-2.0
// What each recipient has had from us lately, and the further reports that wait to be told of in one mail.
#pragma once

#include <bailiff/id.hpp>
#include <bailiff/time.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace bailiff {

/// A mail that the server has taken, as its recipient counts it.
struct Posting {
    std::string recipient;         ///< address in lower case
    Instant at{};
    bool reports = false;          ///< it told of further reports
    friend bool operator==(const Posting&, const Posting&) = default;
};

/// A further report that its contact has not been told of.
struct WaitingReport {
    int64_t mail = 0;              ///< OutboxMail::id
    CaseId case_id;
    std::string recipient;         ///< address in lower case
    friend bool operator==(const WaitingReport&, const WaitingReport&) = default;
};

class Postings {
  public:
    virtual ~Postings() = default;
    /// Forgets what the recipient had before `keep_since`: nobody asks for it any more.
    virtual void put_posting(const Posting& posting, Instant keep_since) = 0;
    virtual std::vector<Posting> postings_to(const std::string& recipient, Instant since) = 0;   ///< from `since` on, oldest first
    virtual void put_waiting(const WaitingReport& waiting) = 0;   ///< by mail
    virtual void drop_waiting(int64_t mail) = 0;
    virtual std::vector<WaitingReport> waiting_for(const std::string& recipient, size_t limit) = 0;   ///< by mail
    /// One mail of case `lead` told of `other` too: an answer to it is about both.
    virtual void put_told_together(const CaseId& lead, const CaseId& other) = 0;
    virtual std::vector<CaseId> told_with(const CaseId& lead) = 0;
};

}  // namespace bailiff
