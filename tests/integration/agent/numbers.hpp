// SPDX-License-Identifier: Apache-2.0
// Orders and jobs as a controller makes them: numbered over all its hosts, and valid from now on.
#pragma once

#include <bailiff/order.hpp>
#include <bailiff/system_clock.hpp>

#include <string>

namespace bailiff::test {

/// The numbers of one controller. Ids, sequence numbers and generations are the same number, and grow together.
class Numbers {
  public:
    int64_t last = 0;

    Order order(const VmId& vm, VmState desired, const HostId& host = HostId("h1"), const CaseId& case_id = CaseId("C-1")) {
        Order o;
        o.order_id = OrderId(next_id());
        address(o, vm, host, case_id);
        o.vm_generation = last;
        o.desired = desired;
        return o;
    }
    Job job(const VmId& vm, JobKind kind, const HostId& host = HostId("h1"), const CaseId& case_id = CaseId("C-1")) {
        Job j;
        j.job_id = JobId(next_id());
        address(j, vm, host, case_id);
        j.kind = kind;
        return j;
    }

  private:
    std::string next_id() {
        const std::string text = std::to_string(++last);
        return std::string(32 - text.size(), '0') + text;
    }
    template <class Document>
    void address(Document& d, const VmId& vm, const HostId& host, const CaseId& case_id) const {
        d.host = host;
        d.seq = last;
        d.vm_uuid = vm;
        d.case_id = case_id;
        d.policy = "virus-content/1";
        d.issued_at = clock_.now();
        d.not_after = clock_.now() + Seconds(900);
        d.reason = "A test.";
    }
    SystemClock clock_;
};

}  // namespace bailiff::test
