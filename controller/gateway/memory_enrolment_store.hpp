// SPDX-License-Identifier: Apache-2.0
// Tokens and bans in memory: for tests and simulation. One thread.
#pragma once

#include "controller/gateway/ports.hpp"

#include <map>
#include <set>

namespace bailiff {

class MemoryEnrolmentStore : public EnrolmentStore {
  public:
    struct Certificate {
        HostId host;
        std::string serial;
        Instant expires;
    };
    void put(const std::string& token_hash, const HostId& host, Instant expires) override { tokens[token_hash] = {host, expires}; }
    std::optional<PendingEnrolment> take(const std::string& token_hash) override {
        const auto found = tokens.find(token_hash);
        if (found == tokens.end()) return std::nullopt;
        PendingEnrolment out = found->second;
        tokens.erase(found);
        return out;
    }
    bool banned(const HostId& host) override { return bans.contains(host); }
    std::vector<HostId> banned_hosts() override { return {bans.begin(), bans.end()}; }
    void ban(const HostId& host) override { bans.insert(host); }
    void unban(const HostId& host) override { bans.erase(host); }
    void record_host_certificate(const HostId& host, const std::string& serial, Instant expires) override {
        certificates.push_back({host, serial, expires});
    }

    std::map<std::string, PendingEnrolment> tokens;
    std::set<HostId> bans;
    std::vector<Certificate> certificates;
};

}  // namespace bailiff
