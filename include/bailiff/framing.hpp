// SPDX-License-Identifier: Apache-2.0
// How frames stand on the Unix socket between bailiff-link and bailiff-agent: four bytes of length, most significant
// first, then that many bytes of JSON. The link opens the socket when its connection to a controller stands and closes
// it when that ends, so that one connection here is one connection there; the agent begins with Hello.
#pragma once

#include <bailiff/message.hpp>
#include <bailiff/result.hpp>

#include <cassert>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace bailiff {

/// One frame's text as it goes on the stream.
inline std::string frame_bytes(std::string_view text) {
    assert(!text.empty() && text.size() <= largest_frame);
    const auto size = uint32_t(text.size());
    std::string out;
    out.reserve(4 + text.size());
    for (const int shift : {24, 16, 8, 0}) out += char(uint8_t(size >> shift));
    out += text;
    return out;
}

/// Cuts a stream of bytes into frames. Not thread-safe; holds at most one frame beyond what was fed.
class FrameReader {
  public:
    void feed(std::string_view bytes) { buffer_ += bytes; }

    /// The next whole frame's text, nothing when more bytes are needed, or an error when the peer does not speak this
    /// protocol: then close the connection, there is no way to find the next frame.
    Result<std::optional<std::string>> next() {
        if (buffer_.size() - at_ < 4) return compact(), std::nullopt;
        uint32_t size = 0;
        for (size_t i = 0; i < 4; ++i) size = size << 8 | uint8_t(buffer_[at_ + i]);
        if (size == 0 || size > largest_frame)
            return fail(Errc::invalid, "a frame of " + std::to_string(size) + " bytes; frames have 1 to " +
                                           std::to_string(largest_frame) + ", so this is another protocol: close the connection");
        if (buffer_.size() - at_ - 4 < size) return compact(), std::nullopt;
        std::string out = buffer_.substr(at_ + 4, size);
        at_ += 4 + size;
        return out;
    }

  private:
    void compact() {
        buffer_.erase(0, at_);
        at_ = 0;
    }
    std::string buffer_;
    size_t at_ = 0;
};

}  // namespace bailiff
