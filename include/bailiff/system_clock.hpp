// SPDX-License-Identifier: Apache-2.0
// The only file that reads a real clock; tests/tidy_test.cpp keeps it so.
#pragma once

#include <bailiff/time.hpp>

#include <fstream>
#include <string>

namespace bailiff {

/// The machine's clock.
class SystemClock : public Clock {
  public:
    Instant now() const override {
        return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
    }
    std::chrono::milliseconds monotonic() const override {
        return std::chrono::duration_cast<std::chrono::milliseconds>(
            std::chrono::steady_clock::now().time_since_epoch());
    }
};

/// The machine's clock moved by the seconds that a file holds, read at every call: the laboratory's way to replay
/// days in seconds. Controller and agents of one laboratory name the same file (--lab-clock). Never in production:
/// a program started with it says so in its log at every start. A missing or unreadable file counts as 0.
class LabClock : public SystemClock {
  public:
    explicit LabClock(std::string path) : path_(std::move(path)) {}
    Instant now() const override { return SystemClock::now() + offset(); }
    Seconds offset() const {
        std::ifstream in(path_);
        int64_t seconds = 0;
        in >> seconds;
        return Seconds(seconds);
    }
    const std::string& path() const { return path_; }

  private:
    std::string path_;
};

}  // namespace bailiff
