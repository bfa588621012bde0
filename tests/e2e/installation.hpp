// SPDX-License-Identifier: Apache-2.0
// Bailiff installed in one folder: the real programs, a mail server, a clock that tests move, disks that can be full.
#pragma once

#include "tests/fixtures/program.hpp"
#include "tests/integration/hypervisor/lab.hpp"

#include <bailiff/json.hpp>
#include <bailiff/time.hpp>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace bailiff::test {

/// A folder that lives as long as the object.
class Folder {
  public:
    Folder();
    ~Folder();
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    const std::string& path() const { return path_; }

  private:
    std::string path_;
};

/// A tmpfs of few megabytes on a folder, in a mount namespace: a disk that a test can fill. Only processes of the
/// namespace see it; it is gone with the last of them.
class SmallDisk {
  public:
    /// In a namespace of its own. `size` as mount(8) takes it ("6m").
    SmallDisk(std::string at, const std::string& size);
    /// In the namespaces of a laboratory's host, where its libvirtd sees it too.
    SmallDisk(const LabHost& host, std::string at, const std::string& size);

    /// In a child before its program begins: enters the namespaces.
    void enter() const;
    /// Not a byte more can be written.
    void fill() const;
    void make_room() const;
    /// A path below the folder, as it is reached from outside of the namespace.
    std::string outside(const std::string& path) const;

  private:
    std::string at_;
    std::unique_ptr<Program> holder_;
    pid_t pid_ = 0;
};

/// What the REST API said.
struct Said {
    int status = 0;
    std::string type;   ///< Content-Type
    Json body;
    std::string text() const { return std::to_string(status) + " " + dump_json(body); }
};

/// bailiff-controller with its REST API. It stops and starts again on the same ports, with what it kept.
class Controller {
  public:
    /// Its state is in FOLDER/state, on `disk` when one is given. `smtp` is the mail server's URL.
    Controller(std::string folder, std::string smtp, const SmallDisk* disk = nullptr);

    void start();
    /// SIGTERM and a clean end.
    void stop();
    /// SIGKILL: no handler, no flush.
    void kill();
    /// Runs the program to its end with these further options; exit code and output.
    std::pair<int, std::string> run_once(std::vector<std::string> more) const;

    Said ask(const std::string& method, const std::string& path, const Json& body = nullptr, const std::string& idempotency_key = "") const;
    Said get(const std::string& path) const { return ask("GET", path); }
    /// A case's history: "revision text" of every item.
    std::vector<std::string> history(const std::string& case_id) const;
    bool history_has(const std::string& case_id, const std::string& words) const;
    bool ready() const { return get("/readyz").status == 200; }

    /// The clock of controller and agents: moved on, never back.
    void advance(Seconds by) const;
    std::string clock_file() const { return folder_ + "/clock"; }
    std::string state(const std::string& path) const;
    std::string url_for_hosts() const { return "https://127.0.0.1:" + std::to_string(agents_port_); }
    const std::string& folder() const { return folder_; }
    std::string log() const;

    /// A customer with one VM "web1" on host h1, and a case on it, for tests without a host. The case's id.
    std::string report(const std::string& type, const std::string& vm) const;
    void know_customer(const std::string& vm, const std::string& vm_name, const std::string& address) const;
    /// The shortest way to an order to switch off: a logged call and a person's decision. The case's id.
    std::string switch_off(const std::string& vm) const;

  private:
    std::vector<std::string> words() const;
    std::string folder_, smtp_;
    const SmallDisk* disk_;
    std::unique_ptr<Program> program_;
    int api_port_ = 0, agents_port_ = 0, starts_ = 0;
};

/// bailiff-agent and bailiff-link of one laboratory host, enrolled at a controller as h1.
class HostPrograms {
  public:
    HostPrograms(LabHost& host, const Controller& controller, const SmallDisk& disk, const std::string& state);
    std::string log() const;

  private:
    std::string folder_;
    std::unique_ptr<Program> agent_, link_;
};

}  // namespace bailiff::test
