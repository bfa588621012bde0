// SPDX-License-Identifier: Apache-2.0
// What rows keep as JSON text, and how ids, links of the chain and unclean texts are written. Shared by all storages.
#pragma once

#include "controller/desk/ports.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bailiff {

/// 17 for "C-17" with prefix 'C'; nothing for anything else.
std::optional<int64_t> number_of(std::string_view id, char prefix);
template <class Tag>
std::optional<int64_t> number_of(const Id<Tag>& id, char prefix) {
    return number_of(std::string_view(id.text()), prefix);
}
inline std::string id_text(char prefix, int64_t number) { return std::string(1, prefix) + "-" + std::to_string(number); }

/// The text of a row that cannot be read is an outage: the row was changed by hand or by a newer program.
[[noreturn]] void unreadable(const std::string& what, const std::string& why);

std::string text_of(const core::Case& c);
core::Case case_from(std::string_view text);
core::HistoryItem item_from(std::string_view text);
std::string text_of(const core::Deadline& deadline);           ///< without `at`, which has its own column
core::Deadline deadline_from(std::string_view text, Instant at);
std::string text_of(const Order& order);
Order order_from(std::string_view text);
std::string text_of(const Job& job);
Job job_from(std::string_view text);
std::string text_of(const OrderAnswer& answer);
OrderAnswer order_answer_from(std::string_view text);
std::string text_of(const JobAnswer& answer);
JobAnswer job_answer_from(std::string_view text);

std::string text_of(const std::vector<VmAddress>& addresses);   ///< "" for none
std::vector<VmAddress> host_addresses_from(std::string_view text);

/// Of the address that a report waits for; "" for one that waits for no history.
std::string waiting_key(const StoredReport& report);

/// Whether `text` is UTF-8 without NUL: what every database takes as text.
bool is_clean_text(std::string_view text);

}  // namespace bailiff
