// SPDX-License-Identifier: Apache-2.0
// A host with many VMs: what the agent costs when nothing happens, how long its inventory takes, and whether orders that
// come at once hold each other up. bench_agent_hosts [inventory|idle|together ...]; each beside bare libvirt calls.
#include "agent/hypervisor/libvirt_hypervisor.hpp"
#include "tests/bench/agent/paired.hpp"
#include "tests/integration/agent/controller_side.hpp"

#include <libvirt/virterror.h>

#include <atomic>
#include <cmath>
#include <set>
#include <sstream>
#include <thread>

namespace bailiff::test {
namespace {

std::string uuid_of(int number) { return fmt::format("00000000-0000-4000-8000-{:012x}", number); }

/// Definitions such as a provider's host has them: two disks, a CD-ROM, a NIC.
std::string definition(int number, const char* type, bool devices) {
    std::string out = fmt::format("<domain type='{}'><name>vm{}</name><uuid>{}</uuid><memory>16384</memory><vcpu>1</vcpu><os><type>hvm</type></os><devices>",
                                  type, number, uuid_of(number));
    if (devices)
        out += fmt::format("<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='/images/{0}/system.qcow2'/><target dev='vda' bus='virtio'/></disk>"
                           "<disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='/images/{0}/data.raw'/><target dev='vdb' bus='virtio'/></disk>"
                           "<disk type='file' device='cdrom'><target dev='sda' bus='sata'/><readonly/></disk>"
                           "<interface type='network'><mac address='52:54:00:{1:02x}:{2:02x}:{3:02x}'/><source network='default'/></interface>",
                           number, (number >> 16) & 255, (number >> 8) & 255, number & 255);
    return out + "</devices></domain>";
}

/// A host of libvirt's own test driver, in a file.
std::string test_host(const std::string& folder, int vms) {
    const std::string path = fmt::format("{}/host{}.xml", folder, vms);
    std::ofstream out(path);
    out << "<node xmlns:test='http://libvirt.org/schemas/domain/test/1.0'>\n";
    for (int i = 1; i <= vms; ++i) out << definition(i, "test", true) << "\n";
    out << "</node>\n";
    return "test://" + path;
}

struct Connection {
    explicit Connection(const std::string& uri) : raw(virConnectOpen(uri.c_str())) {
        if (!raw) throw std::runtime_error("no connection to " + uri);
    }
    ~Connection() { virConnectClose(raw); }
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;
    virConnectPtr raw;
};

// ---- inventory -----------------------------------------------------------------------------------------------------

/// What no inventory can do without: the list, and each VM's definition as text.
size_t bare_list(virConnectPtr connection) {
    virDomainPtr* domains = nullptr;
    const int count = virConnectListAllDomains(connection, &domains, 0);
    size_t bytes = 0;
    for (int i = 0; i < count; ++i) {
        char* xml = virDomainGetXMLDesc(domains[i], 0);
        if (xml) bytes += std::string_view(xml).size();
        ::free(xml);
        virDomainFree(domains[i]);
    }
    ::free(domains);
    return bytes;
}

void inventory_of(const std::string& what, const std::string& uri, int vms, int rounds) {
    const SystemClock clock;
    agent::LibvirtOptions options;
    options.uri = uri;
    agent::LibvirtHypervisor hypervisor(options, clock);
    Connection connection(uri);
    // The first one opens the connection, which for the test driver is reading its file, and may outlast the call's watchdog.
    auto first = hypervisor.list();
    for (int again = 0; !first && again < 6; ++again) first = hypervisor.list();
    if (!first || int(first->size()) != vms) throw std::runtime_error("the list is not whole: " + (first ? std::to_string(first->size()) : first.error().text));
    Paired table(fmt::format("inventory of {} VMs, {}", vms, what), "bare list and definitions");
    for (int round = 0; round < rounds; ++round) {
        auto begin = SteadyClock::now();
        if (const auto list = hypervisor.list(); !list) throw std::runtime_error("the list fails: " + list.error().text);
        table.note("agent's list()", milliseconds_since(begin));
        begin = SteadyClock::now();
        if (bare_list(connection.raw) == 0) throw std::runtime_error("the bare list fails");
        table.note("bare list and definitions", milliseconds_since(begin));
        // A virsh on the test driver would be reading the driver's file, not a list.
        if (uri.starts_with("test:")) continue;
        begin = SteadyClock::now();
        (void)agent::Process::run({"virsh", "-c", uri, "list", "--all", "--uuid"});
        table.note("virsh list --all (no definitions)", milliseconds_since(begin));
    }
    table.print();
}

void define_many(LabHost& host, int vms) {
    Connection connection(host.uri());
    for (int i = 1; i <= vms; ++i) {
        virDomainPtr domain = virDomainDefineXML(connection.raw, definition(i, "qemu", false).c_str());
        if (!domain) throw std::runtime_error("a VM cannot be defined");
        virDomainFree(domain);
    }
}

void inventory() {
    LabHost host;
    inventory_of("libvirt's test driver", test_host(host.folder(), 5000), 5000, 10);
    define_many(host, 300);
    inventory_of("real libvirtd, defined and off", host.uri(), 300, 10);
}

// ---- idle ----------------------------------------------------------------------------------------------------------

struct Cost {
    double cpu_seconds = 0;
    int64_t resident_kb = 0, peak_kb = 0;
};

Cost cost_of(pid_t pid) {
    Cost out;
    std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
    std::string text{std::istreambuf_iterator<char>(stat), {}};
    std::istringstream fields(text.substr(text.rfind(')') + 2));
    std::string word;
    for (int i = 0; i < 11; ++i) fields >> word;
    double user = 0, system = 0;
    fields >> user >> system;
    out.cpu_seconds = (user + system) / double(::sysconf(_SC_CLK_TCK));
    std::ifstream status("/proc/" + std::to_string(pid) + "/status");
    for (std::string line; std::getline(status, line);) {
        if (line.starts_with("VmRSS:")) out.resident_kb = std::atoll(line.c_str() + 6);
        if (line.starts_with("VmHWM:")) out.peak_kb = std::atoll(line.c_str() + 6);
    }
    return out;
}

void idle_of(const std::string& what, AgentProcess& agent, int seconds) {
    if (!agent.start_and_connect()) throw std::runtime_error("the agent does not come up: " + agent.log());
    for (int i = 0; i < 50; ++i) agent.listen(std::chrono::milliseconds(100));   // its start is not idleness
    const auto before = cost_of(agent.pid());
    const auto begin = SteadyClock::now();
    while (milliseconds_since(begin) < 1000.0 * seconds) {
        agent.listen(std::chrono::milliseconds(500));
        if (!agent.running()) throw std::runtime_error("the agent ended: " + agent.log());
    }
    const auto after = cost_of(agent.pid());
    const double share = 100 * (after.cpu_seconds - before.cpu_seconds) / (milliseconds_since(begin) / 1000);
    fmt::print("\nidle, {}\n  {:.2f} % of a core over {} s; resident {:.1f} MB, peak {:.1f} MB\n", what, share, seconds, double(after.resident_kb) / 1024,
               double(after.peak_kb) / 1024);
    std::fflush(stdout);
    agent.stop();
}

/// Two rounds of everything that the agent does by itself: each round is a minute.
void idle() {
    constexpr int seconds = 130;
    LabHost host;
    {
        AgentProcess agent(host);
        agent.uri = test_host(host.folder(), 200);
        // The test driver has no gate: the canary's error comes at once and is tried again every 5 s instead of 60 s.
        idle_of("200 VMs of libvirt's test driver (canary answered by an error, 12 times as often)", agent, seconds);
    }
    std::filesystem::remove_all(host.folder() + "/agent/state");
    define_many(host, 200);
    AgentProcess agent(host);
    idle_of("200 VMs defined in a real libvirtd, with canary and event watch", agent, seconds);
    // What libvirtd itself spends on being asked is not the agent's, and is looked at by hand: `pidstat -p`.
}

// ---- together ------------------------------------------------------------------------------------------------------

/// Starts VMs that have a QEMU and nothing else; they stand paused, so that nothing but their end takes time.
void start_many(LabHost& host, int first, int count) {
    std::atomic<int> next{first};
    std::atomic<bool> failed{false};
    std::vector<std::thread> starters;
    for (int t = 0; t < 4; ++t)
        starters.emplace_back([&] {
            Connection connection(host.uri());
            for (int i = next++; i < first + count; i = next++) {
                virDomainPtr domain = virDomainLookupByUUIDString(connection.raw, uuid_of(i).c_str());
                if (!domain || virDomainCreateWithFlags(domain, VIR_DOMAIN_START_PAUSED) < 0) failed = true;
                if (domain) virDomainFree(domain);
            }
        });
    for (auto& starter : starters) starter.join();
    if (failed) throw std::runtime_error("not every VM starts");
}

double percentile(std::vector<double> values, double share) {
    std::sort(values.begin(), values.end());
    return values.at(std::min(values.size() - 1, size_t(std::floor(share * double(values.size())))));
}

void print_spread(const std::string& way, const std::vector<double>& all) {
    fmt::print("  {:<44} median {:>7.0f} ms, 90 % {:>7.0f} ms, last {:>7.0f} ms\n", way, median(all), percentile(all, 0.9), *std::max_element(all.begin(), all.end()));
    std::fflush(stdout);
}

/// `power_off` of all at once. VM 1 is hung when asked for: its QEMU is stopped, so that every call that wants something
/// of it waits until libvirt gives up.
std::vector<double> orders_at_once(LabHost& host, AgentProcess& agent, ControllerSide& controller, int vms, bool hung, double& hung_took) {
    if (hung) ::kill(host.qemu("vm1"), SIGSTOP);
    std::vector<std::pair<std::string, Message>> orders;
    for (int i = 1; i <= vms; ++i) {
        const auto o = controller.order(uuid_of(i), VmState::off);
        orders.emplace_back(o.order_id.text(), controller.sealed(o));
    }
    const auto begin = SteadyClock::now();
    for (const auto& [id, message] : orders) agent.exchange(message, id, std::chrono::milliseconds(0));
    size_t answered = 0;
    while (answered < orders.size() && milliseconds_since(begin) < 180'000) {
        agent.listen(std::chrono::milliseconds(10));
        if (!agent.running()) throw std::runtime_error("the agent ended: " + agent.log());
        answered = 0;
        for (const auto& [id, message] : orders) answered += agent.answers.contains(id);
    }
    std::vector<double> out;
    for (size_t i = 0; i < orders.size(); ++i) {
        const auto found = agent.answers.find(orders[i].first);
        if (found == agent.answers.end()) throw std::runtime_error(fmt::format("{} of {} orders are answered after three minutes", answered, orders.size()));
        const auto& answer = std::get<OrderAnswer>(found->second.message);
        if (answer.power != Power::off) throw std::runtime_error("VM " + std::to_string(i + 1) + " is not off: " + answer.text);
        const double took = std::chrono::duration<double, std::milli>(agent.answered_at.at(orders[i].first) - begin).count();
        if (hung && i == 0) hung_took = took;
        else out.push_back(took);
        agent.acknowledge(orders[i].first);
    }
    return out;
}

/// The peer: the same ends by bare calls, from as many threads and connections as the agent has.
std::vector<double> destroy_at_once(LabHost& host, int vms) {
    std::vector<double> out(static_cast<size_t>(vms));
    std::atomic<int> next{0};
    std::vector<std::thread> threads;
    const auto begin = SteadyClock::now();
    for (int t = 0; t < 16; ++t)
        threads.emplace_back([&] {
            Connection connection(host.uri());
            for (int i = next++; i < vms; i = next++) {
                virDomainPtr domain = virDomainLookupByUUIDString(connection.raw, uuid_of(i + 1).c_str());
                if (domain) virDomainDestroyFlags(domain, VIR_DOMAIN_DESTROY_GRACEFUL);
                if (domain) virDomainFree(domain);
                out[size_t(i)] = milliseconds_since(begin);
            }
        });
    for (auto& thread : threads) thread.join();
    return out;
}

void release_all(ControllerSide& controller, int vms) {
    for (int i = 1; i <= vms; ++i) (void)controller.make(uuid_of(i), VmState::running);
}

void together(int vms) {
    LabHost host;
    define_many(host, vms);
    AgentProcess agent(host);
    ControllerSide controller(agent);
    agent.more_options = {"--budget-per-hour", "10000"};
    agent.agent_patience = agent.acpi_patience = 0;   // nobody is there to obey
    fmt::print("\n{} orders `off` at once, {} QEMU processes that stand paused\n", vms, vms);
    start_many(host, 1, vms);
    print_spread("bare calls, 16 threads", destroy_at_once(host, vms));
    start_many(host, 1, vms);
    if (!agent.start_and_connect()) throw std::runtime_error("the agent does not come up: " + agent.log());
    for (int i = 0; i < 50; ++i) agent.listen(std::chrono::milliseconds(100));
    double hung = 0;
    print_spread("agent", orders_at_once(host, agent, controller, vms, false, hung));
    release_all(controller, vms);   // starts them again, running
    const auto rest = orders_at_once(host, agent, controller, vms, true, hung);
    print_spread(fmt::format("agent, one of them hung (SIGSTOP): the other {}", vms - 1), rest);
    fmt::print("  {:<44} {:>14.0f} ms\n", "the hung one", hung);
    std::fflush(stdout);
    agent.stop();
}

}  // namespace
}  // namespace bailiff::test

int main(int argc, char** argv) {
    using namespace bailiff::test;
    if (const auto missing = lab_missing(); !missing.empty()) {
        fmt::print("bench_agent_hosts: {}\n", missing);
        return 0;
    }
    virSetErrorFunc(nullptr, [](void*, virErrorPtr) {});
    std::set<std::string> parts(argv + 1, argv + argc);
    try {
        if (parts.empty() || parts.contains("inventory")) inventory();
        if (parts.empty() || parts.contains("together")) together(50);
        if (parts.empty() || parts.contains("idle")) idle();
    } catch (const std::exception& error) {
        fmt::print(stderr, "bench_agent_hosts: {}\n", error.what());
        return 1;
    }
    return 0;
}
