// SPDX-License-Identifier: Apache-2.0
// Starts and stops the programs of an installation.
#include "tests/e2e/installation.hpp"

#include "controller/ctl/rest_client.hpp"

#include <bailiff/system_clock.hpp>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sched.h>
#include <stdexcept>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>

namespace bailiff::test {
namespace {

namespace fs = std::filesystem;
constexpr long tmpfs_magic = 0x01021994;

std::string read_all(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

/// Monday 09:00 in the shipped calendar's zone: the office has just opened.
Seconds offset_to_monday() {
    const auto monday = *parse_rfc3339("2027-03-01T09:00:00+05:30");
    return monday - SystemClock().now();
}

void write_clock(const std::string& path, Seconds offset) {
    std::ofstream(path + ".new") << offset.count() << "\n";
    fs::rename(path + ".new", path);
}

void must_eventually(const std::string& what, const std::function<bool()>& condition, std::chrono::seconds patience) {
    if (!eventually(condition, patience)) throw std::runtime_error(what + " did not come within " + std::to_string(patience.count()) + " s");
}

int number_after(const std::string& text, const std::string& words) {
    const size_t at = text.find(words);
    if (at == std::string::npos) return 0;
    const size_t colon = text.find(':', at + words.size());
    return std::atoi(text.c_str() + colon + 1);
}

[[noreturn]] void give_up_child(const char* doing) {
    std::perror(doing);
    _exit(126);
}

}  // namespace

Folder::Folder() {
    char pattern[] = "/tmp/bailiff-e2e-XXXXXX";
    if (!mkdtemp(pattern)) throw std::runtime_error("mkdtemp failed; /tmp has to be writable.");
    path_ = pattern;
    chmod(pattern, 0755);   // QEMU's user has to pass
}

Folder::~Folder() {
    std::error_code ignored;
    if (!std::getenv("BAILIFF_KEEP_LAB")) fs::remove_all(path_, ignored);
}

// ---- the small disk ------------------------------------------------------------------------------------------------

SmallDisk::SmallDisk(std::string at, const std::string& size) : at_(std::move(at)) {
    fs::create_directories(at_);
    const std::string options = "mode=0700,size=" + size;
    holder_ = std::make_unique<Program>(std::vector<std::string>{"/usr/bin/sleep", "infinity"}, at_ + ".log", [&] {
        if (unshare(CLONE_NEWNS) != 0) give_up_child("unshare");
        if (mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) give_up_child("mount --make-rprivate /");
        if (mount("tmpfs", at_.c_str(), "tmpfs", 0, options.c_str()) != 0) give_up_child("mount -t tmpfs");
    });
    pid_ = holder_->pid();
    must_eventually("the small disk", [&] {
        struct statfs seen {};
        return statfs(outside(at_).c_str(), &seen) == 0 && long(seen.f_type) == tmpfs_magic;
    }, std::chrono::seconds(10));
}

SmallDisk::SmallDisk(const LabHost& host, std::string at, const std::string& size) : at_(std::move(at)) {
    fs::create_directories(at_);
    host.exec({"mount", "-t", "tmpfs", "-o", "mode=0711,size=" + size, "tmpfs", at_});
    pid_ = std::atoi(read_all(host.folder() + "/holder.pid").c_str());
}

void SmallDisk::enter() const {
    for (const char* kind : {"mnt", "net", "uts", "ipc"}) {
        const int space = open(("/proc/" + std::to_string(pid_) + "/ns/" + kind).c_str(), O_RDONLY | O_CLOEXEC);
        if (space < 0 || setns(space, 0) != 0) give_up_child("setns");
        close(space);
    }
}

void SmallDisk::fill() const {
    const int file = open(outside(at_ + "/filler").c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    const std::string block(65536, 'x');
    for (size_t size = block.size(); file >= 0 && size > 0;)
        if (write(file, block.data(), size) <= 0) size /= 2;
    close(file);
}

void SmallDisk::make_room() const { unlink(outside(at_ + "/filler").c_str()); }

std::string SmallDisk::outside(const std::string& path) const { return "/proc/" + std::to_string(pid_) + "/root" + path; }

// ---- the controller ------------------------------------------------------------------------------------------------

Controller::Controller(std::string folder, std::string smtp, const SmallDisk* disk) : folder_(std::move(folder)), smtp_(std::move(smtp)), disk_(disk) {
    write_clock(clock_file(), offset_to_monday());
}

std::string Controller::state(const std::string& path) const {
    const std::string inside = folder_ + "/state" + path;
    return disk_ ? disk_->outside(inside) : inside;
}

std::vector<std::string> Controller::words() const {
    const auto port = [](int at) { return "127.0.0.1:" + std::to_string(at); };
    return {BAILIFF_BIN_DIR "/bailiff-controller", "--config", "/dev/null", "--state", folder_ + "/state", "--policies", BAILIFF_SOURCE_DIR "/policies",
            "--listen", port(api_port_), "--plain-http", "--agents-listen", port(agents_port_), "--agents-name", "localhost", "--agents-name", "127.0.0.1",
            "--smtp", smtp_, "--smtp-starttls", "never", "--mail-from", "abuse@provider.example", "--staff-address", "desk@provider.example",
            "--tick", "100", "--lab-clock", clock_file()};
}

std::string Controller::log() const {
    std::string out;
    for (int i = 1; i <= starts_; ++i) out += read_all(folder_ + "/controller-" + std::to_string(i) + ".log");
    return out;
}

void Controller::start() {
    const std::string log = folder_ + "/controller-" + std::to_string(++starts_) + ".log";
    const SmallDisk* disk = disk_;
    program_ = std::make_unique<Program>(words(), log, [disk] {
        if (disk) disk->enter();
    });
    must_eventually("the controller", [&] { return read_all(log).find(" up: api on ") != std::string::npos; }, std::chrono::seconds(30));
    const std::string said = read_all(log);
    api_port_ = number_after(said, " up: api on ");
    agents_port_ = number_after(said, ", hosts on ");
}

void Controller::stop() {
    program_->signal(SIGTERM);
    const int code = program_->wait();
    program_.reset();
    if (code != 0) throw std::runtime_error("the controller ended with " + std::to_string(code) + ":\n" + log());
}

void Controller::kill() { program_.reset(); }

std::pair<int, std::string> Controller::run_once(std::vector<std::string> more) const {
    auto all = words();
    all.insert(all.end(), more.begin(), more.end());
    const std::string output = folder_ + "/once.log";
    fs::remove(output);
    const SmallDisk* disk = disk_;
    const int code = Program(all, output, [disk] {
        if (disk) disk->enter();
    }).wait();
    return {code, read_all(output)};
}

Said Controller::ask(const std::string& method, const std::string& path, const Json& body, const std::string& idempotency_key) const {
    std::string token = read_all(state("/admin.token"));
    if (!token.empty()) token.pop_back();
    auto client = RestClient::open({"http://127.0.0.1:" + std::to_string(api_port_), token, "", std::chrono::seconds(30)});
    if (!client) throw std::runtime_error(client.error().text);
    RestHeaders headers;
    if (!idempotency_key.empty()) headers.emplace_back("Idempotency-Key", idempotency_key);
    const auto answer = client->ask(method, path, body.is_null() ? std::string() : dump_json(body), headers);
    if (!answer) throw std::runtime_error(method + " " + path + ": " + answer.error().text + "\n" + log());
    Said said{answer->status, "", nullptr};
    if (const auto type = answer->headers.find("content-type"); type != answer->headers.end()) said.type = type->second;
    if (auto json = parse_json(answer->body, {16 << 20, 64})) said.body = std::move(*json);
    return said;
}

std::vector<std::string> Controller::history(const std::string& case_id) const {
    std::vector<std::string> out;
    for (std::string cursor = "0"; !cursor.empty();) {
        const auto said = get("/api/v1/cases/" + case_id + "/history?limit=200&cursor=" + cursor);
        if (said.status != 200) throw std::runtime_error("no history of " + case_id + ": " + said.text());
        for (const auto& item : said.body.at("items"))
            out.push_back(std::to_string(item.at("revision").get<int64_t>()) + " " + item.at("text").get<std::string>());
        cursor = said.body.contains("next") ? said.body.at("next").is_string() ? said.body.at("next").get<std::string>() : dump_json(said.body.at("next")) : "";
    }
    return out;
}

bool Controller::history_has(const std::string& case_id, const std::string& words) const {
    for (const auto& item : history(case_id))
        if (item.find(words) != std::string::npos) return true;
    return false;
}

void Controller::advance(Seconds by) const { write_clock(clock_file(), LabClock(clock_file()).offset() + by); }

void Controller::know_customer(const std::string& vm, const std::string& vm_name, const std::string& address) const {
    const auto must = [](const Said& said) {
        if (said.status >= 300) throw std::runtime_error(said.text());
    };
    must(ask("PUT", "/api/v1/customers/7", {{"name", "Lotus Textiles"}, {"contact", {{"name", "Asha Rao"}, {"email", "asha@lotus.example"}, {"phone", "+91 80 5550 0117"}}}}));
    must(ask("PUT", "/api/v1/vms/" + vm, {{"name", vm_name}, {"host", "h1"}, {"customer", "7"}, {"addresses", Json::array({address})}}));
}

std::string Controller::report(const std::string& type, const std::string& vm) const {
    const auto said = ask("POST", "/api/v1/reports", {{"type", type}, {"vm", vm}, {"summary", "seen by a test"}});
    if (said.status != 201) throw std::runtime_error("the report was not taken: " + said.text());
    return said.body.at("case").get<std::string>();
}

std::string Controller::switch_off(const std::string& vm) const {
    const std::string id = report("content/malware", vm), at = "/api/v1/cases/" + id;
    for (const auto& [act, body] : {std::pair{"/reviews", Json{{"reason", "it cannot wait"}}}, {"/calls", Json{{"outcome", "no_answer"}}},
                                    {"/decisions", Json{{"decision", "enforce"}, {"reason", "it cannot wait"}}}})
        if (const auto said = ask("POST", at + act, body); said.status != 200) throw std::runtime_error(std::string(act) + ": " + said.text());
    return id;
}

// ---- the host ------------------------------------------------------------------------------------------------------

HostPrograms::HostPrograms(LabHost& host, const Controller& controller, const SmallDisk& disk, const std::string& state) : folder_(controller.folder()) {
    const auto token = controller.ask("POST", "/api/v1/hosts/h1/enrolment-tokens");
    if (token.status >= 300) throw std::runtime_error("no enrolment token: " + token.text());
    fs::create_directories(folder_ + "/etc");
    const std::string socket = folder_ + "/agent.sock";
    const int enrolled = Program({BAILIFF_BIN_DIR "/bailiff-link", "enrol", "--controller", controller.url_for_hosts(), "--token",
                                  token.body.at("token").get<std::string>(), "--ca-sha256", token.body.at("ca_sha256").get<std::string>(), "--dir",
                                  folder_ + "/etc"}, folder_ + "/enrol.log").wait();
    if (enrolled != 0) throw std::runtime_error("enrolment failed: " + read_all(folder_ + "/enrol.log"));
    // Evidence and overlays lie elsewhere: only the journal's disk is small.
    agent_ = std::make_unique<Program>(
        std::vector<std::string>{BAILIFF_BIN_DIR "/bailiff-agent", "--config", "/dev/null", "--host", "h1", "--state", state, "--socket", socket,
                                 "--controllers", folder_ + "/etc/controllers", "--evidence", host.folder() + "/evidence", "--overlays",
                                 host.folder() + "/overlays", "--never-touch", folder_ + "/never-touch", "--agent-patience", "2", "--acpi-patience", "5",
                                 "--lab-clock", controller.clock_file()},
        folder_ + "/agent.log", [&] { disk.enter(); });
    link_ = std::make_unique<Program>(
        std::vector<std::string>{BAILIFF_BIN_DIR "/bailiff-link", "--config", "/dev/null", "--controller", controller.url_for_hosts(), "--dir",
                                 folder_ + "/etc", "--agent-socket", socket, "--back-off-first-ms", "100", "--back-off-most-ms", "1000"},
        folder_ + "/link.log");
}

std::string HostPrograms::log() const { return read_all(folder_ + "/agent.log") + read_all(folder_ + "/link.log"); }

}  // namespace bailiff::test
