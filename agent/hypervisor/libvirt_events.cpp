// SPDX-License-Identifier: Apache-2.0
// Registers for events, waits for the connection's end, connects again.
#include "agent/hypervisor/libvirt_events.hpp"

#include <chrono>

namespace bailiff::agent {
namespace {

using Shared = LibvirtEvents::Shared;
using SharedHandle = std::shared_ptr<Shared>;

void free_handle(void* opaque) { delete static_cast<SharedHandle*>(opaque); }

std::string word_for_stop(int detail) {
    switch (detail) {
        case VIR_DOMAIN_EVENT_STOPPED_CRASHED:
        case VIR_DOMAIN_EVENT_STOPPED_FAILED: return "crashed";
        case VIR_DOMAIN_EVENT_STOPPED_MIGRATED: return "migrated";
        default: return "stopped";
    }
}

/// Empty for what nobody reacts to.
std::string word_for(int event, int detail) {
    switch (event) {
        case VIR_DOMAIN_EVENT_DEFINED: return "defined";
        case VIR_DOMAIN_EVENT_UNDEFINED: return "undefined";
        case VIR_DOMAIN_EVENT_STARTED: return "started";
        case VIR_DOMAIN_EVENT_SUSPENDED: return "paused";
        case VIR_DOMAIN_EVENT_RESUMED: return "resumed";
        case VIR_DOMAIN_EVENT_STOPPED: return word_for_stop(detail);
        case VIR_DOMAIN_EVENT_CRASHED: return "crashed";
        default: return "";
    }
}

int on_lifecycle(virConnectPtr, virDomainPtr domain, int event, int detail, void* opaque) {
    const std::string what = word_for(event, detail);
    char uuid[VIR_UUID_STRING_BUFLEN] = {};
    if (what.empty() || virDomainGetUUIDString(domain, uuid) < 0) return 0;
    const char* name = virDomainGetName(domain);
    (*static_cast<SharedHandle*>(opaque))->emit(uuid, what, name ? name : "");
    return 0;
}

void on_close(virConnectPtr, int, void* opaque) {
    const SharedHandle& shared = *static_cast<SharedHandle*>(opaque);
    const std::lock_guard guard(shared->mutex);
    shared->closed = true;
    shared->changed.notify_all();
}

}  // namespace

void Shared::emit(const std::string& vm, const std::string& what, const std::string& text) {
    // Under the mutex, so that no event arrives after the destructor has returned.
    const std::lock_guard guard(mutex);
    if (on_event && !stopping) on_event({VmId(vm), what, clock->now(), text});
}

LibvirtEvents::LibvirtEvents(std::string uri, const Clock& clock, std::function<void(VmEvent)> on_event)
    : shared_(std::make_shared<Shared>()) {
    shared_->clock = &clock;
    shared_->on_event = std::move(on_event);
    start_event_loop();
    std::thread([shared = shared_, uri = std::move(uri)] { listen(shared, uri); }).detach();
}

LibvirtEvents::~LibvirtEvents() {
    std::unique_lock guard(shared_->mutex);
    shared_->stopping = true;
    shared_->on_event = nullptr;
    shared_->changed.notify_all();
    // Opening a connection to a daemon that hangs cannot be interrupted; that thread then ends by itself.
    shared_->changed.wait_for(guard, std::chrono::seconds{3}, [&] { return shared_->done; });
}

void LibvirtEvents::listen(const std::shared_ptr<Shared>& shared, const std::string& uri) {
    bool first = true;
    while (true) {
        {
            const std::lock_guard guard(shared->mutex);
            if (shared->stopping) break;
            shared->closed = false;
        }
        LibvirtConnections opener(uri, 2, 3);
        auto connection = opener.open();
        int id = -1;
        if (connection) {
            virConnectRegisterCloseCallback(connection->get(), on_close, new SharedHandle(shared),
                                            free_handle);
            id = virConnectDomainEventRegisterAny(connection->get(), nullptr, VIR_DOMAIN_EVENT_ID_LIFECYCLE,
                                                  VIR_DOMAIN_EVENT_CALLBACK(on_lifecycle),
                                                  new SharedHandle(shared), free_handle);
            // The first connection too: the listener may have looked before anybody listened.
            if (id >= 0) shared->emit("", "relisted", first ? "connected" : "reconnected");
            first = false;
        }
        std::unique_lock guard(shared->mutex);
        const auto over = [&] { return shared->stopping || shared->closed; };
        if (id >= 0)
            shared->changed.wait(guard, over);
        else
            shared->changed.wait_for(guard, std::chrono::seconds{1}, over);
        guard.unlock();
        if (id >= 0) {
            virConnectDomainEventDeregisterAny(connection->get(), id);
            virConnectUnregisterCloseCallback(connection->get(), on_close);
        }
    }
    const std::lock_guard guard(shared->mutex);
    shared->done = true;
    shared->changed.notify_all();
}

}  // namespace bailiff::agent
