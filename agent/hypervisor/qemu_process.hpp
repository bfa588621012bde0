// SPDX-License-Identifier: Apache-2.0
// A VM's QEMU as the kernel sees it: whether it is really gone, and its end when libvirt fails to bring it
// about.
#pragma once

#include <sys/types.h>
#include <chrono>
#include <string>

namespace bailiff::agent {

/// Found through libvirt's pid file and believed only when /proc says that it is this VM's QEMU.
class QemuProcess {
  public:
    /// A process with pid 0 when there is none.
    static QemuProcess find(const std::string& run_folder, const std::string& name, const std::string& uuid);

    pid_t pid() const { return pid_; }
    /// Gone, a zombie, or another process under the same number.
    bool gone() const;
    bool wait_gone(std::chrono::milliseconds patience) const;
    /// SIGKILL by way of a pidfd, so that no other process can be hit. True when it is gone afterwards.
    bool kill_and_wait(std::chrono::milliseconds patience) const;

  private:
    pid_t pid_ = 0;
    std::string started_;  ///< start time in /proc/PID/stat: tells a reused number
};

/// "kvm" where /dev/kvm opens and the processor has the extension, else "qemu" (emulation).
std::string usable_accelerator();

}  // namespace bailiff::agent
