// SPDX-License-Identifier: Apache-2.0
// What a provider decides about his desk, beside the policies.
#pragma once

#include "controller/core/webhook.hpp"
#include "controller/desk/reporters.hpp"
#include "controller/desk/retention.hpp"
#include "controller/inventory/address.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace bailiff {

struct DeskOptions {
    std::string staff_address = "abuse@localhost";        ///< staff notices go here
    std::string supervisor_address = "abuse@localhost";
    std::string answer_to = "abuse@localhost";            ///< what notices name for answers
    std::string staff_language = "en";                    ///< of staff and supervisor notices: a folder of policies/notices
    std::string mail_domain = "bailiff.invalid";          ///< right half of Message-IDs
    std::string page_url;                                 ///< where customers reach the page of their case, no slash at its end; "" = there is none
    Seconds order_life{10 * 60};                          ///< not_after - issued_at; at most 15 minutes
    int64_t mails_per_tick = 50;
    Seconds guard_patience{120};                          ///< how long hosts of a cluster may take to hold a VM's lock
    int64_t checkpoint_every = 100;                       ///< items
    std::vector<core::Webhook> webhooks{};                ///< who else is told
    RetentionTimes retention{};
    int64_t sanctions_per_hour = 20;                      ///< by the clock alone; what comes beyond waits for a person. 0 = all of it
    std::string contacts_address{};                       ///< mails to it ask for other contact data; "" = there is none
    Seconds further_window{3600};                         ///< a contact is told of further reports once in this time; 0 = of each at once
    int64_t mails_per_hour = 20;                          ///< to one contact, tickets and sanctions aside; more wait. 0 = no bound
    bool reply_addresses = false;                         ///< each notice is answered to an address of its own, answer_to with +TOKEN
    Seconds search{150};                                  ///< a host that does not have the VM: how long another may name it
    Seconds address_skew{300};                            ///< an observation so near to an address's change of hands is ambiguous
    std::vector<Prefix> our_networks{};                   ///< addresses outside of them are not ours; none given: any may be
    int64_t reporter_judged = 5;                          ///< a reporter is throttled from so many judged cases in 90 days on ...
    int64_t reporter_wrong_percent = 50;                  ///< ... of which more than so many percent were false positives
    int64_t reporter_hourly = 2000;                       ///< reports an hour from which on they open no cases; 0 = no limit
    std::vector<ReporterNotice> tell_reporters{};         ///< what reporters are told
    int64_t reporter_mails_per_day = 50;                  ///< to one domain
};

}  // namespace bailiff
