// SPDX-License-Identifier: Apache-2.0
// Support tokens: what each customer was charged, got back and was given. Entries are never changed.
#pragma once

#include <bailiff/id.hpp>
#include <bailiff/names.hpp>
#include <bailiff/time.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bailiff {

enum class LedgerKind {
    charge,       ///< a fix that the customer asked for; takes from the balance
    refund,       ///< of a charge, in part or whole
    grant,        ///< bought, or given
    adjustment,   ///< a correction, either way
};

struct LedgerEntry {
    std::string key;               ///< of its cause: the same key is the same entry, and never counts twice
    CustomerId customer;
    int64_t number = 0;            ///< from 1 within the customer
    LedgerKind kind = LedgerKind::grant;
    int64_t amount = 0;            ///< what it adds to the balance: a charge is negative
    int64_t balance = 0;           ///< after it; below zero: to be billed
    std::string reason, actor;
    CaseId case_id;                ///< empty: of no case
    Instant at{};
    friend bool operator==(const LedgerEntry&, const LedgerEntry&) = default;
};

class Ledger {
  public:
    virtual ~Ledger() = default;
    /// Appends the entry under the customer's next number with the balance after it, and returns it as it is kept; nothing
    /// changes, and nothing is returned, when its key is known.
    virtual std::optional<LedgerEntry> enter(LedgerEntry entry) = 0;
    virtual std::optional<LedgerEntry> last_entry(const CustomerId& customer) = 0;
    virtual std::optional<LedgerEntry> find_entry(const std::string& key) = 0;
    /// Newest first; page: those with a smaller number than `before`, 0 = all.
    virtual std::vector<LedgerEntry> ledger_of(const CustomerId& customer, int64_t before, size_t limit) = 0;
};

template <>
struct Names<LedgerKind> {
    static constexpr std::string_view what = "kind of ledger entry";
    static constexpr std::array table{
        std::pair{LedgerKind::charge, std::string_view("charge")}, std::pair{LedgerKind::refund, std::string_view("refund")},
        std::pair{LedgerKind::grant, std::string_view("grant")}, std::pair{LedgerKind::adjustment, std::string_view("adjustment")}};
};

}  // namespace bailiff
