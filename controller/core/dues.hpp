// SPDX-License-Identifier: Apache-2.0
// What a case is owed by the world: at most one deadline, mails, a call, the state of its VM, work on its disks.
#pragma once

#include "controller/core/history.hpp"

#include <optional>
#include <string>
#include <vector>

namespace bailiff::core {

/// The one instant at which silence will mean something. `why` justifies it in words.
struct Deadline {
    Instant at{};
    std::string what;              ///< "reply", "call overdue", "enforce", "resolution", "appeal"
    std::vector<std::string> why;
    friend bool operator==(const Deadline&, const Deadline&) = default;
};

/// A mail to be sent. `key` is unique within the case ("ticket", "further_report/2"): the same key is one mail.
struct NoticeDue {
    Notice notice = Notice::ticket;
    std::string key;
    Audience audience = Audience::customer;
    friend bool operator==(const NoticeDue&, const NoticeDue&) = default;
};

/// Staff must phone the contact.
struct CallDue {
    Instant since{};
    int64_t attempts = 0;
    friend bool operator==(const CallDue&, const CallDue&) = default;
};

/// A contact asked to be phoned at `at`. It stops no clock.
struct CallBackDue {
    Instant at{};
    std::string contact, number, note;
    bool told = false;             ///< staff was reminded
    friend bool operator==(const CallBackDue&, const CallBackDue&) = default;
};

/// The VM must come to a state. `demand` is unique within the case.
struct OrderDue {
    int64_t demand = 0;
    VmState desired = VmState::off;
    EvidenceRule evidence = EvidenceRule::not_required;
    Expect expect = Expect::any;
    std::string reason;
    JobId accepted_scan{};         ///< running: see Order::accepted_scan
    friend bool operator==(const OrderDue&, const OrderDue&) = default;
};

/// Work on the VM's disks. `key` is unique within the case ("scan/2": the second job of the case).
struct JobDue {
    JobKind kind = JobKind::scan;
    std::string key;
    JobId scan_job;
    friend bool operator==(const JobDue&, const JobDue&) = default;
};

struct Dues {
    std::optional<Deadline> deadline;
    std::vector<NoticeDue> notices;
    std::optional<CallDue> call;
    std::optional<CallBackDue> call_back;
    std::optional<OrderDue> order;
    std::optional<JobDue> job;
    friend bool operator==(const Dues&, const Dues&) = default;
};

}  // namespace bailiff::core
