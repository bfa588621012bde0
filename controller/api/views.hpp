// SPDX-License-Identifier: Apache-2.0
// What the API shows: our values as JSON. Instants are RFC 3339 with Z; where people read them a `…_local` stands
// beside, in the zone of the case's calendar.
#pragma once

#include "controller/desk/desk.hpp"

#include <bailiff/json.hpp>

#include <string>

namespace bailiff {

/// Everything about one case, its mails, orders and jobs included.
Json case_json(Desk& desk, const CaseView& view);
/// Who looks after it, what keeps it still, where it goes on: for lists and the case itself.
void put_standing_of(Json& out, const Desk& desk, const core::Case& c);
/// Its sources, its appeals, and the cases that belong to it.
void put_links(Json& out, Desk& desk, const core::Case& c);
/// One line of the list of cases.
Json case_line_json(Desk& desk, const core::Case& c);
/// One entry of the call queue.
Json call_due_json(const Desk& desk, const core::Case& c, const CallSheet& sheet);
Json history_item_json(const core::HistoryItem& item, const core::Calendar* calendar);
Json report_json(const StoredReport& report, bool whole);
/// Never with its bytes, which have an address of their own.
Json delivery_json(const Delivery& delivery, bool whole);
Json order_json(const StoredOrder& order);
Json job_json(const StoredJob& job);
Json contact_json(const core::Contact& contact);
Json vm_json(const Vm& vm);
/// `contacts` in their order; the first is the authorised one.
Json customer_json(const Customer& customer, const std::vector<CustomerContact>& contacts);
Json customer_contact_json(const CustomerContact& contact);
Json contact_change_json(const ContactChange& change);
Json host_json(const Host& host, bool connected);
Json policy_json(const core::Policy& policy, const core::Calendar* calendar, bool whole);
Json chained_json(const ChainedItem& item);
Json checkpoint_json(const Checkpoint& checkpoint);

/// The calendar of the policy revision that the case pins; null when it is not loaded.
const core::Calendar* calendar_of(const Desk& desk, const core::Case& c);
/// Sets `field` to the instant and `field_local` to the same for people; nothing for the zero instant.
void put_instant(Json& out, const char* field, Instant at, const core::Calendar* calendar);
/// "Mon 2026-03-02 09:00 IST" in any zone of the tz database, or empty when it is unknown.
std::string local_in(const std::string& zone, Instant at);

}  // namespace bailiff
