// SPDX-License-Identifier: Apache-2.0
// A real libvirtd and real guests for tests: contrib/lab as two classes.
#pragma once

#include <sys/types.h>
#include <chrono>
#include <functional>
#include <string>
#include <vector>

namespace bailiff::test {

/// Empty when a laboratory can run here, else the sentence for GTEST_SKIP.
std::string lab_missing();

/// One private libvirtd; down and gone with the object. Throws std::runtime_error when it does not come up.
class LabHost {
  public:
    LabHost();
    ~LabHost();
    LabHost(const LabHost&) = delete;
    LabHost& operator=(const LabHost&) = delete;

    /// A folder that QEMU's user may enter; everything of the host and of its guests lies in it.
    const std::string& folder() const { return folder_; }
    /// For clients outside the host's namespaces, such as the test itself.
    std::string uri() const { return "qemu+unix:///system?socket=" + folder_ + "/run/libvirt-sock"; }
    std::string hooks_folder() const { return folder_ + "/etc/hooks"; }
    std::string run_folder() const { return folder_ + "/run/qemu"; }
    /// Where the host's taps are, for code under test that looks at them without libvirt.
    std::string network_namespace() const;
    std::string pid_file() const { return folder_ + "/run/libvirtd.pid"; }
    /// Output of a command in the host's namespaces; throws when it fails.
    std::string exec(const std::vector<std::string>& argv) const;
    std::string virsh(std::vector<std::string> arguments) const;

    pid_t daemon() const;
    void kill_daemon();   ///< SIGKILL; the guests go on
    void start_daemon();  ///< after kill_daemon
    /// The host's power fails: every process of it dies at once, /run is empty, files stay. up() boots it again.
    void crash();
    void up();
    /// The beginning of an argument list that runs a program in the host's namespaces, under the pid that is started.
    std::vector<std::string> nsenter() const;
    /// Moves a guest to another host: live when it runs, else its definition only. `false` when libvirt does not do it.
    bool migrate(const std::string& guest, const LabHost& to, std::string* why = nullptr) const;
    /// The argument list behind `migrate`, for those who want it to run beside them.
    std::vector<std::string> migrate_live(const std::string& guest, const LabHost& to) const;
    /// The QEMU of a guest; 0 when there is none.
    pid_t qemu(const std::string& guest) const;

  private:
    std::string folder_;
};

/// How a guest differs from the usual one.
struct LabGuestOptions {
    std::string name = "web1";
    bool eicar = true;
    bool ignore_acpi = false;  ///< nor its agent: only the power helps
    bool agent = true;
    bool agent_hangs = false;  ///< it is there and never answers
    std::string format = "qcow2";
    bool define = true;  ///< persistent; else start() makes it transient
    std::string vnc{};   ///< the password of a VNC screen; empty: no screen
    std::vector<std::string> cmdline{};  ///< what contrib/lab/guest --cmdline takes
    bool deaf_agent = false;  ///< its agent reads and never answers
    std::string address{};    ///< "192.0.2.10/24": the guest takes it and looks for .1; empty: none
};

/// One guest on a host; its disk and console are in the host's folder.
class LabGuest {
  public:
    explicit LabGuest(LabHost& host, LabGuestOptions options = {});

    const std::string& name() const { return options_.name; }
    const std::string& uuid() const { return uuid_; }
    const std::string& mac() const { return mac_; }
    const std::string& disk() const { return disk_; }
    const std::string& xml_path() const { return xml_path_; }
    std::string console() const;
    /// Starts it (not through the code under test) and waits until its first heartbeat. Throws after a
    /// minute.
    void start();
    /// How often the guest has said that it is up: one per boot.
    int boots() const;
    /// Waits for the given number of boots; false after a minute.
    bool wait_boots(int count) const;
    bool runs() const;

  private:
    LabHost& host_;
    LabGuestOptions options_;
    std::string folder_, xml_path_, disk_, uuid_, mac_;
};

/// Asks until it is true; false after `patience`.
bool eventually(const std::function<bool()>& condition,
                std::chrono::milliseconds patience = std::chrono::seconds{60});

/// SHA-256 of a file, in hex.
std::string sha256_of_file(const std::string& path);

/// Prints "measured: WHAT N ms" and returns what `act` took: figures for reports come from the tests
/// themselves.
std::chrono::milliseconds measured(const std::string& what, const std::function<void()>& act);

}  // namespace bailiff::test
