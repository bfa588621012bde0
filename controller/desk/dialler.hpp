// SPDX-License-Identifier: Apache-2.0
// A machine that phones: told once per call that falls due, and told at once when nobody is to be phoned any more.
#pragma once

#include <bailiff/id.hpp>
#include <bailiff/names.hpp>
#include <bailiff/time.hpp>

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace bailiff {

enum class DialState {
    to_tell,     ///< the call is due and the dialler has not taken it
    told,        ///< it has
    to_cancel,   ///< nobody is to be phoned any more, and it may have taken the call
    over,
};

/// One call that fell due, as the dialler is told of it. Of one case at most one is to_tell or told.
struct Dial {
    std::string id;                ///< "D-12": the same at every attempt, so that it is taken once
    CaseId case_id;
    std::string what;              ///< which call of the case: "call 1772425800", "call_back 1772445600"
    DialState state = DialState::to_tell;
    int64_t attempts = 0;          ///< at what it is to be told now
    Instant next_try{};
    std::string last_answer;
    friend bool operator==(const Dial&, const Dial&) = default;
};

/// A part of Storage; see ports.hpp for the law of transactions.
class Dials {
  public:
    virtual ~Dials() = default;
    virtual std::string next_dial_id() = 0;
    virtual void put_dial(const Dial& dial) = 0;                           ///< by id
    virtual std::optional<Dial> find_dial(const std::string& id) = 0;
    virtual std::optional<Dial> open_dial_of(const CaseId& id) = 0;        ///< the one that is to_tell or told
    virtual std::vector<Dial> dials_to_send(Instant now, size_t limit) = 0;   ///< to_tell and to_cancel, the longest waiting first
};

/// What the dialler is told. `body` is JSON; `cancel` takes back the call of the same id.
struct DialMessage {
    std::string id;
    bool cancel = false;
    std::string body;
    Instant at{};                  ///< of this attempt
};
struct DialAnswer {
    bool accepted = false;
    std::string text;              ///< what it said, or what went wrong with its remedy
};

/// Its outcome comes back by the REST API, as a person's would. `tell` returns at once; `done` is called later (from any
/// thread), exactly once.
class Dialler {
  public:
    virtual ~Dialler() = default;
    virtual void tell(const DialMessage& message, std::function<void(DialAnswer)> done) = 0;
};

template <>
struct Names<DialState> {
    static constexpr std::string_view what = "state of a dial";
    static constexpr std::array table{std::pair{DialState::to_tell, std::string_view("to_tell")}, std::pair{DialState::told, std::string_view("told")},
                                      std::pair{DialState::to_cancel, std::string_view("to_cancel")}, std::pair{DialState::over, std::string_view("over")}};
};

}  // namespace bailiff
