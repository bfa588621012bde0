// SPDX-License-Identifier: Apache-2.0
// The stage on which scenarios play: the real desk over a memory store, a clock that jumps, and a host that answers
// as the script says. Every command returns, in words, everything that came of it.
#pragma once

#include "controller/desk/desk.hpp"
#include "tests/fixtures/fake_clock.hpp"
#include "tests/fixtures/fake_desk.hpp"

#include <memory>
#include <set>
#include <string>
#include <vector>

namespace bailiff::test {

/// One command of a scenario: a verb, positional words and `key=value` words.
struct Command {
    std::string verb;
    std::vector<std::string> words;
    std::map<std::string, std::string> named;
    std::string text;             ///< what stood in double quotes
};
Command parse_command(const std::string& line);
/// The value of `key=value`.
std::string value(const Command& c, const std::string& key, const std::string& otherwise = "");

class Stage {
  public:
    /// The policies are those that are shipped, from `policies_folder`.
    explicit Stage(const std::string& policies_folder);
    ~Stage();
    /// Runs one command; the lines it caused. A mistake in the script is a line that begins with "script:".
    std::vector<std::string> run(const std::string& line);

  private:
    struct Verb;
    static const std::vector<Verb>& verbs();
    using Lines = std::vector<std::string>;

    void at(const Command& c, Lines& out);
    void report(const Command& c, Lines& out);
    void advance(const Command& c, Lines& out);
    void call(const Command& c, Lines& out);
    void reply(const Command& c, Lines& out);
    void act(const Command& c, Lines& out, const core::Input& input, const std::string& actor);
    void host(const Command& c, Lines& out);
    void found(const Command& c, const MessageId& id);
    void customer(const Command& c, Lines& out);
    void vm(const Command& c, Lines& out);
    void holiday(const Command& c, Lines& out);
    void had(const Command& c, Lines& out);
    void who(const Command& c, Lines& out);
    void knows(const Command& c, Lines& out);
    void mailed(const Command& c, Lines& out);
    void reporter(const Command& c, Lines& out);
    Instant time_of(const Command& c, const std::string& key, Instant otherwise, Lines& out) const;
    // stage_contacts.cpp
    void contact(const Command& c, Lines& out);
    void contacts(const Command& c, Lines& out);
    void queue(Lines& out);
    void bounce(const Command& c, Lines& out);
    void wish(const Command& c, Lines& out);
    void decide_change(const Command& c, Lines& out, bool approve);
    void dialler(const Command& c, Lines& out);
    void tell_dials(Lines& out);
    /// A desk over the storage as it is: as the controller after a start.
    void begin(bool with_dialler);
    void cluster(const Command& c);
    void lock(const Command& c, Lines& out);
    void evidence(const Command& c, Lines& out);
    void mail(const Command& c, Lines& out);
    void merge(const Command& c, Lines& out);
    void split(const Command& c, Lines& out);
    void undo(const Command& c, Lines& out);
    void sources(const Command& c, Lines& out);
    void show(const Command& c, Lines& out);
    void why(const Command& c, Lines& out);
    CaseId case_of(const Command& c) const;
    Instant read_time(const Command& c, Lines& out) const;
    /// Everything that left the desk since the last command, in words.
    void tell(Lines& out);
    std::string local(Instant at) const;

    FakeClock clock_;
    SeededRandom random_{1};
    std::unique_ptr<Storage> storage_;
    FakeMailer mailer_;
    FakeWriter writer_;
    FakeSigner signer_;
    FakeHosts hosts_;
    FakeWatchers watchers_;
    FakeDialler dialler_;
    bool with_dialler_ = false;
    core::PolicySet policies_;                    ///< until the desk has them
    std::unique_ptr<Desk> desk_;
    std::unique_ptr<core::Calendar> shown_;       ///< the zone in which times are read and shown
    size_t told_history_ = 0, told_mails_ = 0, told_frames_ = 0, told_dials_ = 0;
    std::set<ReportId> told_triage_;
    std::map<CaseId, std::string> told_due_;
    CaseId last_case_;
    int64_t answers_ = 0, vms_ = 0, mailed_ = 0;
};

}  // namespace bailiff::test
