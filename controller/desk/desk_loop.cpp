// SPDX-License-Identifier: Apache-2.0
// The queue, the thread, and the one transaction around the turns that wait together.

#include "controller/desk/desk_loop.hpp"

#include <spdlog/spdlog.h>

#include <utility>

namespace bailiff {

namespace {
/// So many turns share a commit at most: enough to hide an fsync, few enough to answer quickly.
constexpr size_t largest_batch = 64;
}  // namespace

DeskLoop::DeskLoop(Desk& desk, Storage& storage, const Clock& clock, std::chrono::milliseconds tick_every, size_t queue_limit)
    : desk_(desk), storage_(storage), clock_(clock), tick_every_(tick_every), queue_limit_(queue_limit) {
    desk_.come_back_through([this](std::function<void(Desk&)> work) { post(std::move(work)); });
    thread_ = std::thread([this] { run(); });
}

DeskLoop::~DeskLoop() { stop(); }

bool DeskLoop::post(DeskTurn turn) {
    {
        const std::lock_guard lock(mutex_);
        if (stopping_ || queue_.size() >= queue_limit_) return false;
        queue_.push_back(std::move(turn));
    }
    wake_.notify_one();
    return true;
}

bool DeskLoop::post(std::function<void(Desk&)> work) {
    return post(DeskTurn{[work = std::move(work)](Desk& desk) {
                             work(desk);
                             return std::function<void()>();
                         },
                         [](const std::string&) {}});
}

void DeskLoop::stop() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    wake_.notify_one();
    if (thread_.joinable()) thread_.join();
}

size_t DeskLoop::waiting() const {
    const std::lock_guard lock(mutex_);
    return queue_.size();
}

void DeskLoop::run() {
    auto last_tick = clock_.monotonic() - tick_every_;
    while (true) {
        std::deque<DeskTurn> batch;
        {
            std::unique_lock lock(mutex_);
            const auto until_tick = tick_every_ - (clock_.monotonic() - last_tick);
            if (queue_.empty() && !stopping_ && until_tick.count() > 0) wake_.wait_for(lock, until_tick);
            while (!queue_.empty() && batch.size() < largest_batch) {
                batch.push_back(std::move(queue_.front()));
                queue_.pop_front();
            }
            if (stopping_ && batch.empty() && queue_.empty()) return;
        }
        if (clock_.monotonic() - last_tick >= tick_every_) {
            last_tick = clock_.monotonic();
            // A turn that only reads succeeds on a full disk too, so only a write shows that the trouble is over.
            if (!healthy_) batch.push_back({[this](Desk&) { return prove(); }, [](const std::string&) {}});
            batch.push_back({[](Desk& desk) { desk.tick(); return std::function<void()>(); }, [](const std::string&) {}});
        }
        if (!batch.empty()) take(batch);
    }
}

std::function<void()> DeskLoop::prove() {
    storage_.prove_writable();
    return [this] {
        healthy_ = true;
        outage_.clear();
        spdlog::info("the storage takes writes again");
    };
}

/// An exception in one turn must not cost the others theirs: when the shared transaction breaks, each turn is tried
/// again alone, and only those that break alone hear of the outage.
void DeskLoop::take(std::deque<DeskTurn>& batch) {
    std::vector<std::function<void()>> answers;
    const auto attempt = [&](DeskTurn* first, size_t count) -> std::string {
        answers.clear();
        try {
            const auto done = storage_.transaction([&]() -> Result<void> {
                for (size_t i = 0; i < count; ++i) answers.push_back(first[i].work(desk_));
                return {};
            });
            if (!done) return done.error().text;
        } catch (const std::exception& outage) {
            return outage.what();
        }
        return {};
    };
    const auto finish = [&] {
        desk_.flush();
        for (auto& answer : answers)
            if (answer) answer();
    };
    std::vector<DeskTurn> turns(std::make_move_iterator(batch.begin()), std::make_move_iterator(batch.end()));
    if (attempt(turns.data(), turns.size()).empty()) return finish();
    desk_.discard();
    for (DeskTurn& turn : turns) {
        const std::string outage = attempt(&turn, 1);
        if (outage.empty()) {
            finish();
            continue;
        }
        desk_.discard();
        healthy_ = false;
        // Once per kind of trouble, or a full disk would fill the log too.
        if (std::exchange(outage_, outage) != outage) spdlog::error("a turn was rolled back: {}", outage);
        turn.failed(outage);
    }
}

}  // namespace bailiff
