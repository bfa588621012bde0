// SPDX-License-Identifier: Apache-2.0
// The box for programs that are not ours (qemu-nbd, debugfs): bubblewrap, where the host lets it run.
#pragma once

#include <string>
#include <vector>

namespace bailiff::agent {

/// Collects what a program may see, then turns its argument list into one that runs in the box. Where bubblewrap
/// cannot run, paths and arguments stay as they are and `available` says so.
class Bubblewrap {
  public:
    Bubblewrap();
    bool available() const { return available_; }
    /// Shows `path` inside as `inside`; answers the path to use in the program's arguments.
    std::string bind_read_only(const std::string& path, const std::string& inside);
    std::string bind(const std::string& path, const std::string& inside);
    /// The program will write to an image, whoever owns it.
    void allow_writing() { writes_ = true; }
    std::vector<std::string> wrap(std::vector<std::string> arguments) const;

  private:
    std::vector<std::string> binds_;
    bool available_;
    bool writes_ = false;
};

}  // namespace bailiff::agent
