// SPDX-License-Identifier: Apache-2.0
// An answer to each question, once, whatever happens. Threads meet at latches and the stop flag, never by time.
#include "controller/threads/work_queue.hpp"

#include <gtest/gtest.h>

#include <future>
#include <latch>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace bailiff::test {
namespace {

using Queue = WorkQueue<std::string, std::string>;

/// What was answered, by any thread.
class Answers {
  public:
    Queue::Done of(const std::string& question) {
        return [this, question](const std::string& answer) {
            const std::lock_guard lock(mutex_);
            answers_[question].push_back(answer);
            order_.push_back(question);
        };
    }
    /// The only answer; "none" and "several" are mistakes of the queue's.
    std::string only(const std::string& question) {
        const std::lock_guard lock(mutex_);
        const auto& all = answers_[question];
        return all.empty() ? "none" : all.size() > 1 ? "several" : all.front();
    }
    std::vector<std::string> order() {
        const std::lock_guard lock(mutex_);
        return order_;
    }

  private:
    std::mutex mutex_;
    std::map<std::string, std::vector<std::string>> answers_;
    std::vector<std::string> order_;
};

std::string failed(const std::string& why) { return "failed: " + why; }

/// One thread that is held at its first question, so that all others wait.
struct Held {
    explicit Held(size_t most_waiting = SIZE_MAX) {
        queue.emplace(WorkQueueOptions{1, most_waiting, "it stops", "it is full"},
                      [this](const std::string& question, const std::atomic<bool>&) {
                          if (question == "held") began.count_down(), released.wait();
                          return "did " + question;
                      },
                      failed);
        put("held");
        began.wait();
    }
    void put(const std::string& question) { queue->put(question, answers.of(question)); }
    void put_first(const std::string& question) { queue->put_first(question, answers.of(question)); }
    /// Everything that was put before is done after it.
    void finish() {
        std::promise<void> last;
        queue->put("last", [&](const std::string&) { last.set_value(); });
        released.count_down();
        last.get_future().wait();
    }
    std::latch began{1}, released{1};
    Answers answers;
    std::optional<Queue> queue;
};

TEST(WorkQueue, works_in_order_and_from_the_front_what_is_put_there) {
    Held held;
    for (const char* question : {"a", "b"}) held.put(question);
    held.put_first("urgent");
    held.put("c");
    held.finish();
    EXPECT_EQ(held.answers.order(), (std::vector<std::string>{"held", "urgent", "a", "b", "c"}));
    EXPECT_EQ(held.answers.only("urgent"), "did urgent");
}

TEST(WorkQueue, what_finds_no_room_is_refused_before_put_returns) {
    Held held(2);
    held.put("a");
    held.put_first("b");
    held.put("c");
    held.put_first("d");
    EXPECT_EQ(held.answers.order(), (std::vector<std::string>{"c", "d"})) << "and the one that is worked on takes no room";
    EXPECT_EQ(held.answers.only("c"), "failed: it is full");
    held.released.count_down();
    held.queue.reset();
    for (const char* question : {"held", "a", "b", "c", "d"}) {
        const std::string answer = held.answers.only(question);
        EXPECT_TRUE(answer.starts_with("did ") || answer.starts_with("failed: ")) << question << ": " << answer;
    }
}

TEST(WorkQueue, at_the_end_long_work_gives_up_and_what_waits_is_answered) {
    Answers answers;
    std::latch began{1};
    {
        Queue queue({1, 3, "it stops", "it is full"},
                    [&](const std::string& question, const std::atomic<bool>& stopping) {
                        began.count_down();
                        while (!stopping) std::this_thread::yield();
                        return "gave up " + question;
                    },
                    failed);
        queue.put("running", answers.of("running"));
        began.wait();
        for (const char* question : {"a", "b", "c", "too much"}) queue.put(question, answers.of(question));
    }
    EXPECT_EQ(answers.only("running"), "gave up running");
    for (const char* question : {"a", "b", "c"}) EXPECT_EQ(answers.only(question), "failed: it stops");
    EXPECT_EQ(answers.only("too much"), "failed: it is full");
    EXPECT_EQ(answers.order(), (std::vector<std::string>{"too much", "running", "a", "b", "c"}));
}

TEST(WorkQueue, what_an_answer_puts_while_it_ends_is_answered_as_well) {
    Answers answers;
    std::latch began{1};
    {
        Queue queue({1, SIZE_MAX, "it stops"},
                    [&](const std::string& question, const std::atomic<bool>& stopping) {
                        began.count_down();
                        while (!stopping) std::this_thread::yield();
                        return "gave up " + question;
                    },
                    failed);
        queue.put("running", [&](const std::string&) { queue.put("after it", answers.of("after it")); });
        queue.put("waiting", [&](const std::string&) { queue.put("after that", answers.of("after that")); });
        began.wait();
    }
    EXPECT_EQ(answers.only("after it"), "failed: it stops");
    EXPECT_EQ(answers.only("after that"), "failed: it stops");
}

TEST(WorkQueue, work_that_throws_is_answered_and_the_thread_goes_on) {
    Queue queue({1, SIZE_MAX, "it stops"},
                [](const std::string& question, const std::atomic<bool>&) -> std::string {
                    if (question == "bad") throw std::runtime_error("no memory for it");
                    return "did " + question;
                },
                failed);
    for (const auto& [question, answer] : {std::pair("bad", "failed: no memory for it"), std::pair("good", "did good")}) {
        std::promise<std::string> said;
        queue.put(question, [&](std::string text) { said.set_value(std::move(text)); });
        EXPECT_EQ(said.get_future().get(), answer);
    }
}

TEST(WorkQueue, each_question_is_answered_once_whoever_puts_it_and_whenever_it_ends) {
    constexpr int putters = 4, each = 500;
    Answers answers;
    for (const bool all_done : {true, false}) {
        std::atomic<int> worked = 0, answered = 0;
        std::promise<void> enough;
        const int goal = all_done ? putters * each : 10;
        {
            Queue queue({3, all_done ? SIZE_MAX : 100, "it stops", "it is full"},
                        [&](const std::string& question, const std::atomic<bool>&) {
                            // The bad ones are as many as the good ones.
                            if (++worked % 2) throw std::runtime_error("odd");
                            return question;
                        },
                        failed);
            std::vector<std::thread> threads;
            for (int t = 0; t < putters; ++t)
                threads.emplace_back([&, t] {
                    for (int i = 0; i < each; ++i) {
                        const std::string question = std::to_string(all_done) + " " + std::to_string(t) + " " + std::to_string(i);
                        const auto put = i % 7 ? &Queue::put : &Queue::put_first;
                        (queue.*put)(question, [&, noted = answers.of(question)](const std::string& answer) {
                            noted(answer);
                            if (++answered == goal) enough.set_value();
                        });
                    }
                });
            for (auto& thread : threads) thread.join();
            enough.get_future().wait();
        }
        for (int t = 0; t < putters; ++t)
            for (int i = 0; i < each; ++i) {
                const std::string question = std::to_string(all_done) + " " + std::to_string(t) + " " + std::to_string(i);
                const std::string answer = answers.only(question);
                EXPECT_TRUE(answer == question || answer.starts_with("failed: ")) << question << ": " << answer;
                EXPECT_TRUE(!all_done || answer == question || answer == "failed: odd") << answer;
            }
    }
}

TEST(WorkQueue, what_an_answer_holds_is_gone_with_the_queue) {
    const auto held = std::make_shared<int>(7);
    {
        Queue queue({2, SIZE_MAX, "it stops"}, [](const std::string& question, const std::atomic<bool>&) { return question; }, failed);
        for (int i = 0; i < 50; ++i) queue.put("q", [held](const std::string&) {});
    }
    EXPECT_EQ(held.use_count(), 1) << "nothing is left that could still be called";
}

}  // namespace
}  // namespace bailiff::test
