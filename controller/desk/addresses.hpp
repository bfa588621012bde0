// SPDX-License-Identifier: Apache-2.0
// What the desk needs in order to know whose an address was: the history of addresses, the reports that wait for it, and the
// provider's CMDB.
#pragma once

#include "controller/inventory/who.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace bailiff {

struct StoredReport;

/// What a report in triage waits for, beside a person.
enum class ReportWait {
    nothing,
    history,   ///< nobody is known to have had its address then
    cmdb,      ///< the CMDB's answer
    again,     ///< there is news of its address: looked at again with one of the next ticks
};

enum class SpanChange { none, added, changed };

/// A part of Storage; see ports.hpp for the law of transactions.
class Addresses {
  public:
    virtual ~Addresses() = default;
    /// Insert, or change the one with the same prefix, ports, beginning and source.
    virtual SpanChange put_span(const AddressSpan& span) = 0;
    /// Those that hold the address (and the port, unless that is 0), began at or before `latest` and had not ended at `earliest`; the
    /// longest prefix first, then the latest beginning. `limit` is for each length of prefix.
    virtual std::vector<AddressSpan> spans_of(const Address& address, int64_t port, Instant latest, Instant earliest, size_t limit) = 0;
    /// Reports that wait for history or CMDB, whose address the prefix holds, and which were observed from then until then: they are
    /// looked at again. At most `limit`; returns how many.
    virtual int64_t wake_reports(const Prefix& prefix, Instant from, Instant until, size_t limit) = 0;
    /// The oldest first.
    virtual std::vector<StoredReport> waiting_reports(ReportWait wait, size_t limit) = 0;
};

/// A question to the CMDB.
struct AddressQuestion {
    Address address;
    int64_t port = 0;              ///< 0: not said
    Instant at{};
};
struct AddressAnswer {
    bool answered = false;         ///< false: nobody answered; it is asked again
    std::vector<AddressSpan> spans{};
    std::string trouble{};         ///< what went wrong, with its remedy
};

/// Asks the provider's CMDB. `ask` returns at once; `done` is called later (from any thread), exactly once.
class AddressLookup {
  public:
    virtual ~AddressLookup() = default;
    virtual void ask(const AddressQuestion& question, std::function<void(AddressAnswer)> done) = 0;
};

template <>
struct Names<ReportWait> {
    static constexpr std::string_view what = "thing that a report waits for";
    static constexpr std::array table{
        std::pair{ReportWait::nothing, std::string_view("")}, std::pair{ReportWait::history, std::string_view("history")},
        std::pair{ReportWait::cmdb, std::string_view("cmdb")}, std::pair{ReportWait::again, std::string_view("again")}};
};

}  // namespace bailiff
