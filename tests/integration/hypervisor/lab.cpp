// SPDX-License-Identifier: Apache-2.0
// Runs the scripts of contrib/lab.
#include "tests/integration/hypervisor/lab.hpp"

#include "agent/files/durable_file.hpp"
#include "agent/process/process.hpp"

#include <bailiff/system_clock.hpp>

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <thread>

namespace bailiff::test {
namespace {

using agent::ProcessOptions;
using std::chrono::milliseconds;

std::string must(std::vector<std::string> argv, milliseconds timeout = milliseconds{120'000}) {
    ProcessOptions options;
    options.timeout = timeout;
    auto out = agent::output_of(argv, options);
    if (!out) throw std::runtime_error(out.error().text);
    return std::move(*out);
}

std::string lab(const char* script) { return fmt::format("{}/{}", BAILIFF_LAB_FOLDER, script); }

std::string between(const std::string& text, const std::string& before, const std::string& after) {
    const size_t begin = text.find(before);
    if (begin == std::string::npos) return "";
    const size_t from = begin + before.size();
    return text.substr(from, text.find(after, from) - from);
}

}  // namespace

std::string lab_missing() {
    if (::getuid() != 0) return "needs root: a private libvirtd wants namespaces of its own";
    for (const char* program : {"/usr/sbin/libvirtd", "/usr/bin/qemu-system-x86_64", "/usr/bin/qemu-img",
                                "/bin/busybox", "/usr/sbin/mke2fs", "/usr/bin/virsh", "/usr/bin/python3"})
        if (::access(program, X_OK) != 0)
            return std::string("needs ") + program + ": see the packages in contrib/lab/README.md";
    for (const std::string& name : agent::names_in("/boot"))
        if (name.starts_with("vmlinuz-") && name.ends_with("-cloud-amd64")) return "";
    return "needs the package linux-image-cloud-amd64";
}

LabHost::LabHost() {
    char name[] = "/tmp/bailiff-lab-XXXXXX";
    if (!::mkdtemp(name)) throw std::runtime_error("cannot make a folder in /tmp");
    folder_ = name;
    ::chmod(name, 0755);
    must({lab("host"), "up", folder_});
}

LabHost::~LabHost() {
    ProcessOptions options;
    options.timeout = milliseconds{60'000};
    const auto down = agent::Process::run({lab("host"), "down", folder_}, options);
    if (!down || !down->ok()) std::fprintf(stderr, "lab: %s did not go down\n", folder_.c_str());
    if (!std::getenv("BAILIFF_KEEP_LAB")) std::filesystem::remove_all(folder_);
}

std::string LabHost::exec(const std::vector<std::string>& argv) const {
    std::vector<std::string> all{lab("host"), "exec", folder_};
    all.insert(all.end(), argv.begin(), argv.end());
    return must(std::move(all));
}

std::string LabHost::virsh(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), {"virsh", "--quiet", "--connect", uri()});
    return must(std::move(arguments));
}

std::string LabHost::network_namespace() const {
    auto pid = agent::read_file(folder_ + "/holder.pid", 64).value_or("");
    while (!pid.empty() && pid.back() == '\n') pid.pop_back();
    return "/proc/" + pid + "/ns/net";
}

pid_t LabHost::daemon() const {
    const auto text = agent::read_file(pid_file(), 64);
    pid_t pid = 0;
    if (text) std::from_chars(text->data(), text->data() + text->size(), pid);
    return pid;
}

void LabHost::kill_daemon() {
    const pid_t pid = daemon();
    if (pid <= 1) throw std::runtime_error("the laboratory's libvirtd has no pid");
    ::kill(pid, SIGKILL);
    eventually([&] {
        const auto state = agent::read_file("/proc/" + std::to_string(pid) + "/stat", 4096);
        return !state || state->find(") Z ") != std::string::npos;
    });
}

void LabHost::start_daemon() { must({lab("host"), "daemon", folder_}); }

void LabHost::crash() { must({lab("host"), "crash", folder_}); }

void LabHost::up() { must({lab("host"), "up", folder_}); }

std::vector<std::string> LabHost::nsenter() const {
    const auto holder = agent::read_file(folder_ + "/holder.pid", 64);
    if (!holder) throw std::runtime_error(holder.error().text);
    return {"nsenter", "-t", holder->substr(0, holder->find('\n')), "-m", "-n", "-u", "-i", "--"};
}

std::vector<std::string> LabHost::migrate_live(const std::string& guest, const LabHost& to) const {
    // QEMU itself binds the socket through which a guest comes in, as its own user.
    const std::string folder = to.folder() + "/migration";
    std::filesystem::create_directories(folder);
    ::chmod(folder.c_str(), 01777);
    const std::string socket = folder + "/" + guest + ".sock";
    std::filesystem::remove(socket);
    // --unsafe: libvirt asks for a cache mode that two machines need; this is one.
    return {"virsh", "--quiet", "--connect", uri(), "migrate", "--live", "--p2p", "--unsafe", "--persistent", "--undefinesource",
            guest, to.uri(), "--migrateuri", "unix://" + socket};
}

bool LabHost::migrate(const std::string& guest, const LabHost& to, std::string* why) const {
    std::vector<std::string> argv = migrate_live(guest, to);
    if (qemu(guest) == 0)
        argv = {"virsh", "--quiet", "--connect", uri(), "migrate", "--offline", "--p2p", "--unsafe", "--persistent", "--undefinesource",
                guest, to.uri()};
    ProcessOptions options;
    options.timeout = milliseconds{120'000};
    const auto done = agent::Process::run(argv, options);
    if (why) *why = done ? done->err : done.error().text;
    return done && done->ok();
}

pid_t LabHost::qemu(const std::string& guest) const {
    const auto text = agent::read_file(run_folder() + "/" + guest + ".pid", 64);
    pid_t pid = 0;
    if (text) std::from_chars(text->data(), text->data() + text->size(), pid);
    return pid;
}

LabGuest::LabGuest(LabHost& host, LabGuestOptions options) : host_(host), options_(std::move(options)) {
    folder_ = host.folder() + "/guests";
    std::vector<std::string> argv{lab("guest"),  folder_,    "--name",
                                  options_.name, "--format", options_.format};
    if (!options_.eicar) argv.push_back("--no-eicar");
    if (options_.ignore_acpi) argv.push_back("--ignore-acpi");
    if (options_.agent_hangs) argv.push_back("--hang-agent");
    if (!options_.agent) argv.push_back("--no-agent");
    if (!options_.vnc.empty()) argv.insert(argv.end(), {"--vnc", options_.vnc});
    for (const auto& word : options_.cmdline) argv.insert(argv.end(), {"--cmdline", word});
    if (options_.deaf_agent) argv.push_back("--deaf-agent");
    if (!options_.address.empty()) argv.insert(argv.end(), {"--address", options_.address});
    must(argv);
    xml_path_ = folder_ + "/" + options_.name + ".xml";
    disk_ = folder_ + "/" + options_.name + "." + options_.format;
    const auto xml = agent::read_file(xml_path_, size_t{1} << 20);
    if (!xml) throw std::runtime_error(xml.error().text);
    uuid_ = between(*xml, "<uuid>", "</uuid>");
    mac_ = between(*xml, "<mac address=\"", "\"");
    if (options_.define) host_.virsh({"define", xml_path_});
}

std::string LabGuest::console() const {
    return agent::read_file(folder_ + "/" + options_.name + ".console", size_t{16} << 20).value_or("");
}

void LabGuest::start() {
    const int before = boots();
    // Under emulation on a busy machine, one boot in some sixty was seen to stop before the kernel's first
    // word. That is QEMU's and no subject of these tests, so a guest gets a second chance, and the reader is
    // told.
    for (int attempt = 0; attempt < 2; ++attempt) {
        if (options_.define)
            host_.virsh({"start", options_.name});
        else
            host_.virsh({"create", xml_path_});
        if (wait_boots(before + 1)) return;
        std::fprintf(stderr, "lab: %s did not boot within a minute; its power is cut\n",
                     options_.name.c_str());
        host_.virsh({"destroy", options_.name});
    }
    throw std::runtime_error("the guest did not boot; its console: " + console());
}

int LabGuest::boots() const {
    const std::string text = console();
    int count = 0;
    for (size_t at = 0; (at = text.find("guest: up ", at)) != std::string::npos; ++at) ++count;
    return count;
}

bool LabGuest::wait_boots(int count) const {
    return eventually([&] { return boots() >= count; });
}

bool LabGuest::runs() const {
    const pid_t pid = host_.qemu(options_.name);
    const auto command = agent::read_file("/proc/" + std::to_string(pid) + "/cmdline", size_t{1} << 20);
    return pid > 0 && command && command->find(uuid_) != std::string::npos;
}

bool eventually(const std::function<bool()>& condition, milliseconds patience) {
    const SystemClock clock;
    const auto deadline = clock.monotonic() + patience;
    while (!condition()) {
        if (clock.monotonic() >= deadline) return false;
        std::this_thread::sleep_for(milliseconds{20});
    }
    return true;
}

std::string sha256_of_file(const std::string& path) { return must({"sha256sum", path}).substr(0, 64); }

milliseconds measured(const std::string& what, const std::function<void()>& act) {
    const SystemClock clock;
    const auto begin = clock.monotonic();
    act();
    const auto took = clock.monotonic() - begin;
    std::printf("measured: %s %lld ms\n", what.c_str(), static_cast<long long>(took.count()));
    return took;
}

}  // namespace bailiff::test
