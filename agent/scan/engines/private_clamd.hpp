// SPDX-License-Identifier: Apache-2.0
// A clamd of a scan's own, with signatures of the scan's choosing and the host's clamd's way of looking at contents.
#pragma once

#include "agent/process/process.hpp"

#include <bailiff/result.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace bailiff::agent {

/// The lines of a clamd.conf that say how a content is looked at ("ScanPDF no", "MaxRecursion 20" …), in order, one a line. All
/// others, such as sockets, logs and what is watched, are left out.
std::string matching_directives(std::string_view configuration);

/// The value of a directive, "" when it is not there: clamd keeps the first of two.
std::string directive(std::string_view configuration, std::string_view name);

/// clamd in the foreground on a private socket, in a folder that only its user and ours can enter. The destructor ends it and
/// removes the folder.
class PrivateClamd {
  public:
    /// Writes the signatures into the folder it is given, before clamd starts.
    using FillDatabase = std::function<Result<void>(const std::string& folder)>;

    /// `configuration` is the host's clamd.conf as text. Started by root, clamd runs as that file's User, or as nobody. Errors: the
    /// filler's, `not_found` without clamd, `unavailable` when it does not answer within `patience`.
    static Result<std::unique_ptr<PrivateClamd>> start(std::string_view configuration, unsigned threads, const FillDatabase& fill, std::chrono::seconds patience);
    ~PrivateClamd();
    PrivateClamd(const PrivateClamd&) = delete;
    PrivateClamd& operator=(const PrivateClamd&) = delete;

    std::string socket_path() const { return folder_ + "/clamd.sock"; }
    /// Whether it still runs; also takes in what it prints, which would otherwise fill its pipe: call it now and then.
    bool running() { return process_ && process_->running(); }

  private:
    PrivateClamd() = default;
    Result<void> prepare(std::string_view configuration, unsigned threads, const FillDatabase& fill);

    std::string folder_;
    std::unique_ptr<Process> process_;
};

}  // namespace bailiff::agent
