// SPDX-License-Identifier: Apache-2.0
// bailiff-agent as a process, and the controller's side of its socket.
#pragma once

#include "agent/process/process.hpp"
#include "tests/integration/hypervisor/lab.hpp"

#include <bailiff/dsse.hpp>
#include <bailiff/framing.hpp>
#include <bailiff/order.hpp>
#include <bailiff/system_clock.hpp>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <poll.h>
#include <stdexcept>
#include <string>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <utility>
#include <vector>

namespace bailiff::test {

/// Starts the agent of one laboratory host, again after every kill; speaks to it as a controller does through the link.
class AgentProcess {
  public:
    explicit AgentProcess(LabHost& host, std::string name = "h1") : host_(host), name_(std::move(name)), folder_(host.folder() + "/agent") {
        std::filesystem::create_directories(folder_ + "/controllers");
        std::filesystem::create_directories(folder_ + "/rules");
        std::ofstream(folder_ + "/controllers/desk.pub") << key_.public_pem();
        std::ofstream(folder_ + "/rules/eicar.yar") << "rule eicar { strings: $a = \"EICAR-STANDARD-ANTIVIRUS-TEST-FILE\" condition: $a }\n";
    }
    ~AgentProcess() { disconnect(); }

    std::string journal() const { return folder_ + "/state/journal.sqlite"; }
    std::string state() const { return folder_ + "/state"; }
    std::string never_touch() const { return folder_ + "/never-touch"; }
    pid_t pid() const { return process_ ? process_->pid() : 0; }

    // How it is started; to be set before.
    int agent_patience = 20, acpi_patience = 20;
    std::string uri;                          ///< default: the laboratory host's
    std::string config = "/dev/null";
    std::vector<std::string> more_options;

    void start() {
        agent::ProcessOptions options;
        options.output_cap_bytes = size_t{4} << 20;
        std::vector<std::string> argv = inside ? host_.nsenter() : std::vector<std::string>{};
        argv.push_back(BAILIFF_BIN_DIR "/bailiff-agent");
        const auto words = options_of_program();
        argv.insert(argv.end(), words.begin(), words.end());
        auto started = agent::Process::start(argv, options);
        if (!started) throw std::runtime_error(started.error().text);
        process_.emplace(std::move(*started));
    }
    /// A command of the admin beside it: `status`, `drain on` …, with the same options.
    agent::ProcessResult command(const std::vector<std::string>& words) const {
        std::vector<std::string> argv{BAILIFF_BIN_DIR "/bailiff-agent"};
        argv.insert(argv.end(), words.begin(), words.end());
        const auto options = options_of_program();
        argv.insert(argv.end(), options.begin(), options.end());
        agent::ProcessOptions patient;
        patient.timeout = std::chrono::minutes(3);
        const auto ended = agent::Process::run(argv, patient);
        if (!ended) throw std::runtime_error(ended.error().text);
        return *ended;
    }
    void signal(int number) const { ::kill(pid(), number); }
    bool running() { return process_ && process_->running(); }
    /// SIGKILL: no handler, no flush, no goodbye.
    void kill() {
        if (!process_) return;
        ::kill(process_->pid(), SIGKILL);
        log_ += process_->wait(std::chrono::seconds(5)).err;
        process_.reset();
        disconnect();
        ++kills;
    }
    void stop() {
        if (!process_) return;
        const auto ended = process_->stop();
        log_ += ended.err;
        stopped_cleanly = ended.exit_code == 0;
        process_.reset();
        disconnect();
    }
    const std::string& log() const { return log_; }

    /// Starts and connects; false when the socket does not come within half a minute.
    bool start_and_connect() {
        start();
        for (int i = 0; i < 1500 && running(); ++i) {
            if (fd_ >= 0 || connect()) return true;
            ::poll(nullptr, 0, 20);
        }
        return false;
    }
    /// Sends the envelope when there is a connection; reads what came; true when the final answer is there.
    bool exchange(const Message& message, const std::string& id, std::chrono::milliseconds wait) {
        if (fd_ < 0 && !connect()) {
            ::poll(nullptr, 0, int(wait.count()));
            return false;
        }
        if (!sent_on_this_connection_[id]) sent_on_this_connection_[id] = send({MessageId("f-" + id), message});
        pollfd waiting{fd_, POLLIN, 0};
        if (::poll(&waiting, 1, int(wait.count())) > 0) read();
        return answers.contains(id);
    }
    /// Takes what the agent says without being asked: events, inventories, heartbeats.
    void listen(std::chrono::milliseconds wait) {
        if (fd_ < 0 && !connect()) {
            ::poll(nullptr, 0, int(wait.count()));
            return;
        }
        pollfd waiting{fd_, POLLIN, 0};
        if (::poll(&waiting, 1, int(wait.count())) > 0) read();
    }
    /// Until the agent tells `what` of the VM; true at once when it has.
    bool told(const std::string& what, const std::string& vm, std::chrono::milliseconds patience) {
        const auto has = [&] {
            return std::any_of(events.begin(), events.end(), [&](const auto& e) { return e.second.what == what && e.second.vm.text() == vm; });
        };
        for (const auto end = clock_.monotonic() + patience; !has() && clock_.monotonic() < end;) listen(std::chrono::milliseconds(50));
        return has();
    }
    void acknowledge(const std::string& id) { send({MessageId("ack"), Ack{{answers.at(id).id.text()}}}); }
    void acknowledge(const MessageId& frame) { send({MessageId("ack"), Ack{{frame.text()}}}); }

