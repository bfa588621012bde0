// SPDX-License-Identifier: Apache-2.0
// Writes and reads the lock files.
#include "agent/guard/file_guard.hpp"

#include "agent/files/durable_file.hpp"
#include "agent/guard/gate.hpp"

#include <bailiff/json.hpp>

#include <utility>

namespace bailiff::agent {
namespace {

constexpr size_t record_cap_bytes = size_t{1} << 20;

Json to_json(const LockRecord& record) {
    Json disks = Json::array();
    for (const VmDisk& disk : record.disks)
        disks.push_back({{"target", disk.target},
                         {"format", disk.format},
                         {"source", disk.source},
                         {"read_only", disk.read_only}});
    return {{"vm", record.vm.text()},
            {"case", record.case_id.text()},
            {"name", record.name},
            {"disks", disks},
            {"was_running", record.was_running},
            {"had_autostart", record.had_autostart},
            {"since", format_rfc3339(record.since)},
            {"guard", record.guard}};
}

Result<LockRecord> from_json(const std::string& text) {
    auto json = parse_json(text);
    if (!json) return fail(json.error());
    std::vector<Mistake> mistakes;
    JsonReader read(*json, mistakes);
    LockRecord out;
    out.vm = VmId(read.text("vm", 36));
    out.case_id = CaseId(read.text("case", 64));
    out.name = read.text("name", 1024, false);
    out.was_running = read.boolean("was_running");
    out.had_autostart = read.boolean("had_autostart");
    out.since = read.instant("since");
    out.guard = read.boolean("guard", false);  // records of before there were guards
    read.each("disks", true, 256, [&](const Json& item, const std::string& at) {
        JsonReader one(item, mistakes, at);
        out.disks.push_back({one.text("target", 64), one.text("format", 64), one.text("source", 4096, false),
                             one.boolean("read_only")});
    });
    if (!mistakes.empty()) return fail(Errc::invalid, describe(mistakes));
    return out;
}

}  // namespace

FileGuard::FileGuard(std::string folder, std::string hold_program)
    : folder_(std::move(folder)), holder_(folder_, std::move(hold_program)) {
    if (auto made = make_folder(folder_, 0700); !made) throw Outage(made.error().text);
    LockRecord canary;
    canary.vm = VmId(std::string(canary_uuid));
    canary.case_id = CaseId("canary");
    if (auto written = write_gate_file(canary); !written) throw Outage(written.error().text);
    for (const LockRecord& record : all())
        if (auto written = write_gate_file(record); !written) throw Outage(written.error().text);
    for (const std::string& name : names_in(folder_)) {
        if (name.size() != 41 || !name.ends_with(".hold") || !is_uuid(std::string_view(name).substr(0, 36))) continue;
        // What does not end now is ended with the next release or start; a lock is not in danger by it.
        if (const VmId vm(name.substr(0, 36)); !read_record(vm)) (void)holder_.let_go(vm);
    }
}

std::string FileGuard::path(const VmId& vm, const char* suffix) const {
    return folder_ + "/" + vm.text() + suffix;
}

Result<void> FileGuard::write_gate_file(const LockRecord& record) {
    GateLock lock{record.vm.text(), record.case_id.text(), {}};
    for (const VmDisk& disk : record.disks) {
        // Installation media and shared read-only disks serve other VMs too.
        if (disk.read_only || disk.source.empty()) continue;
        const auto [device, inode] = disk_identity(disk.source);
        lock.disks.push_back({disk.source, device, inode});
    }
    return write_durably(path(record.vm, ".lock"), format_lock(lock), 0600);
}

Result<void> FileGuard::lock(const LockRecord& record) {
    if (!is_uuid(record.vm.text()))
        return fail(Errc::invalid, "'" + record.vm.text().substr(0, 60) +
                                       "' is no UUID in lower case, so it cannot be locked.");
    const std::lock_guard guard(mutex_);
    if (record.guard)
        if (const auto known = read_record(record.vm); known && !known->guard) return {};
    if (auto written = write_durably(path(record.vm, ".json"), dump_json(to_json(record), 2) + "\n", 0600);
        !written)
        return written;
    return write_gate_file(record);
}

Result<void> FileGuard::unlock(const VmId& vm) {
    if (!is_uuid(vm.text()))
        return fail(Errc::invalid, "'" + vm.text().substr(0, 60) + "' is no UUID in lower case.");
    const std::lock_guard guard(mutex_);
    if (auto ended = holder_.let_go(vm); !ended) return ended;
    for (const char* suffix : {".permit", ".lock", ".json"})
        if (auto removed = remove_durably(path(vm, suffix)); !removed) throw Outage(removed.error().text);
    return {};
}

std::optional<LockRecord> FileGuard::read_record(const VmId& vm) {
    const auto text = read_file(path(vm, ".json"), record_cap_bytes);
    if (!text) {
        if (text.error().code == Errc::not_found) return std::nullopt;
        throw Outage(text.error().text);
    }
    auto record = from_json(*text);
    if (!record)
        throw Outage("The lock record " + path(vm, ".json") + " is damaged (" + record.error().text +
                     "); the VM stays locked. Restore the file or release the case by hand.");
    return std::move(*record);
}

std::optional<LockRecord> FileGuard::find(const VmId& vm) {
    if (!is_uuid(vm.text())) return std::nullopt;
    const std::lock_guard guard(mutex_);
    return read_record(vm);
}

std::vector<LockRecord> FileGuard::all() {
    const std::lock_guard guard(mutex_);
    std::vector<LockRecord> out;
    for (const std::string& name : names_in(folder_)) {
        if (name.size() != 41 || !name.ends_with(".json") || !is_uuid(std::string_view(name).substr(0, 36)))
            continue;
        if (auto record = read_record(VmId(name.substr(0, 36)))) out.push_back(std::move(*record));
    }
    return out;
}

Result<void> FileGuard::permit(const VmId& vm, const std::string& token) {
    if (!is_uuid(vm.text()) || token.size() < 16)
        return fail(Errc::invalid, "A permit needs a UUID and a token of at least 16 characters.");
    const std::lock_guard guard(mutex_);
    return write_durably(path(vm, ".permit"), token, 0600);
}

Result<void> FileGuard::revoke(const VmId& vm) {
    if (!is_uuid(vm.text()))
        return fail(Errc::invalid, "'" + vm.text().substr(0, 60) + "' is no UUID in lower case.");
    const std::lock_guard guard(mutex_);
    return remove_durably(path(vm, ".permit"));
}

Result<void> FileGuard::hold(const VmId& vm, const std::vector<VmDisk>& disks) {
    if (!is_uuid(vm.text()))
        return fail(Errc::invalid, "'" + vm.text().substr(0, 60) + "' is no UUID in lower case.");
    std::vector<std::string> paths;
    for (const VmDisk& disk : disks)
        if (!disk.read_only && !disk.source.empty()) paths.push_back(disk.source);
    const std::lock_guard guard(mutex_);
    // A release may have come between the look and this call.
    const auto known = read_record(vm);
    if (!known || known->guard) return {};
    return holder_.hold(vm, paths);
}

Result<void> FileGuard::let_go(const VmId& vm) {
    if (!is_uuid(vm.text()))
        return fail(Errc::invalid, "'" + vm.text().substr(0, 60) + "' is no UUID in lower case.");
    const std::lock_guard guard(mutex_);
    return holder_.let_go(vm);
}

}  // namespace bailiff::agent
