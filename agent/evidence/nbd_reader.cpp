// SPDX-License-Identifier: Apache-2.0
// Starts qemu-nbd on a private socket and reads from it with libnbd.
#include "agent/evidence/nbd_reader.hpp"

#include <bailiff/system_clock.hpp>

#include <libnbd.h>
#include <unistd.h>
#include <algorithm>
#include <cstdlib>
#include <thread>
#include <utility>
#include <vector>

namespace bailiff::agent {
namespace {

using std::chrono::milliseconds;

constexpr uint64_t piece_bytes = uint64_t{2} << 20;
constexpr uint64_t ask_bytes = uint64_t{1} << 30;

/// Which parts of a stretch are known to be zero.
struct Extent {
    uint64_t length;
    bool zero;
};

int on_extents(void* user, const char* context, uint64_t, uint32_t* entries, size_t count, int*) {
    if (std::string_view(context) != LIBNBD_CONTEXT_BASE_ALLOCATION) return 0;
    auto& out = *static_cast<std::vector<Extent>*>(user);
    for (size_t i = 0; i + 1 < count; i += 2)
        out.push_back({entries[i], (entries[i + 1] & LIBNBD_STATE_ZERO) != 0});
    return 0;
}

tl::unexpected<Error> nbd_error(const std::string& doing) {
    const char* words = nbd_get_error();
    return fail(Errc::unavailable, "Cannot " + doing + ": " + (words ? words : "no reason was given") + ".");
}

}  // namespace

NbdReader::NbdReader(Process process, nbd_handle* handle, uint64_t size) : process_(std::move(process)), handle_(handle), size_(size) {}

NbdReader::~NbdReader() {
    nbd_close(handle_);
    process_.stop();
}

Result<std::unique_ptr<NbdReader>> NbdReader::open(const std::string& path, const std::string& format) {
    char folder[] = "/tmp/bailiff-nbd-XXXXXX";
    if (!::mkdtemp(folder)) return fail(Errc::unavailable, "Cannot make a folder in /tmp for a socket.");
    const std::string socket = std::string(folder) + "/socket";
    const auto clean = [&] {
        ::unlink(socket.c_str());
        ::rmdir(folder);
    };
    ProcessOptions options;
    options.limits.address_space_bytes = uint64_t{4} << 30;
    // It ends by itself when its reader is gone, but not before a reader has come.
    options.die_with_parent = true;
    auto process = Process::start(
        {"qemu-nbd", "--read-only", "--format=" + format, "--socket=" + socket, "--shared=1", path},
        std::move(options));
    if (!process) {
        clean();
        return fail(process.error());
    }
    const SystemClock clock;
    const auto deadline = clock.monotonic() + milliseconds{20'000};
    using Handle = std::unique_ptr<nbd_handle, void (*)(nbd_handle*)>;
    Handle handle(nullptr, nbd_close);
    // The socket appears before the image is open: when that fails, qemu-nbd ends and its words say why.
    while (true) {
        // A handle whose connection failed cannot try again.
        handle.reset(nbd_create());
        nbd_add_meta_context(handle.get(), LIBNBD_CONTEXT_BASE_ALLOCATION);
        if (::access(socket.c_str(), F_OK) == 0 && nbd_connect_unix(handle.get(), socket.c_str()) == 0) break;
        if (!process->running() || clock.monotonic() >= deadline) {
            const ProcessResult end = process->stop();
            clean();
            return fail(Errc::unavailable,
                        "The image " + path + " cannot be opened for reading: " + end.describe());
        }
        std::this_thread::sleep_for(milliseconds{5});
    }
    // Connected, it needs its name no more: an agent that is killed from here on leaves nothing behind.
    clean();
    const int64_t size = nbd_get_size(handle.get());
    if (size < 0) {
        auto error = nbd_error("ask the size of " + path);
        process->stop();
        return error;
    }
    // The constructor is private, so make_unique cannot reach it.
    nbd_handle* raw = handle.release();
    return std::unique_ptr<NbdReader>(new NbdReader(std::move(*process), raw, uint64_t(size)));
}

Result<void> NbdReader::read_all(const std::function<Result<void>(uint64_t, std::string_view)>& data,
                                 const std::function<Result<void>(uint64_t, uint64_t)>& zeros) {
    std::vector<char> buffer(piece_bytes);
    uint64_t at = 0;
    const bool knows_zeros = nbd_can_meta_context(handle_, LIBNBD_CONTEXT_BASE_ALLOCATION) == 1;
    while (at < size_) {
        std::vector<Extent> extents;
        if (knows_zeros) {
            const nbd_extent_callback callback{on_extents, &extents, nullptr};
            if (nbd_block_status(handle_, std::min(ask_bytes, size_ - at), at, callback, 0) != 0)
                return nbd_error("ask which parts of the image hold data");
        }
        if (extents.empty()) extents.push_back({std::min(ask_bytes, size_ - at), false});
        for (const Extent& extent : extents) {
            const uint64_t end = std::min(size_, at + extent.length);
            if (extent.zero) {
                if (auto done = zeros(at, end - at); !done) return done;
                at = end;
            }
            while (at < end) {
                const uint64_t count = std::min(piece_bytes, end - at);
                if (nbd_pread(handle_, buffer.data(), size_t(count), at, 0) != 0)
                    return nbd_error("read the image");
                if (auto done = data(at, {buffer.data(), size_t(count)}); !done) return done;
                at += count;
            }
        }
    }
    return {};
}

}  // namespace bailiff::agent
