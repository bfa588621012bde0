// SPDX-License-Identifier: Apache-2.0
// libtsk over our own Image: the adapter, and owners for what libtsk hands out. Runs in sandboxed roles only.
#pragma once

#include "agent/scan/image/image.hpp"
#include "agent/scan/image/volume.hpp"

#include <bailiff/result.hpp>

#include <tsk/libtsk.h>

#include <memory>
#include <string>

namespace bailiff::agent {

template <auto close>
struct TskCloser {
    void operator()(auto* pointer) const { close(pointer); }
};
using TskDirectory = std::unique_ptr<TSK_FS_DIR, TskCloser<tsk_fs_dir_close>>;
using TskFile = std::unique_ptr<TSK_FS_FILE, TskCloser<tsk_fs_file_close>>;

/// An opened filesystem. The type is given, never detected: libtsk's readers for rarer filesystems have a poor record
/// on hostile bytes. The image must outlive it.
class TskFilesystem {
  public:
    static Result<TskFilesystem> open(Image& image, const Volume& volume);
    TSK_FS_INFO* fs() const { return fs_.get(); }

  private:
    struct Adapter;
    struct AdapterCloser {
        void operator()(Adapter* adapter) const;
    };
    static ssize_t read(TSK_IMG_INFO* info, TSK_OFF_T offset, char* buffer, size_t length);
    TskFilesystem() = default;
    std::unique_ptr<Adapter, AdapterCloser> adapter_;  // outlives fs_
    std::unique_ptr<TSK_FS_INFO, TskCloser<tsk_fs_close>> fs_;
};

/// libtsk's last error, which it forgets thereby.
std::string tsk_last_error();

}  // namespace bailiff::agent
