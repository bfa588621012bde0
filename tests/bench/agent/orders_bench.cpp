// SPDX-License-Identifier: Apache-2.0
// From an order on the agent's socket to its effect on a real guest, and what bare libvirt calls take to the same effect
// in the same run: switch-off (obeyed and not), isolation, quarantine boot. bench_agent_orders [ROUNDS [PART ...]].
#include "agent/hypervisor/domain_xml.hpp"
#include "agent/hypervisor/libvirt_connection.hpp"
#include "agent/hypervisor/network_hold.hpp"
#include "agent/hypervisor/taps.hpp"
#include "tests/bench/agent/paired.hpp"
#include "tests/integration/agent/controller_side.hpp"

#include <libvirt/virterror.h>

#include <set>
#include <thread>

namespace bailiff::test {
namespace {

using agent::DomainHandle;
using agent::LibvirtText;

/// The benchmark's own connection: the peer's calls, and the look at the effect.
class Bare {
  public:
    explicit Bare(const LabHost& host) : connection_(virConnectOpen(host.uri().c_str())), taps_(host.network_namespace()) {
        if (!connection_) throw std::runtime_error("no connection to " + host.uri());
        virSetErrorFunc(nullptr, [](void*, virErrorPtr) {});
    }
    ~Bare() { virConnectClose(connection_); }
    Bare(const Bare&) = delete;
    Bare& operator=(const Bare&) = delete;

    virConnectPtr raw() const { return connection_; }
    DomainHandle domain(const std::string& uuid) const { return DomainHandle(virDomainLookupByUUIDString(connection_, uuid.c_str())); }
    std::string xml(const std::string& uuid, unsigned flags) const {
        const auto found = domain(uuid);
        const LibvirtText text(found ? virDomainGetXMLDesc(found.get(), flags) : nullptr);
        return text ? text.get() : "";
    }
    int state(const std::string& uuid) const {
        int state = -1;
        const auto found = domain(uuid);
        if (found) virDomainGetState(found.get(), &state, nullptr, 0);
        return state;
    }
    bool off(const std::string& uuid) const { return state(uuid) == VIR_DOMAIN_SHUTOFF; }
    bool runs(const std::string& uuid) const { return state(uuid) == VIR_DOMAIN_RUNNING; }
    /// No frame passes any more: the kernel's word for the tap of the first interface. Who asks disturbs nobody.
    bool cut(const std::string& tap) const { return !taps_.is_up(tap).value_or(true); }
    std::string tap(const std::string& uuid) const {
        const auto taps = agent::taps_of(xml(uuid, 0));
        if (!taps || taps->empty()) throw std::runtime_error("the guest has no tap");
        return taps->front().tap;
    }
    static void must(int code, const std::string& what) {
        const auto* error = virGetLastError();
        if (code < 0) throw std::runtime_error("libvirt does not " + what + ": " + (error && error->message ? error->message : ""));
    }
    void start(const std::string& uuid) const { must(virDomainCreate(domain(uuid).get()), "start"); }
    void shut_down(const std::string& uuid) const { must(virDomainShutdownFlags(domain(uuid).get(), VIR_DOMAIN_SHUTDOWN_GUEST_AGENT), "shut down"); }
    void destroy(const std::string& uuid) const { must(virDomainDestroyFlags(domain(uuid).get(), VIR_DOMAIN_DESTROY_GRACEFUL), "destroy"); }
    /// Live first, then in the stored definition, as an isolation must be to outlast a restart. When the first of these calls
    /// returns, no frame passes any more: `live`.
    void links(const std::string& uuid, bool up, const std::function<void()>& live = {}) const {
        for (const auto& [flags, affect] : {std::pair{0u, VIR_DOMAIN_AFFECT_LIVE}, {unsigned(VIR_DOMAIN_XML_INACTIVE), VIR_DOMAIN_AFFECT_CONFIG}}) {
            const auto updates = agent::link_updates(xml(uuid, flags), up);
            if (!updates) throw std::runtime_error(updates.error().text);
            for (const auto& update : *updates)
                must(virDomainUpdateDeviceFlags(domain(uuid).get(), update.c_str(), unsigned(affect)), "set the link");
            if (flags == 0 && live) live();
        }
    }

