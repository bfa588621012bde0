// SPDX-License-Identifier: Apache-2.0
// What the worker does not survive is kept for a person; what cannot be read now is the door's to keep.
#include "controller/parsing/worker_reader.hpp"

#include <spdlog/spdlog.h>

namespace bailiff {

WorkerReader::WorkerReader(WorkerOptions options, const Clock& clock) : options_(std::move(options)), clock_(clock) {
    thread_ = std::thread([this] { run(); });
}

WorkerReader::~WorkerReader() { stop(); }

void WorkerReader::stop() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    wake_.notify_one();
    if (thread_.joinable()) thread_.join();
}

bool WorkerReader::read(std::shared_ptr<const std::string> bytes, std::function<void(Result<Reading>)> done) {
    {
        const std::lock_guard lock(mutex_);
        if (stopping_ || queue_.size() >= options_.most_waiting || (!queue_.empty() && queued_bytes_ + bytes->size() > options_.most_waiting_bytes))
            return false;
        queued_bytes_ += bytes->size();
        queue_.push_back({std::move(bytes), std::move(done)});
    }
    wake_.notify_one();
    return true;
}

void WorkerReader::run() {
    for (;;) {
        Waiting next;
        {
            std::unique_lock lock(mutex_);
            wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
            if (queue_.empty()) break;
            next = std::move(queue_.front());
            queue_.pop_front();
            queued_bytes_ -= next.bytes->size();
        }
        next.done(stopping_ ? Result<Reading>(fail(Errc::unavailable, "the controller is stopping; try again")) : take(*next.bytes));
    }
    worker_.reset();
    pid_ = -1;
}

Result<void> WorkerReader::ready_worker() {
    if (worker_ && worker_->running() && taken_ < options_.reports_to_a_worker) return {};
    worker_ = std::make_unique<WorkerProcess>(std::vector<std::string>{options_.program, options_.rules, options_.authserv}, clock_, stopping_);
    taken_ = 0;
    ++workers_;
    const auto started = worker_->start(options_.start_patience);
    pid_ = started ? worker_->pid() : -1;
    return started;
}

Result<Reading> WorkerReader::take(const std::string& bytes) {
    std::string trouble;
    // A second time in a fresh worker: the first may have fallen over what an earlier report left behind.
    for (int attempt = 0; attempt < 2; ++attempt) {
        if (const auto ready = ready_worker(); !ready) {
            if (!stopping_) spdlog::error("no report can be read: {}", ready.error().text);
            return fail(ready.error());
        }
        ++taken_;
        const auto answer = worker_->ask(bytes, options_.patience);
        if (stopping_ && answer.fate != WorkerProcess::Fate::said) return fail(Errc::unavailable, "the controller is stopping; try again");
        if (answer.fate == WorkerProcess::Fate::said) {
            const auto json = parse_json(answer.text, {largest_answer_of_worker, 8});
            auto reading = json ? reading_from(*json) : Result<Reading>(fail(json.error()));
            if (reading) return reading;
            trouble = "what it said cannot be understood: " + reading.error().text;
            // A worker that says such things may have been taken over.
            worker_.reset();
        } else {
            trouble = answer.text;
        }
        pid_ = -1;
        ++failures_;
        spdlog::warn("a report of {} bytes was not read: {}", bytes.size(), trouble);
        // Another ten seconds would only keep others waiting.
        if (answer.fate == WorkerProcess::Fate::late) break;
    }
    Reading kept;
    kept.triage = "reading it went wrong in its own process (" + trouble + "); look at the original";
    return kept;
}

}  // namespace bailiff
