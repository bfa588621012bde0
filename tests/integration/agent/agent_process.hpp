// SPDX-License-Identifier: Apache-2.0
// bailiff-agent as a process, and the controller's side of its socket.
#pragma once

#include "agent/process/process.hpp"
#include "tests/integration/hypervisor/lab.hpp"

#include <bailiff/dsse.hpp>
#include <bailiff/framing.hpp>
#include <bailiff/order.hpp>
#include <bailiff/system_clock.hpp>

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

namespace bailiff::test {

/// Starts the agent of one laboratory host, again after every kill; speaks to it as a controller does through the link.
class AgentProcess {
  public:
    explicit AgentProcess(LabHost& host) : host_(host), folder_(host.folder() + "/agent") {
        std::filesystem::create_directories(folder_ + "/controllers");
        std::filesystem::create_directories(folder_ + "/rules");
        std::ofstream(folder_ + "/controllers/desk.pub") << key_.public_pem();
        std::ofstream(folder_ + "/rules/eicar.yar") << "rule eicar { strings: $a = \"EICAR-STANDARD-ANTIVIRUS-TEST-FILE\" condition: $a }\n";
    }
    ~AgentProcess() { disconnect(); }

    std::string journal() const { return folder_ + "/state/journal.sqlite"; }
    std::string state() const { return folder_ + "/state"; }

    void start() {
        agent::ProcessOptions options;
        options.output_cap_bytes = size_t{4} << 20;
        auto started = agent::Process::start(
            {BAILIFF_BIN_DIR "/bailiff-agent", "--config", "/dev/null", "--host", "h1", "--state", state(), "--socket", socket_path(),
             "--controllers", folder_ + "/controllers", "--libvirt-uri", host_.uri(), "--libvirt-run", host_.run_folder(),
             "--libvirt-pid-file", host_.pid_file(), "--hooks", host_.hooks_folder(), "--yara", folder_ + "/rules", "--agent-patience", "20",
             "--acpi-patience", "20", "--never-touch", folder_ + "/never-touch"},
            options);
        if (!started) throw std::runtime_error(started.error().text);
        process_.emplace(std::move(*started));
    }
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
    void acknowledge(const std::string& id) { send({MessageId("ack"), Ack{{answers.at(id).id.text()}}}); }

    template <class Document>
    std::string sealed(const Document& document, std::string_view type) const {
        return seal(key_, type, dump_json(to_json(document)));
    }

    std::map<std::string, Frame> answers;   ///< final ones by order or job id
    int kills = 0;
    bool stopped_cleanly = false;

  private:
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
        return send({MessageId("w"), Welcome{1, clock_.now()}});
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
            if (const auto* order = std::get_if<OrderAnswer>(&frame->message); order && is_final(order->status))
                answers.insert_or_assign(order->order_id.text(), *frame);
            if (const auto* job = std::get_if<JobAnswer>(&frame->message); job && is_final(job->status))
                answers.insert_or_assign(job->job_id.text(), *frame);
        }
    }

    LabHost& host_;
    std::string folder_;
    SignatureKey key_ = SignatureKey::from_seed(std::string(32, 'i'));
    SystemClock clock_;
    std::optional<agent::Process> process_;
    std::string log_;
    int fd_ = -1;
    FrameReader reader_;
    std::map<std::string, bool> sent_on_this_connection_;
};

}  // namespace bailiff::test