  private:
    virConnectPtr connection_;
    agent::HostTaps taps_;
};

/// Milliseconds from before `act` until `effect` shows. `work` goes on meanwhile (the agent's socket is served).
double until(const std::function<void()>& act, const std::function<bool()>& effect, const std::function<void()>& work, std::chrono::microseconds pause) {
    const auto begin = SteadyClock::now();
    act();
    while (!effect()) {
        if (milliseconds_since(begin) > 120'000) throw std::runtime_error("no effect within two minutes");
        work();
        std::this_thread::sleep_for(pause);
    }
    return milliseconds_since(begin);
}

class Course {
  public:
    explicit Course(int rounds) : rounds_(rounds) {}

    void run(const std::set<std::string>& parts) {
        const auto wanted = [&](const char* part) { return parts.empty() || parts.contains(part); };
        if (wanted("isolate") || wanted("off")) {
            LabGuest guest(host_, {.name = "obedient"});
            guest.start();
            start_agent();
            if (wanted("isolate")) isolate(guest);
            if (wanted("off")) switch_off(guest);
            agent_.stop();
            if (bare_.runs(guest.uuid())) bare_.destroy(guest.uuid());
        }
        // No patience with guests that do not obey: what is compared is the end of the process.
        agent_.agent_patience = agent_.acpi_patience = 0;
        if (wanted("destroy")) {
            LabGuest guest(host_, {.name = "deaf", .ignore_acpi = true, .agent = false});
            start_agent();
            destroy(guest);
            agent_.stop();
        }
        if (wanted("quarantine")) {
            LabGuest ours(host_, {.name = "ours"}), theirs(host_, {.name = "theirs"});
            start_agent();
            quarantine(ours, theirs);
            agent_.stop();
        }
    }

  private:
    void start_agent() {
        if (!agent_.start_and_connect()) throw std::runtime_error("the agent does not come up: " + agent_.log());
        // Its first rounds, which every start has, are not what is measured.
        for (int i = 0; i < 20; ++i) agent_.listen(std::chrono::milliseconds(100));
    }
    /// Sends the order and waits for effect and answer; notes both.
    double order(Paired& table, const std::string& vm, VmState desired, const std::function<bool()>& effect, std::chrono::microseconds pause) {
        const auto o = controller_.order(vm, desired);
        const auto message = controller_.sealed(o);
        const auto id = o.order_id.text();
        const auto begin = SteadyClock::now();
        const double took = until([&] { agent_.exchange(message, id, std::chrono::milliseconds(0)); }, effect, [&] { agent_.exchange(message, id, std::chrono::milliseconds(0)); }, pause);
        const auto answer = std::get<OrderAnswer>(controller_.finish(message, id).message);
        if (answer.status != AnswerStatus::done) throw std::runtime_error("the agent answers: " + answer.text);
        table.note("agent: sent -> effect", took);
        const auto accepted = agent_.accepted_at.find(id);
        if (accepted == agent_.accepted_at.end()) throw std::runtime_error("the agent did not say that it accepts the order");
        table.note("agent: accepted -> effect", took - std::chrono::duration<double, std::milli>(accepted->second - begin).count());
        whole_ = std::chrono::duration<double, std::milli>(agent_.answered_at.at(id) - begin).count();
        std::string steps;
        for (const auto& step : answer.steps) steps += fmt::format(" {}={}", step.step, step.milliseconds);
        if (std::getenv("BAILIFF_BENCH_STEPS")) fmt::print("    {} {:.1f} ms, answer {:.1f} ms:{}\n", name(desired), took, whole_, steps);
        return took;
    }
    void give_back(const LabGuest& guest) {
        const auto answer = controller_.make(guest.uuid(), VmState::running);
        if (answer.status != AnswerStatus::done && answer.status != AnswerStatus::already) throw std::runtime_error("not given back: " + answer.text);
    }
    double virsh(std::vector<std::string> words, const std::function<bool()>& effect, std::chrono::microseconds pause) {
        words.insert(words.begin(), {"virsh", "-c", host_.uri()});
        return until([&] { (void)agent::Process::run(words); }, effect, [] {}, pause);
    }

    void isolate(const LabGuest& guest) {
        Paired live("isolate: no frame passes any more", "bare calls");
        Paired whole("isolate: live and stored, until the answer / the last call's return", "bare calls");
        const std::string tap = bare_.tap(guest.uuid());
        const std::chrono::microseconds pause{100};
        for (int round = 0; round < rounds_; ++round) {
            order(live, guest.uuid(), VmState::isolated, [&] { return bare_.cut(tap); }, pause);
            whole.note("agent", whole_);
            give_back(guest);
            const auto begin = SteadyClock::now();
            peer_.links(guest.uuid(), false, [&] { live.note("bare calls", milliseconds_since(begin)); });
            whole.note("bare calls", milliseconds_since(begin));
            peer_.links(guest.uuid(), true);
            live.note("virsh domif-setlink", virsh({"domif-setlink", guest.name(), guest.mac(), "down"}, [] { return true; }, pause));
            peer_.links(guest.uuid(), true);
        }
        live.print();
        whole.print();
    }

    void switch_off(const LabGuest& guest) {
        Paired table("power_off: a guest that obeys its agent", "bare calls");
        const auto off = [&] { return bare_.off(guest.uuid()); };
        const std::chrono::microseconds pause{5000};
        int boots = guest.boots();
        const auto again = [&] {
            if (!guest.wait_boots(++boots)) throw std::runtime_error("the guest does not boot");
            // Its guest agent comes up a moment after the console says so.
            std::this_thread::sleep_for(std::chrono::milliseconds(1500));
        };
        for (int round = 0; round < rounds_; ++round) {
            order(table, guest.uuid(), VmState::off, off, pause);
            give_back(guest);
            again();
            table.note("bare calls", until([&] { peer_.shut_down(guest.uuid()); }, off, [] {}, pause));
            bare_.start(guest.uuid());
            again();
        }
        table.print();
    }

    void destroy(const LabGuest& guest) {
        Paired table("power_off: a guest that ignores everything (no patience; end of its process)", "bare calls");
        const auto off = [&] { return bare_.off(guest.uuid()); };
        const std::chrono::microseconds pause{3000};
        bare_.start(guest.uuid());
        for (int round = 0; round < rounds_; ++round) {
            std::this_thread::sleep_for(std::chrono::seconds(1));
            order(table, guest.uuid(), VmState::off, off, pause);
            give_back(guest);
            std::this_thread::sleep_for(std::chrono::seconds(1));
            table.note("bare calls", until([&] { peer_.destroy(guest.uuid()); }, off, [] {}, pause));
            bare_.start(guest.uuid());
            std::this_thread::sleep_for(std::chrono::seconds(1));
            table.note("virsh destroy --graceful", virsh({"destroy", "--graceful", guest.name()}, off, pause));
            bare_.start(guest.uuid());
        }
        table.print();
    }

    void quarantine(const LabGuest& ours, const LabGuest& theirs) {
        Paired table("quarantine boot: overlay and CreateXML until the VM runs", "bare calls");
        const auto locked = controller_.make(ours.uuid(), VmState::off);
        if (locked.status != AnswerStatus::done) throw std::runtime_error("not locked: " + locked.text);
        const std::chrono::microseconds pause{3000};
        const std::string overlay = host_.folder() + "/guests/theirs.overlay.qcow2";
        for (int round = 0; round < rounds_; ++round) {
            order(table, ours.uuid(), VmState::quarantined, [&] { return bare_.runs(ours.uuid()); }, pause);
            if (controller_.make(ours.uuid(), VmState::off).status != AnswerStatus::done) throw std::runtime_error("the quarantine run does not end");
            if (controller_.run(ours.uuid(), JobKind::revert).status != AnswerStatus::done) throw std::runtime_error("the overlay is not dropped");
            agent::QuarantineBoot boot;
            boot.overlays["vda"] = overlay;
            boot.token = "0123456789abcdef0123456789abcdef";
            table.note("bare calls", until(
                                         [&] {
                                             const auto made = agent::Process::run({"qemu-img", "create", "-q", "-f", "qcow2", "-b", theirs.disk(), "-F", "qcow2", overlay});
                                             if (!made || !made->ok()) throw std::runtime_error("qemu-img: " + made->err);
                                             const auto xml = agent::quarantine_domain(peer_.xml(theirs.uuid(), VIR_DOMAIN_XML_INACTIVE), boot, "bailiff-quarantine");
                                             if (!xml) throw std::runtime_error(xml.error().text);
                                             const DomainHandle started(virDomainCreateXML(peer_.raw(), xml->c_str(), 0));
                                             if (!started) Bare::must(-1, "boot the overlay");
                                         },
                                         [&] { return bare_.runs(theirs.uuid()); }, [] {}, pause));
            peer_.destroy(theirs.uuid());
            std::filesystem::remove(overlay);
        }
        table.print();
        // A lock's holder outlives the agent, and would outlive the laboratory.
        give_back(ours);
    }

    int rounds_;
    LabHost host_;
    AgentProcess agent_{host_};
    ControllerSide controller_{agent_};
    Bare bare_{host_}, peer_{host_};
    double whole_ = 0;
};

}  // namespace
}  // namespace bailiff::test

int main(int argc, char** argv) {
    using namespace bailiff::test;
    if (const auto missing = lab_missing(); !missing.empty()) {
        fmt::print("bench_agent_orders: {}\n", missing);
        return 0;
    }
    try {
        Course(argc > 1 ? std::atoi(argv[1]) : 10).run({argv + std::min(argc, 2), argv + argc});
    } catch (const std::exception& error) {
        fmt::print(stderr, "bench_agent_orders: {}\n", error.what());
        return 1;
    }
    return 0;
}
