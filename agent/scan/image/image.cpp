// SPDX-License-Identifier: Apache-2.0
// Raw files by pread, NBD exports by libnbd.
#include "agent/scan/image/image.hpp"

#include <libnbd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace bailiff::agent {
namespace {

class RawImage : public Image {
  public:
    RawImage(int fd, uint64_t size) : fd_(fd), size_(size) {}
    uint64_t size() const override { return size_; }
    bool read(uint64_t offset, std::span<uint8_t> out) override {
        if (offset > size_ || out.size() > size_ - offset) return false;
        while (!out.empty()) {
            const ssize_t n = ::pread(fd_, out.data(), out.size(), static_cast<off_t>(offset));
            if (n < 0 && errno == EINTR) continue;
            if (n <= 0) return false;
            out = out.subspan(static_cast<size_t>(n));
            offset += static_cast<uint64_t>(n);
        }
        return true;
    }

  private:
    int fd_;
    uint64_t size_;
};

class NbdImage : public Image {
  public:
    NbdImage(nbd_handle* handle, uint64_t size, uint32_t largest, std::string context)
        : handle_(handle), size_(size), largest_(largest), context_(std::move(context)) {}
    ~NbdImage() override { nbd_close(handle_); }
    NbdImage(const NbdImage&) = delete;
    NbdImage& operator=(const NbdImage&) = delete;
    uint64_t size() const override { return size_; }
    bool read(uint64_t offset, std::span<uint8_t> out) override {
        if (offset > size_ || out.size() > size_ - offset) return false;
        while (!out.empty()) {
            const auto part = out.first(std::min<size_t>(out.size(), largest_));
            if (nbd_pread(handle_, part.data(), part.size(), offset, 0) == -1) return false;
            out = out.subspan(part.size());
            offset += part.size();
        }
        return true;
    }

    Result<void> written(DirtyMap& map) override;

    bool write(uint64_t offset, Bytes bytes) override {
        if (offset > size_ || bytes.size() > size_ - offset) return false;
        while (!bytes.empty()) {
            const auto part = bytes.first(std::min<size_t>(bytes.size(), largest_));
            if (nbd_pwrite(handle_, part.data(), part.size(), offset, 0) == -1) return false;
            bytes = bytes.subspan(part.size());
            offset += part.size();
        }
        return true;
    }
    bool flush() override { return nbd_flush(handle_, 0) == 0; }

  private:
    nbd_handle* handle_;
    uint64_t size_;
    uint32_t largest_;
    std::string context_;  ///< of the dirty bitmap that was asked for; "" = none was
};

/// One answer of the server to a question about a piece of the disk.
struct BlockStatus {
    const std::string& context;
    DirtyMap& map;
    uint64_t at, end;
    bool sound = true;
};

int take_status(void* data, const char* context, uint64_t offset, uint32_t* entries, size_t count, int* error) {
    auto& status = *static_cast<BlockStatus*>(data);
    if (*error || status.context != context) return 0;
    if (offset != status.at || count < 2 || count % 2) return status.sound = false, 0;
    for (size_t i = 0; i < count; i += 2) {
        // A server may say more than it was asked.
        const uint64_t length = std::min<uint64_t>(entries[i], status.end - status.at);
        if (entries[i] == 0) return status.sound = false, 0;
        if (entries[i + 1] != 0) status.map.add(status.at, length);
        status.at += length;
        if (status.at == status.end) break;
    }
    return 0;
}

Result<void> NbdImage::written(DirtyMap& map) {
    constexpr uint64_t piece = 1U << 30;
    if (context_.empty()) return Image::written(map);
    if (nbd_can_meta_context(handle_, context_.c_str()) != 1)
        return fail(Errc::not_found, "the NBD server has no dirty bitmap of this name (" + context_ + ")");
    for (uint64_t at = 0; at < size_;) {
        BlockStatus status{context_, map, at, at + std::min(piece, size_ - at)};
        const nbd_extent_callback callback{take_status, &status, nullptr};
        if (nbd_block_status(handle_, status.end - at, at, callback, 0) == -1)
            return fail(Errc::unavailable, std::string("the NBD server does not tell the dirty bitmap: ") + (nbd_get_error() ? nbd_get_error() : "no reason given"));
        if (!status.sound || status.at == at) return fail(Errc::unavailable, "the NBD server's answer about the dirty bitmap makes no sense");
        at = status.at;
    }
    return {};
}

}  // namespace

std::vector<uint8_t> Image::bytes(uint64_t offset, size_t length) {
    if (offset >= size()) return {};
    std::vector<uint8_t> out(std::min<uint64_t>(length, size() - offset));
    if (!read(offset, out)) out.clear();
    return out;
}

Result<std::unique_ptr<Image>> open_raw_image(int fd) {
    struct stat status {};
    if (::fstat(fd, &status) != 0) return fail(Errc::unavailable, std::string("the image cannot be read: ") + std::strerror(errno));
    // A block device's size is the offset of its end; a file's is the same, so one call serves both.
    const off_t end = S_ISREG(status.st_mode) ? status.st_size : ::lseek(fd, 0, SEEK_END);
    if (end < 0 || (!S_ISREG(status.st_mode) && !S_ISBLK(status.st_mode)))
        return fail(Errc::invalid, "the image is neither a file nor a block device");
    return std::make_unique<RawImage>(fd, static_cast<uint64_t>(end));
}

Result<std::unique_ptr<Image>> open_nbd_image(int socket, const std::string& export_name, const std::string& dirty_bitmap) {
    nbd_handle* handle = nbd_create();
    if (!handle) return fail(Errc::unavailable, "libnbd cannot be started");
    // Zeroing each buffer before it is filled costs more than reading it.
    nbd_set_pread_initialize(handle, false);
    const std::string context = dirty_bitmap.empty() ? "" : "qemu:dirty-bitmap:" + dirty_bitmap;
    if (!context.empty()) nbd_add_meta_context(handle, context.c_str());
    if (nbd_set_export_name(handle, export_name.c_str()) == -1 || nbd_connect_socket(handle, socket) == -1) {
        std::string why = nbd_get_error() ? nbd_get_error() : "no reason given";
        nbd_close(handle);
        return fail(Errc::unavailable, "the NBD export '" + export_name + "' cannot be opened: " + why);
    }
    const int64_t size = nbd_get_size(handle);
    const int64_t largest = nbd_get_block_size(handle, LIBNBD_SIZE_MAXIMUM);
    if (size < 0) {
        nbd_close(handle);
        return fail(Errc::unavailable, "the NBD server does not say how large the export is");
    }
    const auto request = static_cast<uint32_t>(largest > 65536 && largest < (32 << 20) ? largest : 2 << 20);
    return std::make_unique<NbdImage>(handle, static_cast<uint64_t>(size), request, context);
}

}  // namespace bailiff::agent
