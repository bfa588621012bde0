// SPDX-License-Identifier: Apache-2.0
// Flags by ioctl(2), rates by nft(8), neighbours by ip(8).
#include "agent/hypervisor/taps.hpp"

#include "agent/process/process.hpp"

#include <bailiff/json.hpp>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <map>
#include <mutex>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

namespace bailiff::agent {
namespace {

struct Descriptor {
    int fd;
    ~Descriptor() {
        if (fd >= 0) ::close(fd);
    }
};

/// Any socket takes requests for flags; one of this family opens no network.
int open_socket() { return ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0); }

/// In another namespace, on a thread that ends there: a thread's namespace cannot be undone without rights of its own.
int open_socket_in(const std::string& path) {
    int out = -1;
    std::thread([&] {
        const Descriptor target{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
        if (target.fd >= 0 && ::setns(target.fd, CLONE_NEWNET) == 0) out = open_socket();
    }).join();
    return out;
}

ProcessOptions quickly(std::string input = "") {
    ProcessOptions options;
    options.timeout = std::chrono::seconds(5);
    options.input = std::move(input);
    return options;
}

/// nft prints a rate in the largest unit that fits it exactly.
int64_t kilobytes_in(const Json& limit) {
    const auto rate = limit.value("rate", int64_t{0});
    const auto unit = limit.value("rate_unit", std::string());
    return unit == "mbytes" ? rate * 1024 : unit == "kbytes" ? rate : rate / 1024;
}

struct Direction {
    const char* word;
    const char* hook;   ///< as the host sees it: what comes out of a tap is what the guest sends
};
constexpr Direction directions[] = {{"from", "ingress"}, {"to", "egress"}};

}  // namespace

struct HostTaps::Socket {
    std::mutex mutex;
    int fd = -1;
    ~Socket() {
        if (fd >= 0) ::close(fd);
    }
};

HostTaps::HostTaps(std::string network_namespace) : namespace_(std::move(network_namespace)), socket_(std::make_shared<Socket>()) {}

Result<int> HostTaps::socket() const {
    const std::lock_guard guard(socket_->mutex);
    if (socket_->fd < 0) socket_->fd = namespace_.empty() ? open_socket() : open_socket_in(namespace_);
    if (socket_->fd < 0)
        return fail(Errc::unavailable, namespace_.empty() ? std::string("The kernel gives no socket: ") + std::strerror(errno) + "."
                                                          : "The network namespace " + namespace_ + " cannot be entered.");
    return socket_->fd;
}

/// Reads the flags, and writes them when `up` says so.
Result<bool> HostTaps::flags(const std::string& tap, std::optional<bool> up) const {
    if (tap.empty() || tap.size() >= IFNAMSIZ) return fail(Errc::invalid, "'" + tap + "' is no name of an interface.");
    const auto fd = socket();
    if (!fd) return fail(fd.error());
    ifreq request{};
    tap.copy(request.ifr_name, IFNAMSIZ - 1);
    const auto refused = [&](const char* doing) {
        return fail(errno == ENODEV ? Errc::not_found : Errc::unavailable,
                    std::string("The kernel did not ") + doing + " the interface " + tap + ": " + std::strerror(errno) + ".");
    };
    if (::ioctl(*fd, SIOCGIFFLAGS, &request) < 0) return refused("describe");
    if (!up) return (request.ifr_flags & IFF_UP) != 0;
    if (((request.ifr_flags & IFF_UP) != 0) == *up) return *up;
    if (*up) request.ifr_flags |= short(IFF_UP);
    else request.ifr_flags &= short(~IFF_UP);
    if (::ioctl(*fd, SIOCSIFFLAGS, &request) < 0) return refused(*up ? "raise" : "take down");
    return *up;
}

Result<void> HostTaps::set_up(const std::string& tap, bool up) const {
    const auto done = flags(tap, up);
    if (!done) return fail(done.error());
    return {};
}

Result<bool> HostTaps::is_up(const std::string& tap) const { return flags(tap, std::nullopt); }

std::string HostTaps::neighbour(const std::vector<std::string>& macs) const {
    const auto listed = Process::run(command({"ip", "-json", "neighbour", "show", "nud", "reachable"}), quickly());
    if (!listed || !listed->ok()) return "";
    const auto json = parse_json(listed->out, JsonLimits{size_t{4} << 20, 8});
    if (!json || !json->is_array()) return "";
    for (const auto& entry : *json)
        if (std::find(macs.begin(), macs.end(), entry.value("lladdr", "")) != macs.end()) return entry.value("dst", "");
    return "";
}

std::vector<std::string> HostTaps::command(std::vector<std::string> argv) const {
    if (!namespace_.empty()) argv.insert(argv.begin(), {"nsenter", "--net=" + namespace_, "--"});
    return argv;
}

std::string rate_table(const std::string& uuid) {
    std::string table = "bailiff_" + uuid;
    std::replace(table.begin(), table.end(), '-', '_');
    return table;
}

std::string rate_rules(const std::string& table, const std::vector<std::string>& taps, int64_t kilobytes) {
    const Json name{{"table", {{"family", "netdev"}, {"name", table}}}};
    // Made first, so that removing it never fails: nft takes all of this as one transaction.
    Json commands = Json::array({Json{{"add", name}}, Json{{"delete", name}}});
    if (!taps.empty()) commands.push_back({{"add", name}});
    for (const auto& tap : taps)
        for (const auto& [word, hook] : directions) {
            const std::string chain = std::string(word) + "_" + tap;
            commands.push_back({{"add", {{"chain", {{"family", "netdev"}, {"table", table}, {"name", chain}, {"type", "filter"},
                                                    {"hook", hook}, {"dev", tap}, {"prio", 0}, {"policy", "accept"}}}}}});
            // A burst of a quarter of a second lets single large packets through at every rate.
            const Json limit{{"rate", kilobytes}, {"rate_unit", "kbytes"}, {"per", "second"},
                             {"burst", std::max<int64_t>(16, kilobytes / 4)}, {"burst_unit", "kbytes"}, {"inv", true}};
            commands.push_back({{"add", {{"rule", {{"family", "netdev"}, {"table", table}, {"chain", chain},
                                                   {"expr", Json::array({Json{{"limit", limit}}, Json{{"drop", nullptr}}})}}}}}});
        }
    return dump_json(Json{{"nftables", commands}});
}

Result<void> HostTaps::set_rate(const std::string& table, const std::vector<std::string>& taps, int64_t kilobytes) const {
    const auto done = Process::run(command({"nft", "-j", "-f", "-"}), quickly(rate_rules(table, taps, kilobytes)));
    if (!done) {
        // Without nft there is no table of ours to remove either.
        if (taps.empty() && done.error().code == Errc::not_found) return {};
        return fail(Errc::invalid, "The rate needs nft, since libvirt cannot set one on this kernel: " + done.error().text);
    }
    if (!done->ok()) return fail(Errc::unavailable, "nft did not set the rate: " + done->describe());
    return {};
}

bool HostTaps::has_table(const std::string& table) const {
    const auto listed = Process::run(command({"nft", "-j", "list", "table", "netdev", table}), quickly());
    return listed && listed->ok();
}

std::optional<int64_t> HostTaps::rate(const std::string& table, const std::vector<std::string>& taps) const {
    const auto listed = Process::run(command({"nft", "-j", "list", "table", "netdev", table}), quickly());
    if (!listed || !listed->ok()) return std::nullopt;
    const auto json = parse_json(listed->out, JsonLimits{size_t{1} << 20, 32});
    if (!json || !json->contains("nftables")) return std::nullopt;
    std::map<std::string, int64_t> rates;   // by chain
    for (const auto& item : json->at("nftables")) {
        if (!item.contains("rule") || !item.at("rule").contains("expr")) continue;
        for (const auto& part : item.at("rule").at("expr"))
            if (part.contains("limit") && part.at("limit").value("inv", false))
                rates[item.at("rule").value("chain", "")] = kilobytes_in(part.at("limit"));
    }
    std::optional<int64_t> out;
    for (const auto& tap : taps)
        for (const auto& [word, hook] : directions) {
            const auto found = rates.find(std::string(word) + "_" + tap);
            if (found == rates.end() || (out && *out != found->second)) return std::nullopt;
            out = found->second;
        }
    return rates.size() == 2 * taps.size() ? out : std::nullopt;
}

}  // namespace bailiff::agent
