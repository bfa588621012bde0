// SPDX-License-Identifier: Apache-2.0
#include "controller/dialler/exec_dialler.hpp"

#include "controller/dialler/program_run.hpp"

namespace bailiff {

ExecDialler::ExecDialler(ExecDiallerOptions options, const Clock& clock)
    : options_(std::move(options)), clock_(clock),
      queue_({.most_waiting = options_.most_waiting,
              .when_stopping = "The controller stops; the call is told after its next start.",
              .when_full = "too many calls wait for " + options_.argv.front() + "; it takes too long for each"},
             [this](const DialMessage& message, const std::atomic<bool>& stopping) { return told(message, stopping); },
             [](std::string why) { return DialAnswer{false, std::move(why)}; }) {}

void ExecDialler::tell(const DialMessage& message, std::function<void(DialAnswer)> done) {
    // Who is not to be phoned must not wait behind those who are.
    if (message.cancel) queue_.put_first(message, std::move(done));
    else queue_.put(message, std::move(done));
}

DialAnswer ExecDialler::told(const DialMessage& message, const std::atomic<bool>& stopping) const {
    const ProgramEnd end = run_program(options_.argv, message.body + "\n", options_.patience, clock_, stopping);
    if (!end.started) return {false, end.said};
    const std::string said = end.said.empty() ? "" : ": " + end.said;
    if (!end.in_time) return {false, options_.argv.front() + " was not done within " + std::to_string(options_.patience.count() / 1000) + " s" + said};
    if (end.code < 0) return {false, options_.argv.front() + " was ended by a signal" + said};
    return {end.code == 0, "exit code " + std::to_string(end.code) + said};
}

}  // namespace bailiff