    template <class Document>
    std::string sealed(const Document& document, std::string_view type) const {
        return seal(key_, type, dump_json(to_json(document)));
    }

    std::map<std::string, Frame> answers;   ///< final ones by order or job id
    std::map<std::string, std::chrono::steady_clock::time_point> accepted_at, answered_at;
    std::vector<std::pair<MessageId, VmEvent>> events;   ///< all that it told, in order
    std::vector<VmRecord> listed;           ///< of its last inventory
    std::vector<std::pair<MessageId, Discovery>> discoveries;   ///< all that it told, in order
    Heartbeat beat;                         ///< the last one
    int kills = 0;
    bool stopped_cleanly = false;

    // For the next start.
    bool inside = false;                    ///< in the host's namespaces: sees what is mounted there

  private:
    std::vector<std::string> options_of_program() const {
        std::vector<std::string> out{
            "--config", config, "--host", name_, "--state", state(), "--socket", socket_path(),
            "--controllers", folder_ + "/controllers", "--libvirt-uri", uri.empty() ? host_.uri() : uri, "--libvirt-run", host_.run_folder(),
            "--libvirt-pid-file", host_.pid_file(), "--hooks", host_.hooks_folder(), "--yara", folder_ + "/rules",
            "--agent-patience", std::to_string(agent_patience), "--acpi-patience", std::to_string(acpi_patience), "--never-touch", never_touch()};
        // VMs' taps are in the host's network namespace, where an agent that runs inside is itself.
        if (!inside) out.insert(out.end(), {"--network-namespace", host_.network_namespace()});
        out.insert(out.end(), more_options.begin(), more_options.end());
        return out;
    }
    std::string socket_path() const { return folder_ + "/agent.sock"; }
    bool connect() {
        const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        socket_path().copy(address.sun_path, sizeof address.sun_path - 1);
        if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
            ::close(fd);
            return false;
        }
        fd_ = fd;
        reader_ = {};
        sent_on_this_connection_.clear();
        return send({MessageId("w"), Welcome{1, clock_.now(), {std::string(discovery_type)}}});
    }
    void disconnect() {
        if (fd_ >= 0) ::close(fd_);
        fd_ = -1;
    }
    bool send(const Frame& frame) {
        const auto bytes = frame_bytes(encode(frame));
        if (::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL) == ssize_t(bytes.size())) return true;
        disconnect();
        return false;
    }
    void read() {
        char buffer[65536];
        const auto n = ::recv(fd_, buffer, sizeof buffer, 0);
        if (n <= 0) return disconnect();
        reader_.feed({buffer, size_t(n)});
        for (;;) {
            const auto text = reader_.next();
            if (!text || !*text) return;
            const auto frame = decode(**text);
            if (!frame) throw std::runtime_error("the agent sent what cannot be read: " + frame.error().text);
            const auto is_final = [](AnswerStatus s) { return s != AnswerStatus::accepted && s != AnswerStatus::progress; };
            if (const auto* event = std::get_if<VmEvent>(&frame->message)) events.emplace_back(frame->id, *event);
            if (const auto* order = std::get_if<OrderAnswer>(&frame->message); order && order->status == AnswerStatus::accepted)
                accepted_at.emplace(order->order_id.text(), std::chrono::steady_clock::now());
            if (const auto* order = std::get_if<OrderAnswer>(&frame->message); order && is_final(order->status)) {
                answered_at.emplace(order->order_id.text(), std::chrono::steady_clock::now());
                answers.insert_or_assign(order->order_id.text(), *frame);
            }
            if (const auto* job = std::get_if<JobAnswer>(&frame->message); job && is_final(job->status))
                answers.insert_or_assign(job->job_id.text(), *frame);
            if (const auto* heartbeat = std::get_if<Heartbeat>(&frame->message)) beat = *heartbeat;
            if (const auto* part = std::get_if<InventoryPart>(&frame->message)) listed = part->vms;
            if (const auto* discovery = std::get_if<Discovery>(&frame->message)) discoveries.emplace_back(frame->id, *discovery);
        }
    }

    LabHost& host_;
    std::string name_, folder_;
    SignatureKey key_ = SignatureKey::from_seed(std::string(32, 'i'));
    SystemClock clock_;
    std::optional<agent::Process> process_;
    std::string log_;
    int fd_ = -1;
    FrameReader reader_;
    std::map<std::string, bool> sent_on_this_connection_;
};

}  // namespace bailiff::test
