// SPDX-License-Identifier: Apache-2.0
#include "controller/dialler/exec_dialler.hpp"

#include "controller/dialler/program_run.hpp"

namespace bailiff {

ExecDialler::ExecDialler(ExecDiallerOptions options, const Clock& clock) : options_(std::move(options)), clock_(clock), thread_([this] { run(); }) {}

ExecDialler::~ExecDialler() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    changed_.notify_all();
    thread_.join();
    for (auto& task : queue_) task.done({false, "The controller stops; the call is told after its next start."});
}

void ExecDialler::tell(const DialMessage& message, std::function<void(DialAnswer)> done) {
    {
        const std::lock_guard lock(mutex_);
        if (queue_.size() < options_.most_waiting) {
            // Who is not to be phoned must not wait behind those who are.
            if (message.cancel) queue_.push_front({message, std::move(done)});
            else queue_.push_back({message, std::move(done)});
            changed_.notify_one();
            return;
        }
    }
    done({false, "too many calls wait for " + options_.argv.front() + "; it takes too long for each"});
}

void ExecDialler::run() {
    for (;;) {
        Task task;
        {
            std::unique_lock lock(mutex_);
            changed_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
            if (stopping_) return;
            task = std::move(queue_.front());
            queue_.pop_front();
        }
        task.done(told(task.message));
    }
}

DialAnswer ExecDialler::told(const DialMessage& message) {
    const ProgramEnd end = run_program(options_.argv, message.body + "\n", options_.patience, clock_, stopping_);
    if (!end.started) return {false, end.said};
    const std::string said = end.said.empty() ? "" : ": " + end.said;
    if (!end.in_time) return {false, options_.argv.front() + " was not done within " + std::to_string(options_.patience.count() / 1000) + " s" + said};
    if (end.code < 0) return {false, options_.argv.front() + " was ended by a signal" + said};
    return {end.code == 0, "exit code " + std::to_string(end.code) + said};
}

}  // namespace bailiff
