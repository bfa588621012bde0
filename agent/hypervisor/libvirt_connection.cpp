// SPDX-License-Identifier: Apache-2.0
// Opens connections, keeps them alive, translates errors.
#include "agent/hypervisor/libvirt_connection.hpp"

#include <libvirt/virterror.h>
#include <chrono>
#include <csignal>
#include <thread>

namespace bailiff::agent {

Error libvirt_error(const std::string& doing) {
    const virErrorPtr error = virGetLastError();
    const int code = error ? error->code : VIR_ERR_INTERNAL_ERROR;
    const std::string words = error && error->message ? error->message : "no reason was given";
    const std::string text =
        "libvirt could not " + doing + ": " + words + " (code " + std::to_string(code) + ").";
    switch (code) {
        case VIR_ERR_NO_DOMAIN:
        case VIR_ERR_NO_NETWORK: return {Errc::not_found, text};
        case VIR_ERR_HOOK_SCRIPT_FAILED: return {Errc::forbidden, text};
        case VIR_ERR_NO_SUPPORT:
        case VIR_ERR_OPERATION_UNSUPPORTED:
        case VIR_ERR_CONFIG_UNSUPPORTED:
        case VIR_ERR_ARGUMENT_UNSUPPORTED:
        case VIR_ERR_XML_ERROR:
        case VIR_ERR_XML_DETAIL:
        case VIR_ERR_INVALID_ARG: return {Errc::invalid, text};
        // The guest agent does not answer or is not there: another way has to be taken.
        case VIR_ERR_AGENT_UNRESPONSIVE:
        case VIR_ERR_AGENT_UNSYNCED: return {Errc::invalid, text};
        // A connection that dies under a call reports one of these; the daemon may have acted before.
        case VIR_ERR_RPC:
        case VIR_ERR_INTERNAL_ERROR:
        case VIR_ERR_OPERATION_TIMEOUT: return {Errc::unknown_outcome, text};
        default: return {Errc::unavailable, text};
    }
}

void start_event_loop() {
    static std::once_flag once;
    std::call_once(once, [] {
        // libvirt writes to its socket with plain write(): a daemon that goes away would end this process
        // too.
        std::signal(SIGPIPE, SIG_IGN);
        virEventRegisterDefaultImpl();
        // libvirt prints every error on standard error unless somebody takes it.
        virSetErrorFunc(nullptr, [](void*, virErrorPtr) {});
        std::thread([] {
            while (true)
                if (virEventRunDefaultImpl() < 0) std::this_thread::sleep_for(std::chrono::milliseconds{100});
        }).detach();
    });
}

LibvirtConnections::LibvirtConnections(std::string uri, int keepalive_seconds, unsigned keepalive_count,
                                       size_t most)
    : uri_(std::move(uri)),
      keepalive_seconds_(keepalive_seconds),
      keepalive_count_(keepalive_count),
      most_(most) {}

ConnectionHandle LibvirtConnections::lend(const std::shared_ptr<State>& state, Own connection) {
    return ConnectionHandle(connection.release(), [state](virConnectPtr raw) {
        Own back(raw);
        const bool alive = virConnectIsAlive(raw) == 1;
        const std::lock_guard guard(state->mutex);
        --state->out;
        if (alive) state->idle.push_back(std::move(back));
    });
}

Result<ConnectionHandle> LibvirtConnections::open() {
    while (true) {
        Own known;
        {
            const std::lock_guard guard(state_->mutex);
            if (state_->out >= most_)
                return fail(Errc::unavailable,
                            "Too many calls to the hypervisor hang; it is asked again later.");
            ++state_->out;
            if (!state_->idle.empty()) {
                known = std::move(state_->idle.back());
                state_->idle.pop_back();
            }
        }
        if (!known) break;
        ConnectionHandle loan = lend(state_, std::move(known));
        if (virConnectIsAlive(loan.get()) == 1) return loan;
    }
    Own fresh(virConnectOpen(uri_.c_str()));
    if (!fresh) {
        Error error = libvirt_error("be reached at " + uri_);
        error.code = Errc::unavailable;
        const std::lock_guard guard(state_->mutex);
        --state_->out;
        return fail(std::move(error));
    }
    // Not every driver has keep-alive (the test driver does not); the watchdog stands behind it anyway.
    virConnectSetKeepAlive(fresh.get(), keepalive_seconds_, keepalive_count_);
    return lend(state_, std::move(fresh));
}

Result<DomainHandle> find_domain(const ConnectionHandle& connection, const std::string& uuid) {
    DomainHandle domain(virDomainLookupByUUIDString(connection.get(), uuid.c_str()));
    if (!domain) return fail(libvirt_error("find the VM " + uuid));
    return domain;
}

Result<std::vector<DomainHandle>> list_domains(const ConnectionHandle& connection, unsigned flags) {
    virDomainPtr* domains = nullptr;
    const int count = virConnectListAllDomains(connection.get(), &domains, flags);
    if (count < 0) return fail(libvirt_error("list its VMs"));
    std::vector<DomainHandle> owned;
    for (int i = 0; i < count; ++i) owned.emplace_back(domains[i]);
    ::free(domains);
    return owned;
}

}  // namespace bailiff::agent
