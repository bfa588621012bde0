// SPDX-License-Identifier: Apache-2.0
// Asks the provider's CMDB over HTTP whose an address was.
#pragma once

#include "controller/desk/addresses.hpp"
#include "controller/threads/work_queue.hpp"

#include <bailiff/time.hpp>

#include <chrono>
#include <functional>
#include <string>

namespace bailiff {

struct CmdbOptions {
    std::string url;                            ///< with {address}, and {at} and {port} where it takes them
    std::string header;                         ///< one more header line, such as "Authorization: Bearer …"; empty = none
    std::string ca_file;                        ///< PEM; empty = the system's
    std::chrono::milliseconds timeout{10'000};  ///< for all of a question
};

/// The URL of a question; every value is percent-encoded.
std::string cmdb_url(const std::string& pattern, const AddressQuestion& question);
/// What a CMDB answers: a row {"address","from","to","vm","customer","ports"}, a list of them, {"spans": [rows]}, null or nothing. Fields
/// that it has besides are passed over; rows that cannot be read are named in `trouble`.
AddressAnswer cmdb_answer(const std::string& body, const AddressQuestion& question, Instant now);

/// `ask` may be called from any thread and returns at once, `done` runs on one of the lookup's threads. What still waits at the end is
/// answered as failed, since the reports still wait.
class CmdbLookup : public AddressLookup {
  public:
    CmdbLookup(CmdbOptions options, const Clock& clock, size_t threads = 2);
    void ask(const AddressQuestion& question, std::function<void(AddressAnswer)> done) override;

  private:
    AddressAnswer look_up(const AddressQuestion& question) const;
    CmdbOptions options_;
    const Clock& clock_;
    WorkQueue<AddressQuestion, AddressAnswer> queue_;  // last: it uses all of the above
};

}  // namespace bailiff
