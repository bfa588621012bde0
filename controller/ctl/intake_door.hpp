// SPDX-License-Identifier: Apache-2.0
// What the doors for mail share: one mail goes to the controller, and only its "kept" lets go of it.
#pragma once

#include "controller/ctl/arguments.hpp"
#include "controller/ctl/rest_client.hpp"

#include <cstdint>
#include <string>

namespace bailiff {

/// A mail as far as it is handed in: of one above the limit only the beginning.
struct IntakeMail {
    std::string bytes;
    int64_t whole_bytes = 0;       ///< of the whole
};

/// Reads a mail from a descriptor up to the limit and counts the rest. `unavailable` when it cannot be read to its end.
Result<IntakeMail> read_intake_mail(int descriptor);

/// What became of one.
struct HandedIn {
    enum class Fate {
        kept,      ///< the controller has it on disk, perhaps since an earlier time: let go of it
        later,     ///< nobody knows, or not now: keep it, and let the others wait too
        refused,   ///< this one is not taken as it is: keep it, and go on with the others
    } fate = Fate::later;
    std::string text;              ///< one line for people and logs
};

/// Hands mails in by REST. Repeating is safe: the controller knows a mail again by its contents.
class IntakeDoor {
  public:
    IntakeDoor(RestClient client, bool json) : client_(std::move(client)), json_(json) {}
    HandedIn hand_in(const IntakeMail& mail, const std::string& sender, const std::string& recipient);

  private:
    RestClient client_;
    bool json_;
};

/// sysexits(3) for a mail server's pipe, where everything that a person can mend lets the mail wait.
ExitCode sysexit_of(const HandedIn& handed);
/// As sysexits(3): wrong options and settings; and 75 where only the token or the settings' file cannot be read now.
ExitCode sysexit_of(const Error& no_client);

}  // namespace bailiff
